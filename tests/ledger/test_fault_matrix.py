"""Every call on the disk that a ledger makes, going wrong in every way, one at a time.

Each history below runs once whole, and its calls are counted. Then each of them is spoiled, in
every way that leaves something of its own (``kinds_of``). After each the ledger is opened again:
what was acknowledged is there, byte for byte, nothing is half there, and it can be used.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger import (
    ClosedError,
    Digest,
    Durability,
    Entry,
    LedgerError,
    Record,
    Signer,
    TokenSignatureLedger,
    digest,
    load_or_create_key,
    verify,
)
from ledger.storage.file_store import FileStore
from tests.ledger.faulty import Faults, Killed, Kind

ORIGIN = "test.example/log"
SIGNER = Signer(ORIGIN, bytes(range(32)))
SEGMENT_BYTES = 3_000
NOW = 1_700_000_000_000_000_000


@dataclass
class Told:
    """What the ledger promised before it failed."""

    records: list[Record] = field(default_factory=list)
    payloads: dict[Digest, bytes] = field(default_factory=dict)


History = Callable[[Path, Told], None]


def opened(
    folder: Path, segment_bytes: int = 64 * 1024 * 1024, mode: str = "group"
) -> TokenSignatureLedger:
    return TokenSignatureLedger(
        FileStore(folder),
        SIGNER,
        clock=lambda: NOW,
        node="n1",
        segment_bytes=segment_bytes,
        durability=Durability(mode),
    )


def append(ledger: TokenSignatureLedger, told: Told, *entries: Entry) -> None:
    """Append, and once more after a failure: that must be refused, or be true."""
    try:
        told.records += ledger.append(*entries)
    except LedgerError:
        with suppress(ClosedError):
            told.records += ledger.append(Entry("again", {}))
        raise


def creating(folder: Path, told: Told) -> None:
    with opened(folder) as ledger:
        append(ledger, told, Entry("a", {"n": 1}), Entry("b", {}))
        append(ledger, told, Entry("c", {}))


def rolling_over(folder: Path, told: Told) -> None:
    with opened(folder, SEGMENT_BYTES) as ledger:
        for n in range(3):
            append(ledger, told, Entry("large", {"text": "x" * 900, "n": n}))


def without_sync(folder: Path, told: Told) -> None:
    with opened(folder, SEGMENT_BYTES, "os") as ledger:
        append(ledger, told, Entry("a", {"n": 1}))
        append(ledger, told, Entry("b", {"text": "x" * 1_500}))
    with opened(folder, SEGMENT_BYTES, "strict") as ledger:
        append(ledger, told, Entry("c", {}))


def caching(folder: Path, told: Told) -> None:
    with opened(folder) as ledger:
        append(ledger, told, *[Entry("large", {"text": "x" * 7000})] * 10)


def recovering(folder: Path, told: Told) -> None:
    with opened(folder) as ledger:
        append(ledger, told, Entry("after", {}))


def renewing_the_publication(folder: Path, told: Told) -> None:
    recovering(folder, told)


def with_objects(folder: Path, told: Told) -> None:
    with opened(folder) as ledger:
        for content in (b"short", bytes(5_000)):
            name = ledger.objects.put(content)
            append(ledger, told, Entry("with", {}, payload=name))
            told.payloads[name] = content


def streaming_an_object(folder: Path, told: Told) -> None:
    parts = [b"one", b"two" * 1000]
    content = b"".join(parts)
    with opened(folder) as ledger:
        for _ in range(2):
            left = list(parts)
            name = ledger.objects.put_stream(lambda _, left=left: left.pop(0) if left else b"")
            append(ledger, told, Entry("with", {}, payload=name))
            told.payloads[name] = content


def two_instances(folder: Path, told: Told) -> None:
    with opened(folder) as one, opened(folder) as two:
        append(one, told, Entry("one", {}))
        append(two, told, Entry("two", {}))
        append(one, told, Entry("one", {}))


def pruning(folder: Path, told: Told) -> None:
    """The first segments go, with what only they refer to; the last records stay."""
    with opened(folder, SEGMENT_BYTES) as ledger:
        last = ledger.head.size - 1
        told.records += ledger.read(last)
        ledger.prune(last, keep=lambda _: False)
        append(ledger, told, Entry("after", {}))


def nothing_yet(_: Path) -> None:
    """The folder does not exist."""


def six_records(folder: Path) -> None:
    with opened(folder) as ledger:
        ledger.append(Entry("a", {}), Entry("b", {}))
        ledger.append(*[Entry("c", {"n": n}) for n in range(3)])


def three_segments(folder: Path) -> None:
    with opened(folder, SEGMENT_BYTES) as ledger:
        for n in range(4):
            name = ledger.objects.put(b"object %d" % n)
            ledger.append(Entry("a", {"text": "x" * 1_200}, payload=name))


def nearly_full(folder: Path) -> None:
    with opened(folder, SEGMENT_BYTES) as ledger:
        ledger.append(Entry("a", {"text": "x" * 1_500}))


def torn(folder: Path) -> None:
    six_records(folder)
    note = (folder / "checkpoint").read_bytes()
    with opened(folder) as ledger:
        ledger.append(Entry("lost", {"text": "y" * 300}))
    path = folder / "segments" / "000000000000.seg"
    path.write_bytes(path.read_bytes()[:-50])
    (folder / "checkpoint").write_bytes(note)


def torn_when_new(folder: Path) -> None:
    six_records(folder)
    path = folder / "segments" / "000000000000.seg"
    path.write_bytes(path.read_bytes()[:100])
    (folder / "checkpoint").unlink()


def unpublished(folder: Path) -> None:
    six_records(folder)
    (folder / "checkpoint").unlink()


HISTORIES: list[tuple[Callable[[Path], None], History]] = [
    (nothing_yet, creating),
    (six_records, creating),
    (nearly_full, rolling_over),
    (nearly_full, without_sync),
    (six_records, caching),
    (torn, recovering),
    (torn_when_new, recovering),
    (unpublished, renewing_the_publication),
    (six_records, with_objects),
    (six_records, streaming_an_object),
    (six_records, two_instances),
]


def descriptors(folder: Path) -> list[int]:
    """Those that this process holds on ``folder``."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if str(link.readlink()).startswith(str(folder)):
                found.append(int(link.name))
    return found


def suffer(folder: Path, history: History, number: int, kind: Kind) -> tuple[Told, str]:
    """Run ``history`` with one fault; only named errors, or death, may come out of it."""
    told, problem = Told(), None
    with Faults(folder, number, kind) as faults:
        try:
            history(folder, told)
        except LedgerError as error:
            problem = error
        except Killed:
            for descriptor in descriptors(folder):
                os.close(descriptor)  # as the kernel does
    if problem is not None:
        assert faults.fired, problem
        assert not kind.kills, (faults.fired, problem)
        assert "expected" in str(problem), faults.fired
    assert not descriptors(folder), f"left open after {faults.fired}"
    return told, faults.fired


def check(folder: Path, told: Told, fired: str) -> None:
    """Nothing acknowledged is lost, nothing half is visible, and life goes on."""
    with opened(folder) as ledger:
        for record in told.records:
            assert ledger.record(record.seq) == record, fired
        for name, content in told.payloads.items():
            assert ledger.objects.get(name) == content, fired
        ledger.append(Entry("life", {}, payload=ledger.objects.put(b"goes on")))
        size = ledger.head.size
    for path in (folder / "objects").glob("??/*"):
        name = bytes.fromhex(path.parent.name + path.name)
        if path.stat().st_mode & 0o777 == 0o444:
            assert digest(path.read_bytes()) == name, fired
    result = verify(folder, SIGNER.public, objects=True)
    assert (result.status, result.size) == ("ok", size), (fired, result.first_bad)
    with opened(folder) as ledger:
        assert ledger.head.size == size, fired


def spoilt(counted: Faults, kind: Kind) -> list[int]:
    """The numbers of the calls at which ``kind`` makes a difference: there are some."""
    found = [number for number, kinds in enumerate(counted.kinds, 1) if kind in kinds]
    assert found
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    ("before", "history"), HISTORIES, ids=[f"{b.__name__}-{h.__name__}" for b, h in HISTORIES]
)
def test_every_call_of_every_history(
    tmp_path: Path, before: Callable[[Path], None], history: History, kind: Kind
) -> None:
    prepared = tmp_path / "prepared"
    before(prepared)

    def folder(number: int) -> Path:
        made = tmp_path / str(number) / "log"
        if prepared.exists():
            shutil.copytree(prepared, made)
        return made

    whole = Told()
    with Faults(folder(0)) as counted:
        history(tmp_path / "0" / "log", whole)
    assert len(counted.seen) > 5
    assert whole.records
    for number in spoilt(counted, kind):
        told, fired = suffer(folder(number), history, number, kind)
        assert fired
        check(tmp_path / str(number) / "log", told, fired)


@pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.PERSISTED, Kind.KILLED_WITHIN])
def test_every_call_of_the_shortest_history(tmp_path: Path, kind: Kind) -> None:
    test_every_call_of_every_history(tmp_path, nothing_yet, creating, kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.kills])
def test_every_kill_of_pruning(tmp_path: Path, kind: Kind) -> None:
    test_every_call_of_every_history(tmp_path, three_segments, pruning, kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in Kind if not kind.kills])
def test_every_failure_of_pruning(tmp_path: Path, kind: Kind) -> None:
    test_every_call_of_every_history(tmp_path, three_segments, pruning, kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(Kind))
def test_every_call_of_syncing_many_objects(tmp_path: Path, kind: Kind) -> None:
    """So many that the file system is synced whole."""
    contents = [b"object %d" % n for n in range(34)]
    prepared = tmp_path / "prepared"
    six_records(prepared)

    def spoil(number: int) -> tuple[Faults, Told]:
        folder, told = tmp_path / str(number) / "log", Told()
        shutil.copytree(prepared, folder)
        ledger = opened(folder)
        names = [ledger.objects.put(content) for content in contents]
        with Faults(folder, number, kind) as faults, suppress(LedgerError, Killed):
            entries = [Entry("with", {}, payload=name) for name in names]
            append(ledger, told, *entries)
            told.payloads = dict(zip(names, contents, strict=True))
        if not faults.fired:
            ledger.close()
        for descriptor in descriptors(folder):
            os.close(descriptor)
        return faults, told

    counted, whole = spoil(0)
    assert len(counted.seen) > 35
    assert whole.records
    for number in spoilt(counted, kind):
        faults, told = spoil(number)
        assert faults.fired
        check(tmp_path / str(number) / "log", told, faults.fired)


def test_the_layer_sees_the_calls(tmp_path: Path) -> None:
    """Were a store to write by other means, the matrix would prove nothing: hold it to these."""
    with Faults(tmp_path) as faults:
        with_objects(tmp_path / "log", Told())
    assert {"open", "pwritev", "write", "fsync", "rename", "mkdir", "fchmod"} <= set(faults.seen)
    assert not faults.fired


@pytest.mark.parametrize("kind", list(Kind))
def test_every_call_of_making_a_key(tmp_path: Path, kind: Kind) -> None:
    number = 0
    while True:
        number += 1
        path = tmp_path / str(number) / "keys" / "log"
        first = None
        with Faults(path.parent, number, kind) as faults, suppress(LedgerError, Killed):
            first = load_or_create_key(path, ORIGIN)
        if not faults.fired:
            assert number > 4
            assert first is not None
            return
        again = load_or_create_key(path, ORIGIN)
        if first is not None:
            assert again.public == first.public, faults.fired
        assert load_or_create_key(path, ORIGIN).public == again.public
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_failed_sync_of_objects_is_final(tmp_path: Path) -> None:
    """The next sync would succeed without having written anything, so it is never asked."""
    with opened(tmp_path / "log") as ledger:
        name = ledger.objects.put(b"content")
        with Faults(tmp_path / "log") as counted:
            pass
        assert counted.seen == []
        with Faults(tmp_path / "log", 3, Kind.REFUSED) as faults, pytest.raises(LedgerError):
            ledger.objects.flush()
        assert "fsync" in faults.fired
        with pytest.raises(LedgerError):
            ledger.append(Entry("with", {}, payload=name))
    with opened(tmp_path / "log") as ledger:
        ledger.append(Entry("with", {}, payload=ledger.objects.put(b"content")))
    assert verify(tmp_path / "log", objects=True).status == "ok"
