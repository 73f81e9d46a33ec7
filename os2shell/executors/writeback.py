"""``workspace.write_back``: what a program left in its sandbox, brought back to the workspace."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ledger import Digest, Json, ObjectStore
from os2shell.executors.capture import WorkspaceFolder
from os2shell.executors.workspace import (
    IGNORE_NAME,
    Change,
    Conflict,
    apply,
    difference,
    shown,
)
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.plain import to_json

UNTOUCHABLE = frozenset({IGNORE_NAME})
"""What no program brings back: else it could make secrets visible to the next one."""
RECORDED_CHANGES = 200
RECORDED_BYTES = 8 * 1024
"""How many changed paths, and bytes of them, an answer names; the trees name them all."""


@dataclass(frozen=True, slots=True)
class WriteBack:
    """Ask that the difference from ``before`` to ``after`` be made in the workspace.

    The answer: ``{"changes": [[path, what]…], "changed": count, "notes": [sentence…]}``; the
    notes tell of every path where the user's version was kept.
    """

    kind: ClassVar[str] = "workspace.write_back"
    needs: ClassVar[Capability] = Capability.FS_WRITE
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    before: Digest
    after: Digest

    def body(self) -> Json:
        """Both trees."""
        return to_json(self)

    def scope(self) -> str:
        """The whole workspace; single paths are covered by it."""
        return "."


class Writer:
    """Writes into the real workspace."""

    def __init__(self, folder: WorkspaceFolder, objects: ObjectStore) -> None:
        """Take file contents from ``objects``."""
        self._folder = folder
        self._objects = objects

    def perform(self, effect: WriteBack, _transcript: Transcript) -> Json:
        """Write, keeping whatever the user changed meanwhile."""
        found = difference(effect.before, effect.after, self._objects)
        changes = [change for change in found if change.path not in UNTOUCHABLE]
        done = apply(
            self._folder.descriptor,
            changes,
            self._objects,
            self._folder.index,
            tag=effect.after.hex()[:8],
        )
        notes: list[Json] = [_conflict_note(item) for item in done.conflicts]
        notes += [_refusal_note(change) for change in found if change.path in UNTOUCHABLE]
        return {
            "changes": _named(changes),
            "changed": len(changes),
            "notes": notes,
        }


def _named(changes: Sequence[Change]) -> list[Json]:
    rows: list[Json] = []
    room = RECORDED_BYTES
    for change in changes[:RECORDED_CHANGES]:
        path = shown(change.path)
        room -= len(path.encode())
        if room < 0:
            break
        rows.append([path, str(change.what)])
    return rows


def _conflict_note(conflict: Conflict) -> str:
    kept = f"; the program's version is {shown(conflict.beside)}" if conflict.beside else ""
    return f"{shown(conflict.path)}: {conflict.reason}; yours is kept{kept}"


def _refusal_note(change: Change) -> str:
    return f"{shown(change.path)}: what programs may see is not theirs to change; yours is kept"
