"""Bits flipped in every file of a ledger: whoever opens, reads or audits it finds out, or is unharmed.

``test_ledger_tampering`` shows that an audit names the record; here are the other doors (opening
for appending, reading, proving) and the files that are not the log.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger import (
    DamagedError,
    Entry,
    FileStore,
    KeyProblem,
    LedgerError,
    Signer,
    TokenSignatureLedger,
    load_key,
    load_or_create_key,
    verify,
)

Clock = Callable[[], int]


def flips(data: bytes, *, every_bit: bool = False) -> Iterator[tuple[int, bytes]]:
    for at in range(len(data)):
        for bit in range(8) if every_bit else (at % 8,):
            yield at, data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def whole_log(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((folder / "segments").iterdir()))


@pytest.mark.slow
def test_nobody_appends_to_a_flipped_log(small: Path, signer: Signer, clock: Clock) -> None:
    """Without the cache every byte is looked at; the error names the record; nothing is changed."""
    path = small / "segments" / "000000000000.seg"
    data = path.read_bytes()
    (small / "head").unlink(missing_ok=True)
    for at, changed in flips(data):
        path.write_bytes(changed)
        with pytest.raises(LedgerError):
            TokenSignatureLedger.open(small, signer, clock=clock, node="n1")
        assert path.read_bytes() == changed, at
        assert not (small / "quarantine").exists(), at
    path.write_bytes(data)
    assert verify(small, signer.public).status == "ok"


@pytest.mark.slow
def test_nobody_reads_a_flipped_record(small: Path, signer: Signer) -> None:
    """A reader that is open already gives true records or an error, never anything else."""
    path = small / "segments" / "000000000000.seg"
    data = path.read_bytes()
    with TokenSignatureLedger.read_only(small, signer.public) as reader:
        true = list(reader.read())
        refused = 0
        for at, changed in flips(data):
            path.write_bytes(changed)
            for door in (lambda: list(reader.read()), lambda: [reader.record(3)]):
                try:
                    assert all(record == true[record.seq] for record in door()), at
                except DamagedError:
                    refused += 1
            path.write_bytes(data)
        assert refused > len(data) // 2
        assert list(reader.read()) == true


@pytest.mark.slow
def test_every_segment_of_several(tmp_path: Path, signer: Signer, clock: Clock) -> None:
    """An audit of a log in three segments is never content, wherever the flip is."""
    folder = tmp_path / "log"
    store = FileStore(folder)
    with TokenSignatureLedger(store, signer, clock=clock, node="n", segment_bytes=700) as ledger:
        for n in range(2):
            ledger.append(Entry("x", {"text": "y" * 20, "n": n}))
        size = ledger.head.size
    paths = sorted((folder / "segments").iterdir())
    assert len(paths) >= 3
    for path in paths:
        data = path.read_bytes()
        for at, changed in flips(data):
            path.write_bytes(changed)
            result = verify(folder, signer.public)
            assert result.status == "broken", (path.name, at)
            assert result.first_bad is not None
            assert 0 <= result.first_bad.seq <= size
        path.write_bytes(data)
    assert verify(folder, signer.public).status == "ok"


@pytest.mark.slow
def test_a_flipped_head_cache_does_no_harm(tmp_path: Path, signer: Signer, clock: Clock) -> None:
    folder = tmp_path / "log"
    with TokenSignatureLedger.open(folder, signer, clock=clock, node="n1") as ledger:
        for start in range(0, 1_200, 200):
            ledger.append(*[Entry("x", {"n": start + k, "t": "y" * 30}) for k in range(200)])
        head, records = ledger.head, list(ledger.read())
    path = folder / "head"
    data = path.read_bytes()
    assert len(data) > 100
    log = whole_log(folder)
    for at, changed in flips(data):
        path.write_bytes(changed)
        with TokenSignatureLedger.open(folder, signer, clock=clock, node="n1") as ledger:
            assert ledger.head == head, at
            for seq in (0, 500, 1_150):
                assert ledger.record(seq) == records[seq], at
    assert whole_log(folder) == log


def test_flips_in_the_lock_and_in_quarantine_do_no_harm(
    small: Path, signer: Signer, clock: Clock
) -> None:
    (small / "quarantine").mkdir()
    for path in (small / "lock", small / "quarantine" / "0-0.tail"):
        path.write_bytes(b"whatever stands here")
        for _, changed in flips(path.read_bytes()):
            path.write_bytes(changed)
            with TokenSignatureLedger.open(small, signer, clock=clock, node="n1") as ledger:
                assert ledger.head.size == 6
            assert verify(small, signer.public).status == "ok"


def test_a_flipped_publication_is_an_alarm(small: Path, signer: Signer, clock: Clock) -> None:
    path = small / "checkpoint"
    data, log = path.read_bytes(), whole_log(small)
    for at, changed in flips(data):
        path.write_bytes(changed)
        with pytest.raises(DamagedError, match="checkpoint"):
            TokenSignatureLedger.open(small, signer, clock=clock, node="n1")
        assert verify(small, signer.public).status == "broken", at
    assert whole_log(small) == log


def test_a_flipped_key_is_another_key_or_none(tmp_path: Path, small: Path, clock: Clock) -> None:
    """Whatever is read from the file is refused there, or by the ledger as the wrong key."""
    path = tmp_path / "keys" / "log"
    key = load_or_create_key(path, "test.example/log")
    data = path.read_bytes()
    for at, changed in flips(data, every_bit=True):
        path.write_bytes(changed)
        try:
            found = load_key(path)
        except KeyProblem:
            continue
        same = found.public == key.public
        assert same == (changed.strip() == data.strip()), at
        with pytest.raises(KeyProblem):
            TokenSignatureLedger.open(small, found, clock=clock, node="n1")


def test_objects_of_a_copied_ledger_that_were_exchanged(small: Path, tmp_path: Path) -> None:
    """Two objects under each other's names: both are refused."""
    with TokenSignatureLedger.read_only(small) as reader:
        first = reader.record(3).payload
    assert first is not None
    shutil.copytree(small, tmp_path / "copy")
    store = FileStore(tmp_path / "copy")
    other = store.objects.put(b"another")
    store.objects.flush()
    paths = [tmp_path / "copy" / "objects" / n.hex()[:2] / n.hex()[2:] for n in (first, other)]
    one, two = (path.read_bytes() for path in paths)
    for path, content in zip(paths, (two, one), strict=True):
        path.chmod(0o644)
        path.write_bytes(content)
    for name in (first, other):
        with pytest.raises(LedgerError, match="found content with digest"):
            store.objects.get(name)
    store.close()
    result = verify(tmp_path / "copy", objects=True)
    assert result.first_bad is not None
    assert result.first_bad.seq == 3
