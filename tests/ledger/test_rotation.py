"""Rotation: the log's key changes, and the log goes on."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import (
    Entry,
    EpochError,
    Epochs,
    KeyFile,
    KeyMisplaced,
    KeyProblem,
    MemoryStore,
    Signer,
    TokenSignatureLedger,
    WrongKey,
    load_key,
    verify,
)
from ledger.form import canonical
from ledger.storage.file_store import FileStore
from ledger.trust import checkpoint
from ledger.trust.endorsement import endorse
from tests.ledger.rotating import ORIGIN, Opener, broken, frames_of, holds


def test_a_log_goes_on_under_a_new_key(opened: Opener, tmp_path: Path, key: KeyFile) -> None:
    old = key.public
    with opened() as ledger:
        ledger.append(Entry("a", {}))
        record = ledger.rotate()
        assert (record.seq, record.kind) == (2, "ledger.rotated")
        assert ledger.public_key == load_key(key.path).public != old
        assert record.attributes == {"epoch": 1, "public_key": str(ledger.public_key)}
        assert ledger.append(Entry("b", {}))[0].seq == 4
        kinds = [found.kind for found in ledger.read()]
    assert kinds == ["ledger.created", "a", "ledger.rotated", "ledger.accepted", "b"]
    for pin in (None, old, load_key(key.path).public):
        found = verify(tmp_path / "log", pin)
        assert (found.status, found.size) == ("ok", 5), found
        with TokenSignatureLedger.read_only(tmp_path / "log", pin) as reader:
            assert [record.kind for record in reader.read()] == kinds
            assert reader.keys is not None
            assert [row.first for row in reader.keys.epochs] == [0, 3]


def test_only_the_rotation_is_signed_by_the_old_key_after_it(
    rotated: tuple[Path, list[Signer]],
) -> None:
    directory, stolen = rotated
    found = verify(directory)
    assert found.status == "ok"
    with TokenSignatureLedger.read_only(directory) as reader:
        assert reader.keys is not None
        epochs = reader.keys.epochs
    assert [row.key for row in epochs] == [thief.public for thief in stolen]
    signers = []
    for frame in frames_of(directory):
        if frame.is_checkpoint:
            stated = checkpoint.confirmed(frame.content, epochs)
            owner = next(s for s in stolen if holds(frame.content, s.public))
            signers.append((stated.size, stolen.index(owner)))
            assert ("epochs" in stated.extensions) == (owner is not stolen[0])
    assert signers == [
        (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 1), (7, 1), (8, 1), (9, 1),
        (10, 1), (11, 2), (12, 2), (13, 2), (14, 2),
    ]  # fmt: skip


def test_the_verdict_says_by_what_it_trusts(rotated: tuple[Path, list[Signer]]) -> None:
    directory, stolen = rotated
    said = [verify(directory, thief.public).remarks[0] for thief in stolen]
    assert "unbroken chain of rotations leads from it to epoch 2" in said[0]
    assert "signed epoch 1" in said[1]
    assert "signs epoch 2, the newest" in said[2]
    assert verify(directory).trusted is False
    other = verify(directory, Signer(ORIGIN, bytes(32)).public)
    assert (other.status, other.size) == ("broken", 0)
    assert other.first_bad is not None
    assert "expected a ledger of key" in other.first_bad.reason


def test_another_process_takes_the_new_key(opened: Opener, key: KeyFile) -> None:
    with opened() as first, opened() as second, opened() as reader:
        first.append(Entry("a", {}))
        second.rotate()
        third = second.rotate()
        assert first.append(Entry("b", {}))[0].seq == third.seq + 2
        assert first.public_key == load_key(key.path).public
        reader.refresh()
        assert reader.head == first.head
        first.rotate()
        assert second.append(Entry("c", {}))


def test_a_bare_signer_of_before_is_refused(opened: Opener, key: KeyFile) -> None:
    with opened(load_key(key.path)) as bare:
        bare.append(Entry("a", {}))
        with pytest.raises(KeyProblem, match="KeyFile"):
            bare.rotate()
        bare.append(Entry("still usable", {}))
        old = load_key(key.path)
        with opened() as other:
            other.rotate()
        with pytest.raises(WrongKey, match="rotated"):
            bare.append(Entry("b", {}))
    with pytest.raises(WrongKey):
        opened(old)
    with opened(load_key(key.path)) as bare:
        assert bare.append(Entry("c", {}))


def test_keys_do_not_lie_in_the_ledger(tmp_path: Path, clock: Callable[[], int]) -> None:
    inside = KeyFile.create(tmp_path / "log" / "keys" / "k", ORIGIN)
    with pytest.raises(KeyMisplaced):
        TokenSignatureLedger.open(tmp_path / "log", inside, clock=clock, node="n")
    assert not (tmp_path / "log" / "segments").exists()


def test_an_old_copy_of_the_ledger_cannot_go_on(
    opened: Opener, tmp_path: Path, key: KeyFile, clock: Callable[[], int]
) -> None:
    with opened() as ledger:
        ledger.append(Entry("a", {}))
    shutil.copytree(tmp_path / "log", tmp_path / "copy")
    with opened() as ledger:
        ledger.rotate()
    with pytest.raises(WrongKey, match="newer copy of the ledger"):
        TokenSignatureLedger.open(tmp_path / "copy", KeyFile(key.path), clock=clock, node="n")
    assert verify(tmp_path / "copy").size == 2, "reading is still possible, and nothing changed"


def test_over_memory_and_over_many_segments(key: KeyFile, clock: Callable[[], int]) -> None:
    store = MemoryStore()
    ledger = TokenSignatureLedger(
        store, KeyFile(key.path), clock=clock, node="n", segment_bytes=2500
    )
    for number in range(6):
        ledger.append(*(Entry("a", {"n": number, "i": i}) for i in range(9)))
        ledger.rotate()
    assert store.end().segment >= 3
    assert len(list(ledger.read())) == ledger.head.size == 67
    again = TokenSignatureLedger(store, KeyFile(key.path), clock=clock, node="n")
    assert again.head == ledger.head
    assert again.keys == ledger.keys


@pytest.mark.parametrize("jobs", [1, 2])
def test_segments_and_seals_carry_epochs(
    tmp_path: Path, key: KeyFile, clock: Callable[[], int], jobs: int
) -> None:
    first = key.public
    with TokenSignatureLedger(
        FileStore(tmp_path / "log"), key, clock=clock, node="n", segment_bytes=4000
    ) as ledger:
        root = Signer("root.example", bytes(31) + b"\1")
        for number in range(6):
            ledger.append(*(Entry("a", {"n": number, "i": i}) for i in range(20)))
            ledger.rotate()
            assert ledger.keys is not None
            ledger.endorse(endorse(root, ledger.keys.epochs, number).note)
        ledger.append(Entry("last", {}))
        history = ledger.keys
    assert (tmp_path / "log" / "seals").is_dir()
    for pin in (None, first, key.public, root.public, history.epochs):
        found = verify(tmp_path / "log", pin, jobs=jobs)
        assert found.status == "ok", found
    (tmp_path / "log" / "head").unlink(missing_ok=True)
    for pin in (None, first, key.public, root.public):
        with TokenSignatureLedger.read_only(tmp_path / "log", pin) as reader:
            assert reader.keys == history
            assert reader.record(3).attributes == {"n": 0, "i": 2}
    with TokenSignatureLedger.open(tmp_path / "log", key, clock=clock, node="n") as ledger:
        ledger.append(Entry("more", {}))
        assert ledger.keys == history


def test_the_head_cache_carries_epochs(rotated: tuple[Path, list[Signer]], opened: Opener) -> None:
    directory, stolen = rotated
    with opened() as ledger:
        ledger.append(*(Entry("filler", {"text": "x" * 1000}) for _ in range(100)))
        seq = ledger.head.size
    data = canonical.decode((directory / "head").read_bytes())
    assert isinstance(data, list)
    assert len(data) == 8
    assert isinstance(data[6], str)
    for pin in (stolen[2].public, stolen[0].public, None, Epochs.parse(data[6])):
        with TokenSignatureLedger.read_only(directory, pin) as reader:
            assert reader.head.size == seq
            assert reader.keys is not None
            assert reader.keys.epochs.text() == data[6]
            assert reader.record(2).attributes["count"] == 1
    with opened() as ledger:
        assert ledger.append(Entry("b", {}))[0].seq == seq


def test_a_root_vouches_for_what_it_endorsed(
    tmp_path: Path, key: KeyFile, clock: Callable[[], int]
) -> None:
    root = Signer("root.example", bytes(31) + b"\1")
    directory = tmp_path / "log"
    with TokenSignatureLedger.open(
        directory, key, clock=clock, node="n", root=root.public
    ) as ledger:
        ledger.append(Entry("a", {}))
        assert "epoch 0, which is not" in broken(verify(directory, root.public)).reason
        ledger.rotate()
        assert "did not endorse epoch 0, 1; have its keeper" in str(verify(directory).remarks)
        assert ledger.keys is not None
        ledger.endorse(endorse(root, ledger.keys.epochs).note)
        said = verify(directory, root.public)
        assert (said.status, said.remarks[0]) == (
            "ok",
            "trusted: the root you gave endorsed all 2 epochs",
        )
        assert verify(directory).remarks == ()
        with TokenSignatureLedger.read_only(directory, root.public) as reader:
            ledger.rotate()
            ledger.append(Entry("b", {}))
            assert "did not endorse epoch 2; have" in str(verify(directory).remarks)
            with pytest.raises(WrongKey, match="records 6 to 7 in epoch 2, which is not"):
                reader.refresh()
        ledger.endorse(endorse(root, ledger.keys.epochs, 2).note)
        assert verify(directory, root.public).status == "ok"
        impostor = Signer("root.example", bytes(31) + b"\2")
        size = ledger.head.size
        with pytest.raises(Exception, match="expected one signature by"):
            ledger.endorse(endorse(impostor, ledger.keys.epochs).note)
        with pytest.raises(EpochError, match="found one of 'elsewhere'"):
            ledger.endorse(endorse(root, Epochs.begun(Signer("elsewhere", bytes(32)).public)).note)
        assert ledger.head.size == size
        ledger.append(Entry("still usable", {}))
    assert broken(verify(directory, impostor.public)).seq == 0
    created = TokenSignatureLedger.read_only(directory).record(0)
    assert created.attributes["root_key"] == str(root.public)


def test_a_root_nobody_named_before_is_as_good(opened: Opener, tmp_path: Path) -> None:
    root = Signer("root.example", bytes(31) + b"\1")
    with opened() as ledger:
        assert ledger.keys is not None
        ledger.endorse(endorse(root, ledger.keys.epochs).note)
        ledger.append(Entry("a", {}))
    assert verify(tmp_path / "log", root.public).status == "ok"
    assert broken(verify(tmp_path / "log", Signer("r", bytes(32)).public)).seq == 0
