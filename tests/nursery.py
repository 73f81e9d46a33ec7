"""A process that has loaded ``os2`` and forks each run of it: real processes without the imports.

What is forked becomes what ``python -m os2shell`` is: its own arguments, folder, environment and
standard streams, the module run as ``__main__``, and an end of its own. It was never run before,
so nothing of one run is left for the next. ``Nursery`` asks; run as a script, this file answers.

An end is what can be noticed of an interpreter's: threads are awaited, handlers called, garbage is
collected, streams are flushed. Modules are not taken apart, as each page that they lie in would be
copied for it: that took longer than most runs. Whole processes (``Os2.start``) end wholly.
"""

import atexit
import contextlib
import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from io import FileIO
from pathlib import Path
from select import select
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGES = ("os2shell", "ledger")
APART = (
    *("os2shell.__main__", "os2shell.executors.sandbox.guest", "os2shell.repl.prompt"),
    *("ledger.__main__", "ledger.evidence.verify_os2"),
    *("ledger.native.build_hook", "ledger.native.inner_loop"),
)
"""What a run imports itself: doors, what runs elsewhere only, and what only a terminal needs.

Of the ledger's inner loop a build has the hook, and what it compiles is no module of Python's.
"""
SIGNING = "cryptography.hazmat.primitives.asymmetric.ed25519"
"""What a ledger loads at its first signature."""
_LENGTH_BYTES = 8
_STREAMS = 3


class Nursery:
    """The asking side; several threads may ask at once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """``environment`` is what the interpreter itself begins with."""
        self._asking = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__)), str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )

    def run(
        self,
        words: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        stdin: bytes,
        seconds: float,
    ) -> tuple[int, bytes, bytes]:
        """One run: its code as ``subprocess`` gives it, standard output, standard error.

        Raises ``TimeoutExpired`` with what it had written, when it was killed.
        """
        asked = json.dumps({"words": words, "cwd": str(cwd), "environment": {**environment}})
        with contextlib.ExitStack() as stack:
            into, out, errors, told = self._ask(asked.encode(), stack)
            pid = int(told.readline())
            pool = stack.enter_context(ThreadPoolExecutor(_STREAMS))
            pool.submit(_write, into, stdin)
            read = [pool.submit(stream.readall) for stream in (out, errors)]
            if not select([told], [], [], seconds)[0]:
                os.kill(pid, signal.SIGKILL)
                written = [stream.result() or b"" for stream in read]
                raise subprocess.TimeoutExpired(["os2", *words], seconds, *written)
            return int(told.readline()), read[0].result() or b"", read[1].result() or b""

    def _ask(self, asked: bytes, stack: contextlib.ExitStack) -> list[FileIO]:
        """Send it with the far ends of four pipes: three streams, and one for pid and code."""
        pipes = [os.pipe() for _ in range(_STREAMS + 1)]
        ours = [pipes[0][1], *(near for near, _ in pipes[1:])]
        theirs = [pipes[0][0], *(far for _, far in pipes[1:])]
        files = [FileIO(ours[0], "wb"), *(FileIO(number, "rb") for number in ours[1:])]
        for file in files:
            stack.enter_context(file)
        with self._asking:
            socket.send_fds(self._socket, [len(asked).to_bytes(_LENGTH_BYTES, "big")], theirs)
            self._socket.sendall(asked)
        for number in theirs:
            os.close(number)
        return files

    def close(self) -> None:
        """It ends when nobody can ask any more."""
        self._socket.close()
        assert self._process.wait(timeout=20) == 0


def _write(into: FileIO, data: bytes) -> None:
    """All of ``data``, and its end; a run that reads no more is no error."""
    with contextlib.suppress(BrokenPipeError), into:
        view = memoryview(data)
        while view:
            view = view[into.write(view) :]


def load() -> None:
    """Import what runs import; none of it looks at the world when it is imported."""
    for package in PACKAGES:
        for found in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            if not found.name.startswith(APART):
                import_module(found.name)
    import_module(SIGNING)


def serve(channel: socket.socket) -> bool:
    """Fork for everyone who asks. True in each fork that is to become a run."""
    while True:
        header, given, _, _ = socket.recv_fds(channel, _LENGTH_BYTES, _STREAMS + 1)
        if not header:
            return False
        with channel.makefile("rb", buffering=0) as stream:
            asked = json.loads(_whole(stream, int.from_bytes(header, "big")))
        if os.fork() == 0:
            channel.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return attend(asked, given)
        for number in given:
            os.close(number)


def attend(asked: dict[str, Any], given: Sequence[int]) -> bool:
    """Fork the run, tell its pid, wait, and tell how it ended. True in the run itself."""
    *streams, told = given
    born = os.fork()
    if born == 0:
        become(asked, streams)
        return True
    for number in streams:
        os.close(number)
    os.write(told, b"%d\n" % born)
    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(born, 0)[1]))
    os._exit(0)


def become(asked: dict[str, Any], streams: Sequence[int]) -> None:
    """Take on what a new process would have been started with."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(_STREAMS, os.sysconf("SC_OPEN_MAX"))
    os.chdir(asked["cwd"])
    coerced = {name: value for name, value in os.environ.items() if name == "LC_CTYPE"}
    os.environ.clear()
    os.environ.update({**coerced, **asked["environment"]})
    sys.argv[1:] = asked["words"]
    sys.path[0] = asked["cwd"]


def _whole(stream: Any, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += stream.read(size - len(data))
    return data


def live() -> None:
    """Be the run, to its end; what ends otherwise than by a code ends as the interpreter does it."""
    try:
        runpy.run_module("os2shell", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, int):
            leave(end.code)
        raise


def leave(code: int) -> None:
    """End with ``code``; returns where a stream cannot be flushed, which the interpreter reports."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return
    os._exit(code & 255)


if __name__ == "__main__":
    load()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as asking:
        is_run = serve(asking)
    if is_run:
        live()
