"""Opening without cache: it begins at the last signed head that states the tree's edge."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    DamagedError,
    Entry,
    FileStore,
    KeyFile,
    RollbackError,
    Signer,
    TokenSignatureLedger,
    WrongKey,
    verify,
)
from ledger.chain.durability import OS
from ledger.errors import SealError
from ledger.form.record import Head
from ledger.storage import segment
from ledger.storage.segment import Frame
from ledger.storage.store import Position
from ledger.storage.waypoints import EDGE, INTERVAL, Waypoint, due
from ledger.trust import checkpoint
from ledger.trust.endorsement import KeyHistory, endorse
from ledger.trust.epochs import Epochs
from ledger.trust.keys import load_key
from ledger.trust.merkle import Frontier, leaf_hash
from tests.ledger.conftest import Clock
from tests.ledger.rotating import ORIGIN, Opener, broken, frames_of

TEXT = "x" * 900
GROUPS = 700


def fill(ledger: TokenSignatureLedger, groups: int) -> None:
    for number in range(groups):
        ledger.append(Entry("a", {"n": number, "t": TEXT}))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed ledger of groups of one record, over three intervals and more; without cache."""
    base = tmp_path_factory.mktemp("built")
    key, clock = KeyFile.create(base / "keys" / "log", ORIGIN), Clock()
    with TokenSignatureLedger.open(
        base / "log", key, clock=clock, node="n", durability=OS
    ) as ledger:
        fill(ledger, GROUPS)
    assert size_of(base / "log") > 3 * INTERVAL + 64 * 1024
    forget(base / "log")
    return base


@pytest.fixture
def key(built: Path, tmp_path: Path) -> KeyFile:
    """The key of the ledger that is built already."""
    shutil.copytree(built / "keys", tmp_path / "keys")
    return KeyFile(tmp_path / "keys" / "log")


@pytest.fixture
def long(built: Path, key: KeyFile, tmp_path: Path) -> Path:
    """A copy of it, for the test alone."""
    shutil.copytree(built / "log", tmp_path / "log")
    return tmp_path / "log"


def size_of(directory: Path) -> int:
    return max((directory / "segments").iterdir()).stat().st_size


def forget(directory: Path) -> None:
    (directory / "head").unlink()


def waypoints(directory: Path) -> list[Frame]:
    return [
        frame
        for frame in frames_of(directory)
        if frame.is_checkpoint and EDGE in checkpoint.read(frame.content).extensions
    ]


@contextmanager
def followed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The offsets at which frames were followed from."""
    found: list[int] = []
    plain = segment.runs

    def watched(store: FileStore, start: Position, stop: int) -> Iterator[object]:
        found.append(start.offset)
        return plain(store, start, stop)

    with monkeypatch.context() as patch:
        patch.setattr(segment, "runs", watched)
        yield found


def last_before(directory: Path, offset: int) -> Frame:
    """The last frame of a record that ends before ``offset``."""
    found = [f for f in frames_of(directory) if not f.is_checkpoint and f.stop < offset]
    return found[-1]


def flip(directory: Path, offset: int) -> None:
    path = max((directory / "segments").iterdir())
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_the_first_head_behind_each_interval_states_the_edge(long: Path) -> None:
    edge, last, expected, heads = Frontier(), 0, [], 0
    for frame in frames_of(long):
        if not frame.is_checkpoint:
            edge.append(leaf_hash(frame.content))
            continue
        heads += 1
        found = Waypoint.parse(checkpoint.read(frame.content).extensions)
        if last // INTERVAL != frame.start // INTERVAL:
            assert found == Waypoint(tuple(edge.hashes))
            expected.append(frame.start)
        else:
            assert found is None
        last = frame.start
    assert len(expected) == size_of(long) // INTERVAL
    assert heads == GROUPS + 1


def test_large_groups_have_fewer_waypoints() -> None:
    assert [due(0, each) for each in (100, INTERVAL - 1, INTERVAL)] == [False, False, False]
    assert due(INTERVAL - 100, INTERVAL)
    assert not due(INTERVAL * 4 - 20_000, INTERVAL * 4)
    assert due(INTERVAL * 16 - 20_000, INTERVAL * 16)


def test_what_lies_before_the_last_waypoint_is_not_followed(
    long: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        last = waypoints(long)[-1]
        with followed(monkeypatch) as begun, opened(durability=OS) as ledger:
            assert last.stop in begun
            assert not [at for at in begun if 16 < at < last.stop], begun
            assert ledger.record(ledger.head.size - 2).attributes["t"] == TEXT
            fill(ledger, 200)
        forget(long)
    assert verify(long).size == GROUPS + 401


def test_reading_begins_at_the_waypoints_between(
    long: Path, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(durability=OS) as ledger:
        fill(ledger, 4 * GROUPS)  # of the waypoints between, one for each 1 MiB is remembered
    forget(long)
    places = [frame.start for frame in waypoints(long)]
    with TokenSignatureLedger.read_only(long) as reader, followed(monkeypatch) as begun:
        assert reader.record(2 * GROUPS + GROUPS // 2).attributes["n"] == GROUPS + GROUPS // 2 - 1
        assert begun[0] > 16
        assert begun[0] in [at.stop for at in waypoints(long)], places


def test_damage_before_it_is_left_to_reading_and_verification(long: Path, opened: Opener) -> None:
    bad = last_before(long, waypoints(long)[-1].start - 50_000)
    flip(long, bad.start + 300)
    seq = broken(verify(long)).seq
    with opened(durability=OS) as ledger:
        fill(ledger, 1)
        with pytest.raises(DamagedError, match="expected") as found:
            ledger.record(seq)
        assert found.value.seq == seq
    assert broken(verify(long)).seq == seq


def test_damage_behind_it_is_named_at_opening(long: Path, opened: Opener) -> None:
    bad = last_before(long, size_of(long) - 20_000)
    assert bad.start > waypoints(long)[-1].stop
    flip(long, bad.start + 300)
    seq = broken(verify(long)).seq
    with pytest.raises(DamagedError) as found, opened(durability=OS):
        pass
    assert found.value.seq == seq


@pytest.mark.parametrize("place", [40, 200, 350, 420])
def test_a_damaged_waypoint_is_none(
    long: Path, opened: Opener, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Following begins at the one before it, and so meets the damage."""
    *_, before, last = waypoints(long)
    flip(long, last.start + place)
    with followed(monkeypatch) as begun, pytest.raises(DamagedError) as found:
        opened(durability=OS)
    assert before.stop in begun
    assert found.value.seq == checkpoint.read(last.content).size - 1


def test_a_torn_tail_behind_it_is_set_aside(long: Path, opened: Opener) -> None:
    path = max((long / "segments").iterdir())
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(RollbackError):
        opened(durability=OS)
    (long / "checkpoint").unlink()  # as if the crash had come before it was published
    with opened(durability=OS) as ledger:
        assert ledger.record(ledger.head.size - 1).kind == "ledger.recovered"
    assert verify(long).status == "ok"


@pytest.mark.parametrize("more", [0, 3000])
def test_a_waypoint_within_a_record_is_not_taken_for_one(
    long: Path, opened: Opener, more: int
) -> None:
    """Whoever appends may write an earlier waypoint, and what followed it, into a record."""
    old = waypoints(long)[-1]
    copied = max((long / "segments").iterdir()).read_bytes()[old.start : old.stop + more]
    with opened(durability=OS) as ledger:
        fill(ledger, 230)
        ledger.append(Entry("a", {"n": copied}))
        fill(ledger, 3)
        size = ledger.head.size
    forget(long)
    assert copied in max((long / "segments").iterdir()).read_bytes()[old.stop + more :]
    with opened(durability=OS) as ledger:
        assert ledger.head.size == size
        fill(ledger, 1)
    assert verify(long).size == size + 1


def test_no_number_of_false_ones_makes_opening_endless(long: Path, opened: Opener) -> None:
    with opened(durability=OS) as ledger:
        for _ in range(20):
            ledger.append(Entry("a", {"n": (f"\x7f\n{ORIGIN}\n\n{EDGE} " * 1500)[:50_000]}))
        size = ledger.head.size
    forget(long)
    with opened(durability=OS) as ledger:
        assert ledger.head.size == size


def test_a_signed_head_with_another_edge_does_not_hold(long: Path) -> None:
    signer = load_key(long.parent / "keys" / "log")
    path, last = max((long / "segments").iterdir()), waypoints(long)[-1]
    said = checkpoint.read(last.content)
    edge = Frontier(said.size, Waypoint.parse(said.extensions).edge[::-1])  # type: ignore[union-attr]
    head = Head(said.size, said.chain, said.root)
    more = Waypoint(tuple(edge.hashes)).extensions()
    false = checkpoint.sign(signer, head, said.hlc, said.durability, None, more).note
    data = path.read_bytes()
    assert len(false) == len(said.note)
    frame = segment.checkpoint_frame(false)
    path.write_bytes(data[: last.start] + frame + data[last.stop :])
    found = broken(verify(long))
    assert found.seq == said.size - 1
    assert "edge" in found.reason
    with pytest.raises(DamagedError, match="edge"):
        TokenSignatureLedger.read_only(long)


def test_keys_of_the_segment_stand_in_its_waypoints(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, log = Signer("root.example", bytes(32)), tmp_path / "log"
    with opened(durability=OS, root=root.public) as ledger:
        first = ledger.signers[0]
        fill(ledger, 100)
        ledger.rotate()
        fill(ledger, 100)
        ledger.rotate()
        assert ledger.keys is not None
        ledger.endorse(endorse(root, ledger.keys.epochs).note)
        fill(ledger, GROUPS)
        keys = ledger.keys
    forget(log)
    last = waypoints(log)[-1]
    told = Waypoint.parse(checkpoint.read(last.content).extensions)
    assert told is not None
    assert (told.rotations, told.endorsements) == (keys.epochs.rows[1:], keys.notes)
    for pin in (None, root.public, keys.epochs.current.key):
        with (
            followed(monkeypatch) as begun,
            TokenSignatureLedger.read_only(log, pin) as reader,
        ):
            assert reader.keys == keys
            assert min(at for at in begun if at > 16) == last.stop
    with TokenSignatureLedger.read_only(log, first) as reader:
        assert reader.keys == keys, "only rotations lead from this key: all was followed"
        assert reader.record(150).attributes["t"] == TEXT
    with opened(durability=OS) as ledger:
        assert ledger.keys == keys
        fill(ledger, 1)
    assert verify(log, root.public).status == "ok"


def test_a_thief_of_a_retired_key_makes_no_waypoint(opened: Opener, tmp_path: Path) -> None:
    """He cuts the log before the rotation, and goes on with the key he stole."""
    log, keys = tmp_path / "log", tmp_path / "keys" / "log"
    with opened(durability=OS) as ledger:
        fill(ledger, 50)
        cut, thief = size_of(log), load_key(keys)
        ledger.rotate()
        fill(ledger, 1)
    newest = load_key(keys).public
    path = max((log / "segments").iterdir())
    path.write_bytes(path.read_bytes()[:cut])
    for name in ("head", "checkpoint"):
        (log / name).unlink(missing_ok=True)
    with TokenSignatureLedger.open(log, thief, clock=lambda: 0, node="n", durability=OS) as forged:
        fill(forged, GROUPS)
    forget(log)
    assert waypoints(log)
    with pytest.raises(WrongKey):
        opened(durability=OS)
    with pytest.raises(WrongKey):
        TokenSignatureLedger.read_only(log, newest)


def test_a_segment_with_a_lost_opening_is_appended_to_all_the_same(
    tmp_path: Path, signer: Signer, clock: Callable[[], int]
) -> None:
    """Its waypoints cannot say what happened to the keys in it, so they are left out."""
    store = FileStore(tmp_path / "log")
    with TokenSignatureLedger(
        store, signer, clock=clock, node="n", segment_bytes=100_000, durability=OS
    ) as ledger:
        fill(ledger, 80)
        ledger.append(*[Entry("a", {"t": TEXT}) for _ in range(40)])
        number = store.end().segment
        assert number > 0
        path = tmp_path / "log" / "segments" / f"{number:012d}.seg"
        data = path.read_bytes()
        path.write_bytes(data[:40] + b"?" + data[41:])
        ledger.append(*[Entry("a", {"t": "y" * 30_000}) for _ in range(40)])
    assert verify(tmp_path / "log").status == "broken"


HASHES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=20).map(tuple)
NOTES = st.lists(st.tuples(st.integers(0, 2**63), st.binary(min_size=1, max_size=99)), max_size=3)


@given(edge=HASHES, firsts=st.sets(st.integers(1, 2**40), max_size=4), notes=NOTES)
def test_what_a_waypoint_writes_it_reads(
    edge: tuple[bytes, ...], firsts: set[int], notes: list[tuple[int, bytes]]
) -> None:
    epochs = Epochs.begun(Signer(ORIGIN, bytes(32)).public)
    for number, first in enumerate(sorted(firsts), 1):
        key = Signer(ORIGIN, bytes([number]) * 32).public
        epochs = epochs.rotated(first, key, epochs.current.chain)
    keys = KeyHistory(epochs, None, tuple(notes))
    found = Waypoint.of(edge, keys, 0)
    assert Waypoint.parse(found.extensions()) == found
    assert found.holds(edge, keys)
    assert not found.holds((*edge, bytes(32)), keys)


@pytest.mark.parametrize(("name", "words"), [("rotations", "1 2 3"), ("endorsements", "1")])
def test_a_line_of_too_few_words_is_refused(name: str, words: str) -> None:
    with pytest.raises(SealError, match=f"words by . in the line '{name}'"):
        Waypoint.parse({EDGE: "", name: words})


def test_what_does_not_fit_into_a_note_is_not_stated() -> None:
    keys = KeyHistory(Epochs.begun(Signer(ORIGIN, bytes(32)).public), None, ((3, bytes(40_000)),))
    assert Waypoint.of((bytes(32),), keys, 0).extensions() == {}
