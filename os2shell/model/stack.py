"""Where a guest stood: its frames as its own runtime told them, the innermost first.

A guest's word: good for a report, never for a decision. Names are shown with every control
character escaped; what does not parse is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

FRAMES_MOST = 24
NAME_CHARACTERS = 300
UNKNOWN_COLUMN = -1
NUMBER_MOST = 1 << 31
_FIELDS = 5
_LIBRARY = ("/py/", "<frozen ")
_WORKSPACE = "/w/"


@dataclass(frozen=True, slots=True)
class Frame:
    """A line of a function. Columns count bytes from 0; ``UNKNOWN_COLUMN`` where not known."""

    file: str
    line: int
    function: str
    column: int = UNKNOWN_COLUMN
    end_column: int = UNKNOWN_COLUMN

    @property
    def of_library(self) -> bool:
        """Whether it is code of the interpreter's own library, not of the program."""
        return self.file.startswith(_LIBRARY)

    @property
    def path(self) -> str | None:
        """The file's path in the workspace, if it lies there."""
        return self.file.removeprefix(_WORKSPACE) if self.file.startswith(_WORKSPACE) else None


@dataclass(frozen=True, slots=True)
class Stack:
    """Frames, the innermost first; none where the guest told none."""

    frames: tuple[Frame, ...] = ()

    @classmethod
    def of(cls, told: bytes) -> "Stack":
        """Read what ``guest/channel.py`` writes."""
        words = told.decode("utf-8", "backslashreplace").split("\0")
        return cls(tuple(_frames(words)))

    @property
    def place(self) -> Frame | None:
        """The innermost frame of the program itself, or, without one, of its libraries."""
        own = (frame for frame in self.frames if not frame.of_library)
        return next(own, self.frames[0] if self.frames else None)


def _frames(words: list[str]) -> Iterator[Frame]:
    for start in range(0, min(len(words), _FIELDS * FRAMES_MOST) - _FIELDS + 1, _FIELDS):
        line, column, end, function, file = words[start : start + _FIELDS]
        try:
            numbers = [int(word) for word in (line, column, end)]
        except ValueError:
            return
        if not all(UNKNOWN_COLUMN <= number <= NUMBER_MOST for number in numbers):
            return
        yield Frame(
            file[:NAME_CHARACTERS], numbers[0], function[:NAME_CHARACTERS], numbers[1], numbers[2]
        )
