"""Runs the guest's program as CPython would: script, ``-c``, ``-m``; and shows errors as CPython does."""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined"

import builtins
import errno
import os
import sys
from types import ModuleType

LIMIT_CODE = 124
INTERRUPTED_CODE = 130
_OURS = "/os2/"
_LONG = 1 << 63


class Plan:
    """What to run."""

    __slots__ = ("arguments", "imports", "kind", "record", "restricted", "target", "worlds")

    def __init__(self, *, restricted, kind, target, arguments, imports, record) -> None:
        self.restricted = restricted
        self.kind = kind
        self.target = target
        self.arguments = arguments
        self.imports = imports
        self.record = record
        self.worlds: list = []  # the globals that a restricted program leaves


def perform(plan: Plan) -> "tuple[int, str]":
    """Run it; the exit code, and the cause: ``exit`` or the limit that an uncaught error names."""
    _conveniences()
    try:
        try:
            if plan.restricted:
                from . import restricted

                restricted.run(plan, plan.record)
            else:
                _RUNNERS[plan.kind](plan)
        finally:
            _flush()
    except SystemExit as stop:
        return _exit_code(stop), "exit"
    except KeyboardInterrupt as error:
        show(error)
        return INTERRUPTED_CODE, "exit"
    except BaseException as error:
        show(error)
        cause = _limit(error)
        return (LIMIT_CODE if cause != "exit" else 1), cause
    return 0, "exit"


def _limit(error: BaseException) -> str:
    """The limit that this error is the sign of."""
    if isinstance(error, MemoryError):
        return "limit.memory"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return "limit.workspace_bytes"
    if isinstance(error, BlockingIOError) and error.filename is None and _forking(error):
        return "limit.processes"
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return "limit.processes"
    return "exit"


def _forking(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    names = trace.tb_frame.f_code.co_names if trace is not None else ()
    return bool({"fork", "fork_exec", "_fork_exec", "posix_spawn", "forkpty"} & set(names))


def _main_module() -> ModuleType:
    """``__main__``, empty, as the interpreter gives it to a program."""
    module = sys.modules["__main__"]
    module.__dict__.clear()
    module.__dict__.update(
        __name__="__main__", __doc__=None, __package__=None, __loader__=None, __spec__=None,
        __annotations__={}, __builtins__=builtins,
    )  # fmt: skip
    return module


def _script(plan: Plan) -> None:
    path = os.path.normpath(os.path.join("/w", plan.target))
    sys.argv = [plan.target, *plan.arguments]
    sys.orig_argv = ["python3", *sys.argv]
    if os.path.isdir(path):
        import runpy

        sys.path.insert(0, path)
        _main_module()
        runpy._run_module_as_main("__main__", False)
        return
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        print(f"python: can't open file {path!r}: {reason}", file=sys.stderr)
        raise SystemExit(2) from None
    from _frozen_importlib_external import SourceFileLoader

    sys.path.insert(0, os.path.dirname(path))
    module = _main_module()
    module.__file__ = path
    module.__cached__ = None
    module.__loader__ = SourceFileLoader("__main__", path)
    exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)


def _code(plan: Plan) -> None:
    sys.argv = ["-c", *plan.arguments]
    sys.orig_argv = ["python3", "-c", plan.target, *plan.arguments]
    sys.path.insert(0, "")
    module = _main_module()
    from _frozen_importlib import BuiltinImporter

    module.__loader__ = BuiltinImporter
    # The text itself: ``compile`` would first make Python's classes of syntax trees, 3 ms of a start.
    exec(plan.target, module.__dict__)


def _module(plan: Plan) -> None:
    sys.argv = ["-m", *plan.arguments]
    sys.orig_argv = ["python3", "-m", plan.target, *plan.arguments]
    sys.path.insert(0, "/w")
    _main_module()
    import runpy

    runpy._run_module_as_main(plan.target)


def _eval(plan: Plan) -> None:
    """Show the value of an expression; scripts and modules are run by their names, statements as code."""
    from . import expression, packages

    script = packages.console_script(plan.target)
    if script is not None:
        sys.argv = [plan.target, *plan.arguments]
        sys.orig_argv = ["python3", f"{packages.PACKAGES}/bin/{plan.target}", *plan.arguments]
        _main_module()
        raise SystemExit(script.load()())
    sys.path.insert(0, "/w")
    module_named = expression.is_module(plan.target)
    sys.path.remove("/w")
    if module_named:
        _module(plan)
        return
    code = expression.compiled(plan.target)
    if code is None:
        _code(plan)
        return
    sys.argv = ["-c", *plan.arguments]
    sys.orig_argv = ["python3", "-c", plan.target, *plan.arguments]
    sys.path.insert(0, "")
    module = _main_module()
    module.__dict__.update(expression.modules_for(plan.target))
    value = eval(code, module.__dict__)
    if value is not None:
        print(repr(value))


_RUNNERS = {"script": _script, "code": _code, "module": _module, "eval": _eval}


def _conveniences() -> None:
    """``exit`` and its like, which ``site`` would have made."""
    import _sitebuiltins

    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.copyright = _sitebuiltins._Printer("copyright", sys.copyright)
    builtins.help = _sitebuiltins._Helper()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError, OSError):
            pass  # closed by the guest; the interpreter's own end reports what matters


def _exit_code(stop: SystemExit) -> int:
    """As CPython: a number is the code, None is 0, anything else is printed and gives 1."""
    code: object
    try:
        code = stop.code
    except BaseException:
        code = stop
    if code is None:
        return 0
    if issubclass(type(code), int):
        number = int.__and__(code, -1)  # type: ignore[operator]  # the number itself, whatever its class says of it
        return number & 255 if -_LONG <= number < _LONG else 255
    stream = open(2, "w", closefd=False) if sys.stderr is None else sys.stderr
    try:
        print(code, file=stream, flush=True)
    except BaseException:
        print(file=stream)
    return 1


def show(error: BaseException) -> None:
    """Print an uncaught error by the guest's own excepthook, without frames of this runtime."""
    _strip(error)
    kind, trace = type(error), error.__traceback__
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace
    sys.last_exc = error
    try:
        sys.excepthook(kind, error, trace)
    except BaseException as second:
        print("Error in sys.excepthook:", file=sys.stderr)
        _strip(second)
        sys.__excepthook__(type(second), second, second.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(kind, error, trace)


def _strip(error: BaseException) -> None:
    """Take this runtime's frames out of the traceback of ``error`` and of all it is chained to."""
    seen: dict = {}
    pending: list = [error]
    while pending:
        error = pending.pop()
        if id(error) in seen:
            continue
        seen[id(error)] = error
        error.__traceback__ = _without_ours(error.__traceback__)
        pending += [each for each in (error.__cause__, error.__context__) if each is not None]
        if isinstance(error, BaseExceptionGroup):
            pending += error.exceptions


def _without_ours(trace):
    kept = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_OURS):
            kept.append(trace)
        trace = trace.tb_next
    for this, following in zip(kept, [*kept[1:], None]):
        this.tb_next = following
    return kept[0] if kept else None
