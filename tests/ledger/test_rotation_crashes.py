"""Rotations that end early: the old key goes last, and whatever is killed can go on."""

import base64
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger import Entry, KeyFile, TokenSignatureLedger, load_key, verify
from ledger.chain.durability import OS
from ledger.storage.file_store import FileStore
from tests.ledger.rotating import Opener

ROOT = Path(__file__).parents[2]


class Watched(FileStore):
    """A store that notes, at each sync, whether the old key was still there."""

    def __init__(self, directory: Path, key: Path) -> None:
        super().__init__(directory)
        self.key = key
        self.before: list[bytes] = []

    def sync(self) -> None:
        super().sync()
        self.before.append(self.key.read_bytes())


def test_the_old_key_goes_only_when_the_rotation_is_durable(
    tmp_path: Path, key: KeyFile, clock: Callable[[], int]
) -> None:
    """In the mode ``os`` nothing is synced by itself; a power loss may take the last records."""
    store = Watched(tmp_path / "log", key.path)
    with TokenSignatureLedger(store, key, clock=clock, node="n", durability=OS) as ledger:
        ledger.append(Entry("a", {}))
        old = key.path.read_bytes()
        assert old not in store.before
        ledger.rotate()
        assert store.before[-1] == old
        assert key.path.read_bytes() != old


def test_a_rotation_of_others_is_made_durable_before_it_is_finished(
    tmp_path: Path, key: KeyFile, opened: Opener, clock: Callable[[], int]
) -> None:
    with opened() as ledger:
        ledger.append(Entry("a", {}))
        fresh = key.prepare()
        named = {"epoch": 1, "public_key": str(fresh.public)}
        ledger._writer._write_own(Entry("ledger.rotated", named))  # and killed here
    store = Watched(tmp_path / "log", key.path)
    with TokenSignatureLedger(store, KeyFile(key.path), clock=clock, node="n") as ledger:
        assert store.before != []
        assert store.before[0] != key.path.read_bytes()
        ledger.append(Entry("b", {}))
    assert load_key(key.path).public == fresh.public
    assert verify(tmp_path / "log", fresh.public).status == "ok"


KILLED = """
import os, signal, sys
from pathlib import Path
from ledger import Entry, KeyFile, TokenSignatureLedger
calls = 0
def deadly(name, count, after):
    real = getattr(os, name)
    def call(*given, **named):
        global calls
        calls += 1
        if calls == count and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*given, **named)
        if calls == count and after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(os, name, call)
def rotate(here, count, after):
    ledger = TokenSignatureLedger.open(here / "log", KeyFile(here / "keys" / "log"), clock=lambda: 0, node="n")
    for name in ("link", "rename", "replace", "unlink", "fsync", "pwrite", "pwritev", "write", "open"):
        deadly(name, count, after)
    ledger.rotate()
for line in sys.stdin:
    here, count, when = line.split()
    child = os.fork()
    if not child:
        rotate(Path(here), int(count), when == "after")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def rotating() -> Iterator[Callable[[Path, int, str], int]]:
    """Rotates in a process of its own, killed at one call; its exit code."""
    zygote = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert zygote.stdin is not None
    assert zygote.stdout is not None

    def rotate(here: Path, count: int, when: str) -> int:
        zygote.stdin.write(f"{here} {count} {when}\n")
        zygote.stdin.flush()
        return int(zygote.stdout.readline())

    yield rotate
    zygote.communicate(timeout=20)
    assert zygote.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_anywhere_in_a_rotation_it_can_go_on(
    opened: Opener,
    tmp_path: Path,
    key: KeyFile,
    rotating: Callable[[Path, int, str], int],
    when: str,
) -> None:
    """Every system call of a rotation is the last one once."""
    with opened() as ledger:
        ledger.append(Entry("a", {}))
    first = load_key(key.path)
    count, ended = 0, False
    while not ended:
        count += 1
        here = tmp_path / f"{when}-{count}"
        shutil.copytree(tmp_path / "log", here / "log")
        shutil.copytree(tmp_path / "keys", here / "keys")
        (here / "keys").chmod(0o700)
        code = rotating(here, count, when)
        ended = code == 0
        assert code in (0, -signal.SIGKILL)
        for pin in (None, first.public):
            assert verify(here / "log", pin).status in {"ok", "broken"}
        ring = KeyFile(here / "keys" / "log")
        with TokenSignatureLedger.open(here / "log", ring, clock=lambda: 0, node="n") as again:
            assert again.append(Entry("goes on", {}))
            assert again.keys is not None
            moved = len(again.keys.epochs) > 1
        assert verify(here / "log", load_key(ring.path).public).status == "ok"
        left = {path.name for path in (here / "keys").iterdir()}
        assert "log.old" not in left
        if moved:
            names = list((here / "keys").iterdir())
            assert "log.next" not in left
            assert load_key(ring.path).public != first.public
            secret = base64.b64encode(b"\1" + first._key.seed)
            assert all(secret not in path.read_bytes() for path in names)
    assert count > 12, "the calls were met"
