"""Runs that do not end well: refused, interrupted, killed, tampered with. Nothing is half-done."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from os2shell.policy.manifest import load_manifest
from os2shell.subsystems.git.run import _ending
from tests.git.git_room import Developer, Forge, everything, plain
from tests.house import DEFAULT_MANIFEST, Os2
from tests.network.network_room import table


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        ("limit.wall", "limit.wall, wall_seconds = 300 in manifest default"),
        ("limit.requests", "limit.requests, it asked 250000 times"),
        ("token_budget", "token_budget; --token-budget"),
        ("signal:SIGKILL", "signal:SIGKILL; the workspace"),
        ("protocol", "protocol; the workspace"),
    ],
)
def test_every_end_is_told_with_what_became_of_the_workspace(cause: str, told: str) -> None:
    text = _ending(cause, load_manifest(DEFAULT_MANIFEST))
    assert text.startswith(f"git was ended: {told}"), text
    assert text.endswith("the workspace is as it was")


@pytest.fixture
def slow(os2: Os2, folder: Path) -> Iterator[Developer]:
    forge = Forge.start(folder, "--slow", "8")
    developer = Developer(os2, forge, folder)
    developer.grant_forge()
    developer.seed("one.git")
    os2.write("mine.txt", "mine\n")
    yield developer
    forge.stop()


def begun(developer: Developer) -> "subprocess.Popen[bytes]":
    """A clone whose POST is under way."""
    process = developer.os2.start("git", "clone", developer.forge.url("one.git"))
    end = time.monotonic() + 60
    while not any(line.startswith("POST") for line in developer.forge.asked):
        assert time.monotonic() < end
        time.sleep(0.02)
    return process


def test_ctrl_c_during_a_clone_leaves_everything_as_it_was(slow: Developer) -> None:
    before = everything(slow.os2.workspace)
    process = begun(slow)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert b"git was ended: interrupted; the workspace is as it was" in errors
    assert everything(slow.os2.workspace) == before
    completed = slow.events()["git_completed"]
    assert (completed["cause"], completed["brought"]) == ("interrupted", False)
    assert completed["network"]["failed"]["rows"][0][2] == "unanswered"
    assert slow.verdicts() == ["recorded_only"]


def test_a_killed_shell_leaves_everything_as_it_was(slow: Developer) -> None:
    before = everything(slow.os2.workspace)
    process = begun(slow)
    process.kill()
    process.communicate(timeout=30)
    assert everything(slow.os2.workspace) == before
    ran = slow.git("init", "-q", "fresh")
    assert b"git in session s2 was interrupted when its shell died" in ran.err
    assert b"whether the other side did what it was asked is not known" in ran.err
    assert slow.verdicts() == ["recorded_only", "identical"]


def test_time_is_a_limit_with_its_remedy(slow: Developer) -> None:
    slow.grant_forge(limits="seconds = 2")
    ran = slow.git("clone", slow.forge.url("one.git"), code=128)
    assert b"[network] seconds in a manifest of your own may allow more" in ran.err
    assert sorted(everything(slow.os2.workspace)) == ["mine.txt"]


def test_a_host_that_is_not_granted_is_named_with_the_line_that_grants_it(
    developer: Developer,
) -> None:
    developer.seed("one.git")
    url = developer.forge.url("one.git")
    developer.grant(table(hosts=["forge.example.org"], methods=["GET", "POST"]))
    ran = developer.git("clone", url, code=128)
    line = f'hosts = ["127.0.0.1"], methods = ["GET", "POST"], ports = [{developer.forge.port}]'
    assert line in ran.errors
    assert developer.forge.asked == []
    del developer.os2.env["OS2_MANIFEST"]
    assert b"does not hold net.connect" in developer.git("clone", url, code=128).err
    assert everything(developer.os2.workspace) == {}
    assert developer.verdicts() == ["identical"] * 2


def test_reading_alone_may_be_granted_and_pushing_not(developer: Developer) -> None:
    developer.seed("one.git")
    keys = {"hosts": ["127.0.0.1"], "ports": [developer.forge.port], "schemes": ["http"]}
    developer.grant(table(**keys, methods=["GET"]))
    ran = developer.git("clone", developer.forge.url("one.git"), code=128)
    assert b"not for POST" in ran.err


def test_an_answer_that_is_too_large_names_the_limit(developer: Developer) -> None:
    seed = developer.seed("one.git")
    (seed / "large").write_bytes(os.urandom(3 << 20))
    plain(seed, "add", ".")
    plain(seed, "commit", "-q", "-m", "large")
    plain(seed, "push", "-q", str(developer.forge.root / "one.git"), "main")
    developer.grant_forge(limits="response_mib = 1")
    ran = developer.git("clone", developer.forge.url("one.git"), code=128)
    assert b"[network] response_mib in a manifest of your own may allow more" in ran.err
    assert everything(developer.os2.workspace) == {}
    developer.grant_forge(limits="request_mib = 1")
    here = developer.clone("one.git")
    (here / "more").write_bytes(os.urandom(3 << 20))
    developer.git("-C", "one", "add", ".")
    developer.git("-C", "one", "commit", "-m", "more")
    ran = developer.git("-C", "one", "push", code=None)
    assert ran.code != 0
    assert b"[network] request_mib in a manifest of your own may allow more" in ran.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["clone", "git@forge.example.org:a/b.git"], "git over ssh"),
        (["clone", "forge.example.org:a/b.git"], "git over ssh"),
        (["clone", "ssh://forge.example.org/a"], "git over ssh://"),
        (["clone", "git://forge.example.org/a"], "git over git://"),
        (["clone", "file:///etc"], "git over file://"),
        (["clone", "/etc"], "git over a path"),
        (["clone", "ext::sh -c true"], "git over ext::"),
        (["remote", "add", "x", "ext::sh -c true"], "git over ext::"),
        (["clone", "https://me:secret@forge.example.org/a"], "a URL with a user or a secret"),
        (["clone", "--recurse-submodules", "https://forge.example.org/a"], "--recurse-submodules"),
        (["clone", "-c", "core.fsmonitor=x", "https://forge.example.org/a"], "core.fsmonitor"),
        (["clone", "https://forge.example.org/a", "../out"], "outside the workspace"),
        (["-C", "/etc", "status"], "outside the workspace"),
        (["-C", "a/../..", "status"], "outside the workspace"),
        (["-c", "core.hooksPath=x", "status"], "core.hooksPath"),
        (["-c", "alias.x=!true", "x"], "alias.x"),
        (["--exec-path=/w", "status"], "--exec-path=/w is refused"),
        (["--git-dir=/w/x", "status"], "is refused"),
        (["submodule", "update"], "there is no shell"),
        (["worktree", "add", "x"], "leads elsewhere"),
        (["rebase", "--exec=true", "main"], "--exec is refused"),
        (["config", "--global", "user.name", "x"], "--global is refused"),
        ([], "without a verb"),
    ],
)
def test_what_is_refused_is_refused_before_anything_is_recorded(
    developer: Developer, words: list[str], told: str
) -> None:
    ran = developer.git(*words, code=2)
    assert told in ran.errors
    assert ran.errors.count("\n") == 1
    assert not (developer.os2.workspace / ".os2").exists()


def test_another_transport_in_a_configuration_is_not_spoken(developer: Developer) -> None:
    developer.git("init", "-q", ".")
    plain(developer.os2.workspace, "remote", "add", "x", "ext::touch /w/ran")
    plain(developer.os2.workspace, "remote", "add", "y", "git@forge.example.org:a/b")
    assert b"transport 'ext' not allowed" in developer.git("fetch", "x", code=128).err
    assert b"transport 'ssh' not allowed" in developer.git("fetch", "y", code=128).err
    assert not (developer.os2.workspace / "ran").exists()


def test_a_repository_that_somebody_changes_meanwhile_is_not_written(slow: Developer) -> None:
    slow.git("init", "-q", "one")
    plain(slow.os2.workspace / "one", "remote", "add", "origin", slow.forge.url("one.git"))
    process = slow.os2.start("git", "-C", "one", "fetch")
    while not any(line.startswith("POST") for line in slow.forge.asked):
        time.sleep(0.02)
    plain(slow.os2.workspace / "one", "commit", "-q", "--allow-empty", "-m", "meanwhile")
    before = everything(slow.os2.workspace)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 126
    assert b"was changed while git ran; run it again" in errors
    assert everything(slow.os2.workspace) == before


def test_a_recorded_answer_that_was_changed_is_found(developer: Developer) -> None:
    developer.seed("one.git", [{"a.txt": os.urandom(3000).hex()}])
    developer.clone("one.git")
    row = developer.events()["git_completed"]["network"]["completed"]["rows"][-1]
    digest = row[5] if isinstance(row[5], str) else row[5].hex()
    found = [
        path
        for path in (developer.os2.workspace / ".os2" / "ledger" / "objects").rglob("*")
        if path.is_file() and digest in str(path).replace("/", "")
    ]
    assert len(found) == 1, digest
    found[0].chmod(0o600)
    data = bytearray(found[0].read_bytes())
    data[len(data) // 2] ^= 1
    found[0].write_bytes(data)
    assert developer.verdicts(code=1) == ["tampered"]
    found[0].unlink()
    assert developer.verdicts(code=1) == ["tampered"]


def test_another_git_is_another_engine(developer: Developer, tmp_path: Path) -> None:
    developer.git("init", "-q", ".")
    real = shutil.which("git")
    assert real
    other = tmp_path / "bin"
    other.mkdir()
    home = Path(plain(tmp_path, "--exec-path").strip())
    (other / "core").mkdir()
    data = bytearray((home / "git").read_bytes())
    (other / "core" / "git").write_bytes(data + b"another")
    (other / "core" / "git").chmod(0o755)
    (other / "git").write_text(
        f'#!/bin/sh\n[ "$1" = --exec-path ] && echo {other}/core && exit\nexec {real} "$@"\n'
    )
    (other / "git").chmod(0o755)
    developer.os2.env["PATH"] = f"{other}:{os.environ['PATH']}"
    assert developer.verdicts(code=1) == ["engine_mismatch"]


def test_one_session_is_replayed_with_git_in_it(developer: Developer) -> None:
    developer.seed("one.git")
    developer.clone("one.git")
    shown = developer.os2.run("replay", "last", "--diff")
    assert "identical" in shown.text
    assert "git clone" in shown.text
