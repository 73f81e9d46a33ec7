"""Git at work: cloned, changed, pushed; recorded, and the same again without the server."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.git.git_room import Developer, Forge, plain
from tests.house import Os2, Ran
from tests.network.network_room import certificate

ANN = "Ann <ann@example.org>"


def test_a_day_of_work_is_recorded_and_replayed_without_the_server(developer: Developer) -> None:
    developer.seed("one.git", [{"a.txt": "one\n"}, {"d/b.txt": "two\n"}])
    here = developer.clone("one.git")
    assert (here / "d" / "b.txt").read_text() == "two\n"
    assert plain(here, "status", "--porcelain") == ""
    (here / "a.txt").write_text("changed\n")
    assert developer.git("-C", "one", "status", "--short").text == " M a.txt\n"
    developer.git("-C", "one", "commit", "-am", "from inside")
    assert plain(here, "log", "-1", "--format=%an <%ae> %s") == f"{ANN} from inside\n"
    developer.git("-C", "one", "push")
    assert plain(developer.forge.root / "one.git", "log", "-1", "--format=%s") == "from inside\n"
    developer.git("-C", "one", "checkout", "-b", "topic", "HEAD~1")
    (here / "new.txt").write_text("new\n")
    developer.git("-C", "one", "add", "new.txt")
    developer.git("-C", "one", "commit", "-m", "topic")
    developer.git("-C", "one", "merge", "main")
    developer.git("-C", "one", "tag", "-a", "v1", "-m", "first")
    developer.git("-C", "one", "push", "-u", "origin", "topic", "--tags")
    developer.git("-C", "one", "fetch", "--prune")
    developer.git("-C", "one", "gc")
    plain(here, "fsck", "--strict")
    assert plain(here, "status", "--porcelain") == ""
    log = developer.git("-C", "one", "log", "--oneline", "--graph").text
    assert len(log.splitlines()) == 7
    developer.forge.stop()
    assert developer.verdicts() == ["identical"] * 13
    assert developer.verdicts() == ["identical"] * 13


def test_what_the_repository_points_at_is_recorded(developer: Developer) -> None:
    developer.seed("one.git")
    here = developer.clone("one.git")
    events = developer.events()
    commit = plain(here, "rev-parse", "HEAD").strip()
    found = events["git_completed"]["repository"]
    assert found["folder"] == "one"
    assert found["head"] == "refs/heads/main"
    assert found["commit"] == commit
    assert found["tree"] == plain(here, "rev-parse", "HEAD^{tree}").strip()
    assert ["refs/remotes/origin/main", commit] in found["refs"]
    assert found["refs_count"] == len(found["refs"])
    assert events["git_completed"]["brought"] is True
    assert events["git_completed"]["network"]["completed"]["count"] == len(developer.forge.asked)
    started = events["git_started"]
    assert started["arguments"] == ["clone", developer.forge.url("one.git")]
    assert started["git"] in plain(here, "version")
    assert {"seccomp", "network-namespace"} <= set(started["layers"])


def test_others_work_is_pulled_and_merged(developer: Developer) -> None:
    seed = developer.seed("one.git")
    here = developer.clone("one.git")
    (seed / "theirs.txt").write_text("theirs\n")
    plain(seed, "add", ".")
    plain(seed, "commit", "-q", "-m", "theirs")
    plain(seed, "push", "-q", str(developer.forge.root / "one.git"), "main")
    (here / "ours.txt").write_text("ours\n")
    developer.git("-C", "one", "add", ".")
    developer.git("-C", "one", "commit", "-m", "ours")
    refused = developer.git("-C", "one", "push", code=1)
    assert b"rejected" in refused.err
    developer.git("-C", "one", "pull", "--no-rebase")
    assert (here / "theirs.txt").exists()
    developer.git("-C", "one", "push")
    assert plain(developer.forge.root / "one.git", "rev-list", "--count", "main") == "4\n"
    assert set(developer.verdicts()) == {"identical"}


def test_a_conflict_is_brought_back_and_solved(developer: Developer) -> None:
    developer.git("init", "-b", "main", ".")
    here = developer.os2.workspace
    for branch, text in (("main", "one\n"), ("topic", "two\n"), ("main", "three\n")):
        if branch == "topic":
            developer.git("checkout", "-b", "topic")
        elif (here / "a").exists():
            developer.git("checkout", "main")
        (here / "a").write_text(text)
        developer.git("add", "a")
        developer.git("commit", "-m", text)
    assert b"CONFLICT" in developer.git("merge", "topic", code=1).out
    assert "<<<<<<<" in (here / "a").read_text()
    developer.git("merge", "--abort")
    assert (here / "a").read_text() == "three\n"
    developer.git("rebase", "topic", code=1)
    assert (here / ".git" / "rebase-merge").is_dir()
    (here / "a").write_text("both\n")
    developer.git("add", "a")
    developer.git("-c", "core.commentChar=;", "rebase", "--continue", code=None)
    developer.git("rebase", "--abort", code=None)
    assert set(developer.verdicts()) == {"identical"}


def test_an_old_server_is_spoken_to_in_its_protocol(os2: Os2, folder: Path) -> None:
    forge = Forge.start(folder, "--version-0")
    try:
        developer = Developer(os2, forge, folder)
        developer.grant_forge()
        developer.seed("one.git", [{"a": "1\n"}, {"a": "2\n"}])
        here = developer.clone("one.git", "--depth", "1")
        assert plain(here, "rev-list", "--count", "HEAD") == "1\n"
        developer.git("-C", "one", "fetch", "--unshallow")
        assert plain(here, "rev-list", "--count", "HEAD") == "2\n"
    finally:
        forge.stop()
    assert developer.verdicts() == ["identical"] * 2


def test_a_redirect_is_followed_where_it_is_granted(developer: Developer) -> None:
    developer.seed("one.git")
    ran = developer.git("clone", developer.forge.url("moved/one.git"))
    assert f"redirecting to {developer.forge.url('one.git')}" in ran.errors
    assert developer.verdicts() == ["identical"]


def test_dates_and_names_are_the_recorded_ones(developer: Developer) -> None:
    developer.os2.env["TZ"] = "UTC-05:30"
    developer.git("init", "-b", "main", ".")
    developer.git("commit", "--allow-empty", "-m", "first")
    said = plain(developer.os2.workspace, "log", "-1", "--format=%ai %cn")
    assert said.endswith("+0530 Ann\n")
    event = developer.events()["git_started"]
    assert (event["name"], event["email"], event["zone"]) == ("Ann", "ann@example.org", "+0530")
    assert re.fullmatch(r"\d+ seconds? ago\n", developer.git("log", "--format=%cr").text)
    developer.git("config", "user.name", "Here")
    developer.git("commit", "--allow-empty", "-m", "second")
    assert plain(developer.os2.workspace, "log", "-1", "--format=%an <%ae>") == (
        "Here <ann@example.org>\n"
    )
    assert set(developer.verdicts()) == {"identical"}


def test_an_edit_of_the_same_size_is_seen_and_no_object_is_thrown_away(
    developer: Developer,
) -> None:
    here = developer.os2.workspace
    plain(here, "init", "-q", "-b", "main")
    plain(here, "config", "core.trustctime", "false")
    plain(here, "config", "core.checkStat", "minimal")
    (here / "a").write_text("one\n")
    developer.git("add", "a")
    developer.git("commit", "-q", "-m", "one")
    dropped = plain(here, "hash-object", "-w", "--stdin", data=b"dropped\n").strip()
    for text in ("two\n", "six\n"):
        (here / "a").write_text(text)
        assert developer.git("status", "--short").text == " M a\n"
        developer.git("commit", "-qam", text)
    assert plain(here, "show", "HEAD:a") == "six\n"
    developer.git("gc", "-q")
    assert plain(here, "cat-file", "-p", dropped) == "dropped\n"
    assert plain(here, "count-objects", "-v").splitlines()[0] == "count: 1"
    assert set(developer.verdicts()) == {"identical"}


def test_a_large_push_is_the_same_bytes_again(developer: Developer) -> None:
    plain(developer.forge.root, "init", "-q", "--bare", "-b", "main", "new.git")
    here = developer.os2.workspace
    plain(here, "init", "-q", "-b", "main")
    for round_ in range(4):
        for number in range(60):
            lines = [
                f"line {each} of {number} in {round_ if each % 7 == 0 else 0}" for each in range(80)
            ]
            (here / f"file-{number}").write_text("\n".join(lines))
        plain(here, "add", ".")
        plain(here, "commit", "-q", "-m", f"round {round_}")
        if round_ == 1:
            plain(here, "repack", "-adq")
    developer.git("remote", "add", "origin", developer.forge.url("new.git"))
    developer.git("push", "-q", "-u", "origin", "main")
    assert plain(developer.forge.root / "new.git", "rev-list", "--count", "main") == "4\n"
    developer.forge.stop()
    assert developer.verdicts() == ["identical"] * 2
    assert developer.verdicts() == ["identical"] * 2


def test_without_a_name_git_says_what_it_wants(developer: Developer) -> None:
    (developer.os2.home / ".gitconfig").unlink()
    developer.git("init", ".")
    ran = developer.git("commit", "--allow-empty", "-m", "x", code=128)
    assert b"no email was given" in ran.err
    assert plain(developer.os2.workspace, "rev-parse", "HEAD", code=None) == "HEAD\n"


def test_a_commit_without_a_message_is_one_clear_error(developer: Developer) -> None:
    developer.git("init", ".")
    ran = developer.git("commit", "--allow-empty", code=1)
    assert b"there is no editor here; give the message by -m or -F FILE" in ran.err
    assert b"Traceback" not in ran.err


def test_tracked_files_that_rules_hide_are_seen(developer: Developer) -> None:
    developer.seed("one.git", [{".env.example": "A=1\n", "node_modules/x/a.js": "js\n"}])
    here = developer.clone("one.git")
    assert (here / ".env.example").read_text() == "A=1\n"
    (here / "node_modules" / "x" / "b.js").write_text("hidden")
    assert developer.git("-C", "one", "status", "--short").text == ""
    (here / ".env.example").write_text("A=secret-of-mine\n")
    ran = developer.git("-C", "one", "commit", "-am", "x", code=125)
    assert b"add !/one/.env.example to .os2ignore" in ran.err
    objects = developer.os2.workspace / ".os2" / "ledger"
    assert not any(
        b"secret-of-mine" in path.read_bytes() for path in objects.rglob("*") if path.is_file()
    )
    (here / ".env.example").unlink()
    assert developer.git("-C", "one", "status", "--short").text == " D .env.example\n"


@pytest.fixture
def secure(os2: Os2, folder: Path) -> Iterator[Developer]:
    forge = Forge.start(folder, "--tls", *certificate(folder))
    yield Developer(os2, forge, folder)
    forge.stop()


def test_a_private_repository_is_reached_by_a_credential_that_git_never_sees(
    secure: Developer,
) -> None:
    developer = secure
    developer.grant_forge(keys={"ca": "own.pem"})
    developer.seed("one.git")
    url = developer.forge.url("private/one.git")
    ran = developer.git("clone", url, code=128)
    assert b"a grant of net.connect may name a credential" in ran.err
    kept = developer.os2.home / ".config" / "os2shell" / "credentials"
    kept.mkdir(parents=True)
    (kept / "forge").write_text("Bearer of-the-forge-0815\n")
    (kept / "forge").chmod(0o600)
    developer.grant_forge(keys={"ca": "own.pem", "credential": "forge"})
    here = developer.clone("private/one.git")
    assert (here / "a.txt").read_text() == "one\n"
    written = [path for path in developer.os2.workspace.rglob("*") if path.is_file()]
    assert not any(b"of-the-forge-0815" in path.read_bytes() for path in written)
    assert developer.verdicts() == ["identical"] * 2


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("remote.origin.url", "https://me:hidden-0815@forge.example.org/a", "a URL with a user"),
        ("remote.origin.url", "https://hidden-0815@forge.example.org/a", "a URL with a user"),
        ("http.https://a/.extraHeader", "Authorization: basic hidden-0815", "extraheader"),
    ],
)
def test_a_secret_in_a_configuration_is_not_recorded(
    developer: Developer, name: str, value: str, told: str
) -> None:
    here = developer.os2.workspace / "one"
    here.mkdir()
    plain(here, "init", "-q")
    plain(here, "config", name, value)
    ran = developer.git("-C", "one", "status", code=125)
    assert "one/.git/config holds " in ran.errors
    assert told in ran.errors.lower() or told in ran.errors
    assert "hidden-0815" not in ran.errors
    kept = [path for path in (developer.os2.workspace / ".os2").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"hidden-0815" in path.read_bytes() for path in kept)


def test_a_bundle_of_a_session_is_verified_elsewhere(developer: Developer) -> None:
    developer.seed("one.git", [{"a.txt": os.urandom(3000).hex()}])
    here = developer.clone("one.git")
    (here / "b").write_text("b\n")
    developer.git("-C", "one", "add", ".")
    developer.git("-C", "one", "commit", "-m", "b")
    bundle = developer.folder / "all.os2z"
    developer.os2.run("export", "all", "-o", str(bundle))
    elsewhere = Os2(developer.folder / "elsewhere", developer.os2.home)
    elsewhere.workspace.mkdir()
    body = elsewhere.json("python-verify", "--json", "--bundle", str(bundle))
    assert [run["verdict"] for run in body["sessions"]] == ["identical"] * 3


def test_a_manifest_without_git_or_without_writing_says_so(developer: Developer) -> None:
    path = Path(developer.os2.env["OS2_MANIFEST"])
    text = path.read_text()
    path.write_text(text.replace('"fs.write" = ["*"]\n', ""))
    ran = developer.git("init", "-q", ".")
    assert b"does not grant fs.write; what git wrote is in the ledger" in ran.err
    assert not (developer.os2.workspace / ".git").exists()
    path.write_text(text.replace(', "git"]', "]"))
    ran = developer.git("status", code=126)
    assert b"holds process.spawn for python, pyx, pyvm, pip, not for git" in ran.err


def test_a_token_budget_counts_git_too(developer: Developer) -> None:
    text = Path(developer.os2.env["OS2_MANIFEST"]).read_text()
    path = developer.folder / "small.toml"
    path.write_text(re.sub(r"#? ?token_budget = \d+.*", "token_budget = 34", text))
    developer.os2.env["OS2_MANIFEST"] = str(path)
    developer.git("init", "-b", "main", ".")
    ran = developer.git("help", code=2)
    assert b"shows a verb's usage" in ran.err
    ran = developer.git("status", code=124)
    assert b"token_budget" in ran.err
    ran = developer.git("status", code=126)
    assert b"has spent its budget of 34 tokens" in ran.err


@pytest.mark.parametrize("workspace", ["absent", "old"])
def test_no_git_is_a_refusal_with_a_remedy(
    developer: Developer, tmp_path: Path, workspace: str
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bwrap", "env", "sh", "cc", "gcc"):
        found = next(
            (
                Path(each, name)
                for each in os.environ["PATH"].split(":")
                if Path(each, name).exists()
            ),
            None,
        )
        if found is not None:
            (programs / name).symlink_to(found)
    if workspace == "old":
        made = programs / "git"
        made.write_text("#!/bin/sh\necho git version 2.20.1\n")
        made.chmod(0o755)
    developer.os2.env["PATH"] = str(programs)
    ran = developer.git("status", code=125)
    assert b"apt install git" in ran.err or b"the loader" in ran.err or b"ELF" in ran.err


def test_a_manifest_that_requires_the_net_below_python_refuses_git(developer: Developer) -> None:
    path = Path(developer.os2.env["OS2_MANIFEST"])
    path.write_text(path.read_text().replace('"aslr-off",', '"aslr-off", "native-net",'))
    ran = developer.git("status", code=125)
    assert b"requires native-net, under which git does not run" in ran.err


def test_git_answers_help_and_versions(developer: Developer) -> None:
    ran: Ran = developer.git("--version")
    assert ran.text.startswith("git version ")
    assert b"usage: git commit" in developer.git("commit", "-h", code=129).err
    ran = developer.git("log", code=128)
    assert b"not a git repository" in ran.err
    assert b"-C FOLDER names one of them" in ran.err
