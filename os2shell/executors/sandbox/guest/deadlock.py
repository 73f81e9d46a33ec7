"""The end of a run in which no thread can go on: the words for it, and the leaving."""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,no-any-return"

import sys

from . import locks

CAUSE = "deadlock"
CODE = 124
_LIBRARY = ("/py/", "/os2/", "<frozen ")


def end(baton) -> None:
    """Say who waits where, hand over what was printed, and leave with the cause's name."""
    lines = ["os2: deadlock: no thread can go on, none waits for time or for anything outside"]
    frames = locks._real_frames()
    for task in baton.tasks:
        place = _place(frames.get(task.real))
        lines.append(f"  {_name(task.ident)} waits for {task.what or 'the baton'}{place}")
    lines.append("os2: give each wait a timeout, or take the locks in one order everywhere")
    _flush(sys.stdout)
    try:
        sys.stderr.write("\n".join(lines) + "\n")
    except (AttributeError, ValueError, OSError):
        pass  # closed by the guest: the cause alone tells it
    _flush(sys.stderr)
    baton.world.tell(CODE, CAUSE)
    baton.world.leave(CODE)


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
