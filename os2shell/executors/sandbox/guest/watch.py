"""Looking for one place: where the program wrote a byte, ended, or opened a file for writing.

Installed only when a replay has found a difference and the program runs once more to name its line.
What is being looked for is told to the host with the stack; a byte or an end is told once, for the
host stops the run there. The watched streams hand every piece on at once, so bytes that a child
process or native code writes are counted by the host alone, which then knows that the place is
another.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,misc,assignment"

import io
import os
import sys

from . import entry
from .channel import Channel, stack_of
from .clock import named

_SHOWN_EXTENSIONS = 8
_DESCRIPTORS = {"stdout": 1, "stderr": 2}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGING = {
    "os.chmod": 1, "os.link": 2, "os.mkdir": 1, "os.remove": 1, "os.rename": 2, "os.rmdir": 1,
    "os.symlink": 2, "os.truncate": 1,
}  # fmt: skip


class Watch:
    """One search; ``tell`` says where it led."""

    def __init__(self, channel: Channel, stream: str, offset: int) -> None:
        self._channel = channel
        self._stream = stream
        self._offset = offset
        self._written = 0
        self._error = b""

    def tell(self, kind: str, stack: bytes, at: int = 0) -> None:
        """Say it; at a byte or an end the host never answers."""
        names = ",".join(_extensions())
        self._channel.ask(f"watch.{kind} {at} {names}".encode(), stack)

    def wrote(self, stream: str, size: int, frame) -> None:
        """Count ``size`` bytes that are about to be written."""
        if stream == self._stream:
            start, self._written = self._written, self._written + size
            if start <= self._offset < self._written:
                stack = stack_of(frame)
                self.tell("wrote", stack or self._error, start)

    def failed(self, error: BaseException) -> None:
        """The program ends by ``error``; its traceback is not printed yet."""
        stack = _stack_of_trace(error.__traceback__)
        if self._stream == "stderr" and not isinstance(error, SystemExit):
            self._error = stack
        elif self._stream != "path":
            self.tell("end", stack)


def install(channel: Channel, point: str) -> None:
    """Look for ``stdout N``, ``stderr N``, ``end``, or ``path NAME`` (below the workspace)."""
    kind, _, detail = point.partition(" ")
    watch = Watch(channel, kind, int(detail) if kind in _DESCRIPTORS else -1)
    if kind in _DESCRIPTORS:
        _watch_streams(watch)
    if kind == "path":
        _watch_path(watch, os.path.normpath(os.path.join("/w", detail)))
    _watch_end(watch)


def _watch_streams(watch: Watch) -> None:
    for name in _DESCRIPTORS:
        old = getattr(sys, name)
        stream = _watched(old, name, watch)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
        _KEPT.append(old)  # its end would close the descriptor
    real_write = os.write

    def write(fd, data, /):
        if fd in (1, 2):
            watch.wrote("stdout" if fd == 1 else "stderr", len(data), sys._getframe(1))
        return real_write(fd, data)

    os.write = named(write, "posix", "write")


_KEPT: list = []


def _watched(old, name: str, watch: Watch):
    class BufferedWriter(io.BufferedWriter):
        def write(self, data, /):
            super().flush()
            watch.wrote(name, memoryview(data).nbytes, sys._getframe(1))
            count = super().write(data)
            super().flush()
            return count

    raw = io.FileIO(_DESCRIPTORS[name], "wb", closefd=False)
    raw.name = f"<{name}>"
    stream = io.TextIOWrapper(
        BufferedWriter(raw), old.encoding, old.errors, "\n", old.line_buffering, True
    )
    stream.mode = "w"
    return stream


def _watch_path(watch: Watch, path: str) -> None:
    """Tell every call that opens ``path`` for writing or changes its name, mode or being."""

    def hook(event: str, args) -> None:
        if event == "open":
            changing = isinstance(args[2], int) and args[2] & _WRITING
            names = args[:1] if changing else ()
        else:
            names = args[: _CHANGING.get(event, 0)]
        if any(_absolute(name) == path for name in names):
            watch.tell("path", stack_of(sys._getframe(1)))

    sys.addaudithook(hook)


def _absolute(name) -> str:
    if isinstance(name, int):
        return ""
    try:
        return os.path.normpath(os.path.join(os.getcwd(), os.fsdecode(name)))
    except (OSError, TypeError):
        return ""


def _watch_end(watch: Watch) -> None:
    real_show, real_code, real_exit = entry.show, entry._exit_code, os._exit

    def show(error):
        watch.failed(error)
        real_show(error)

    def exit_code(stop):
        watch.failed(stop)
        return real_code(stop)

    def _exit(status):
        if watch._stream != "path":
            watch.tell("end", stack_of(sys._getframe(1)))
        real_exit(status)

    entry.show, entry._exit_code = show, exit_code
    os._exit = named(_exit, "posix", "_exit")


def _stack_of_trace(trace) -> bytes:
    """The stack where an error was raised: its frames are dead, so their lines come from the trace."""
    stack = []
    while trace is not None:
        stack.append((trace.tb_frame.f_code, trace.tb_lasti))
        trace = trace.tb_next
    return stack_of(None, reversed(stack))


def _extensions():
    """Native modules that are not the standard library's."""
    found = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".so") and not file.startswith("/py/"):
            if name.isprintable() and not set(name) & {" ", ","}:
                found.add(name)
    return sorted(found)[:_SHOWN_EXTENSIONS]
