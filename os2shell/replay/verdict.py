"""Verdicts: what replaying one run showed, and where the first difference lies."""

from dataclasses import dataclass, field
from enum import StrEnum

from ledger import Json
from os2shell.model.plain import ADDED


class Verdict(StrEnum):
    """One word for each way a replay can come out; nothing is folded into another.

    ``UNREADABLE`` is a run that no replay can judge any more, because the ledger was pruned, on
    record, of what it stood on; it counts against nobody.
    """

    IDENTICAL = "identical"
    DIVERGED = "diverged"
    TAMPERED = "tampered"
    INPUT_CHANGED = "input_changed"
    ENGINE_MISMATCH = "engine_mismatch"
    UNSUPPORTED = "unsupported"
    RECORDED_ONLY = "recorded_only"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Call:
    """A line of the guest that was under way: file (a workspace path where it is one), function."""

    file: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Site:
    """Where the guest stood, by its own word. ``deed`` says what it did there, for people.

    ``stack`` begins with the innermost call; ``file``, ``line`` and ``function`` are the innermost
    of the program itself. ``source`` is that line of the input tree, on one printable line;
    ``column`` and ``width`` mark a part of it in characters, None where not known.
    ``extensions`` are native modules that the program had loaded.
    """

    deed: str
    file: str
    line: int
    function: str
    source: str | None
    column: int | None
    width: int | None
    stack: tuple[Call, ...]
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where a replay differs. ``event`` counts the trace's steps from 0.

    ``what`` names the part that differs; ``expected`` was recorded, ``got`` came now; ``last`` is
    the last step that matched and ``cause`` the likeliest reason, for people. ``byte`` (from 0) and
    ``line`` (from 1) are the first difference of a stream or a file. Without a ``site``, where one
    could have been, ``unlocated`` says why.
    """

    event: int
    kind: str
    what: str
    expected: str
    got: str
    last: str
    cause: str
    byte: int | None = field(default=None, metadata=ADDED)
    line: int | None = field(default=None, metadata=ADDED)
    site: Site | None = field(default=None, metadata=ADDED)
    unlocated: str = field(default="", metadata=ADDED)


@dataclass(frozen=True, slots=True)
class ChangedInput:
    """A file that differs from the recorded input; a digest is None where there is no file."""

    path: str
    recorded: bytes | None
    present: bytes | None


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """How one recorded run came out. ``same`` says that its result still is the recorded one.

    ``inputs`` lists changed inputs, the first of ``inputs_changed`` many.
    """

    session: str
    seq: int
    command: str
    arguments: Json
    tier: str
    verdict: Verdict
    same: bool
    divergence: Divergence | None = None
    inputs_changed: int = 0
    inputs: tuple[ChangedInput, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the run does not fail a verification."""
        return self.same or self.verdict in {Verdict.RECORDED_ONLY, Verdict.UNREADABLE}


class ReplayStopped(BaseException):
    """Ends a replay at the first difference.

    Not an ``Exception``: no handler on the way out of the engine may take it for a failing command
    and go on, because after a mismatch nothing that follows means anything.
    """

    def __init__(self, verdict: Verdict, divergence: Divergence) -> None:
        """Carry the finding out of the engine."""
        super().__init__(divergence.what)
        self.verdict = verdict
        self.divergence = divergence


class ReplayImpossible(BaseException):
    """The machine could not perform it, or somebody stopped it; no word on the record."""

    def __init__(self, reason: BaseException) -> None:
        """Carry the reason past the engine that would record it as the command's failure."""
        super().__init__(str(reason))
        self.reason = reason
