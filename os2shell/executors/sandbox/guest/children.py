"""Programs that the guest starts: Python again, in the same world, under this runtime.

The image holds no other program. A child interpreter is started with the boot of ``child`` before
its own arguments, the fixed environment's words that decide its order of sets, a seed of its own
(drawn from the parent's by the number of the child), the instant at which it was started and its row
in the order of processes (``relay``), which the first child brings about. Whoever starts one goes on
when it stands at its gate.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-any-return,no-untyped-def,no-untyped-call,attr-defined,type-arg"

import atexit
import os
import posix

from _blake2 import blake2b

from . import calls, clock, entropy, locks, net
from .commandline import parsed
from .locks import WORLD

FLAGS = ["-u", "-S", "-s", "-P", "-B"]
BOOT = "import sys; sys.path.insert(0, '/os2'); from os2guest import child; sys.exit(child.main())"
_FORCED = ("LD_PRELOAD", "PYTHONHASHSEED", "OPENSSL_ia32cap")
_FORCED_ENVIRONMENT = {name: os.environ[name] for name in _FORCED if name in os.environ}
_NO_ROW = -1


class Family:
    """How many children there were, and the words of their rules of imports, as this process's."""

    def __init__(self) -> None:
        self.started = 0
        self.starting = locks.RLock()
        self.imports: "list[str]" = []


FAMILY = Family()


def _is_python(path) -> bool:
    real = os.path.realpath(os.fsdecode(path))
    return os.path.dirname(real) == "/py/bin" and os.path.basename(real).startswith("python")


def world(slot: int) -> str:
    """Seed, first instant, rules, traps and row of the next child: one word of its command line."""
    label = b"child %d" % FAMILY.started
    FAMILY.started += 1
    seed = blake2b(label, key=entropy.STREAM.key, digest_size=32, person=b"os2 child").digest()
    rules = "\0".join(FAMILY.imports).encode().hex()
    return f"{seed.hex()}:{clock.CLOCK.now}:{rules}:{net.NET.armed:d}:{slot}"


def adopted(arguments, slot: int) -> list:
    """The command line of a child interpreter: its own, after this runtime's."""
    words = [os.fsdecode(word) for word in arguments]
    flags = parsed(words[1:]).flags
    return [words[0], *FLAGS, *flags, "-c", BOOT, world(slot), *words[1:]]


def _environment(environment) -> dict:
    words = {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
    return words | _FORCED_ENVIRONMENT


def ordered():
    """The order of processes, made for the first child."""
    with FAMILY.starting:
        if WORLD.relay is None:
            from . import relay

            _order(relay.begin(locks.scheduler()))
    WORLD.relay.check()
    return WORLD.relay


def load() -> None:
    """Load what orders threads and processes before rules of imports deny modules that it uses."""
    from . import baton, relay  # noqa: F401


def join(slot: int) -> None:
    """In a program that was started: wait for the first turn among those that were there before."""
    if slot != _NO_ROW:
        from . import pipes, relay

        _order(relay.join(locks.scheduler(), slot))
        WORLD.baton.set_points()
        pipes.adopt_streams()


def _order(relay) -> None:
    WORLD.relay, clock.CLOCK.others = relay, relay.several
    WORLD.baton.order()
    calls.keep(relay.number, relay.number + 1)
    atexit.register(relay.publish)


def _started(start) -> int:
    """The number of the child that ``start(row)`` makes, once it stands at its gate; 0 in a fork.

    One thread at a time: what runs around a fork may take locks, and so let another thread run.
    """
    with FAMILY.starting:
        relay = ordered()
        slot = relay.reserve()
        try:
            pid = start(slot)
        except BaseException:
            relay.launched(slot, 0)
            raise
        if pid:
            relay.launched(slot, pid)
            WORLD.baton.set_points()
        return pid


def lead_forks() -> None:
    """Be the first at every fork: what others do there in the child may already take locks."""
    os.register_at_fork(after_in_child=_forked)


def _forked() -> None:
    """In a forked child: one thread, a place among the processes, and no timer."""
    if WORLD.baton is not None:
        WORLD.baton.forked()
    if clock.CLOCK.timer is not None:
        clock.CLOCK.timer.set(0, 0)
    relay = WORLD.relay
    if relay is not None and relay.reserved != _NO_ROW:
        slot, relay.reserved = relay.reserved, _NO_ROW
        relay.arrive(slot)


def install(words) -> None:
    """Put all of it behind ``os`` and ``posix``; ``subprocess`` is patched when it is imported.

    ``words`` are the rules of imports, which every child is held to.
    """
    FAMILY.imports = words
    calls.install(_first_pipe)
    for function in (*_forks(), *_programs()):
        clock.named(function, "posix", function.__name__)
        setattr(os, function.__name__, function)
        setattr(posix, function.__name__, function)


def _first_pipe() -> None:
    from . import pipes

    pipes.install()


def _forks() -> tuple:
    real_forkpty = posix.forkpty

    def fork():
        return _started(lambda _slot: calls.real_fork())

    def forkpty():
        pair: list = []

        def start(_slot) -> int:
            pair.extend(real_forkpty())
            return int(pair[0])

        _started(start)
        return tuple(pair)

    return fork, forkpty


def _programs() -> tuple:
    real_execve, real_spawn = posix.execve, posix.posix_spawn

    def execve(path, argv, env):
        if not isinstance(path, int) and _is_python(path):
            slot = _NO_ROW if WORLD.relay is None else WORLD.relay.slot
            return real_execve(path, adopted(argv, slot), _environment(env))
        return real_execve(path, argv, env)

    def execv(path, argv, /):
        return execve(path, argv, os.environ)

    def posix_spawn(path, argv, env, /, **options):
        if not _is_python(path):
            return real_spawn(path, argv, env, **options)
        words = _environment(env)
        return _started(lambda slot: real_spawn(path, adopted(argv, slot), words, **options))

    def posix_spawnp(path, argv, env, /, **options):
        name = os.fsdecode(path)
        found = name if "/" in name else os.path.join("/py/bin", name)
        return posix_spawn(found, argv, env, **options)

    return execve, execv, posix_spawn, posix_spawnp


def patch_posixsubprocess(module) -> None:
    """``fork_exec``, which ``subprocess`` and ``multiprocessing`` start programs with."""
    real = module.fork_exec

    def fork_exec(args, executable_list, close_fds, pass_fds, cwd, env, *rest):
        def start(slot) -> int:
            words, paths, kept, variables = args, executable_list, pass_fds, env
            if any(map(_is_python, paths)):
                paths = [path for path in paths if _is_python(path)]
                words = adopted(args, slot)
                given = _pairs(env) if env is not None else dict(os.environ)
                variables = [os.fsencode(f"{k}={v}") for k, v in _environment(given).items()]
                kept = tuple(sorted({*pass_fds, WORLD.relay.number}))
            return int(real(words, paths, close_fds, kept, cwd, variables, *rest))

        return _started(start)

    module.fork_exec = clock.named(fork_exec, "_posixsubprocess", "fork_exec")


def _pairs(env) -> dict:
    return dict(os.fsdecode(word).split("=", 1) for word in env)


def patch_subprocess(module) -> None:
    """A wait with a timeout is one wait, not as many readings of the clock as fit into it."""
    from . import reaping

    module._USE_POSIX_SPAWN = False
    # Its loops read the clock as often as a child's output comes in pieces: a look moves nothing.
    module._time = clock.look
    if hasattr(module, "_fork_exec"):
        import _posixsubprocess

        module._fork_exec = _posixsubprocess.fork_exec
    real_wait = module.Popen._wait

    def _wait(self, timeout):
        if timeout is None or self.returncode is not None:
            return real_wait(self, timeout)
        if not reaping.ended(self.pid, timeout):
            raise module.TimeoutExpired(self.args, timeout)
        return real_wait(self, None)

    module.Popen._wait = clock.named(_wait, "subprocess", "_wait")
