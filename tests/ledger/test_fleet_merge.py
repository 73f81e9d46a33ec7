"""Merging: laws that hold for all logs, and views that are not what they say."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import (
    DamagedError,
    Entry,
    FileStore,
    Incomplete,
    KeyFile,
    LedgerError,
    LogView,
    MemoryStore,
    Merge,
    Merged,
    NoteError,
    Obstructed,
    Obstruction,
    TokenSignatureLedger,
    View,
    merge,
    read_certificate,
)
from ledger.form.canonical import Digest
from ledger.form.record import body_of, genesis, link, unsealed
from ledger.trust import checkpoint
from tests.ledger.fleet_room import Lying, created, forge, log_at, prefix, signer

TIMES = st.sets(st.integers(1, 40), min_size=1, max_size=12).map(sorted)
FLEETS = st.lists(TIMES, min_size=1, max_size=4)


def logs_of(fleet: list[list[int]]) -> list[TokenSignatureLedger]:
    """Logs whose times often meet; the order of names is not that of the list."""
    return [log_at(f"x/{7 - n}", times) for n, times in enumerate(fleet)]


def shown(merged: Merge) -> list[Merged]:
    return list(merged.records())


@settings(database=None, deadline=None, max_examples=60)
@given(FLEETS)
def test_every_record_once_in_order_and_unchanged(fleet: list[list[int]]) -> None:
    logs = logs_of(fleet)
    merged = merge(map(LogView, logs))
    found = shown(merged)
    everything = [Merged(log.origin, record) for log in logs for record in log.read()]
    assert found == sorted(everything, key=lambda m: (m.record.hlc, m.record.node, m.record.seq))
    stored = {(log.origin, r.seq): (r.body, r.digest) for log in logs for r in log.read()}
    assert {(m.origin, m.record.seq): (m.record.body, m.record.digest) for m in found} == stored
    assert merged.size == len(found)


@settings(database=None, deadline=None, max_examples=40)
@given(FLEETS, st.randoms(use_true_random=False), st.data())
def test_merging_is_commutative_associative_and_idempotent(
    fleet: list[list[int]], random: object, data: st.DataObject
) -> None:
    views: list[View] = [LogView(log) for log in logs_of(fleet)]
    whole = merge(views)
    mixed = data.draw(st.permutations(views))
    assert merge(mixed) == whole
    assert shown(merge(mixed)) == shown(whole)
    cut = data.draw(st.integers(0, len(mixed)))
    left, right = merge(mixed[:cut]), merge(mixed[cut:])
    assert merge([*left.views, *right.views]) == whole
    assert merge([*right.views, *left.views]).identity == whole.identity
    assert merge([*views, *views, *whole.views]) == whole


@settings(database=None, deadline=None, max_examples=40)
@given(FLEETS, st.data())
def test_a_beginning_of_a_log_adds_nothing(fleet: list[list[int]], data: st.DataObject) -> None:
    logs = logs_of(fleet)
    whole = merge(map(LogView, logs))
    begun = [prefix(log, data.draw(st.integers(1, log.head.size))) for log in logs]
    mixed = data.draw(st.permutations([*begun, *map(LogView, logs)]))
    again = merge(mixed)
    assert again.identity == whole.identity
    assert shown(again) == shown(whole)
    assert merge(again.views) == again
    shorter = merge(begun)
    assert (shorter.identity == whole.identity) == (shorter.heads == whole.heads)
    assert {m.record.body for m in shown(shorter)} <= {m.record.body for m in shown(whole)}


def test_the_identity_names_the_heads() -> None:
    log = log_at("x/a", [1, 2, 3])
    assert merge([]).identity != merge([LogView(log)]).identity != merge([prefix(log, 2)]).identity
    assert shown(merge([])) == []
    assert merge([LogView(log)]).heads == (log.checkpoint,)


def test_neither_order_of_two_histories_is_merged() -> None:
    """What contradicts a beginning contradicts the whole; every order gives the same proof."""
    log, fork = log_at("x/a", [1, 2, 3, 4]), log_at("x/a", [1, 2, 3], text="other")
    found: set[bytes] = set()
    for views in permutations([LogView(log), prefix(log, 1), LogView(fork), prefix(fork, 2)]):
        with pytest.raises(Obstructed) as problem:
            merge(views)
        found.add(problem.value.certificate)
    (certificate,) = found
    assert read_certificate(certificate).kind is Obstruction.TWO_HISTORIES
    one = merge([LogView(log), prefix(log, 1)])
    with pytest.raises(Obstructed):
        merge([*one.views, *merge([LogView(fork)]).views])


def test_records_of_two_logs_in_one_place() -> None:
    """The order does not say which goes first, so nobody does."""
    one, other = (log_at(name, [1, 5, 9], node="host") for name in ("x/a", "x/b"))
    shifted = log_at("x/c", [2, 5, 9], node="host2")
    for views in permutations([LogView(one), LogView(other), LogView(shifted)]):
        with pytest.raises(Obstructed) as problem:
            shown(merge(views))
        found = read_certificate(problem.value.certificate)
        assert (found.kind, found.origins) == (Obstruction.ONE_PLACE, ("x/a", "x/b"))
        assert [statement.leaves[0].seq for statement in found.statements] == [0, 0]
    later = log_at("x/d", [3, 4, 5], node="host")  # the same times, other places
    assert len(shown(merge([LogView(one), LogView(later)]))) == 6


def test_records_in_one_place_under_earlier_heads() -> None:
    """The certificate shows them under the heads that were merged, not under later ones."""
    one, other = (log_at(name, [1, 5, 9], node="host") for name in ("x/a", "x/b"))
    with pytest.raises(Obstructed) as problem:
        shown(merge([prefix(one, 2), prefix(other, 1)]))
    found = read_certificate(problem.value.certificate)
    assert [statement.head().size for statement in found.statements] == [2, 1]
    assert found.judge([signer("x/a").public, signer("x/b").public])


def test_a_view_of_a_log_that_does_not_have_its_head() -> None:
    small, large, fork = (log_at("x/a", range(1, n)) for n in (3, 6, 2))
    other = log_at("x/a", range(1, 4), text="other")
    with pytest.raises(Incomplete, match="find the newer copy"):
        LogView(small, large.checkpoint)
    with pytest.raises(DamagedError, match="the root that its head states"):
        LogView(large, other.checkpoint)
    assert LogView(large, fork.checkpoint).head.size == 1
    unsigned = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n")
    with pytest.raises(NoteError, match="without a signed head"):
        LogView(unsigned)


def test_damage_that_the_key_signed_is_met_on_the_way(tmp_path: Path) -> None:
    """A log that opened (by a cache, say) and whose times run back: the proof, not only an error."""
    by = signer("x/a")
    bodies = [created(by, 1), *(body_of(Entry("w", {}), n, 9 - n, "n") for n in (1, 2))]
    folder = forge(tmp_path / "log", by, bodies)
    view = Lying.of(LogView(log_at("x/a", [1, 2, 3])))
    view.head = checkpoint.read((folder / "checkpoint").read_bytes())
    chain = genesis("x/a")
    view.given = [unsealed(body, chain := link(chain, body)) for body in bodies]
    with pytest.raises(DamagedError, match="expected time after"):
        shown(merge([cast("View", view)]))
    view.folder = folder
    with pytest.raises(Obstructed, match="its times do not grow"):
        shown(merge([cast("View", view)]))


LIES: dict[str, Callable[[Lying], object]] = {
    "a record less": lambda view: view.given.pop(1),
    "the last less": lambda view: view.given.pop(),
    "nothing": lambda view: view.given.clear(),
    "one twice": lambda view: view.given.insert(1, view.given[1]),
    "one more": lambda view: view.given.append(view.given[-1]),
    "two exchanged": lambda view: view.given.reverse(),
    "another digest": lambda view: _change(view, digest=Digest(bytes(32))),
    "another head": lambda view: setattr(view, "head", replace(view.head, root=bytes(32))),
    "a smaller head": lambda view: setattr(view, "head", replace(view.head, size=2)),
    "an unsigned head": lambda view: setattr(
        view, "head", replace(view.head, note=view.head.note[:-8] + b"AAAAAA=\n")
    ),
    "another log's records": lambda view: setattr(
        view, "given", list(log_at("x/b", [1, 2, 3, 4]).read())
    ),
}


def _change(view: Lying, **fields: object) -> None:
    view.given[1] = view.given[1]._replace(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("lie", LIES)
def test_a_view_that_lies_is_refused(lie: str) -> None:
    view = Lying.of(LogView(log_at("x/a", [1, 2, 3, 4])))
    assert len(shown(merge([cast("View", view)]))) == 4
    LIES[lie](view)
    with pytest.raises((DamagedError, Incomplete)):
        shown(merge([cast("View", view)]))


def test_what_a_view_says_beside_the_bytes_counts_nothing() -> None:
    view = Lying.of(LogView(log_at("x/a", [1, 2, 3, 4])))
    true = shown(merge([view.true]))
    _change(view, hlc=99, node="other", kind="forged", attributes={})
    assert shown(merge([cast("View", view)])) == true


@settings(database=None, deadline=None, max_examples=150)
@given(st.data())
def test_any_flipped_byte_of_a_view_is_refused(data: st.DataObject) -> None:
    view = Lying.of(LogView(log_at("x/a", [1, 2, 3, 4])))
    seq = data.draw(st.integers(0, 3))
    body = bytearray(view.given[seq].body)
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    view.given[seq] = view.given[seq]._replace(body=bytes(body))
    with pytest.raises(LedgerError):
        shown(merge([cast("View", view)]))


def test_through_rotations(tmp_path: Path) -> None:
    """Heads of every epoch are met on the way; views of different epochs are one log."""
    key = KeyFile.create(tmp_path / "keys" / "a", "x/a")
    clock = iter(range(10**18, 10**19, 10**6)).__next__
    with TokenSignatureLedger.open(tmp_path / "log", key, clock=clock, node="n") as log:
        for n in range(3):
            log.append(Entry("a", {"n": n}))
            log.rotate()
            log.append(Entry("b", {"n": n}))
        views = [LogView(log), *(prefix(log, size) for size in (1, 2, 3, 5, log.head.size))]
        whole = merge(views)
        assert [m.record for m in whole.records()] == list(log.read())
        assert merge(reversed(views)).identity == whole.identity


def test_a_pruned_log_says_so_itself(tmp_path: Path) -> None:
    clock = iter(range(10**18, 10**19, 10**6)).__next__
    store = FileStore(tmp_path / "log")
    with TokenSignatureLedger(
        store, signer("x/a"), clock=clock, node="n", segment_bytes=1500
    ) as log:
        for n in range(12):
            log.append(Entry("a", {"n": n}))
        old = LogView(log)
        assert len(shown(merge([old]))) == 13
        log.prune(6)
        log.append(Entry("a", {}))
        with pytest.raises(Obstructed) as problem:
            merge([LogView(log)])
        found = read_certificate(problem.value.certificate)
        assert found.kind is Obstruction.PRUNED
        assert "were removed" in found.judge([signer("x/a").public])
