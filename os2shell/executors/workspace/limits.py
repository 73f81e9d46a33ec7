"""What one workspace may hold before it is refused."""

from dataclasses import dataclass

MAX_FILES = 200_000
MAX_BYTES = 4 << 30
MAX_DEPTH = 128


@dataclass(frozen=True, slots=True)
class WorkspaceLimits:
    """``files`` counts entries of every kind, folders too; ``size`` is bytes, ``depth`` levels."""

    files: int = MAX_FILES
    size: int = MAX_BYTES
    depth: int = MAX_DEPTH


LEFT_BY_A_RUN = WorkspaceLimits(files=1 << 21)
"""What is captured of a run that passed its own limit of files, which ends it a moment too late."""
