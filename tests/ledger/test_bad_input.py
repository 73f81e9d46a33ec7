"""Whatever is handed to a ledger or lies where one should lie: a named error, nothing lost.

After every refusal the ledger is used again. Elsewhere: full disks in ``test_ledger_crash``,
broken locks in ``test_many_processes``, damage in ``test_bit_flips``.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from ledger import (
    CanonicalError,
    ClockError,
    DamagedError,
    DiskFull,
    Entry,
    EntryError,
    FileObjects,
    FormatError,
    LedgerError,
    MemoryObjects,
    ObjectTooLarge,
    Signer,
    TokenSignatureLedger,
    UnreadableError,
    WrongKey,
    verify,
)
from ledger.storage.segment import HEADER

Opener = Callable[[], TokenSignatureLedger]
ORDINARY = 65534
SEGMENT = "000000000000.seg"


def usable(opener: Opener, size: int) -> None:
    """The ledger has ``size`` records and takes more, in this instance's folder."""
    with opener() as ledger:
        assert ledger.head.size == size
        ledger.append(Entry("after", {}))
        assert [record.seq for record in ledger.read()] == list(range(size + 1))


class Colour(StrEnum):
    RED = "red"


class Number(int):
    """Not quite an int."""


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def circular() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


UNFIT_VALUES = {
    "a float": 1.5,
    "not a number": float("nan"),
    "a float in a list": [1, [2.0]],
    "a float in a map": {"a": {"b": -0.0}},
    "a lone surrogate": "\ud800",
    "a surrogate in a list": ["ok", "bad\udfff"],
    "a surrogate in a key": {"\udc80": 1},
    "an integer above 64 bits": 2**64,
    "an integer below 64 bits": -(2**63) - 1,
    "a large integer in a list": [[2**70]],
    "nesting too deep": nested(32),
    "nesting far too deep": nested(5_000),
    "a list within itself": circular(),
    "a key that is no text": {1: 2},
    "keys of two kinds": {"a": 1, b"a": 2},
    "a tuple": (1, 2),
    "a set": {1},
    "a bytearray": bytearray(b"x"),
    "a memoryview": memoryview(b"x"),
    "an enumeration": Colour.RED,
    "a kind of integer": Number(1),
    "an object": object(),
}


@pytest.mark.parametrize("value", UNFIT_VALUES.values(), ids=UNFIT_VALUES.keys())
def test_values_without_a_form(value: object, open_ledger: Opener) -> None:
    with open_ledger() as ledger:
        ledger.append(Entry("before", {}))
        head = ledger.head
        with pytest.raises(CanonicalError):
            ledger.append(Entry("fine", {}), Entry("bad", {"value": value}))  # type: ignore[dict-item]
        assert ledger.head == head
        ledger.append(Entry("between", {}))
    usable(open_ledger, 3)


def test_the_deepest_value_that_fits(open_ledger: Opener) -> None:
    with open_ledger() as ledger:
        ledger.append(Entry("deep", {"value": nested(31)}))
    with open_ledger() as ledger:
        assert ledger.record(1).attributes == {"value": nested(31)}


@pytest.mark.parametrize("field", ["kind", "session", "actor", "token"])
@pytest.mark.parametrize("text", ["\ud800", "ok\udc41", b"bytes", 7, None, Colour.RED])
def test_texts_that_are_none(field: str, text: object, open_ledger: Opener) -> None:
    fields: dict[str, Any] = {"kind": "x", "attributes": {}, field: text}
    with open_ledger() as ledger, pytest.raises(LedgerError) as caught:
        ledger.append(Entry("fine", {}), Entry(**fields))
    assert isinstance(caught.value, EntryError | CanonicalError)
    usable(open_ledger, 1)


@pytest.mark.parametrize("field", ["payload", "commitment"])
@pytest.mark.parametrize("value", [b"", b"x" * 31, b"x" * 33, "x" * 32, 7])
def test_digests_that_are_none(field: str, value: object, open_ledger: Opener) -> None:
    fields: dict[str, Any] = {"kind": "x", "attributes": {}, field: value}
    with open_ledger() as ledger, pytest.raises(EntryError):
        ledger.append(Entry(**fields))
    usable(open_ledger, 1)


@pytest.mark.parametrize("name", ["n\ud800", b"n", 5])
def test_a_node_without_a_name(name: Any, tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(LedgerError):
        TokenSignatureLedger.open(tmp_path / "log", signer, clock=lambda: 0, node=name)
    TokenSignatureLedger.open(tmp_path / "log", signer, clock=lambda: 0, node="n").close()
    assert verify(tmp_path / "log").status == "ok"


def test_a_clock_that_goes_back_between_openings(
    tmp_path: Path, signer: Signer, open_ledger: Opener
) -> None:
    with open_ledger() as ledger:
        before = ledger.append(Entry("before", {}))[0].hlc
    hlcs = [before]
    for now in (1_600_000_000_000_000_000, 0, -1, -(2**63)):
        with TokenSignatureLedger.open(
            tmp_path / "log", signer, clock=lambda now=now: now, node="n"
        ) as ledger:
            hlcs += [record.hlc for record in ledger.append(Entry("x", {}), Entry("y", {}))]
    assert hlcs == list(range(before, before + 9))
    usable(open_ledger, 10)


def test_a_clock_out_of_range(tmp_path: Path, signer: Signer, open_ledger: Opener) -> None:
    open_ledger().close()
    with (
        TokenSignatureLedger.open(
            tmp_path / "log", signer, clock=lambda: 10**30, node="n"
        ) as ledger,
        pytest.raises(ClockError),
    ):
        ledger.append(Entry("x", {}))
    usable(open_ledger, 1)


def descriptors(folder: Path) -> int:
    """How many files below ``folder`` this process holds open."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += str(link.readlink()).startswith(str(folder))
    return found


def spoilt(small: Path, how: str) -> None:
    path = small / "segments" / SEGMENT
    data = path.read_bytes()
    newer = data[:8] + b"\0\0\0\2" + data[12:]
    content = {"foreign": b"#!/bin/sh\necho hello\n" * 9, "empty": b"", "newer": newer}
    path.write_bytes(content.get(how, data))
    if how == "foreign name":
        (small / "segments" / "notes.txt").write_text("hello")
    if how == "other number":
        path.write_bytes(data[:12] + b"\0\0\0\7" + data[16:])


@pytest.mark.parametrize("how", ["foreign", "newer", "foreign name", "other number"])
def test_files_that_are_no_segments(small: Path, how: str, open_ledger: Opener) -> None:
    kept = (small / "segments" / SEGMENT).read_bytes()
    spoilt(small, how)
    before = sorted((p.name, p.read_bytes()) for p in (small / "segments").iterdir())
    held = descriptors(small)
    for door in (open_ledger, lambda: TokenSignatureLedger.read_only(small)):
        with pytest.raises(FormatError) as caught:
            door()
        assert descriptors(small) == held
        assert how != "newer" or "use a newer version" in str(caught.value)
    assert verify(small).status == "broken"
    assert sorted((p.name, p.read_bytes()) for p in (small / "segments").iterdir()) == before
    (small / "segments" / "notes.txt").unlink(missing_ok=True)
    (small / "segments" / SEGMENT).write_bytes(kept)
    usable(open_ledger, 6)


def test_a_record_of_a_newer_version(tmp_path: Path, signer: Signer, open_ledger: Opener) -> None:
    """As an old program meets it: signed and chained, but not to be understood."""
    with open_ledger() as ledger:
        first = ledger.append(Entry("x", {}))[0]
    path = tmp_path / "log" / "segments" / SEGMENT
    data = path.read_bytes()
    at = data.index(first.body)
    body = first.body[:1] + b"\x02" + first.body[2:]
    path.write_bytes(data[:at] + body + data[at + len(body) :])
    with pytest.raises(DamagedError, match="record 1"):
        open_ledger()
    path.write_bytes(data)
    usable(open_ledger, 2)


def test_another_key_of_the_same_name(small: Path, open_ledger: Opener) -> None:
    other = Signer("test.example/log", bytes(32))
    with pytest.raises(WrongKey):
        TokenSignatureLedger.open(small, other, clock=lambda: 0, node="n")
    with pytest.raises(WrongKey):
        TokenSignatureLedger.read_only(small, other.public)
    result = verify(small, other.public)
    assert (result.status, result.size) == ("broken", 0)
    usable(open_ledger, 6)


@pytest.mark.parametrize("name", ["lock", "checkpoint", "head", f"segments/{SEGMENT}"])
@pytest.mark.parametrize("thing", ["folder", "pipe", "link to nothing"])
def test_other_things_in_the_place_of_files(
    small: Path, name: str, thing: str, open_ledger: Opener
) -> None:
    """None of them may hang the opener, and none may be written through."""
    path = small / name
    kept = path.read_bytes() if path.exists() else None
    path.unlink(missing_ok=True)
    if thing == "folder":
        path.mkdir()
    elif thing == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(small / "elsewhere")
    with suppress(LedgerError):
        open_ledger().close()
    with suppress(LedgerError):
        TokenSignatureLedger.read_only(small).close()
    assert verify(small).status in {"ok", "broken", "unreadable"}
    assert not (small / "elsewhere").exists()
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink()
    if kept is not None:
        path.write_bytes(kept)
    usable(open_ledger, 6)


@pytest.mark.parametrize("name", ["log", "log/segments", "log/objects"])
def test_a_file_in_the_place_of_a_folder(tmp_path: Path, name: str, open_ledger: Opener) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("a file")
    with pytest.raises(LedgerError), open_ledger() as ledger:
        ledger.objects.put(b"x")
    assert path.read_text() == "a file"
    path.unlink()
    with open_ledger() as ledger:
        ledger.append(Entry("x", {}, payload=ledger.objects.put(b"x")))
    assert verify(tmp_path / "log", objects=True).status == "ok"


def pieces(total: int) -> Callable[[int], bytes]:
    left = [total]

    def read(count: int) -> bytes:
        size = min(count, left[0], 100)
        left[0] -= size
        return bytes(size)

    return read


@pytest.mark.parametrize("kind", [FileObjects, lambda _: MemoryObjects()])
def test_an_object_above_the_limit(
    kind: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.storage.objects.MAX_OBJECT_BYTES", 1_000)
    objects = kind(tmp_path / "objects")
    with pytest.raises(ObjectTooLarge):
        objects.put_stream(pieces(1_001))
    if isinstance(objects, FileObjects):
        with pytest.raises(ObjectTooLarge):
            objects.put(bytes(1_001))
        assert [p for p in (tmp_path / "objects").rglob("*") if p.is_file()] == []
    assert objects.get(objects.put_stream(pieces(1_000))) == bytes(1_000)


def grow(opener: Opener, told: list[int]) -> None:
    """Append with objects until something is refused."""
    with opener() as ledger:
        for n in range(200):
            name = ledger.objects.put(b"%d" % n * 400)
            told += [r.seq for r in ledger.append(Entry("x", {"t": "x" * 700}, payload=name))]


def nothing_lost(folder: Path, opener: Opener, told: list[int]) -> None:
    with opener() as ledger:
        seqs = [record.seq for record in ledger.read()]
        assert seqs == list(range(len(seqs)))
        assert set(told) <= set(seqs)
        ledger.append(Entry("after", {}, payload=ledger.objects.put(b"room again")))
    result = verify(folder, objects=True)
    assert result.status == "ok", result.first_bad


@pytest.mark.slow
def test_a_file_size_limit_at_every_point(tmp_path: Path, signer: Signer) -> None:
    """What a full disk does to a write, byte by byte; works without root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in range(0, 6_000, 47):
        folder, told = tmp_path / str(limit), list[int]()

        def opener(folder: Path = folder) -> TokenSignatureLedger:
            return TokenSignatureLedger.open(folder, signer, clock=lambda: 0, node="n")

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(DiskFull):
                grow(opener, told)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        nothing_lost(folder, opener, told)


@contextmanager
def mounted(*options: str) -> Iterator[Path]:
    """A small file system in memory; skips where this process may not mount one."""
    base = Path(tempfile.mkdtemp(prefix="ledger-"))
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(base)]
    try:
        if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting needs root with the right to mount")
        try:
            yield base
        finally:
            subprocess.run(["umount", str(base)], check=True)
    finally:
        base.rmdir()


@pytest.mark.slow
def test_a_full_disk(signer: Signer) -> None:
    """A real one, from 24 KiB on, full in another place each time; then room is made."""
    for kib in range(24, 160, 12):
        with mounted(f"size={kib}k") as base:
            told: list[int] = []

            def opener(base: Path = base) -> TokenSignatureLedger:
                return TokenSignatureLedger.open(base / "log", signer, clock=lambda: 0, node="n")

            with pytest.raises(LedgerError) as caught:
                grow(opener, told)
            assert isinstance(caught.value, DiskFull | UnreadableError), caught.value
            room = ["mount", "-o", "remount,size=4m", str(base)]
            subprocess.run(room, check=True)
            nothing_lost(base / "log", opener, told)


def test_a_disk_that_became_read_only(signer: Signer) -> None:
    with mounted("size=1m") as base:

        def opener() -> TokenSignatureLedger:
            return TokenSignatureLedger.open(base / "log", signer, clock=lambda: 0, node="n")

        with opener() as ledger:
            ledger.append(Entry("before", {}))
        subprocess.run(["mount", "-o", "remount,ro", str(base)], check=True)
        with pytest.raises(UnreadableError):
            opener()
        with TokenSignatureLedger.read_only(base / "log") as reader:
            assert reader.head.size == 2
        assert verify(base / "log").status == "ok"
        subprocess.run(["mount", "-o", "remount,rw", str(base)], check=True)
        usable(opener, 2)


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """File modes bind this process, also when root runs the tests."""
    if os.geteuid():
        yield
        return
    os.seteuid(ORDINARY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_to_all(signer: Signer) -> Iterator[Path]:
    """A ledger of two records in a folder that every user can reach."""
    base = Path(tempfile.mkdtemp(prefix="ledger-"))
    base.chmod(0o755)
    with TokenSignatureLedger.open(base / "log", signer, clock=lambda: 0, node="n") as ledger:
        ledger.append(Entry("x", {}, payload=ledger.objects.put(b"content")))
    yield base / "log"
    for path in (base, *base.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(base)


@pytest.mark.parametrize("folder", ["", "segments", "objects"])
def test_a_folder_that_may_not_be_written(open_to_all: Path, folder: str, signer: Signer) -> None:
    """Readers are content; an appender is told, and afterwards goes on."""

    def opener() -> TokenSignatureLedger:
        return TokenSignatureLedger.open(open_to_all, signer, clock=lambda: 0, node="n")

    for path in (open_to_all, *open_to_all.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    with as_ordinary_user():
        with pytest.raises(UnreadableError):
            opener()
        with TokenSignatureLedger.read_only(open_to_all, signer.public) as reader:
            assert reader.head.size == 2
        assert verify(open_to_all, signer.public, objects=True).status == "ok"
    for path in (open_to_all, *open_to_all.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (open_to_all / folder).chmod(0o555)
    if not os.geteuid():
        for path in (open_to_all, *open_to_all.rglob("*")):
            os.chown(path, ORDINARY, ORDINARY)
    with as_ordinary_user(), suppress(LedgerError), opener() as ledger:
        ledger.append(Entry("y", {}, payload=ledger.objects.put(b"more")))
    (open_to_all / folder).chmod(0o755)
    with opener() as ledger:
        ledger.append(Entry("after", {}, payload=ledger.objects.put(b"more")))
    assert verify(open_to_all, signer.public, objects=True).status == "ok"


def test_files_that_may_not_be_read(open_to_all: Path, signer: Signer) -> None:
    (open_to_all / "segments" / SEGMENT).chmod(0)
    with as_ordinary_user():
        with pytest.raises(UnreadableError):
            TokenSignatureLedger.read_only(open_to_all, signer.public)
        assert verify(open_to_all).status == "unreadable"


def test_the_command_tells_all_this_in_one_line(small: Path) -> None:
    spoilt(small, "newer")
    done = subprocess.run(
        [sys.executable, "-m", "ledger", "verify", str(small)],
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "use a newer version" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert HEADER.size == 16
