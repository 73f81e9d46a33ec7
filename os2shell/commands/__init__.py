"""Every command. Adding one is its file, a line here, a test, a heading in the handbook."""

from os2shell.commands import (
    doctor,
    export,
    help,  # noqa: A004 — named after the command
    ledger,
    python,
    python_verify,
    pyvm,
    replay,
    run_script,
    tamper_demo,
)
from os2shell.model.command import AnyCommand

VERBS: tuple[AnyCommand, ...] = (
    python.COMMAND,
    pyvm.COMMAND,
    python_verify.COMMAND,
    replay.COMMAND,
    ledger.COMMAND,
    export.COMMAND,
    tamper_demo.COMMAND,
    run_script.COMMAND,
    doctor.COMMAND,
)

COMMANDS: tuple[AnyCommand, ...] = (*VERBS, help.command(VERBS))
