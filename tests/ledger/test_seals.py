"""Seals: written for every full segment, believed only where the signed log says the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from ledger import Entry, Epochs, FileStore, PublicKey, Signer, TokenSignatureLedger, verify
from ledger.chain.sealing import mark_from_seal, read_seal
from ledger.errors import NoteError, SealError
from ledger.storage.seals import Seal, State, digest_of
from ledger.storage.store import Position
from ledger.trust import checkpoint, note
from ledger.trust.endorsement import KeyHistory

ORIGIN = "test.example/log"
SEGMENT_BYTES = 4096

Opened = Callable[[], TokenSignatureLedger]


@pytest.fixture
def long(reopen: Opened, tmp_path: Path) -> Path:
    """A closed ledger of 121 records in several segments."""
    with reopen() as ledger:
        fill(ledger, 30)
    return tmp_path / "log"


def fill(ledger: TokenSignatureLedger, groups: int) -> None:
    for number in range(groups):
        ledger.append(*[Entry("a", {"n": number, "i": i, "t": "x" * 60}) for i in range(4)])


def forget(directory: Path) -> None:
    """Lose the head cache."""
    (directory / "head").unlink()


def last_segment(directory: Path) -> int:
    return len(list((directory / "segments").iterdir())) - 1


def seal_path(directory: Path, number: int) -> Path:
    return directory / "seals" / f"{number:012d}.seal"


def seal_at(directory: Path, number: int) -> Seal:
    return Seal.parse(note.parse(seal_path(directory, number).read_bytes()).text)


def test_every_full_segment_is_sealed_and_the_last_is_not(long: Path, signer: Signer) -> None:
    last = last_segment(long)
    assert last > 3
    assert len(list((long / "seals").iterdir())) == last
    before = None
    for number in range(last):
        signer.public.verify(note.parse(seal_path(long, number).read_bytes()))
        seal, data = seal_at(long, number), (long / "segments" / f"{number:012d}.seg").read_bytes()
        assert (seal.origin, seal.segment, seal.bytes) == (ORIGIN, number, len(data))
        assert seal.digest == blake3(data).digest()
        assert before is None or seal.entry == before
        before = seal.exit


def test_a_seal_tells_the_state_that_the_log_had(long: Path) -> None:
    seal = seal_at(long, 1)
    with TokenSignatureLedger.read_only(long) as ledger:
        last = ledger.record(seal.exit.size - 1)
        assert last.digest == seal.exit.chain
        assert last.hlc == seal.exit.hlc
        assert ledger.record(seal.entry.size - 1).digest == seal.entry.chain


def test_opening_without_cache_reads_the_last_segment_only(
    long: Path, reopen: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(long)
    read: set[int] = set()
    plain = FileStore.read

    def watched(self: FileStore, at: Position, count: int) -> bytes:
        if at.offset > 16:
            read.add(at.segment)
        return plain(self, at, count)

    monkeypatch.setattr(FileStore, "read", watched)
    with reopen() as ledger:
        assert ledger.head.size == 121
        assert read == {last_segment(long)}
        assert ledger.record(60).attributes["n"] == 14
        assert 0 not in read, "reading began at a segment's opening, not at the log's"
    assert verify(long).status == "ok"


@pytest.mark.parametrize("missing", [0, 2, "last", "all"])
def test_a_missing_seal_is_written_at_the_next_open(
    long: Path, reopen: Opened, missing: int | str
) -> None:
    last = last_segment(long)
    gone = range(last) if missing == "all" else [last - 1 if missing == "last" else int(missing)]
    kept = {number: seal_path(long, number).read_bytes() for number in gone}
    for number in gone:
        seal_path(long, number).unlink()
    forget(long)
    with reopen() as ledger:
        assert ledger.head.size == 121
    for number, data in kept.items():
        assert seal_path(long, number).read_bytes() == data


@pytest.mark.parametrize("field", ["exit", "first", "segment", "junk"])
def test_a_false_seal_is_not_believed_and_is_replaced(
    long: Path, reopen: Opened, signer: Signer, field: str
) -> None:
    path = seal_path(long, last_segment(long) - 1)
    good = path.read_bytes()
    lines = note.parse(good).text.split("\n")
    place = next((i for i, line in enumerate(lines) if line.startswith(field)), 0)
    if field == "exit":
        other = seal_at(long, 0)
        lines[place] = f"exit {other.exit.line()}"
        lines[4:6] = ["first 0", f"count {other.exit.size}"]
        lines[6] = f"entry {other.entry.line()}"
    elif field == "junk":
        lines[0] = "another.example/log"
    else:
        lines[place] = f"{field} 3"
    path.write_bytes(signer.sign("\n".join(lines)).encode())
    forget(long)
    with TokenSignatureLedger.read_only(long) as reader:
        assert reader.head.size == 121
    with reopen() as ledger:
        fill(ledger, 1)
    assert path.read_bytes() == good
    assert verify(long).size == 125


def begun(signer: Signer) -> KeyHistory:
    return KeyHistory(Epochs.begun(signer.public))


def test_a_seal_that_says_too_little_of_the_tree_is_no_mark(long: Path, signer: Signer) -> None:
    store = FileStore(long, read_only=True)
    seal = read_seal(store, 0, ORIGIN)
    assert seal is not None
    assert mark_from_seal(store, 1, begun(signer)) is not None
    stranger = Signer(ORIGIN, b"\7" * 32)
    assert mark_from_seal(store, 1, begun(stranger)) is None
    false = State(seal.exit.size, seal.exit.chain, seal.exit.hlc, seal.exit.edge[::-1])
    assert false.root != seal.exit.root
    store.close()


def test_a_seal_of_a_segment_that_still_grows_means_nothing(
    long: Path, reopen: Opened, signer: Signer
) -> None:
    """As a crash between seal and next segment leaves it."""
    last = last_segment(long)
    seal_path(long, last).write_bytes(seal_path(long, last - 1).read_bytes())
    forget(long)
    with reopen() as ledger:
        fill(ledger, 10)
    assert last_segment(long) > last
    assert seal_at(long, last).segment == last
    assert verify(long, signer.public, jobs=2).status == "ok"


def test_a_reader_writes_no_seal(long: Path) -> None:
    seal_path(long, 1).unlink()
    forget(long)
    with TokenSignatureLedger.read_only(long) as ledger:
        assert ledger.head.size == 121
    assert not seal_path(long, 1).exists()


def test_damage_in_an_earlier_segment_does_not_keep_an_appender_out(
    long: Path, reopen: Opened, signer: Signer
) -> None:
    path = long / "segments" / f"{1:012d}.seg"
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)
    seal_path(long, 1).unlink()
    with reopen() as ledger:
        fill(ledger, 1)
    assert not seal_path(long, 1).exists()
    assert verify(long, signer.public).status == "broken"


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace("segment 0", "segment 00"),
        lambda t: t.replace("bytes ", "bytes +"),
        lambda t: t + "more\n",
        lambda t: "\n".join(t.split("\n")[:4]) + "\n",
        lambda t: t.replace("entry 0 ", "entry 0  "),
        lambda t: t.replace("count ", "count  "),
        lambda t: t.replace("first 0", "first 18446744073709551616000"),
        lambda t: t.replace("exit ", "exit x"),
        lambda t: t.replace("blake3 ", "blake3 AAAA"),
    ],
)
def test_other_spellings_are_refused(long: Path, change: Callable[[str], str]) -> None:
    text = note.parse(seal_path(long, 0).read_bytes()).text
    assert Seal.parse(text).text() == text
    with pytest.raises(SealError, match="expected"):
        Seal.parse(change(text))


def test_a_segment_that_ends_early_has_no_digest() -> None:
    with pytest.raises(SealError, match="found its end at 3"):
        digest_of(lambda at, count: b"abc"[at : at + count], 5)


def test_the_seal_is_no_checkpoint(long: Path, signer: Signer) -> None:
    with pytest.raises(NoteError, match="expected"):
        checkpoint.verified(seal_path(long, 0).read_bytes(), PublicKey.parse(str(signer.public)))
