"""Whatever is changed is found, and the finding names the record."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger import (
    DamagedError,
    Digest,
    Entry,
    EquivocationError,
    RollbackError,
    Signer,
    TokenSignatureLedger,
    Verification,
    body_of,
    verify,
)
from ledger.chain import tampering
from ledger.form.record import link
from ledger.storage.file_store import FileStore
from ledger.storage.segment import HEADER, Frame, frames, record_frame
from ledger.storage.store import Position

Opener = Callable[[], TokenSignatureLedger]


def owners(small: Path) -> list[int]:
    """For each byte of the segment, the seq a finding there may name."""
    store = FileStore(small, read_only=True)
    found = [0] * HEADER.size
    seq = 0
    for frame in frames(store, Position(0, HEADER.size), store.end().offset):
        assert isinstance(frame, Frame)
        found += [max(seq - 1, 0) if frame.is_checkpoint else seq] * (frame.stop - frame.start)
        seq += not frame.is_checkpoint
    store.close()
    return found


def variants(data: bytes) -> Iterator[tuple[int, str, bytes]]:
    for at in range(len(data)):
        yield at, "flip", data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]
        yield at, "insert", data[:at] + b"\x00" + data[at:]
        yield at, "remove", data[:at] + data[at + 1 :]
        if at + 1 < len(data) and data[at] != data[at + 1]:
            swapped = bytes([data[at + 1], data[at]])
            yield at, "exchange", data[:at] + swapped + data[at + 2 :]
    yield len(data), "append", data + b"\x00"


def broken(result: Verification, what: object) -> tuple[int, str]:
    assert result.status == "broken", what
    assert result.first_bad is not None
    return result.first_bad.seq, result.first_bad.reason


@pytest.mark.slow
@pytest.mark.parametrize("keyed", [True, False])
def test_every_byte_of_the_segment_counts(small: Path, signer: Signer, *, keyed: bool) -> None:
    path = small / "segments" / "000000000000.seg"
    data, named = path.read_bytes(), owners(small)
    key = signer.public if keyed else None
    assert verify(small, key, objects=True).status == "ok"
    for at, what, changed in variants(data):
        if keyed and what != "flip":
            continue  # found without the key, so by the chain and not by who signed
        path.write_bytes(changed)
        seq, reason = broken(verify(small, key), (at, what))
        assert reason
        # An exchange across a border changes both neighbours, so the first of them is named; where
        # an inserted or removed byte equals its neighbour, the change shows one frame later.
        near = set(named[max(at - 1, 0) : at + 2]) or {named[-1]}
        assert seq in near | {max(near) + 1}, (at, what, seq, near)


def test_every_byte_of_the_checkpoint_file_counts(small: Path) -> None:
    path = small / "checkpoint"
    data = path.read_bytes()
    for at, what, changed in variants(data):
        path.write_bytes(changed)
        seq, reason = broken(verify(small), (at, what))
        assert seq == 5
        assert "checkpoint" in reason


def test_every_byte_of_an_object_counts(small: Path) -> None:
    path = next(p for p in (small / "objects").rglob("*") if p.is_file())
    data = path.read_bytes()
    path.chmod(0o644)
    for at, what, changed in variants(data):
        path.write_bytes(changed)
        seq, reason = broken(verify(small, objects=True), (at, what))
        assert seq == 3
        assert path.parent.name + path.name in reason
    path.unlink()
    assert broken(verify(small, objects=True), "removed")[0] == 3
    assert verify(small).status == "ok"


@pytest.mark.parametrize("strip", [False, True])
def test_a_rewritten_record_is_found_by_the_signature(
    small: Path, signer: Signer, *, strip: bool
) -> None:
    before = verify(small)
    told = tampering.rewrite_record(small, 1, {"n": 99}, strip_checkpoints=strip)
    assert "record 1" in told
    seq, reason = broken(verify(small, signer.public), told)
    assert seq >= 1
    assert ("signature" in reason) or ("unsigned" in reason)
    assert before.root != verify(small).root


def test_other_forgeries(small: Path, tmp_path: Path) -> None:
    for number, (forge, seq) in enumerate(
        [
            (lambda d: tampering.flip_byte(d, 30), 0),
            (tampering.drop_tail, 3),
            (lambda d: tampering.swap_records(d, 1), 1),
        ]
    ):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(small, copy)
        told = forge(copy)
        found, reason = broken(verify(copy), told)
        assert found == seq, reason
    assert verify(small).status == "ok"


def test_a_cut_log_raises_the_alarm(small: Path, open_ledger: Opener) -> None:
    tampering.drop_tail(small)
    size = (small / "segments" / "000000000000.seg").stat().st_size
    with pytest.raises(RollbackError, match="at least 6 records"):
        open_ledger()
    with pytest.raises(RollbackError):
        TokenSignatureLedger.read_only(small)
    assert (small / "segments" / "000000000000.seg").stat().st_size == size
    assert "rollback" in broken(verify(small), "cut")[1]


def test_a_cut_inside_a_group_raises_the_alarm(small: Path, open_ledger: Opener) -> None:
    path = small / "segments" / "000000000000.seg"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(RollbackError):
        open_ledger()
    assert not (small / "quarantine").exists()


def test_two_histories_of_one_size(
    small: Path, tmp_path: Path, signer: Signer, open_ledger: Opener, clock: Callable[[], int]
) -> None:
    shutil.copytree(small, tmp_path / "fork")
    with open_ledger() as ledger:
        ledger.append(Entry("here", {}))
    with TokenSignatureLedger.open(tmp_path / "fork", signer, clock=clock, node="n1") as fork:
        fork.append(Entry("there", {}))
    shutil.copy(tmp_path / "fork" / "checkpoint", small / "checkpoint")
    with pytest.raises(EquivocationError):
        open_ledger()
    assert "equivocation" in broken(verify(small), "fork")[1]


def test_a_stale_publication_is_renewed(small: Path, open_ledger: Opener) -> None:
    old = (small / "checkpoint").read_bytes()
    with open_ledger() as ledger:
        ledger.append(Entry("x", {}))
    for content in (old, b"", None):
        (small / "checkpoint").unlink()
        if content is not None:
            (small / "checkpoint").write_bytes(content)
        if content != b"":
            assert verify(small).remarks
        with open_ledger() as ledger:
            assert ledger.checkpoint is not None
            assert (small / "checkpoint").read_bytes() == ledger.checkpoint.note
        assert verify(small).remarks == ()


def test_damage_is_never_cut(small: Path, open_ledger: Opener) -> None:
    tampering.flip_byte(small, (small / "segments" / "000000000000.seg").stat().st_size - 40)
    data = (small / "segments" / "000000000000.seg").read_bytes()
    with pytest.raises(DamagedError):
        open_ledger()
    assert (small / "segments" / "000000000000.seg").read_bytes() == data


def test_reading_damage_names_the_record(small: Path) -> None:
    reader = TokenSignatureLedger.read_only(small)
    path = small / "segments" / "000000000000.seg"
    data = bytearray(path.read_bytes())
    data[named_offset(small, 4)] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="record 4"):
        list(reader.read())


def named_offset(small: Path, seq: int) -> int:
    return owners(small).index(seq) + 10


def test_unsigned_records_are_not_adopted(small: Path, open_ledger: Opener) -> None:
    """Whoever lacks the key could append such a record, so the next open must not sign it."""
    with open_ledger() as ledger:
        chain = ledger.head.chain
    body = body_of(Entry("forged", {}), seq=6, hlc=2**63, node="x")
    tail = record_frame(body, link(chain, body))
    with (small / "segments" / "000000000000.seg").open("ab") as file:
        file.write(tail)
    seq, reason = broken(verify(small), "unsigned")
    assert seq == 6
    assert "unsigned" in reason
    assert TokenSignatureLedger.read_only(small).head.size == 6
    with open_ledger() as ledger:
        recovered = ledger.record(6)
        assert recovered.kind == "ledger.recovered"
        assert recovered.attributes["dropped_bytes"] == len(tail)
    assert verify(small).status == "ok"


def test_segments_missing_renamed_or_foreign(
    tmp_path: Path, signer: Signer, clock: Callable[[], int]
) -> None:
    store = FileStore(tmp_path / "log")
    with TokenSignatureLedger(store, signer, clock=clock, node="n", segment_bytes=2000) as ledger:
        for _ in range(20):
            ledger.append(Entry("x", {"text": "y" * 200}))
    folder = tmp_path / "log" / "segments"
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) > 3
    assert verify(tmp_path / "log").status == "ok"
    for number, change in enumerate(
        [
            lambda f: (f / names[1]).unlink(),
            lambda f: (f / names[-1]).unlink(),
            lambda f: (f / names[0]).unlink(),
            lambda f: (f / names[1]).rename(f / "000000000099.seg"),
            lambda f: (f / "notes.txt").write_text("hello"),
            lambda f: swap(f / names[1], f / names[2]),
            lambda f: (f / names[1]).write_bytes((f / names[1]).read_bytes() + b"\0"),
            lambda f: (f / names[0]).write_bytes(b"#!/bin/sh\necho a foreign file\n"),
        ]
    ):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(tmp_path / "log", copy)
        change(copy / "segments")
        broken(verify(copy), number)


def swap(one: Path, two: Path) -> None:
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def test_objects_named_by_digest_only(small: Path) -> None:
    reader = TokenSignatureLedger.read_only(small)
    assert not reader.objects.has(Digest(bytes(32)))
