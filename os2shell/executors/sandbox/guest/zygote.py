"""What a restricted run needs before its job is known: loaded while the sandbox waits for one.

A run is prepared exactly once, between the hello and the job, whether its sandbox waited for an hour or
not at all: the same allocations in the same order, so addresses and counts of objects are the same bytes
warm and cold. Nothing loaded here may draw time or entropy, start threads, or be patched by ``hooks``; what
does (``random`` above all) is loaded after the job has put the world in place. There is no fork: one
sandbox serves one run, so what a fork would share is shared by nobody.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import gc
import sys
from types import ModuleType

_FIRST_OF_ALL = "RestrictedPython"


def prepare(patched) -> None:
    """Load the restricted tier's policy and use it once; ``patched`` are modules that must wait."""
    _without_extras()
    from . import facades, imports, offered, policy, restricted  # noqa: F401

    policy.compiled("0\n", "<string>", "exec")
    early = sorted(name for name in patched if name in sys.modules)
    if early:
        raise ImportError(f"loaded before the job: {', '.join(early)}")
    gc.collect()
    gc.freeze()


def _without_extras() -> None:
    """The policy's package without its ``__init__``, which loads ``random`` and what we do not use."""
    package = ModuleType(_FIRST_OF_ALL)
    package.__path__ = ["/os2/RestrictedPython"]
    package.__file__ = "/os2/RestrictedPython/__init__.py"
    package.__package__ = _FIRST_OF_ALL
    sys.modules[_FIRST_OF_ALL] = package


def forget(worlds) -> None:
    """Let go of all that a program holds, as an interpreter's end does: its last outputs come here.

    Generators that were never finished run their ``finally``. Nothing else of a restricted program waits
    for the end (it has no ``__del__``, no ``atexit``, no threads), so the process may leave without it.
    """
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        sys.__dict__.pop(name, None)
    try:
        for world in worlds:
            for name in list(world):  # what runs here may bind more names
                if name != "__builtins__":
                    world[name] = None
        gc.collect()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, KeyboardInterrupt):
        pass  # nobody reads any more, or the run is being ended
