"""Import rules on their way into the sandbox, and what the guest's runtime says came of them.

Rules are words: ``name`` allows, ``!name`` denies, ``!*`` denies what no word allows, and
``name=blake3:…`` pins a module of the workspace. The guest has no BLAKE3, so ``resolved`` compares
the file as it lies in ``/w`` before the program starts, and hands in its SHA-256 for the loading.
Where the file is another, absent or no plain file, the word handed in says so, and the import fails
by that name. What the guest reports is bounded and checked for form; of its truth in the native
tier, where the program shares a process with the reporter, it is a report and no proof.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from blake3 import blake3

from os2shell.executors.sandbox.errors import ProtocolBroken

NAMES_KEPT = 64
NAME_BYTES = 100
MODULE_BYTES = 1 << 22
"""The largest workspace module that can be pinned."""
_PIN = "blake3:"
_FIELDS = 6


@dataclass(frozen=True, slots=True)
class Names:
    """The first names of one kind, in the order they came, and how many there were in all."""

    names: tuple[str, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class Imports:
    """What one run imported, and what it was refused."""

    allowed: Names = Names()
    denied: Names = Names()
    pinned: Names = Names()


NO_IMPORTS = Imports()
"""Of a run that sent no report, as one that was killed."""


def decoded(fields: tuple[bytes, ...]) -> Imports:
    """The guest's report; raises ``ProtocolBroken`` for one of another form."""
    if len(fields) != _FIELDS:
        raise ProtocolBroken(
            f"a report of imports with {len(fields)} fields", expected=str(_FIELDS)
        )
    return Imports(*map(_names, fields[::2], fields[1::2]))


def _names(joined: bytes, count: bytes) -> Names:
    names = tuple(name.decode("utf-8", "replace") for name in joined.split(b"\0") if name)
    if not count.isdigit() or len(count) > 9:  # noqa: PLR2004 - no run imports a thousand million
        raise ProtocolBroken(f"a count of imports {count[:20]!r}", expected="a number")
    told = max(map(len, names), default=0)
    if len(names) > min(NAMES_KEPT, int(count)) or told > NAME_BYTES:
        raise ProtocolBroken(f"a report of {len(names)} imports, counted {int(count)}")
    return Names(names, int(count))


def resolved(words: tuple[str, ...], workspace_fd: int) -> tuple[str, ...]:
    """``words`` as the guest takes them: each pin compared with the file below ``workspace_fd``."""
    return tuple(_resolved(words, workspace_fd))


def _resolved(words: tuple[str, ...], workspace_fd: int) -> Iterator[str]:
    for word in words:
        name, equals, pin = word.partition("=")
        if not equals:
            yield word
            continue
        path = name.replace(".", "/") + ".py"
        data = _plain_file(path, workspace_fd)
        if data is None:
            yield f"{name}=!is no plain file {path} in the workspace"
            continue
        found = blake3(data).hexdigest()
        if found == pin.removeprefix(_PIN):
            yield f"{name}=sha256:{hashlib.sha256(data).hexdigest()}"
        else:
            yield f"{name}=!has digest {_PIN}{found}, the manifest pins {pin}"


def _plain_file(path: str, workspace_fd: int) -> bytes | None:
    """The bytes of ``path``, reached without any link; None where it is not a plain file."""
    folder = os.dup(workspace_fd)
    try:
        *above, last = path.split("/")
        for part in above:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            inner = os.open(part, flags, dir_fd=folder)
            os.close(folder)
            folder = inner
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with open(os.open(last, flags, dir_fd=folder), "rb") as file:  # noqa: PTH123 - a descriptor
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            data = file.read(MODULE_BYTES + 1)
    except OSError:
        return None
    finally:
        os.close(folder)
    return data if len(data) <= MODULE_BYTES else None
