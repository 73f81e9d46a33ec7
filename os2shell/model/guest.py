"""What a run of guest code is: its tier, its entry point, and its limits."""

from dataclasses import dataclass
from enum import StrEnum

BYTES_PER_TOKEN = 4
"""A token of a budget pays one request, or this many bytes of output, the last ones begun."""

REQUESTS_MOST = 250_000
"""Answers that one run may ask for: each is a step of its trace, which its shell keeps."""


class Tier(StrEnum):
    """How the guest is held; a tier the machine cannot give is refused, never replaced."""

    NATIVE = "native"
    RESTRICTED = "restricted"


class EntryKind(StrEnum):
    """How the guest program is named."""

    SCRIPT = "script"
    CODE = "code"
    MODULE = "module"
    EVAL = "eval"
    GIT = "git"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use; each ends it with exit 124 and a cause. ``files`` counts inodes."""

    wall_ns: int
    cpu_ns: int
    memory_bytes: int
    output_bytes: int
    workspace_bytes: int
    files: int
    processes: int
