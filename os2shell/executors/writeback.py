"""``workspace.write_back``: what a program left in its sandbox, brought back to the workspace.

A repository comes back whole or not at all: where somebody changed its ``.git`` meanwhile, nothing
is written. New objects of git are written before what names them, and old ones removed after, so a
shell that is killed on the way leaves a repository that holds. Ctrl-C waits until it is done.
"""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from ledger import Digest, Json, ObjectStore
from os2shell.executors.capture import Capturer, WorkspaceFolder
from os2shell.executors.workspace import (
    IGNORE_NAME,
    Applied,
    Change,
    Conflict,
    apply,
    difference,
    shown,
)
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.plain import ADDED, to_json

UNTOUCHABLE = frozenset({IGNORE_NAME})
"""What no program brings back: else it could make secrets visible to the next one."""
GIT_FOLDER = b".git"
GIT_OBJECTS = b"/.git/objects/"
RECORDED_CHANGES = 200
RECORDED_BYTES = 8 * 1024
"""How many changed paths, and bytes of them, an answer names; the trees name them all."""


@dataclass(frozen=True, slots=True)
class WriteBack:
    """Ask that the difference from ``before`` to ``after`` be made in the workspace.

    The answer: ``{"changes": [[path, what]…], "changed": count, "notes": [sentence…]}``; the
    notes tell of every path where the user's version was kept. ``repository`` says that the trees
    hold a ``.git``; where that was changed meanwhile the answer has ``"moved"``, the first path.
    """

    kind: ClassVar[str] = "workspace.write_back"
    needs: ClassVar[Capability] = Capability.FS_WRITE
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    before: Digest
    after: Digest
    repository: bool = field(default=False, metadata=ADDED)

    def body(self) -> Json:
        """Both trees."""
        return to_json(self)

    def scope(self) -> str:
        """The whole workspace; single paths are covered by it."""
        return "."


class Writer:
    """Writes into the real workspace."""

    def __init__(
        self, folder: WorkspaceFolder, objects: ObjectStore, repository: WorkspaceFolder
    ) -> None:
        """Take file contents from ``objects``; ``repository`` is the folder with its ``.git``."""
        self._folder = folder
        self._objects = objects
        self._repository = repository

    def perform(self, effect: WriteBack, _transcript: Transcript) -> Json:
        """Write, keeping whatever the user changed meanwhile."""
        found = difference(effect.before, effect.after, self._objects)
        changes = [change for change in found if change.path not in UNTOUCHABLE]
        if effect.repository:
            moved = self._moved(effect.before)
            if moved is not None:
                return {"changes": [], "changed": 0, "notes": [], "moved": shown(moved)}
            with _undisturbed():
                done = [self._apply(part, effect, self._repository) for part in _parts(changes)]
        else:
            done = [self._apply(changes, effect, self._folder)]
        notes: list[Json] = [_conflict_note(item) for each in done for item in each.conflicts]
        notes += [_refusal_note(change) for change in found if change.path in UNTOUCHABLE]
        return {
            "changes": _named(changes),
            "changed": len(changes),
            "notes": notes,
        }

    def _apply(
        self, changes: Sequence[Change], effect: WriteBack, folder: WorkspaceFolder
    ) -> Applied:
        tag = effect.after.hex()[:8]
        return apply(folder.descriptor, changes, self._objects, folder.index, tag=tag)

    def _moved(self, before: Digest) -> bytes | None:
        """The first path of a ``.git`` that somebody changed since ``before``."""
        present = Capturer(self._repository, self._objects).capture().tree
        changes = difference(before, present, self._objects)
        return next((each.path for each in changes if GIT_FOLDER in each.path.split(b"/")), None)


def _parts(changes: Sequence[Change]) -> tuple[list[Change], list[Change], list[Change]]:
    """New objects of git; everything else; objects that went."""
    new: list[Change] = []
    other: list[Change] = []
    gone: list[Change] = []
    for change in changes:
        is_object = GIT_OBJECTS in b"/" + change.path + b"/"
        if is_object and change.before is None:
            new.append(change)
        elif is_object and change.after is None:
            gone.append(change)
        else:
            other.append(change)
    return new, other, gone


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C does nothing inside: it is milliseconds, and half of it would be worse."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _named(changes: Sequence[Change]) -> list[Json]:
    """The first paths; a ``.git``'s after all others."""
    rows: list[Json] = []
    room = RECORDED_BYTES
    ordered = sorted(changes, key=lambda change: GIT_FOLDER in change.path.split(b"/"))
    for change in ordered[:RECORDED_CHANGES]:
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
