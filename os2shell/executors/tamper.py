"""``ledger.tamper``: forgeries on a copy of the ledger, and what verification says of each."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ledger import (
    Json,
    LedgerMissing,
    Pin,
    drop_tail,
    flip_byte,
    rewrite_record,
    swap_records,
    verify,
)
from os2shell.model.capability import Capability
from os2shell.model.effect import Inquiry, Transcript
from os2shell.model.errors import CannotStart, from_ledger
from os2shell.model.plain import to_json

Forger = Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Forgery:
    """One forgery: its name, what was done to the copy, and how it was found (or None)."""

    name: str
    done: str
    found: str | None


@dataclass(frozen=True, slots=True)
class DemonstrateTampering(Inquiry):
    """Ask for every forgery on a fresh copy; the answer is a list of ``Forgery``."""

    kind: ClassVar[str] = "ledger.tamper"
    needs: ClassVar[Capability] = Capability.LEDGER_READ


class TamperDemonstrator:
    """Copies one ledger as often as there are forgeries; never writes to the ledger itself."""

    def __init__(self, folder: Path, trusted_key: Callable[[], Pin | None]) -> None:
        """Forge copies of the ledger in ``folder``."""
        self._folder = folder
        self._trusted_key = trusted_key

    def perform(self, _effect: DemonstrateTampering, _transcript: Transcript) -> Json:
        """Copy, forge, verify; four times."""
        if not self._folder.is_dir():
            raise from_ledger(LedgerMissing(f"no ledger in {self._folder}"))
        key = self._trusted_key()
        before = verify(self._folder, key)
        if before.status != "ok":
            bad = before.first_bad
            raise CannotStart(
                f"the ledger is {before.status} already: {bad.reason if bad else 'nothing in it'}",
                remedy="`os2 ledger verify` tells more",
            )
        victim = before.size // 2
        return [
            to_json(self._forge("one byte flipped", _flip_in_the_middle, key)),
            to_json(self._forge("the tail dropped", drop_tail, key)),
            to_json(
                self._forge(
                    "two records exchanged",
                    lambda copy: swap_records(copy, victim),
                    key,
                )
            ),
            to_json(
                self._forge(
                    "a record rewritten, the chain and the roots computed anew",
                    lambda copy: rewrite_record(copy, victim, {"forged": True}),
                    key,
                )
            ),
        ]

    def _forge(self, name: str, forger: Forger, key: Pin | None) -> Forgery:
        with tempfile.TemporaryDirectory(prefix="os2-tamper-") as folder:
            copy = Path(folder) / "ledger"
            shutil.copytree(self._folder, copy, ignore=shutil.ignore_patterns("objects", "lock"))
            done = forger(copy)
            found = verify(copy, key)
        if found.status == "ok":
            return Forgery(name, done, None)
        bad = found.first_bad
        place = f"record {bad.seq}: " if bad else ""
        return Forgery(name, done, f"{place}{bad.reason if bad else found.status}")


def _flip_in_the_middle(copy: Path) -> str:
    segment = min((copy / "segments").iterdir())
    return flip_byte(copy, segment.stat().st_size // 2)
