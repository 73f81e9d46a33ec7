"""The door: read the options, let ``wiring`` build the house, run what was asked."""

import os
import sys
from collections.abc import Sequence

from os2shell.model.errors import Os2Error, UsageError
from os2shell.repl.display import say
from os2shell.settings import Options, Settings, read_settings

VALUED = {
    "--actor": "actor",
    "--manifest": "manifest",
    "-C": "workspace",
    "--workspace": "workspace",
}


class VersionWanted(Exception):
    """``--version`` was given."""


def main() -> int:
    """Run what the command line says; the exit code."""
    _occupy_standard_streams()
    try:
        options, words = parse_options(sys.argv[1:])
        return _run(read_settings(options), words)
    except Os2Error as error:
        say(str(error))
        return error.exit_code
    except VersionWanted:
        from importlib.metadata import version  # noqa: PLC0415 — 20 ms that no run needs

        sys.stdout.write(f"os2shell {version('os2shell')}\n")
        return 0
    except KeyboardInterrupt:
        return 130


def parse_options(words: Sequence[str]) -> tuple[Options, list[str]]:
    """Options before the command's name, then the command's own words."""
    values: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("-"):
        flag, glued, value = rest.pop(0).partition("=")
        if flag in {"-h", "--help"}:
            return Options(**values), ["help"]
        if flag == "--version":
            raise VersionWanted
        if flag not in VALUED:
            raise UsageError(
                f"unknown option {flag}", expected=", ".join(VALUED), remedy="`os2 help` tells more"
            )
        if not glued:
            if not rest:
                raise UsageError(f"{flag} needs a value")
            value = rest.pop(0)
        values[VALUED[flag]] = value
    return Options(**values), rest


def _occupy_standard_streams() -> None:
    """Give closed standard streams their numbers back, unusable.

    Else the next file opened, perhaps the ledger's, would take the number, and what is meant for
    people would be written into it.
    """
    for descriptor, access in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            taken = os.open(os.devnull, access)
            if taken != descriptor:
                os.dup2(taken, descriptor)
                os.close(taken)


def _run(settings: Settings, words: list[str]) -> int:
    from os2shell.wiring import open_shell  # noqa: PLC0415 — the house's imports, once it is wanted

    shell = open_shell(settings)
    try:
        if words:
            return shell.run(words)
        if sys.stdin.isatty() and sys.stdout.isatty():
            from os2shell.repl.prompt import run_prompt  # noqa: PLC0415 — 100 ms of imports

            return run_prompt(shell, settings.workspace, settings.history)
        from os2shell.repl.lines import run_lines  # noqa: PLC0415

        return run_lines(shell)
    finally:
        shell.close()


if __name__ == "__main__":
    sys.exit(main())
