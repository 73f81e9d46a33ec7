"""From a difference to the guest's line: the stack it told, or one more run that looks for it.

The source shown is that of the tree the program ran on, never of the workspace as it is now. The
guest's word is bounded and made printable here; what it cannot tell is said in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import LedgerError, ObjectStore
from os2shell.executors.guest import RunGuest
from os2shell.executors.watching import Deed, WatchGuest
from os2shell.executors.workspace import list_tree
from os2shell.executors.workspace import shown as shown_path
from os2shell.model.effect import World
from os2shell.model.errors import Os2Error
from os2shell.model.guest import EntryKind
from os2shell.model.stack import Frame, Stack
from os2shell.replay.heard import Heard
from os2shell.replay.steps import Step
from os2shell.replay.verdict import Call, Site

ASKED = "asked"
SOURCE_CHARACTERS = 160
SOURCE_BYTES_MOST = 1 << 22
STACK_MOST = 12
DEEDS = {Deed.WROTE: "wrote it", Deed.ENDED: "ended", Deed.CHANGED: "opened it"}


@dataclass(frozen=True, slots=True)
class Located:
    """A site, or why there is none."""

    site: Site | None = None
    unlocated: str = ""


NOT_SOUGHT = Located()


class Locator:
    """Looks lines up for the runs of one replay."""

    def __init__(self, pure: World, objects: ObjectStore) -> None:
        """Run again by ``pure``; trees and sources come from ``objects``."""
        self._pure = pure
        self._objects = objects

    def asked(self, run: RunGuest, stack: Stack) -> Located:
        """Where ``run`` asked what it was not recorded to ask."""
        return self._site(run, ASKED, stack, ())

    def find(self, run: RunGuest, heard: Sequence[Step], place: str) -> Located:
        """Where ``run`` comes to ``place``; it hears what it was told. Runs the guest."""
        if not place:
            return Located()
        try:
            told = self._pure.perform(WatchGuest(run, place), Heard(heard))
        except Os2Error as error:
            return Located(unlocated=f"running it once more to find it failed: {error}")
        match told:
            case {"deed": str(deed), "stack": bytes(stack), "extensions": list(names)}:
                extensions = tuple(_printable(str(name)) for name in names)
                return self._site(run, DEEDS[Deed(deed)], Stack.of(stack), extensions)
            case _:
                return Located(unlocated=_NEVER[place.partition(" ")[0]])

    def _site(self, run: RunGuest, deed: str, stack: Stack, extensions: tuple[str, ...]) -> Located:
        place = stack.place
        if place is None:
            return Located(unlocated="the guest told no line of Python")
        source, column, width = self._source(run, place)
        calls = tuple(_call(frame) for frame in _told(stack.frames))
        at = _call(place)
        return Located(
            Site(deed, at.file, at.line, at.function, source, column, width, calls, extensions)
        )

    def _source(self, run: RunGuest, place: Frame) -> tuple[str | None, int | None, int | None]:
        """The line of ``place`` without its indentation, and which part of it is meant."""
        text = self._text(run, place)
        lines = text.split(b"\n") if text is not None else []
        if not 0 < place.line <= len(lines):
            return None, None, None
        line = lines[place.line - 1].rstrip(b"\r")
        indent = len(line) - len(line.lstrip())
        whole = _printable(line[indent:].decode("utf-8", "backslashreplace"))
        if not indent <= place.column < len(line):
            return _cut(whole), None, None
        before = _printable(line[indent : place.column].decode("utf-8", "backslashreplace"))
        end = place.end_column if place.end_column > place.column else len(line)
        meant = _printable(line[place.column : end].decode("utf-8", "backslashreplace"))
        if len(before) >= SOURCE_CHARACTERS:
            return _cut(whole), None, None
        width = min(max(1, len(meant.rstrip())), SOURCE_CHARACTERS - len(before))
        return _cut(whole), len(before), width

    def _text(self, run: RunGuest, place: Frame) -> bytes | None:
        if place.path is None:
            inline = run.entry in {EntryKind.CODE, EntryKind.EVAL} and place.file == "<string>"
            return run.target.encode("utf-8", "replace") if inline else None
        try:
            entry = list_tree(run.tree, self._objects).get(place.path.encode())
            if entry is None or entry.size > SOURCE_BYTES_MOST:
                return None
            return self._objects.get(entry.digest)
        except (Os2Error, LedgerError):
            return None  # the verdict is about the run; a source that is gone shows no line


_NEVER = {
    "stdout": "no line of Python wrote it: native code, a child process, or nobody this time",
    "stderr": "no line of Python wrote it: native code, a child process, or nobody this time",
    "end": "the program ran to its end",
    "path": "no line of Python opened it",
}


def _told(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """At most ``STACK_MOST``: a deep library must not hide the program's own lines."""
    own = sum(not frame.of_library for frame in frames)
    room = STACK_MOST - min(own, STACK_MOST)
    kept: list[Frame] = []
    for frame in frames:
        if not frame.of_library or room > 0:
            kept.append(frame)
            room -= frame.of_library
    return tuple(kept[:STACK_MOST])


def _call(frame: Frame) -> Call:
    file = frame.path
    name = shown_path(file.encode()) if file is not None else _printable(frame.file)
    return Call(name, frame.line, _printable(frame.function))


def _printable(text: str) -> str:
    return "".join(
        char if char.isprintable() else " " if char == "\t" else ascii(char)[1:-1] for char in text
    )


def _cut(text: str) -> str:
    return text if len(text) <= SOURCE_CHARACTERS else text[: SOURCE_CHARACTERS - 1] + "…"
