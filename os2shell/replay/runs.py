"""Which recorded runs there are to replay, each with the state in which it was admitted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ledger import STATE_IMAGED, Json, ObjectStore, Record
from os2shell.kernel.images import load_image
from os2shell.kernel.intents import ADMITTED, ENDED, SESSION_OPENED
from os2shell.kernel.state import State
from os2shell.policy.grants import POLICY

TIERS = {
    "python": "native",
    "pyx": "native",
    "pyvm": "restricted",
    "pip": "native",
    "create-env": "native",
    "git": "native",
}
"""Commands whose invocations are runs of programs, and in which tier; only these are replayed."""
PROGRAMS = frozenset(TIERS)


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One admitted run with its end, and the state its command saw; None where that was pruned."""

    admitted: Record
    ended: Record
    state: State | None

    @property
    def command(self) -> str:
        """The command's name."""
        return str(self.admitted.attributes["command"])

    @property
    def arguments(self) -> Json:
        """The recorded arguments."""
        return self.admitted.attributes["arguments"]


def recorded_runs(
    records: Iterable[Record], state: State, objects: ObjectStore, *, first: int = 0
) -> Iterator[RecordedRun]:
    """Every run of Python among ``records`` that has ended, in the order of their ends.

    ``records`` come in ledger order, but need not be contiguous (a bundle carries a selection);
    ``state`` is moved along. Where what lay before ``first`` was pruned, the state is known from
    the first image on.
    """
    known = not first
    open_runs: dict[int, tuple[Record, State | None]] = {}
    for record in records:
        state.position = record.seq
        if record.kind == STATE_IMAGED and not (known and state.view(POLICY)):
            known = load_image(state, record, objects) or known
        if record.kind == ADMITTED and record.attributes.get("command") in PROGRAMS:
            open_runs[record.seq] = (record, state.copy() if known else None)
        elif record.kind in ENDED:
            begun = open_runs.pop(_admission(record), None)
            if begun:
                yield RecordedRun(begun[0], record, begun[1])
        state.apply(record)


def newest_session(records: Iterable[Record]) -> str | None:
    """The session of the last run of Python, or None."""
    newest = None
    for record in records:
        if record.kind == ADMITTED and record.attributes.get("command") in PROGRAMS:
            newest = record.session
    return newest


def sessions(records: Iterable[Record]) -> set[str]:
    """The names of all sessions that were opened."""
    return {record.session for record in records if record.kind == SESSION_OPENED}


def _admission(ended: Record) -> int:
    return int(str(ended.attributes["admitted"]))
