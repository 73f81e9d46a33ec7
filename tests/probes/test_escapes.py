"""Attack programs against the sandbox: all are held, and each judge can see an escape."""

import os
import pty
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from os2shell.executors.guest import ImageSource
from os2shell.executors.probes.attack import LIMITS, Verdict, attack
from os2shell.executors.probes.errors import ProbesMissing, ProgramUnreadable
from os2shell.executors.probes.program import (
    AttackClass,
    Program,
    read_program,
    read_programs,
    shipped,
)
from os2shell.executors.probes.surroundings import Surroundings
from os2shell.model.guest import Tier
from os2shell.policy.manifest import LAYERS, load_manifest
from tests.house import DEFAULT_MANIFEST, IMAGES, ROOT, Os2

PROGRAMS = {program.name: program for program in shipped()}
REQUIRED = load_manifest(DEFAULT_MANIFEST).required_layers
NEEDS_GROUPS = frozenset({"exhaustion_memory_sum"})
"""Held by a control group alone, which an ordinary user may not be able to make."""

WITHOUT_SANDBOX = {
    AttackClass.FILES: "files_symlink",
    AttackClass.LEDGER: "ledger_files",
    AttackClass.NETWORK: "network_tcp",
    AttackClass.PROCESSES: "processes_signals",
    AttackClass.NAMESPACES: "namespaces_unshare",
    AttackClass.KERNEL: "kernel_memfd",
    AttackClass.EXHAUSTION: "exhaustion_threads",
    AttackClass.TERMINAL: "terminal_find",
    AttackClass.SECRETS: "secrets_processes",
    AttackClass.RECORDER: "recorder_streams",
    AttackClass.IMPORTS: "imports_bytecode",
    AttackClass.ARCHIVES: "archives_pickle",
    AttackClass.LANGUAGE: "language_class_walk",
}
"""One program of each class that is harmless when it succeeds."""


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[ImageSource]:
    images = ImageSource(IMAGES, print)
    images.start_ahead(LIMITS, always=True)
    yield images
    images.close()


@pytest.fixture(scope="module")
def around() -> Iterator[Surroundings]:
    with Surroundings() as made:
        yield made


@pytest.mark.parametrize("name", PROGRAMS)
def test_attack_is_held(name: str, sandboxes: ImageSource, around: Surroundings) -> None:
    result = attack(PROGRAMS[name], sandboxes, around, REQUIRED)
    if name in NEEDS_GROUPS and "cgroup-memory" not in result.held_by:
        pytest.skip("no control group can be made here")
    assert result.verdict == Verdict.HELD, result


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name.startswith("network_")])
def test_attack_is_held_without_a_grant_too(
    name: str, sandboxes: ImageSource, around: Surroundings
) -> None:
    result = attack(PROGRAMS[name], sandboxes, around, REQUIRED, connected=False)
    assert result.verdict == Verdict.HELD, result


def test_what_the_granted_server_must_not_get_is_seen(around: Surroundings) -> None:
    good = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % around.granted.port
    for data in (good, good + good, good.replace(b"GET", b"POST"), good.replace(b"7.0", b"7.1")):
        with socket.create_connection(("127.0.0.1", around.granted.port)) as made:
            made.sendall(data)
            made.recv(100)
        assert bool(around.touched()) == (data != good), data


def test_attacks_cover_every_class() -> None:
    counts = Counter(program.kind for program in PROGRAMS.values())
    assert counts.keys() == set(AttackClass)
    assert len(PROGRAMS) >= 60
    assert counts[AttackClass.LANGUAGE] >= 20
    assert {p.tier for p in PROGRAMS.values() if p.kind == AttackClass.LANGUAGE} == {
        Tier.RESTRICTED
    }


def test_layers_that_programs_name_exist() -> None:
    assert {layer for program in PROGRAMS.values() for layer in program.layers} <= LAYERS


@pytest.mark.parametrize("kind", WITHOUT_SANDBOX)
def test_attack_escapes_without_a_sandbox(
    kind: AttackClass, around: Surroundings, tmp_path: Path
) -> None:
    """The same program, plainly run: it says so, or it is seen outside."""
    program = PROGRAMS[WITHOUT_SANDBOX[kind]]
    assert program.kind == kind
    path = tmp_path / "attack.py"
    path.write_text(program.source.replace("/w", str(tmp_path)))
    out = ""
    ours, theirs = pty.openpty()
    for _ in range(program.runs):
        ran = subprocess.run(
            [sys.executable, "-P", str(path), *around.words()],
            cwd=tmp_path,
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        out = ran.stdout
    os.close(ours)
    os.close(theirs)
    said = any(line.startswith("escaped") for line in out.splitlines())
    assert said or around.secret in out, ran
    around.touched()


def plain(source: str, **fields: object) -> Program:
    return Program("made", source, AttackClass.FILES, "an attack", "never", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "verdict", "told"),
    [
        ("print('held: no')\nprint('escaped: yes')", Verdict.ESCAPED, "escaped: yes"),
        ("print('held: by nothing')", Verdict.HELD, "by nothing"),
        ("1 / 0", Verdict.UNEXPLAINED, "ZeroDivisionError"),
        ("print('held: no')\n1 / 0", Verdict.UNEXPLAINED, "ZeroDivisionError"),
        ("import os; os.kill(os.getpid(), 11)", Verdict.UNEXPLAINED, "SIGSEGV"),
        ("pass", Verdict.UNEXPLAINED, "said nothing"),
        ("while True: pass", Verdict.UNEXPLAINED, "limit.cpu"),
    ],
)
def test_what_counts_as_held(
    source: str, verdict: Verdict, told: str, sandboxes: ImageSource, around: Surroundings
) -> None:
    result = attack(plain(source), sandboxes, around)
    assert result.verdict == verdict
    assert told in result.told


def test_limit_counts_as_held_only_where_the_program_says_so(
    sandboxes: ImageSource, around: Surroundings
) -> None:
    result = attack(plain("while True: pass", ends=("limit.cpu",)), sandboxes, around)
    assert (result.verdict, result.told) == (Verdict.HELD, "ended by limit.cpu")


def test_restricted_program_that_crashes_is_not_held(
    sandboxes: ImageSource, around: Surroundings
) -> None:
    crash = attack(plain("1 / 0", tier=Tier.RESTRICTED), sandboxes, around)
    refused = attack(plain("().__class__", tier=Tier.RESTRICTED), sandboxes, around)
    assert (crash.verdict, refused.verdict) == (Verdict.UNEXPLAINED, Verdict.HELD)
    assert refused.held_by == ("policy",)


def words_of(around: Surroundings) -> dict[str, str]:
    return dict(word.split("=", 1) for word in around.words())


def test_what_is_reached_outside_is_seen_once() -> None:
    with Surroundings() as around:
        words = words_of(around)
        assert around.touched() == []
        Path(words["canary"]).write_text("owned")
        (Path(words["drop"]) / "left").touch()
        os.link(words["key"], words["drop"] + "/second")
        assert len(around.touched()) == 4
        with socket.create_connection(("127.0.0.1", int(words["tcp"]))):
            pass
        with socket.socket(socket.AF_UNIX) as made:
            made.connect("\0" + words["abstract"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.sendto(b"x", ("127.0.0.1", int(words["udp"])))
        assert around.touched() == [
            f"the {name} listener was reached" for name in ("tcp", "udp", "abstract")
        ]
        os.kill(int(words["pid"]), 9)
        os.waitid(os.P_PID, int(words["pid"]), os.WEXITED | os.WNOWAIT)
        assert around.touched() == ["a process outside was ended"]
        assert around.touched() == []
        assert words_of(around)["pid"] != words["pid"]
    assert not Path(words["drop"]).exists()


def test_programs_tell_no_secret_and_are_told_none(around: Surroundings) -> None:
    assert all(around.secret not in word for word in around.words())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# class: files\n",
        "# class: nonsense\n# attack: a\n# success: b\n",
        "# attack a\n",
        "# class: files\n# attack: a\n# success: b\n# colour: red\n",
    ],
)
def test_program_without_its_header_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(text)
    with pytest.raises(ProgramUnreadable, match=r"a\.py"):
        read_program(tmp_path / "a.py")


def test_absent_programs_are_no_success(tmp_path: Path) -> None:
    with pytest.raises(ProbesMissing):
        read_programs(tmp_path)


@pytest.fixture
def one_of_each(os2: Os2, tmp_path: Path) -> Os2:
    """An ``os2`` that was shipped with one program of each class: each of all is tried above."""
    checkout = tmp_path / "checkout"
    programs = checkout / "tests" / "probes" / "escapes"
    programs.mkdir(parents=True)
    for name in ("os2shell", "ledger", "manifests"):
        (checkout / name).symlink_to(ROOT / name)
    for name in (*WITHOUT_SANDBOX.values(), "survival_daemon"):
        (programs / f"{name}.py").write_text(PROGRAMS[name].source)
    os2.env["PYTHONPATH"] = str(checkout)
    return os2


def test_doctor_tells_each_class_and_ends_with_zero(one_of_each: Os2) -> None:
    process = one_of_each.start("doctor", "--probe")
    out, errors = (stream.decode() for stream in process.communicate(timeout=60))
    lines = out.splitlines()
    for kind in AttackClass:
        assert any(line.split()[1:2] == [kind] for line in lines), kind
    assert "escaped:" not in out
    assert "unexplained:" not in out
    count = len(AttackClass)
    assert lines[-1].endswith("attacks held")
    assert process.returncode == 0, out
    assert f"[{count}/{count}]" in errors
    assert not one_of_each.workspace.joinpath(".os2").exists()


def test_ledger_outlives_a_lookalike_that_is_written_back(os2: Os2) -> None:
    os2.write("attack.py", PROGRAMS["ledger_lookalike"].source)
    os2.run("pyvm", "--eval", "1")
    before = os2.json("ledger", "verify", "--json")
    os2.run("python", "attack.py")
    after = os2.json("ledger", "verify", "--json")
    assert (before["status"], after["status"]) == ("ok", "ok")
    assert not list((os2.workspace / ".os2").rglob("forged"))


def test_written_back_links_lead_no_later_run_outside(os2: Os2, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_text("whole")
    os2.run("python", "-c", f"import os; os.symlink({str(outside)!r}, 'link')", code=None)
    os2.run("python", "-c", "open('link/through', 'w').write('owned')", code=None)
    code = "import os; os.unlink('link'); os.mkdir('link'); open('link/canary', 'w').write('owned')"
    os2.run("python", "-c", code, code=None)
    assert [path.name for path in outside.iterdir()] == ["canary"]
    assert (outside / "canary").read_text() == "whole"
    assert os2.json("ledger", "verify", "--json")["status"] == "ok"


def test_output_cannot_command_a_terminal(os2: Os2) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x1b]52;c;b3duZWQ=\x07\x9b5n\x1bP+q\x1b\\"
    ours, theirs = pty.openpty()
    process = os2.start("python", "-c", f"print({evil!r})", stdout=theirs, stdin=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    _, errors = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, errors
    assert b"owned" in shown
    for control in (b"\x1b]", b"\x1b[2J", b"\x1bP", b"\x07", b"\xc2\x9b", b"\x9b"):
        assert control not in shown
