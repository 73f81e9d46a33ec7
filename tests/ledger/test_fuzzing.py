"""Spoiled inputs: each is refused by a named error, or means what its bytes say.

Nothing else may come out, and nothing that nobody signed may be accepted. The mutants are the
same in every run, so a finding can be met again, and so a usual run tries the first of them only:
``make fuzz`` tries a million. Hypothesis adds inputs of its own making.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import DamagedError, MemoryStore, NoteError, PublicKey
from ledger.errors import LedgerError
from ledger.storage import segment
from ledger.storage.store import Position
from ledger.trust import note
from tests.ledger.fuzz_atheris import GROUPS
from tests.ledger.mutants import ORIGIN, Target, mutants, refuses, targets
from tests.ledger.mutants_of_evidence import evidence_targets
from tests.ledger.mutants_of_fleets import fleet_targets

MILLION = 1_000_000
INPUTS = int(os.environ.get("OS2_MUTANTS", "50000"))
"""How many mutants of all kinds together."""
NAMES = (
    *("canonical bytes", "record bodies", "notes", "checkpoints", "public keys", "secret keys"),
    *("witness keys", "tile names", "epochs", "seals", "entry bundles", "inclusion proofs"),
    *("consistency proofs", "frames", "logs", "bundles", "record proofs", "growth proofs"),
    *("witness requests", "equivocations", "strangers' bundles", "lines of JSON"),
    *("obstructions", "records of fleets"),
)


@pytest.fixture
def all_targets(tmp_path: Path) -> dict[str, Target]:
    every = (*targets(tmp_path), *evidence_targets(tmp_path), *fleet_targets())
    return {target.name: target for target in every}


def fuzz(target: Target, count: int, seed: int) -> None:
    refused = 0
    for number, data in enumerate(mutants(target.seeds, count, seed)):
        try:
            refused += refuses(target, data)
        except Exception as problem:
            problem.add_note(f"{target.name}, mutant {number} of seed {seed}: {data!r}")
            raise
    assert refused > count // 2, f"{target.name} refused only {refused} of {count}"


def test_the_shares_make_a_million(all_targets: dict[str, Target]) -> None:
    assert tuple(all_targets) == NAMES
    assert sum(target.share for target in all_targets.values()) >= MILLION


def test_what_atheris_drives_is_all_there() -> None:
    assert {name for group in GROUPS.values() for name in group.targets} <= set(NAMES)
    assert sum(group.share for group in GROUPS.values()) == 100


def test_genuine_bytes_are_accepted(all_targets: dict[str, Target]) -> None:
    for target in all_targets.values():
        for seed in target.seeds:
            assert not refuses(target, seed), target.name


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", NAMES)
def test_mutants(all_targets: dict[str, Target], name: str) -> None:
    fuzz(all_targets[name], all_targets[name].share * INPUTS // MILLION, seed=2)


@settings(database=None)
@given(st.binary(max_size=200))
def test_any_bytes_as_frames(data: bytes) -> None:
    store = MemoryStore()
    store.begin_segment(0, segment.header(0) + data)
    stop = segment.HEADER.size + len(data)
    try:
        found = list(segment.frames(store, Position(0, segment.HEADER.size), stop))
    except DamagedError:
        return
    if found and isinstance(found[-1], segment.Torn):
        assert found[-1].start < stop


LINES = st.lists(st.text(st.characters(codec="utf-8"), max_size=12), max_size=6).map("\n".join)


@settings(database=None, suppress_health_check=[HealthCheck.too_slow])
@given(LINES, st.lists(st.binary(max_size=70), max_size=3), st.text(max_size=8))
def test_any_text_as_note(text: str, values: list[bytes], name: str) -> None:
    signatures = "".join(f"\u2014 {name} {note.encode64(value)}\n" for value in values)
    try:
        data = f"{text}\n\n{signatures}".encode()
    except UnicodeEncodeError:
        return
    try:
        found = note.parse(data)
    except NoteError:
        return
    assert found.encode() == data


@settings(database=None)
@given(st.text(max_size=80))
def test_any_text_as_key(text: str) -> None:
    for candidate in (text, f"{ORIGIN}+{text}", f"{ORIGIN}+00000000+{text}"):
        try:
            found = PublicKey.parse(candidate)
        except LedgerError:
            continue
        assert str(found) == candidate.strip()


def test_mutants_are_many_and_the_same_again() -> None:
    seeds = (b"one seed of some length", b"another")
    first = list(mutants(seeds, 2_000, 7))
    assert first == list(mutants(seeds, 2_000, 7))
    assert len(set(first)) > 1_200
    assert first != list(mutants(seeds, 2_000, 8))
