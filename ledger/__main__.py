"""``python -m ledger COMMAND …``: the ledger without a shell around it."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Final

from ledger.commands import BROKEN, EMPTY, EXITS, INTERNAL, INTERRUPTED, NAMES, UNREADABLE, USAGE
from ledger.commands.shown import printable
from ledger.errors import (
    DurabilityError,
    EntryError,
    KeyProblem,
    LedgerError,
    NotSealed,
    PrunedError,
    QueryError,
    ShreddedError,
    SubjectRefused,
    UnreadableError,
)

# What a LedgerError of each class means to a script; any other says that something does not hold.
_CODES: Final = {
    USAGE: (KeyProblem, QueryError, EntryError, NotSealed, SubjectRefused),
    UNREADABLE: (UnreadableError, DurabilityError),
    EMPTY: (PrunedError, ShreddedError),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. No traceback reaches the user."""
    try:
        options = _parser().parse_args(arguments)  # loads every command, which takes its time
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads any more
        return UNREADABLE
    except KeyboardInterrupt:
        return _told("interrupted", INTERRUPTED)
    except LedgerError as problem:
        return _told(str(problem), _code(problem))
    except OSError as problem:
        _let_go_of_output()
        return _told(
            f"expected to read and write as the command needs, found: {problem}; make room, or "
            "check the path and who may use it, then run it again",
            UNREADABLE,
        )
    except Exception as problem:  # noqa: BLE001 - the last line before the user
        kind = type(problem).__name__
        return _told(f"internal error: {kind}: {problem}; please report it", INTERNAL)
    return code


def _let_go_of_output() -> None:
    """What cannot be written now cannot be at the end either, where Python would exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _code(problem: LedgerError) -> int:
    return next((code for code, kinds in _CODES.items() if isinstance(problem, kinds)), BROKEN)


def _told(text: str, code: int) -> int:
    sys.stderr.write(f"ledger: {printable(text)}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ledger", description="Keep and check a signed ledger.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in NAMES:
        own = name.replace("-", "_") + "_" * iskeyword(name)
        module = import_module(f"ledger.commands.{own}")
        command = commands.add_parser(
            name, help=module.SUMMARY, description=module.SUMMARY, epilog=EXITS
        )
        module.configure(command)
        command.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
