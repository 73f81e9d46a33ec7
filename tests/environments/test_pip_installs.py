"""``pip install`` and its like: planned through the broker, installed offline, on record, repeatable."""

import json
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

from ledger import digest
from os2shell.executors.sandbox import FolderCache
from tests.environments.index_room import Index, Shell
from tests.house import IMAGES, Os2, interpreter


def test_what_is_installed_is_on_record_and_comes_out_again(shell: Shell, index: Index) -> None:
    shell.install("alpha")
    kinds = [kind for kind, _ in shell.events()]
    facts = dict(shell.events())
    assert kinds.count("python_vm_sandbox_created") == 2
    assert facts["pip_install_planned"]["added"] == [["alpha", "1.0"], ["beta", "1.0"]]
    wheels = {path.name: path for path in (index.folder / "files").iterdir()}
    for file, _, size, content in facts["pip_artifact_fetched"]["rows"]:
        assert wheels[file].stat().st_size == size
        kept = shell.os2.workspace / f".os2/ledger/objects/{content[:2]}/{content[2:]}"
        assert kept.read_bytes() == wheels[file].read_bytes()
    assert facts["pip_install_completed"]["environment"] == "default"
    assert facts["python_vm_env_selected"]["name"] == "default"
    assert shell.python("import alpha; alpha.main()") == "alpha beta 1.0"
    index.stop()  # nothing of what follows asks anybody
    assert shell.verdicts() == [("pip", "identical"), ("python", "identical")]
    shell.os2.run("ledger", "verify")
    assert sorted(path.name for path in shell.os2.workspace.iterdir()) == [".os2"]


def test_upgrades_and_removals_are_new_trees_of_the_same_lock_rules(
    shell: Shell, index: Index
) -> None:
    shell.install("alpha")
    before = shell.environments()["default"]
    index.wheel("beta", "2.0", {"beta.py": "NAME = 'beta 2.0'\n"})
    asked = index.asked
    shell.install("--upgrade", "beta")
    assert "alpha-1.0" not in index.asked.removeprefix(asked)
    facts = dict(shell.events())
    assert facts["pip_install_planned"]["added"] == [["beta", "2.0"]]
    assert facts["pip_install_planned"]["removed"] == [["beta", "1.0"]]
    assert shell.python("import alpha; alpha.main()") == "alpha beta 2.0"
    shell.os2.run("pip", "uninstall", "-y", "Alpha", "nothing-like-it")
    assert shell.listed() == ["beta==2.0"]
    assert shell.python("import alpha", code=1) == ""
    shell.os2.run("pip", "uninstall", "beta")
    shell.os2.write("at-most.txt", "beta<2\n")
    shell.install("alpha", "--constraint", "at-most.txt")
    assert shell.environments()["default"]["tree"] == before["tree"]
    assert {verdict for _, verdict in shell.verdicts()} == {"identical"}


def test_what_is_there_already_changes_nothing(shell: Shell) -> None:
    assert "Would install alpha-1.0 beta-1.0" in shell.install("--dry-run", "alpha").text
    assert shell.environments() == {}
    shell.install("alpha")
    before = shell.environments()
    again = shell.install("alpha")
    assert "already satisfied" in again.text
    assert shell.environments() == before
    assert "pip_install_completed" not in dict(shell.events())


def test_a_lock_gives_the_same_tree_elsewhere(shell: Shell, tmp_path: Path, index: Index) -> None:
    shell.install("alpha")
    lock = shell.os2.run("envs", "--lock", "default").text
    other = Os2(tmp_path / "other", tmp_path / "home2")
    other.workspace.mkdir()
    other.home.mkdir()
    elsewhere = Shell.of(other, index)
    other.write("os2.lock.json", lock)
    other.run("create-env", "same", "--from", "os2.lock.json")
    other.run("create-env", "copy", "--from", "same")
    found = elsewhere.environments()
    assert {row["tree"] for row in found.values()} == {shell.environments()["default"]["tree"]}
    assert [row["active"] for row in found.values()] == [False, False]
    other.run("use-env", "copy")
    assert elsewhere.python("import alpha; alpha.main()") == "alpha beta 1.0"
    other.run("use-env", "--none")
    assert elsewhere.python("import alpha", code=1) == ""
    assert {verdict for _, verdict in elsewhere.verdicts()} == {"identical"}


def test_a_lock_that_is_none_or_lies_is_refused(shell: Shell, index: Index) -> None:
    os2 = shell.os2
    shell.install("beta")
    lock = json.loads(os2.run("envs", "--lock", "default").text)
    os2.write("lies.json", json.dumps(lock).replace(lock["packages"][0]["sha256"], "0" * 64))
    os2.write("old.json", json.dumps({**lock, "python": "3.0"}))
    outside = json.dumps(lock).replace("beta-1.0-py3-none-any.whl", "../beta.whl")
    os2.write("outside.json", outside)
    os2.write("none.json", "[]")
    for name, told in (
        ("lies.json", "DO NOT MATCH"),
        ("old.json", "for Python 3.0"),
        ("outside.json", "no lock of the form"),
        ("none.json", "no lock of the form"),
        ("absent.json", "no lock at absent.json"),
    ):
        ran = os2.run("create-env", "other", "--from", name, code=1)
        assert told in ran.errors, ran
    assert list(shell.environments()) == ["default"]


def test_wheels_of_the_workspace_need_no_network(os2: Os2, index: Index) -> None:
    shutil.copytree(index.folder / "files", os2.workspace / "dist")
    os2.write("wanted.txt", "alpha==1.0\n")
    os2.run("pip", "install", "--no-index", "--find-links", "dist", "-r", "wanted.txt")
    assert os2.run("python", "-c", "import alpha; alpha.main()").text == "alpha beta 1.0\n"
    assert "GET" not in index.asked
    shutil.rmtree(os2.workspace / "dist")
    assert os2.json("python-verify", "--json")["counts"]["identical"] == 2


def test_the_folder_that_programs_see_is_a_copy(shell: Shell) -> None:
    """It cannot be written from inside; outside it may go or be changed, and is made again."""
    shell.install("alpha")
    assert shell.os2.run("pyx", "alpha-go", code=3).text == "alpha beta 1.0\n"
    for path in ("/env/lib/beta.py", "/env/lib/new.py", "/env/lock.json"):
        assert shell.python(f"open({path!r}, 'w')", code=1) == ""
    shell.python("import subprocess; subprocess.run(['/env/lib/bin/alpha-go'])", code=1)
    tree = shell.environments()["default"]["tree"]
    home = IMAGES / "environments" / tree
    (home / "root/lib/beta.py").write_text("NAME = 'forged'\n")
    assert FolderCache(IMAGES / "environments", "environment").present(tree) is None
    assert shell.python("import beta; print(beta.NAME)") == "beta 1.0"
    shutil.rmtree(home)
    assert shell.python("import beta; print(beta.NAME)") == "beta 1.0"
    assert {verdict for _, verdict in shell.verdicts()} == {"identical"}


def test_a_benchmark_has_the_environment_and_so_has_its_evidence(
    shell: Shell, tmp_path: Path
) -> None:
    shell.install("beta")
    words = ("--suite", "small", "--count", "1", "--tier", "native", "--json")
    result = shell.os2.json("deterministic-benchmark", "run", *words)
    assert result["agreeing"] == result["replays"] > 0
    name = result["evidence"]["digest"]
    kept = shell.os2.workspace / f".os2/ledger/objects/{name[:2]}/{name[2:]}"
    bundle = shutil.copy(kept, tmp_path / "evidence.os2z")
    stranger = Os2(tmp_path / "stranger", tmp_path / "strangers-home")
    stranger.workspace.mkdir()
    stranger.home.mkdir()
    report = stranger.json("python-verify", "--bundle", str(bundle), "--json")
    assert report["counts"]["identical"] == report["counts"]["total"] > 0
    with zipfile.ZipFile(bundle) as archive:
        assert any("objects/" in each for each in archive.namelist())


def test_the_library_follows_environments_by_itself(shell: Shell) -> None:
    """Whoever has the ledger and no os2 is told of a lost file of a package, and of whose."""
    shell.install("beta")
    shell.python("import beta")
    folder = shell.os2.workspace / ".os2" / "ledger"
    words = [sys.executable, "-m", "ledger", "verify", str(folder), "--objects"]
    whole = subprocess.run(words, env=interpreter(), capture_output=True, check=False)
    assert whole.returncode == 0, whole
    name = digest(b"NAME = 'beta 1.0'\n").hex()
    (folder / f"objects/{name[:2]}/{name[2:]}").unlink()
    lost = subprocess.run(words, env=interpreter(), capture_output=True, check=False, text=True)
    assert lost.returncode == 1
    assert "lib/beta.py" in lost.stdout + lost.stderr


def test_another_pip_is_another_engine(os2: Os2, tmp_path: Path) -> None:
    os2.run("pip", "list")
    spec = find_spec("pip")
    assert spec is not None
    assert spec.origin is not None
    other = tmp_path / "other"
    shutil.copytree(Path(spec.origin).parent, other / "pip")
    with (other / "pip" / "__init__.py").open("a") as file:
        file.write("\nOTHER = True\n")
    os2.env["PYTHONPATH"] = f"{other}:{interpreter()['PYTHONPATH']}"
    out, err = os2.start("python-verify", "--json").communicate(timeout=120)
    (row,) = json.loads(out)["sessions"]
    assert row["verdict"] == "engine_mismatch", err
    assert "another pip" in json.dumps(row)


def test_what_is_started_ahead_has_the_environment_that_is_active_now(shell: Shell) -> None:
    """Each command leaves word for the next one, or its sandbox would start for nothing."""
    hint = shell.os2.workspace / ".os2" / "cache" / "environment"
    shell.install("beta")
    assert hint.read_text() == shell.environments()["default"]["tree"]
    shell.os2.run("use-env", "--none")
    assert hint.read_text() == ""
    shell.os2.run("use-env", "default")
    hint.write_text("nonsense")
    assert shell.python("import beta; print(beta.NAME)") == "beta 1.0"
