"""Rotation: the log's key changes, the old one is gone, and no thief can use what is left."""

import base64
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ledger import (
    DamagedError,
    Entry,
    EpochError,
    Epochs,
    FirstBad,
    KeyFile,
    KeyMisplaced,
    KeyProblem,
    MemoryStore,
    NoteError,
    PublicKey,
    Signer,
    TokenSignatureLedger,
    Verification,
    WrongKey,
    load_key,
    verify,
)
from ledger.chain.durability import OS
from ledger.form import canonical
from ledger.form.record import genesis, link
from ledger.storage import segment
from ledger.storage.file_store import FileStore, segment_name
from ledger.storage.segment import Frame
from ledger.storage.store import Position
from ledger.trust import checkpoint
from ledger.trust.endorsement import endorse
from ledger.trust.merkle import Frontier, leaf_hash

ORIGIN = "test.example/log"
ROOT = Path(__file__).parents[2]
Opener = Callable[..., TokenSignatureLedger]


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    return KeyFile.create(tmp_path / "keys" / "log", ORIGIN)


@pytest.fixture
def opened(tmp_path: Path, key: KeyFile, clock: Callable[[], int]) -> Opener:
    def again(ring: KeyFile | Signer | None = None, **more: object) -> TokenSignatureLedger:
        directory = tmp_path / "log"
        used = KeyFile(key.path) if ring is None else ring
        return TokenSignatureLedger.open(directory, used, clock=clock, node="n", **more)  # type: ignore[arg-type]

    return again


@pytest.fixture
def rotated(opened: Opener, tmp_path: Path) -> tuple[Path, list[Signer]]:
    """A closed log of three epochs, and copies of all its secret keys, as a thief took them."""
    stolen = []
    with opened() as ledger:
        for number in range(3):
            if number:
                ledger.rotate()
            stolen.append(load_key(tmp_path / "keys" / "log"))
            for count in range(3):
                ledger.append(Entry("a", {"epoch": number, "count": count}))
    return tmp_path / "log", stolen


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


def holds(note: bytes, public: PublicKey) -> bool:
    try:
        checkpoint.verified(note, public)
    except NoteError:
        return False
    return True


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


# What a thief of a retired key can do.


def frames_of(directory: Path) -> list[Frame]:
    store = FileStore(directory, read_only=True)
    try:
        start = Position(0, segment.HEADER.size)
        found = segment.frames(store, start, store.end().offset)
        return [frame for frame in found if isinstance(frame, Frame)]
    finally:
        store.close()


def forge(
    directory: Path, seq: int, thief: Signer, upto: int | None = None, statement: str | None = None
) -> None:
    """Rewrite record ``seq`` and sign every head after it anew, up to ``upto`` records."""
    chain, edge, hlc = genesis(ORIGIN), Frontier(), 0
    parts, changed = [segment.header(0)], False
    for frame in frames_of(directory):
        if frame.is_checkpoint:
            note = frame.content
            if changed and (upto is None or edge.size <= upto):
                head = checkpoint.Head(edge.size, chain, edge.root())
                mode = checkpoint.read(note).durability
                note = checkpoint.sign(thief, head, hlc, mode, statement).note
            parts.append(segment.checkpoint_frame(note))
            continue
        body = frame.content
        values = canonical.decode(body)
        assert isinstance(values, list)
        hlc = values[2]  # type: ignore[assignment]
        if values[1] == seq:
            values[8], changed = {"epoch": 9, "count": 9}, True  # as long as before
            body = canonical.encode(values)
        chain = link(chain, body) if changed else canonical.Digest(frame.tail)
        edge.append(leaf_hash(body))
        parts.append(segment.record_frame(body, chain))
    (directory / "segments" / segment_name(0)).write_bytes(b"".join(parts))
    for name in ("head", "checkpoint"):
        (directory / name).unlink(missing_ok=True)


def spellings(seed: bytes) -> list[bytes]:
    """The seed in every spelling in which it could have been left somewhere."""
    found = [seed, seed.hex().encode(), seed.hex().upper().encode(), repr(seed).encode()]
    encoders = (base64.b64encode, base64.urlsafe_b64encode, base64.b32encode)
    found += [make(lead + seed).rstrip(b"=")[:40] for lead in (b"", b"\1") for make in encoders]
    found.append(seed[::-1])
    return found


def test_what_is_left_cannot_sign_the_past_again(tmp_path: Path, opened: Opener) -> None:
    old = load_key(tmp_path / "keys" / "log")
    with opened() as ledger:
        for count in range(4):
            ledger.append(Entry("a", {"count": count}))
        ledger.rotate()
        ledger.append(Entry("b", {}))
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(everything) >= 3
    for path in everything:
        data = path.read_bytes()
        for spelling in spellings(old._seed):
            assert spelling not in data, path
    found = [load_key(path) for path in (tmp_path / "keys").iterdir()]
    assert [each.public for each in found] == [load_key(tmp_path / "keys" / "log").public]
    for thief in found:
        for statement in (None, "2 AAAA"):
            copy = tmp_path / "forged"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(tmp_path / "log", copy)
            forge(copy, 2, thief, statement=statement)
            for pin in (None, old.public, thief.public):
                verdict = verify(copy, pin)
                assert verdict.status == "broken"
                assert verdict.first_bad is not None
                assert verdict.first_bad.seq <= 3


def test_a_stolen_old_key_forges_nothing_before_the_rotation(
    rotated: tuple[Path, list[Signer]],
) -> None:
    """All heads of epoch 0 signed again by its true, stolen key: the rotation does not follow."""
    directory, stolen = rotated
    forge(directory, 2, stolen[0], upto=5)
    for pin in (None, *(thief.public for thief in stolen)):
        verdict = verify(directory, pin)
        assert (verdict.status, verdict.first_bad is not None) == ("broken", True)
        assert verdict.first_bad is not None
        assert verdict.first_bad.seq == 5, verdict


def test_a_stolen_old_key_cannot_outlive_its_rotation(
    rotated: tuple[Path, list[Signer]],
) -> None:
    """Cut behind the rotation and gone on with the old key, or with the old key's other heir."""
    directory, stolen = rotated
    forge(directory, 6, stolen[0])
    assert broken(verify(directory, stolen[0].public)).seq == 6
    assert broken(verify(directory, stolen[2].public)).seq == 6


def broken(found: Verification) -> FirstBad:
    assert found.status == "broken"
    assert found.first_bad is not None
    return found.first_bad


def test_the_newest_key_as_pin_refuses_another_heir(
    tmp_path: Path, clock: Callable[[], int], rotated: tuple[Path, list[Signer]]
) -> None:
    """A thief of the first key begins a log of his own, and even names the true successor."""
    _, stolen = rotated
    own = tmp_path / "own"
    with TokenSignatureLedger.open(own, stolen[0], clock=clock, node="n") as ledger:
        ledger.append(Entry("forged", {}))
        named = {"epoch": 1, "public_key": str(stolen[1].public)}
        ledger._writer._write_own(Entry("ledger.rotated", named))
    assert "found only that it was named" in broken(verify(own, stolen[1].public)).reason
    assert broken(verify(own, stolen[2].public)).seq == 0
    with pytest.raises(WrongKey):
        TokenSignatureLedger.read_only(own, stolen[1].public)


def test_a_forged_middle_does_not_open_under_a_true_head(
    rotated: tuple[Path, list[Signer]], opened: Opener
) -> None:
    """The thief rewrites epoch 0 under his signature; cache, head and everything later are true."""
    directory, stolen = rotated
    with opened() as ledger:
        ledger.append(*(Entry("filler", {"text": "x" * 1000}) for _ in range(100)))
    kept = {name: (directory / name).read_bytes() for name in ("head", "checkpoint")}
    path = directory / "segments" / segment_name(0)
    true = path.read_bytes()
    forge(directory, 2, stolen[0], upto=5)
    forged = path.read_bytes()
    seam = next(f.start for f in frames_of(directory) if b"ledger.accepted" in f.content)
    assert len(forged) == len(true)
    path.write_bytes(forged[:seam] + true[seam:])
    for name, data in kept.items():
        (directory / name).write_bytes(data)
    with TokenSignatureLedger.read_only(directory, stolen[2].public) as reader:
        with pytest.raises(DamagedError):
            reader.record(12)  # so short a log is read from its start
        for first, last in ((2, 3), (0, 3), (3, 4), (2, 20)):
            with pytest.raises(DamagedError, match="another past"):
                list(reader.read(first, last))
    assert broken(verify(directory, stolen[2].public)).seq == 5
    with pytest.raises(DamagedError):
        TokenSignatureLedger.read_only(directory, stolen[0].public)


@pytest.mark.parametrize("pin", [None, 0, 1, 2])
def test_a_forged_cache_is_not_believed(
    rotated: tuple[Path, list[Signer]], opened: Opener, pin: int | None
) -> None:
    """Other epochs in the cache than in the log: the signed head states their digest."""
    directory, stolen = rotated
    with opened() as ledger:
        ledger.append(*(Entry("filler", {"text": "x" * 1000}) for _ in range(100)))
        true = ledger.keys
    assert true is not None
    cache = canonical.decode((directory / "head").read_bytes())
    assert isinstance(cache, list)
    rows = true.epochs.rows
    evil = Signer(ORIGIN, b"\7" * 32).public
    tables = [
        Epochs.of([rows[0], rows[1]._replace(first=8), *rows[2:]]),
        Epochs.of([rows[0], rows[1]._replace(chain=rows[0].chain), *rows[2:]]),
        Epochs.of([rows[0], rows[2]._replace(number=1)]),
        Epochs.of([*rows, rows[2]._replace(number=3, first=60, key=evil)]),
        Epochs.of([rows[0]]),
        Epochs.begun(evil),
    ]
    key = None if pin is None else stolen[pin].public
    for table in tables:
        for data in ([*cache[:6], table.text(), []], cache[:6], [*cache[:6], table.text()]):
            (directory / "head").write_bytes(canonical.encode(data))
            with TokenSignatureLedger.read_only(directory, key) as reader:
                assert reader.keys == true
                assert reader.record(2).attributes == {"epoch": 0, "count": 1}


# What the rules of a log refuse.


def lawless(directory: Path, *kinds: Entry, signers: list[Signer]) -> None:
    """A log that its own keys sign, group by group, whatever it says."""
    store = FileStore(directory)
    first = signers[0].public
    created = {"format": 1, "origin": first.name, "public_key": str(first)}
    chain, edge, parts = genesis(ORIGIN), Frontier(), [segment.header(0)]
    epochs = Epochs.begun(first)
    for entry, signer in zip((Entry("ledger.created", created), *kinds), signers, strict=True):
        body = canonical.encode(
            [
                1,
                edge.size,
                edge.size + 1,
                "n",
                "",
                "",
                "",
                entry.kind,
                dict(entry.attributes),
                None,
                None,
            ]
        )
        chain = link(chain, body)
        edge.append(leaf_hash(body))
        parts.append(segment.record_frame(body, chain))
        head = checkpoint.Head(edge.size, chain, edge.root())
        said = epochs.statement(edge.size)
        if entry.kind == "ledger.rotated":
            with suppress(EpochError, KeyProblem):
                named = PublicKey.parse(str(entry.attributes["public_key"]))
                epochs = epochs.rotated(edge.size, named, chain)
        if signer is not None:
            note = checkpoint.sign(signer, head, edge.size, "group(0)", said).note
            parts.append(segment.checkpoint_frame(note))
    store.begin_segment(0, b"".join(parts))
    store.close()


def key_of(number: int) -> Signer:
    return Signer(ORIGIN, number.to_bytes(32, "big"))


def rotation(epoch: int, number: int, **more: str) -> Entry:
    return Entry(
        "ledger.rotated", {"epoch": epoch, "public_key": str(key_of(number).public), **more}
    )


A = Entry("a", {})
LAWLESS: dict[str, tuple[list[Entry], list[int | None], int, str]] = {
    "lawful": ([A, rotation(1, 1), A], [0, 0, 0, 1], -1, ""),
    "skipped": ([A, rotation(2, 1), A], [0, 0, 0, 1], 2, "expected a rotation to epoch 1"),
    "repeated": ([rotation(1, 1), rotation(1, 2)], [0, 0, 1], 2, "expected a rotation to epoch 2"),
    "signed by the old": ([A, rotation(1, 1), A], [0, 0, 0, 0], 3, "expected one signature"),
    "signed by the new too early": ([A, rotation(1, 1)], [0, 0, 1], 2, "expected one signature"),
    "not the last": ([A, rotation(1, 1), A], [0, 0, None, 0], 2, "as the last record of its group"),
    "two in a group": ([rotation(1, 1), rotation(2, 2)], [0, None, 0], 1, "as the last record"),
    "back to a key": ([rotation(1, 1), rotation(2, 0)], [0, 0, 1], 2, "never returns"),
    "no key": ([Entry("ledger.rotated", {"epoch": 1, "public_key": "x"})], [0, 0], 1, "a public key"),
    "more": ([rotation(1, 1, more="x")], [0, 0], 1, "epoch and public_key"),
    "endorsed by nobody": ([Entry("ledger.endorsed", {"note": "x"})], [0, 0], 1, "expected"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAWLESS)
def test_the_rules_of_rotation(tmp_path: Path, name: str) -> None:
    entries, numbers, seq, reason = LAWLESS[name]
    signers = [None if number is None else key_of(number) for number in numbers]
    lawless(tmp_path / "log", *entries, signers=signers)  # type: ignore[arg-type]
    found = verify(tmp_path / "log", key_of(0).public)
    if seq < 0:
        assert found.status == "ok", found
        return
    bad = broken(found)
    assert (bad.seq, reason in bad.reason) == (seq, True), bad
    with pytest.raises(DamagedError):
        TokenSignatureLedger.read_only(tmp_path / "log")


# The offline root.


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
        assert ledger.keys is not None
        ledger.endorse(endorse(root, ledger.keys.epochs).note)
        said = verify(directory, root.public)
        assert (said.status, said.remarks[0]) == (
            "ok",
            "trusted: the root you gave endorsed all 2 epochs",
        )
        with TokenSignatureLedger.read_only(directory, root.public) as reader:
            ledger.rotate()
            ledger.append(Entry("b", {}))
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


# Killed.

KILLED = """
import os, signal, sys
from pathlib import Path
from ledger import Entry, KeyFile, TokenSignatureLedger
count, calls = int(sys.argv[2]), 0
def deadly(name, after):
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
here = Path(sys.argv[1])
ledger = TokenSignatureLedger.open(here / "log", KeyFile(here / "keys" / "log"), clock=lambda: 0, node="n")
for name in ("link", "rename", "replace", "unlink", "fsync", "pwrite", "pwritev", "write", "open"):
    deadly(name, sys.argv[3] == "after")
ledger.rotate()
print("rotated", calls)
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_anywhere_in_a_rotation_it_can_go_on(
    opened: Opener, tmp_path: Path, key: KeyFile, when: str
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
        ran = subprocess.run(
            [sys.executable, "-c", KILLED, str(here), str(count), when],
            cwd=ROOT, capture_output=True, check=False, text=True,
        )  # fmt: skip
        ended = ran.stdout.startswith("rotated")
        assert ended or ran.returncode == -signal.SIGKILL, ran.stderr
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
            secret = base64.b64encode(b"\1" + first._seed)
            assert all(secret not in path.read_bytes() for path in names)
    assert count > 12, "the calls were met"
