"""``ledger.keys`` and ``ledger.rotate``: which key signed which records, and the next key.

Rotation destroys the old secret key; what that means on which disks, ``ledger`` says where it keeps
keys (``ledger.trust.keyring``).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from ledger import Epochs, Json, KeyHistory, TokenSignatureLedger, epoch_age
from os2shell.executors.clock import now_ns
from os2shell.model.capability import Capability
from os2shell.model.effect import Inquiry, Transcript
from os2shell.model.errors import NothingToVerify
from os2shell.model.plain import ADDED, to_json


@dataclass(frozen=True, slots=True)
class EpochView:
    """One epoch: its key signs the records ``first`` to ``last``; None where there is none yet."""

    epoch: int
    first: int
    last: int | None
    public_key: str
    chain: bytes


@dataclass(frozen=True, slots=True)
class KeysView:
    """The epochs of the workspace's ledger, and their table as text, fit to be pinned.

    ``age`` says for people how long the newest key has been signing.
    """

    origin: str
    epochs: Json
    table: str
    endorsements: int
    age: str = field(default="", metadata=ADDED)


@dataclass(frozen=True, slots=True)
class ReadKeys(Inquiry):
    """Ask for the epochs of the ledger's key; the answer is a ``KeysView``."""

    kind: ClassVar[str] = "ledger.keys"
    needs: ClassVar[Capability] = Capability.LEDGER_READ


@dataclass(frozen=True, slots=True)
class Rotated:
    """The new epoch: its number, its key, and the record that began it."""

    epoch: int
    public_key: str
    record: int


@dataclass(frozen=True, slots=True)
class RotateKey(Inquiry):
    """Ask for a new key, and for the end of the old one; the answer is a ``Rotated``."""

    kind: ClassVar[str] = "ledger.rotate"
    needs: ClassVar[Capability] = Capability.ADMIN


class Rotator:
    """Reads and rotates the key of one ledger."""

    def __init__(
        self,
        open_ledger: Callable[[], TokenSignatureLedger],
        remember: Callable[[Epochs], None],
    ) -> None:
        """``remember`` keeps the table of epochs beside the key, where it is trusted later."""
        self._open_ledger = open_ledger
        self._remember = remember

    def read(self, _effect: ReadKeys, _transcript: Transcript) -> Json:
        """The epochs as they stand."""
        ledger = self._open_ledger()
        history, size = _history(ledger), ledger.head.size
        rows: list[Json] = []
        for row in history.epochs:
            stop = history.epochs.stop(row.number)
            last = (size if stop is None else stop) - 1
            shown = last if last >= row.first else None
            rows.append(to_json(EpochView(row.number, row.first, shown, str(row.key), row.chain)))
        epochs = history.epochs
        age = epoch_age(ledger, now_ns())
        told = "" if age is None else age.text()
        return to_json(KeysView(epochs.origin, rows, epochs.text(), len(history.notes), told))

    def rotate(self, _effect: RotateKey, _transcript: Transcript) -> Json:
        """Rotate; the ledger is the one that is open for writing, since this was admitted."""
        ledger = self._open_ledger()
        record = ledger.rotate()
        epochs = _history(ledger).epochs
        self._remember(epochs)
        return to_json(Rotated(epochs.current.number, str(epochs.current.key), record.seq))


def _history(ledger: TokenSignatureLedger) -> KeyHistory:
    if ledger.keys is None:
        raise NothingToVerify("no signed ledger", expected="a ledger with a key")
    return ledger.keys
