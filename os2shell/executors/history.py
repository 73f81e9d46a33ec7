"""``ledger.read``: records as data, for commands that look at the past."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from ledger import Json, Record, TokenSignatureLedger
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.plain import to_json


@dataclass(frozen=True, slots=True)
class RecordView:
    """A record as data; ``digest`` is the chain's after it, ``hlc`` is ms << 16 | counter."""

    seq: int
    hlc: int
    node: str
    session: str
    actor: str
    token: str
    kind: str
    attributes: Json
    digest: bytes


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """Ask for records in ``[start, stop)``, of one session or kind, the ``newest`` of them.

    The answer is a list of ``RecordView``.
    """

    kind: ClassVar[str] = "ledger.read"
    needs: ClassVar[Capability] = Capability.LEDGER_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    start: int = 0
    stop: int | None = None
    session: str | None = None
    of_kind: str | None = None
    newest: int | None = None

    def body(self) -> Json:
        """The selection."""
        return to_json(self)

    def scope(self) -> str:
        """The whole ledger."""
        return ""


class HistoryReader:
    """Reads records through a ledger that is opened when first asked."""

    def __init__(self, open_ledger: Callable[[], TokenSignatureLedger]) -> None:
        """``open_ledger`` raises ``Os2Error`` where there is none or it does not hold."""
        self._open_ledger = open_ledger

    def perform(self, effect: ReadHistory, _transcript: Transcript) -> Json:
        """Select; only the answer is held in memory."""
        chosen = (to_json(_view(record)) for record in self._select(effect))
        return list(deque(chosen, effect.newest))

    def _select(self, effect: ReadHistory) -> Iterator[Record]:
        ledger = self._open_ledger()
        stop = ledger.head.size if effect.stop is None else min(effect.stop, ledger.head.size)
        if effect.start >= stop:
            return
        for record in ledger.read(effect.start, stop):
            if effect.session not in {None, record.session}:
                continue
            if effect.of_kind not in {None, record.kind}:
                continue
            yield record


def _view(record: Record) -> RecordView:
    return RecordView(
        seq=record.seq,
        hlc=record.hlc,
        node=record.node,
        session=record.session,
        actor=record.actor,
        token=record.token,
        kind=record.kind,
        attributes=record.attributes,
        digest=record.digest,
    )
