"""Every way in which a workspace refuses to be read or written.

WorkspaceError              3    base
├── CannotCapture         125    something in the workspace cannot be recorded
│   ├── UnreadableEntry   125    a file or folder that may not be read
│   ├── TooDeep           125    folders nested deeper than the limit
│   └── TooLarge          125    more files or bytes than the limits allow; ``limit`` names which
├── IgnoreInvalid           2    ``.os2ignore`` has a line that is no pattern (its number is named)
├── TreeInvalid             1    an object that should be a tree is none, or names what no tree may
├── CannotPopulate        125    the folder for the guest cannot be filled
└── CannotApply           125    results cannot be brought back; ``written`` says what already was
"""

from typing import ClassVar

from os2shell.model.errors import Os2Error

NAMED = 5
"""How many written paths an error lists by name."""


def shown(path: bytes) -> str:
    """Return ``path`` for people; what a terminal would act on is escaped."""
    text = path.decode("utf-8", "backslashreplace") or "."
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


class WorkspaceError(Os2Error):
    """Base of what can go wrong between a workspace and its tree."""


class CannotCapture(WorkspaceError):
    """The workspace cannot be recorded as it is; nothing was run on it."""

    exit_code: ClassVar[int] = 125


class UnreadableEntry(CannotCapture):
    """A file or folder that may not be read."""

    def __init__(self, path: bytes, reason: str) -> None:
        """Name the path and what the system said."""
        super().__init__(
            f"cannot read {shown(path)} ({reason})",
            expected="every file that is not ignored to be readable",
            remedy=f"make it readable, or add /{shown(path)} to .os2ignore",
        )
        self.path = path


class TooDeep(CannotCapture):
    """Folders nested deeper than the limit."""

    def __init__(self, path: bytes, depth: int) -> None:
        """Name the first folder that is too deep."""
        top = path.split(b"/", 1)[0]
        super().__init__(
            f"folders nested deeper than {depth} under {shown(top)}",
            expected=f"at most {depth} levels",
            remedy=f"flatten it, or add /{shown(top)}/ to .os2ignore",
        )
        self.path = path


class TooLarge(CannotCapture):
    """More files or bytes than the limits allow; ``limit`` is ``files`` or ``bytes``."""

    def __init__(self, limit: str, allowed: int, path: bytes, culprit: bytes) -> None:
        """Name the limit, the entry that passed it, and the part of the workspace to leave out."""
        super().__init__(
            f"the workspace passes the limit at {shown(path)}",
            expected=f"at most {allowed} {limit}",
            remedy=f"add /{shown(culprit)} to .os2ignore if the program does not need it,"
            " or raise the limit in the manifest",
        )
        self.limit = limit
        self.path = path


class IgnoreInvalid(WorkspaceError):
    """``.os2ignore`` has a line that is no pattern."""

    exit_code: ClassVar[int] = 2


class TreeInvalid(WorkspaceError):
    """An object that should be a tree is none, or names what no tree may hold."""

    exit_code: ClassVar[int] = 1

    def __init__(self, found: str) -> None:
        """Say what is wrong with the object."""
        super().__init__(
            f"a tree object with {found}",
            expected="the form os2.tree/1",
            remedy="verify the ledger's objects: os2 ledger verify",
        )


class CannotPopulate(WorkspaceError):
    """The folder that the guest will see cannot be filled."""

    exit_code: ClassVar[int] = 125

    def __init__(self, path: bytes, reason: str) -> None:
        """Name the path and what the system said."""
        super().__init__(
            f"cannot write {shown(path)} into the sandbox ({reason})",
            expected="an empty folder with room for the workspace",
            remedy="raise the limits in the manifest, or leave more out with .os2ignore",
        )
        self.path = path


class CannotApply(WorkspaceError):
    """Results cannot be brought back; ``written`` lists the paths that already were."""

    exit_code: ClassVar[int] = 125

    def __init__(self, path: bytes, reason: str, written: tuple[bytes, ...]) -> None:
        """Name the path, what the system said, and how far it came."""
        done = ", ".join(shown(each) for each in written[:NAMED]) or "nothing"
        more = f" and {len(written) - NAMED} more" if len(written) > NAMED else ""
        super().__init__(
            f"cannot bring back {shown(path)} ({reason}); already written: {done}{more}",
            expected="a writable workspace with room for the results",
            remedy="the results are in the ledger's objects; mend that, and run the program again",
        )
        self.path = path
        self.written = written
