"""What one started guest is held by: child, pipes, control socket, ``/w``, pidfds, control group.

Owns them, and lets go of each once. What the guest says is read by ``start`` and ``supervise``.
"""

import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path

from os2shell.executors.sandbox.cgroup import Group
from os2shell.executors.sandbox.errors import ProtocolBroken

_NONE = -1


class GuestProcess:
    """bubblewrap as our child, and inside it the guest, held by pidfd."""

    def __init__(
        self, child: subprocess.Popen[bytes], control: socket.socket, group: Group | None
    ) -> None:
        """Own ``child`` with its pipes, ``control``, and ``group``, which nothing has joined."""
        assert isinstance(child.stdout, FileIO), "unbuffered pipes"
        assert isinstance(child.stderr, FileIO), "unbuffered pipes"
        self.child = child
        self.control = control
        self.group = group
        self._beginning: threading.Thread | None = None
        self._problem: BaseException | None = None
        self.stdout = child.stdout
        self.stderr = child.stderr
        self.workspace_fd = _NONE
        self.guest_pid = _NONE
        self.guest_fd = _NONE
        self._init_fd = _NONE
        self._scratch_fd = _NONE

    @property
    def complete(self) -> bool:
        """Whether the guest and its workspace are known."""
        return _NONE not in (self.guest_fd, self.workspace_fd)

    def begin(self, feed: Callable[[], None]) -> None:
        """Have ``child`` join the group, then ``feed`` it what it waits for; does not wait."""
        self._beginning = threading.Thread(target=self._begin, args=(feed,), daemon=True)
        self._beginning.start()

    def _begin(self, feed: Callable[[], None]) -> None:
        try:
            if self.group is not None:
                self.group.join(self.child.pid)
            feed()
        except BrokenPipeError:
            pass  # it is gone, and what it said is read by ``start``
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._problem = error
            self.child.kill()

    def begun(self) -> None:
        """Wait for ``begin``; raises what went wrong in it."""
        if self._beginning is not None:
            self._beginning.join()
        if self._problem is not None:
            raise self._problem

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel killed something of the guest because its memory was used up."""
        return self.group is not None and self.group.out_of_memory()

    def adopt_guest(self, pid: int) -> None:
        """Hold the guest's main process; ``pid`` is ours, as the kernel wrote it."""
        if self.guest_fd != _NONE:
            return
        try:
            words = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            self._init_fd = os.pidfd_open(int(words[1]))
            self._scratch_fd = os.open(f"/proc/{pid}/root/tmp", os.O_RDONLY | os.O_DIRECTORY)
            self.guest_fd = os.pidfd_open(pid)
        except OSError as error:
            raise ProtocolBroken(f"the guest's process is gone ({error.strerror})") from error
        self.guest_pid = pid

    def adopt_workspace(self, fd: int) -> None:
        """Hold ``/w``."""
        os.set_inheritable(fd, False)  # noqa: FBT003 - the C signature
        if self.workspace_fd != _NONE:
            os.close(fd)
            return
        self.workspace_fd = fd

    def inodes(self) -> tuple[int, int]:
        """How many files, folders and links there are in ``/w``, and in ``/tmp``."""
        spaces = [os.fstatvfs(fd) for fd in (self.workspace_fd, self._scratch_fd)]
        return spaces[0].f_files - spaces[0].f_ffree, spaces[1].f_files - spaces[1].f_ffree

    def signal_guest(self, number: signal.Signals) -> None:
        """Send ``number`` to the guest's main process, if it lives."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.guest_fd, number)

    def kill(self) -> None:
        """Kill bubblewrap, and by that everything in its pid namespace; returns when it is dead."""
        if self.group is not None:
            self.group.kill()
        if self.child.poll() is None:
            if self._init_fd == _NONE:
                self._init_fd = _only_child(self.child.pid)
            self.child.kill()
        self.child.wait()
        if self._init_fd != _NONE:
            # The first process of the pid namespace ends after all others: then /w is still.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init_fd, signal.SIGKILL)
            _wait_for(self._init_fd)

    def close(self) -> None:
        """Kill what lives, close everything."""
        self.kill()
        if self._beginning is not None:
            self._beginning.join()
        for stream in (self.stdout, self.stderr, self.control):
            stream.close()
        for fd in (self.workspace_fd, self.guest_fd, self._init_fd, self._scratch_fd):
            if fd != _NONE:
                os.close(fd)
        if self.group is not None:
            self.group.close()
            self.group = None
        self.workspace_fd = self.guest_fd = self._init_fd = self._scratch_fd = _NONE


def _only_child(pid: int) -> int:
    """A pidfd of what ``pid`` started, or none; ``pid``, a child of ours, is stopped by it.

    A bubblewrap that is killed while it starts leaves its child waiting for ever. Stopped first,
    it starts none after we looked.
    """
    with suppress(OSError, ValueError):
        os.kill(pid, signal.SIGSTOP)
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return os.pidfd_open(int(Path(f"/proc/{pid}/task/{pid}/children").read_text()))
    return _NONE


def _wait_for(pidfd: int) -> None:
    """Wait until the process is dead; SIGKILL was sent, so that is soon."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.poll(5000)
