"""The end of a run in which no thread can go on: the words for it, and the leaving."""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,no-any-return"

import sys

from . import locks

CAUSE = "deadlock"
CODE = 124
_LIBRARY = ("/py/", "/os2/", "<frozen ")


def end(baton, told: str = "") -> None:
    """Say who waits where, hand over what was printed, and leave with the cause's name.

    ``told`` are the lines of all processes; without it only the threads of this one are stuck.
    """
    who = "process" if told else "thread"
    words = [f"os2: deadlock: no {who} can go on, none waits for time or for anything outside\n"]
    words += [told or "".join(f"{line}\n" for line in lines(baton, ""))]
    words += ["os2: give each wait a timeout, or take the locks in one order everywhere\n"]
    _flush(sys.stdout)
    try:
        sys.stderr.write("".join(words))
    except (AttributeError, ValueError, OSError):
        pass  # closed by the guest: the cause alone tells it
    _flush(sys.stderr)
    baton.world.tell(CODE, CAUSE)
    baton.world.leave(CODE)


def lines(baton, process: str) -> "list[str]":
    """What each thread waits for, and where; ``process`` names the one they are of."""
    frames = locks._real_frames()
    found = []
    for task in baton.tasks:
        place = _place(frames.get(task.real))
        found.append(f"  {process}{_name(task.ident)} waits for {task.what or 'the baton'}{place}")
    return found


def _name(ident: int) -> str:
    threading = sys.modules.get("threading")
    thread = getattr(threading, "_active", {}).get(ident)
    if thread is not None:
        return thread.name
    return "MainThread" if ident == 1 else f"thread {ident}"


def _place(frame) -> str:
    """The innermost line that is the guest's own; else nothing."""
    while frame is not None:
        name = frame.f_code.co_filename
        starts = frame.f_back is None and "os2guest" in frame.f_code.co_names
        if not name.startswith(_LIBRARY) and not starts:
            return f" at {name}, line {frame.f_lineno}, in {frame.f_code.co_name}"
        frame = frame.f_back
    return ""


def _flush(stream) -> None:
    try:
        stream.flush()
    except (AttributeError, ValueError, OSError):
        pass
