"""Ledgers for tests: a fixed key, a clock that tests drive, small histories."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import Entry, Signer, TokenSignatureLedger

SEED = bytes(range(32))
ORIGIN = "test.example/log"


class Clock:
    """Nanoseconds that move only when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signer() -> Signer:
    return Signer(ORIGIN, SEED)


@pytest.fixture
def open_ledger(tmp_path: Path, signer: Signer, clock: Clock) -> Callable[[], TokenSignatureLedger]:
    """Opens (and the first time creates) the ledger in ``tmp_path / "log"``."""

    def opened() -> TokenSignatureLedger:
        return TokenSignatureLedger.open(tmp_path / "log", signer, clock=clock, node="n1")

    return opened


@pytest.fixture
def small(open_ledger: Callable[[], TokenSignatureLedger], tmp_path: Path) -> Path:
    """A closed ledger of six records in four groups, one with a payload."""
    with open_ledger() as ledger:
        name = ledger.objects.put(b"the payload of record 3")
        ledger.append(Entry("a", {"n": 1}), Entry("b", {"n": 2}, session="s", actor="me"))
        ledger.append(Entry("c", {}, payload=name))
        ledger.append(Entry("d", {"list": [1, "two", b"three", None, True]}), Entry("e", {}))
    return tmp_path / "log"
