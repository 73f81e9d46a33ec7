"""Verdicts: what replaying one run showed, and where the first difference lies."""

from dataclasses import dataclass
from enum import StrEnum

from ledger import Json


class Verdict(StrEnum):
    """One word for each way a replay can come out; nothing is folded into another."""

    IDENTICAL = "identical"
    DIVERGED = "diverged"
    TAMPERED = "tampered"
    INPUT_CHANGED = "input_changed"
    ENGINE_MISMATCH = "engine_mismatch"
    UNSUPPORTED = "unsupported"
    RECORDED_ONLY = "recorded_only"


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where a replay differs. ``event`` counts the trace's steps from 0.

    ``what`` names the part that differs; ``expected`` was recorded, ``got`` came now; ``last`` is
    the last step that matched and ``cause`` the likeliest reason, for people.
    """

    event: int
    kind: str
    what: str
    expected: str
    got: str
    last: str
    cause: str

    def body(self) -> dict[str, Json]:
        """For JSON output."""
        return {
            "event": self.event,
            "kind": self.kind,
            "what": self.what,
            "expected": self.expected,
            "got": self.got,
            "last": self.last,
            "cause": self.cause,
        }


class ReplayStopped(BaseException):  # noqa: N818 — a finding, not an error
    """Ends a replay at the first difference.

    Not an ``Exception``: no handler on the way out of the engine may take it for a failing command
    and go on, because after a mismatch nothing that follows means anything.
    """

    def __init__(self, verdict: Verdict, divergence: Divergence) -> None:
        """Carry the finding out of the engine."""
        super().__init__(divergence.what)
        self.verdict = verdict
        self.divergence = divergence


class ReplayImpossible(BaseException):  # noqa: N818 — see ``ReplayStopped``
    """The machine could not perform the replay, or somebody stopped it; says nothing of the record."""

    def __init__(self, reason: BaseException) -> None:
        """Carry the reason past the engine that would record it as the command's failure."""
        super().__init__(str(reason))
        self.reason = reason
