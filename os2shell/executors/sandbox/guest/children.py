"""Programs that the guest starts: Python again, in the same world, under this runtime.

The image holds no other program. A child interpreter is started with the boot of ``child`` before
its own arguments, the fixed environment's words that decide its order of sets, a seed of its own
(drawn from the parent's by the number of the child) and the instant at which it was started.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,type-arg"

import os
import posix

from _blake2 import blake2b

from . import clock, entropy, net
from .commandline import parsed

FLAGS = ["-u", "-S", "-s", "-P", "-B"]
BOOT = "import sys; sys.path.insert(0, '/os2'); from os2guest import child; sys.exit(child.main())"
_FORCED = ("LD_PRELOAD", "PYTHONHASHSEED", "OPENSSL_ia32cap")
_FORCED_ENVIRONMENT = {name: os.environ[name] for name in _FORCED if name in os.environ}
_ARGUMENTS, _EXECUTABLES, _ENVIRONMENT = 0, 1, 5


class Family:
    """How many children there were, and the words of their rules of imports, as this process's."""

    def __init__(self) -> None:
        self.started = 0
        self.imports: "list[str]" = []


FAMILY = Family()


def _is_python(path) -> bool:
    real = os.path.realpath(os.fsdecode(path))
    return os.path.dirname(real) == "/py/bin" and os.path.basename(real).startswith("python")


def world() -> str:
    """Seed, first instant, rules and traps of the next child, as one word of its command line."""
    label = b"child %d" % FAMILY.started
    FAMILY.started += 1
    seed = blake2b(label, key=entropy.STREAM.key, digest_size=32, person=b"os2 child").digest()
    rules = "\0".join(FAMILY.imports).encode().hex()
    return f"{seed.hex()}:{clock.CLOCK.now}:{rules}:{net.NET.armed:d}"


def adopted(arguments) -> list:
    """The command line of a child interpreter: its own, after this runtime's."""
    words = [os.fsdecode(word) for word in arguments]
    flags = parsed(words[1:]).flags
    return [words[0], *FLAGS, *flags, "-c", BOOT, world(), *words[1:]]


def _environment(environment) -> dict:
    words = {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
    return words | _FORCED_ENVIRONMENT


def install(words) -> None:
    """Put all of it behind ``os`` and ``posix``; ``subprocess`` is patched when it is imported.

    ``words`` are the rules of imports, which every child is held to.
    """
    FAMILY.imports = words
    real_execve = posix.execve
    real_spawn = posix.posix_spawn

    def execve(path, argv, env):
        if not isinstance(path, int) and _is_python(path):
            return real_execve(path, adopted(argv), _environment(env))
        return real_execve(path, argv, env)

    def execv(path, argv, /):
        return execve(path, argv, os.environ)

    def posix_spawn(path, argv, env, /, **options):
        if _is_python(path):
            return real_spawn(path, adopted(argv), _environment(env), **options)
        return real_spawn(path, argv, env, **options)

    def posix_spawnp(path, argv, env, /, **options):
        name = os.fsdecode(path)
        found = name if "/" in name else os.path.join("/py/bin", name)
        return posix_spawn(found, argv, env, **options)

    for function in (execve, execv, posix_spawn, posix_spawnp):
        clock.named(function, "posix", function.__name__)
        setattr(os, function.__name__, function)
        setattr(posix, function.__name__, function)


def patch_posixsubprocess(module) -> None:
    """``fork_exec``, which ``subprocess`` and ``multiprocessing`` start programs with."""
    real = module.fork_exec

    def fork_exec(args, executable_list, close_fds, pass_fds, cwd, env, *rest):
        if any(map(_is_python, executable_list)):
            executable_list = [path for path in executable_list if _is_python(path)]
            args = adopted(args)
            given = _pairs(env) if env is not None else dict(os.environ)
            env = [os.fsencode(f"{k}={v}") for k, v in _environment(given).items()]
        return real(args, executable_list, close_fds, pass_fds, cwd, env, *rest)

    module.fork_exec = clock.named(fork_exec, "_posixsubprocess", "fork_exec")


def _pairs(env) -> dict:
    return dict(os.fsdecode(word).split("=", 1) for word in env)


def patch_subprocess(module) -> None:
    """A wait with a timeout is one wait, not as many readings of the clock as fit into it."""
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
        if not _ended(self.pid, timeout):
            clock.advance(timeout)
            raise module.TimeoutExpired(self.args, timeout)
        return real_wait(self, None)

    module.Popen._wait = clock.named(_wait, "subprocess", "_wait")


def patch_multiprocessing(module) -> None:
    """Processes that work in parallel have no order that could be recorded: refused by name."""

    def start(self):
        raise OSError(
            95,
            "processes in parallel are not deterministic, and refused; use threads "
            "(ThreadPoolExecutor, multiprocessing.pool.ThreadPool) or subprocess.run",
        )

    module.BaseProcess.start = clock.named(start, "multiprocessing.process", "start")


def _ended(pid: int, seconds: float) -> bool:
    """Whether the child ended within so many real seconds."""
    import select

    try:
        watched = os.pidfd_open(pid)
    except OSError:
        return True
    try:
        return bool(select.real_select([watched], [], [], max(0, seconds))[0])
    finally:
        os.close(watched)
