"""More for fuzzing: what nodes and their keeper exchange (see ``mutants``)."""

from collections.abc import Iterator

import pytest

from ledger import (
    CanonicalError,
    Digest,
    Fleet,
    FleetLog,
    LogView,
    MemoryStore,
    Obstructed,
    TokenSignatureLedger,
    merge,
    read_certificate,
)
from ledger.fleet.membership import fold
from ledger.form.record import unsealed
from ledger.trust.note import parse
from tests.ledger.fleet_room import log_at, signer
from tests.ledger.mutants import Target

KEYS = [signer("x/a").public, signer("x/b").public]


def fleet_targets() -> Iterator[Target]:
    """The targets."""
    yield _obstructions()
    yield _heads()


def _obstructions() -> Target:
    grown, fork = log_at("x/a", [1, 2, 3, 4, 6]), log_at("x/a", [1, 2, 3], text="other")
    met = log_at("x/a", [1, 3], node="n"), log_at("x/b", [2, 3], node="n")
    seeds = (_caught(grown, fork), _caught(*met))

    def accused(data: bytes) -> None:
        found = read_certificate(data)
        assert found.encode() == data
        found.judge(KEYS)
        assert data in seeds, "a certificate held that nobody made"

    return Target("obstructions", seeds, accused, 10_000)


def _caught(*logs: TokenSignatureLedger) -> bytes:
    with pytest.raises(Obstructed) as problem:
        list(merge(map(LogView, logs)).records())
    return problem.value.certificate


def _heads() -> Target:
    """The last record of a fleet log, whose chain nobody looks at here."""
    log = TokenSignatureLedger(MemoryStore(), signer("x/f", 9), clock=lambda: 0, node="f")
    nodes = FleetLog(log)
    nodes.admit(KEYS[0])
    for size in (2, 5):
        nodes.observe(log_at("x/a", range(1, size + 1)))
    records = list(log.read())
    before = fold(records[:-1])
    signed = {_signed(before), _signed(fold(records))}

    def told(data: bytes) -> None:
        after = before.after(unsealed(data, Digest(bytes(32))))
        if after is before:  # a record of another kind
            raise CanonicalError("nothing of a node")
        assert _signed(after) in signed, "a head was taken that nobody signed"

    return Target("records of fleets", (records[-1].body,), told, 10_000)


def _signed(fleet: Fleet) -> str:
    (member,) = fleet.members.values()
    assert member.head is not None
    return parse(member.head.note).text
