"""The ledger's behaviour, over both stores."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import (
    BodyTooLarge,
    CanonicalError,
    ClockError,
    ClosedError,
    ConflictError,
    Digest,
    Entry,
    EntryError,
    FileStore,
    LedgerMissing,
    MemoryStore,
    PublicKey,
    ReadOnlyError,
    Signer,
    Store,
    TokenSignatureLedger,
    UnreadableError,
    WrongKey,
    body_of,
    verify,
)
from ledger.trust.merkle import leaf_hash, verify_inclusion

Clock = Callable[[], int]


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path / "log")


@pytest.fixture
def log(store: Store, signer: Signer, clock: Clock) -> TokenSignatureLedger:
    return TokenSignatureLedger(store, signer, clock=clock, node="n1", segment_bytes=20_000)


def test_a_new_ledger_says_who_it_is(log: TokenSignatureLedger, signer: Signer) -> None:
    first = log.record(0)
    assert first.kind == "ledger.created"
    assert first.attributes["public_key"] == str(signer.public)
    assert log.head.size == 1
    assert log.checkpoint is not None
    assert log.checkpoint.size == 1


def test_append_and_read_back(log: TokenSignatureLedger) -> None:
    name = log.objects.put(b"content")
    appended = log.append(
        Entry("x", {"b": 1, "a": [1]}, session="s", actor="me", token="t", payload=name),
        Entry("y", {}),
    )
    assert [record.seq for record in appended] == [1, 2]
    assert tuple(log.read(1)) == appended
    assert appended[0].payload == name
    assert log.objects.get(name) == b"content"
    assert log.head.chain == appended[1].digest
    assert list(log.read(2, 2)) == []
    with pytest.raises(IndexError):
        log.record(3)
    with pytest.raises(IndexError):
        log.record(-1)


def test_the_head_is_compared_before_it_moves(log: TokenSignatureLedger) -> None:
    with pytest.raises(ConflictError):
        log.append(Entry("x", {}), expected=5)
    log.append(Entry("x", {}), expected=1)
    assert log.append() == ()
    assert log.head.size == 2


def test_time_moves_on_when_the_clock_goes_back(log: TokenSignatureLedger, clock: Clock) -> None:
    clock.now = 2_000_000_000_000_000_000  # type: ignore[attr-defined]
    first = log.append(Entry("x", {}))[0]
    clock.now = 1_000_000_000_000_000_000  # type: ignore[attr-defined]
    second, third = log.append(Entry("x", {}), Entry("x", {}))
    assert first.hlc < second.hlc < third.hlc
    assert first.hlc >> 16 == 2_000_000_000_000


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (Entry("x", {"f": 1.5}), CanonicalError),  # type: ignore[dict-item]
        (Entry("x", {"s": "\ud800"}), CanonicalError),
        (Entry("", {}), EntryError),
        (Entry("ledger.created", {}), EntryError),
        (Entry("x", {}, session=b"s"), EntryError),  # type: ignore[arg-type]
        (Entry("x", {}, payload=Digest(b"short")), EntryError),
        (Entry("x", {"big": "x" * 65_536}), BodyTooLarge),
    ],
)
def test_a_refused_group_leaves_nothing(
    log: TokenSignatureLedger, entry: Entry, error: type[Exception]
) -> None:
    before = log.head
    with pytest.raises(error):
        log.append(Entry("fine", {}), entry)
    assert log.head == before
    assert log.append(Entry("next", {}))[0].seq == 1
    assert [record.kind for record in log.read(1)] == ["next"]


def test_a_clock_that_stands_is_refused(signer: Signer) -> None:
    with pytest.raises(ClockError):
        TokenSignatureLedger(
            MemoryStore(), signer, clock=lambda: 0, node="n", hlc=lambda before: before
        )


def test_many_segments_are_one_log(log: TokenSignatureLedger, store: Store) -> None:
    appended = [log.append(Entry("x", {"text": "y" * 900, "n": n}))[0] for n in range(100)]
    assert store.end().segment > 3
    assert list(log.read(1)) == appended
    assert list(log.read(57, 61)) == appended[56:60]
    proof = log.prove(57)
    verify_inclusion(proof, leaf_hash(appended[56].body), log.head.root)


def test_large_groups_are_found_again(log: TokenSignatureLedger) -> None:
    for start in range(0, 5000, 1250):
        log.append(*[Entry("x", {"n": n}) for n in range(start, start + 1250)])
    assert log.record(3700).attributes == {"n": 3699}
    assert sum(1 for _ in log.read()) == 5001


def test_opening_again_finds_the_same_head(
    open_ledger: Callable[[], TokenSignatureLedger], tmp_path: Path
) -> None:
    with open_ledger() as ledger:
        for _ in range(4):
            ledger.append(*[Entry("x", {"text": "y" * 100, "n": n}) for n in range(1100)])
        head, records = ledger.head, list(ledger.read())
    cache = tmp_path / "log" / "head"
    saved = cache.read_bytes()
    for content in (saved, None, b"junk", saved[:-5], saved.replace(b"\x01", b"\x02")):
        cache.unlink(missing_ok=True)
        if content is not None:
            cache.write_bytes(content)
        with open_ledger() as ledger:
            assert ledger.head == head
            assert ledger.record(3333) == records[3333]
            assert list(ledger.read(4390)) == records[4390:]


def test_two_instances_see_each_other(open_ledger: Callable[[], TokenSignatureLedger]) -> None:
    with open_ledger() as one, open_ledger() as two:
        one.append(Entry("from one", {}))
        assert two.append(Entry("from two", {}))[0].seq == 2
        assert one.head.size == 2
        assert one.refresh() == two.head
        assert one.refresh() == two.head
        assert [r.kind for r in one.read(1)] == ["from one", "from two"]


def test_threads_share_an_instance(log: TokenSignatureLedger) -> None:
    def work() -> None:
        for _ in range(25):
            log.append(Entry("x", {}))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.head.size == 101
    assert sum(1 for _ in log.read()) == 101


def test_reading_only(small: Path, signer: Signer) -> None:
    with TokenSignatureLedger.read_only(small) as reader:
        assert reader.public_key == signer.public
        assert [r.kind for r in reader.read()] == ["ledger.created", "a", "b", "c", "d", "e"]
        with pytest.raises(ReadOnlyError):
            reader.append(Entry("x", {}))
    with pytest.raises(ClosedError):
        reader.read()
    with TokenSignatureLedger.read_only(small, signer.public) as reader:
        assert reader.head.size == 6
    other = Signer("test.example/log", bytes(32)).public
    with pytest.raises(WrongKey):
        TokenSignatureLedger.read_only(small, other)


def test_the_wrong_key_cannot_append(small: Path, clock: Clock) -> None:
    with pytest.raises(WrongKey):
        TokenSignatureLedger.open(small, Signer("other", bytes(32)), clock=clock, node="n")


def test_nothing_there(tmp_path: Path, signer: Signer, clock: Clock) -> None:
    with pytest.raises(LedgerMissing):
        TokenSignatureLedger.read_only(tmp_path / "none")
    with pytest.raises(LedgerMissing):
        TokenSignatureLedger.open(tmp_path / "none", signer, clock=clock, node="n", create=False)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnreadableError):
        TokenSignatureLedger.open(tmp_path / "file", signer, clock=clock, node="n")
    assert verify(tmp_path / "none").status == "empty"


def test_replay_reproduces_every_byte(small: Path) -> None:
    with TokenSignatureLedger.read_only(small) as recorded:
        replayed = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n1")
        for record in recorded.read():
            assert replayed.append_verbatim(record.body) == record
        assert replayed.head == recorded.head
        assert list(replayed.read(3)) == list(recorded.read(3))


def test_replay_from_recorded_times(small: Path) -> None:
    with TokenSignatureLedger.read_only(small) as recorded:
        records = list(recorded.read())
    times = iter(record.hlc for record in records[1:])
    memory = TokenSignatureLedger(
        MemoryStore(), clock=lambda: 0, node="n1", hlc=lambda _before: next(times)
    )
    memory.append_verbatim(records[0].body)
    for record in records[1:]:
        entry = Entry(
            record.kind, record.attributes, session=record.session, actor=record.actor,
            token=record.token, payload=record.payload,
        )  # fmt: skip
        assert body_of(entry, seq=record.seq, hlc=record.hlc, node="n1") == record.body
        assert memory.append(entry) == (record,)
    assert memory.head.chain == records[-1].digest


def test_unsigned_memory_reads_from_the_middle() -> None:
    memory = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n")
    for n in range(300):
        memory.append(Entry("x", {"n": n}))
    memory.append(*[Entry("x", {"n": n}) for n in range(300, 500)])
    for seq in (0, 63, 64, 65, 299, 300, 411, 499):
        assert memory.record(seq).attributes == {"n": seq}
    with pytest.raises(ReadOnlyError):
        TokenSignatureLedger(
            MemoryStore(), Signer("o", bytes(32)), clock=lambda: 0, node="n"
        ).append_verbatim(memory.record(0).body)


def test_a_verbatim_body_must_follow(small: Path) -> None:
    with TokenSignatureLedger.read_only(small) as recorded:
        bodies = [record.body for record in recorded.read()]
    memory = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n1")
    memory.append_verbatim(bodies[0])
    with pytest.raises(Exception, match="expected seq 1"):
        memory.append_verbatim(bodies[2])
    with pytest.raises(Exception, match="record 1"):
        memory.append_verbatim(b"junk")
    assert memory.append_verbatim(bodies[1]).seq == 1


def test_public_key_text(signer: Signer) -> None:
    assert PublicKey.parse(str(signer.public)) == signer.public
