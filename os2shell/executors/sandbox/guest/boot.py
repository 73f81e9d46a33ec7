"""First code inside: says hello, waits for the job, builds the guest's world, runs its program."""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,assignment"

import _signal  # type: ignore[import-not-found]
import _socket
import os
import sys

from . import (
    broker,
    children,
    clock,
    entropy,
    entry,
    extensions,
    hooks,
    host,
    imports,
    landlock,
    net,
    packages,
    stdin,
    threads,
    zygote,
)
from .channel import NUMBER, Channel, keep_open

_UNIX, _STREAM = 1, 1
_CPYTHON_IGNORES = (_signal.SIGPIPE, _signal.SIGXFSZ)
_SOL_SOCKET, _SCM_RIGHTS = 1, 1
_leave = os._exit


def main() -> int:
    """Run one job; the value is the program's exit code."""
    channel = Channel(_take_control())
    _plain_signals()
    _limit(channel.receive()[1])
    devices = entropy.hold_devices()
    _hello(channel, landlock.restrict(), net.arm())
    job = channel.receive()
    if job[0] == b"prepare":
        zygote.prepare(hooks.PATCHES)
        job = channel.receive()
    if job[2] == b"git":
        from . import git

        return git.main(channel, job)
    tier, kind, target, arguments, count, seed, start, words_of_imports, budget, place = job[1:]
    words = arguments.split(b"\0") if int(count) else []
    record = imports.Record()
    channel_exit = _exit_through(channel, record)
    keep_open(channel)
    children.lead_forks()
    threads.install(seed, channel_exit, _leave)
    clock.install(int(start))
    entropy.install(seed, devices)
    net.install(seed, int(start))
    host.install(int(start))
    stdin.install(channel)
    broker.install(channel)
    hooks.install()
    extensions.install()
    children.install([word.decode() for word in words_of_imports.split(b"\0") if word])
    if budget:
        from . import meter

        meter.install(int(budget), channel, channel_exit)
    if place:
        from . import watch

        watch.install(channel, os.fsdecode(place))
    _unrecognisable()
    plan = entry.Plan(
        restricted=tier == b"restricted",
        kind=kind.decode(),
        target=os.fsdecode(target),
        arguments=[os.fsdecode(word) for word in words],
        imports=[word.decode() for word in words_of_imports.split(b"\0") if word],
        record=record,
    )
    if not plan.restricted:
        rules = imports.Rules(plan.imports)
        if rules.denied:
            children.load()
        imports.hold(rules, record)
        record.watch_loaded()
    code, cause = entry.perform(plan)
    if plan.restricted:
        zygote.forget(plan.worlds)
    _threads_end()
    channel_exit(code, cause)
    if plan.restricted:
        _leave(code)
    return code


def _take_control() -> "_socket.socket":
    """The socket that bubblewrap passed as stdin becomes descriptor NUMBER, and stdin /dev/null."""
    control = os.dup2(0, NUMBER, inheritable=False)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return _socket.socket(_UNIX, _STREAM, 0, control)


def _plain_signals() -> None:
    """Undo what the shell's own parent ignored or blocked: all that is inherited."""
    for number in range(1, _signal.NSIG):
        if number not in _CPYTHON_IGNORES and _signal.getsignal(number) == _signal.SIG_IGN:
            _signal.signal(number, _signal.SIG_DFL)
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def _limit(numbers: bytes) -> None:
    """Take on the kernel's limits, for this process and all it will start; never to be raised."""
    import resource

    values = [int(word) for word in numbers.split()]
    for kind, soft, hard in zip(values[::3], values[1::3], values[2::3]):
        resource.setrlimit(kind, (soft, hard))


def _hello(channel: Channel, landlock_version: int, traps: bool) -> None:
    """Send /w, the kernel's word that addresses are fixed, the Landlock and the traps that were proved."""
    workspace = os.open("/w", os.O_RDONLY | os.O_DIRECTORY)
    file = os.open("/proc/self/personality", os.O_RDONLY)
    personality = os.read(file, 8)
    os.close(file)
    fields = [b"hello", personality, b"%d" % landlock_version, b"%d" % traps]
    body = b"".join([len(field).to_bytes(4, "big") + field for field in fields])
    rights = [(_SOL_SOCKET, _SCM_RIGHTS, workspace.to_bytes(4, sys.byteorder))]
    channel._sock.sendmsg([len(body).to_bytes(4, "big") + body], rights)
    os.close(workspace)


def _exit_through(channel: Channel, record):
    """Tell the outcome before the process ends, also where ``os._exit`` cuts it short."""
    leave = os._exit
    own = os.getpid()

    def tell(code: int, cause: str) -> None:
        if os.getpid() == own and not channel.cut:
            channel.send(*record.fields())
            channel.send(b"outcome", b"%d" % code, cause.encode())
            channel.receive()

    def _exit(status: int) -> None:
        if isinstance(status, int):
            tell(int.__and__(status, 255), "exit")
        leave(status)

    _exit.__module__ = "posix"
    _exit.__qualname__ = "_exit"
    os._exit = _exit

    os.register_at_fork(after_in_child=channel.hang_up)
    return tell


def _threads_end() -> None:
    """Wait for the threads that a program's end waits for, before the outcome is told."""
    threading = sys.modules.get("threading")
    if threading is not None and hasattr(threading, "_shutdown"):
        try:
            threading._shutdown()
        except BaseException as error:
            entry.show(error)


def _unrecognisable() -> None:
    """Leave the search path as any program finds it."""
    sys.path.remove("/os2")
    packages.install()
