"""The prompt in a real terminal: history, completion, Ctrl-C for the guest, Ctrl-D to leave."""

import os
import pty
import re
import select
import sys
import time
from pathlib import Path

import pytest

from os2shell.repl import prompt
from tests.house import Os2

ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[=>]|\x1b\][^\x07]*\x07")


class Terminal:
    """``os2`` on a pseudo terminal; what it shows is kept without the drawing."""

    def __init__(self, os2: Os2) -> None:
        environment = {**os2.environment(), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(os2.workspace)
            os.execve(sys.executable, [sys.executable, "-m", "os2shell"], environment)
        self.shown = b""

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait_for(self, text: str, seconds: float = 20) -> None:
        """Until ``text`` is shown after what was waited for before."""
        deadline = time.monotonic() + seconds
        while text.encode() not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.shown = ESCAPES.sub(b"", self.shown + os.read(self.fd, 65536))
                except OSError:
                    break
        assert text.encode() in self.shown, self.shown
        self.shown = self.shown.partition(text.encode())[2]

    def end(self, key: str) -> int:
        """Leave by ``key``; typed again while no prompt takes it (a terminal drops it then)."""
        deadline = time.monotonic() + 20
        while True:
            self.type(key)
            for _ in range(10):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    os.close(self.fd)
                    return os.waitstatus_to_exitcode(status)
                select.select([self.fd], [], [], 0.05)
                time.sleep(0.05)
            assert time.monotonic() < deadline, self.shown


@pytest.fixture
def terminal(os2: Os2) -> Terminal:
    return Terminal(os2)


def test_a_session_in_the_terminal(terminal: Terminal, os2: Os2) -> None:
    terminal.wait_for("os2>")
    terminal.type("pyvm --eval 6*7\r")
    terminal.wait_for("42")
    terminal.wait_for("os2>")
    terminal.type(
        "python -c 'print(\"start\", flush=True); import threading; threading.Event().wait()'\r"
    )
    terminal.wait_for("start\r\n")
    terminal.type("\x03")
    terminal.wait_for("os2>")
    terminal.type("no-such\r")
    terminal.wait_for("unknown command")
    terminal.wait_for("os2>")
    terminal.type("python -c 'print(\"\\x1b[2Jgone\")'\r")
    terminal.wait_for("\\x1b[2Jgone")
    terminal.wait_for("os2>")
    terminal.type("doct\t")
    terminal.wait_for("doctor")
    terminal.type("\x03")
    terminal.wait_for("os2>")
    assert terminal.end("\x04") == 0
    sessions = os2.records("--kind", "session.opened")
    assert len(sessions) == 1, "one shell is one session"


def test_ctrl_c_at_the_prompt_drops_the_line(terminal: Terminal) -> None:
    terminal.wait_for("os2>")
    terminal.type("half a li\x03")
    terminal.wait_for("os2>")
    assert terminal.end("exit\r") == 0


class InterruptedAtItsEnd:
    """A shell to which Ctrl-C comes when a command's guest has ended and its outcome is shown."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []

    def warm(self) -> None: ...

    def run(self, words: list[str]) -> int:
        self.ran.append(words)
        if len(self.ran) == 1:
            raise KeyboardInterrupt
        return 3


class Lines:
    """A session that is typed into."""

    def __init__(self, *lines: str) -> None:
        self._lines = iter(lines)

    def prompt(self, _text: str) -> str:
        line = next(self._lines, None)
        if line is None:
            raise EOFError
        return line


def test_a_late_interrupt_leaves_the_shell_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(prompt, "_session", lambda *_: Lines("one", "two"))
    shell = InterruptedAtItsEnd()
    assert prompt.run_prompt(shell, tmp_path, tmp_path / "history") == 3  # type: ignore[arg-type]
    assert shell.ran == [["one"], ["two"]]
