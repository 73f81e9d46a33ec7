"""Every command, by name. Adding one is its file, a line here, a test, a heading in the handbook.

A command's file is imported when the command is first asked for: a start pays for one, not for all.
"""

from collections.abc import Iterator, Sequence
from importlib import import_module

from os2shell.model.command import AnyCommand
from os2shell.model.errors import UnknownCommand

NAMES = (
    "python",
    "pyx",
    "pyvm",
    "pip",
    "create-env",
    "use-env",
    "envs",
    "git",
    "python-verify",
    "replay",
    "ledger",
    "ledger-keys",
    "ledger-rotate",
    "export",
    "import-evidence",
    "tamper-demo",
    "cap",
    "deterministic-benchmark",
    "deterministic-benchmark-status",
    "run-script",
    "doctor",
    "help",
)


SPELLED = {
    ("ledger", "keys", "rotate"): "ledger-rotate",
    ("ledger", "keys"): "ledger-keys",
    ("deterministic-benchmark", "status"): "deterministic-benchmark-status",
}
"""Commands that are also written as verbs of another, the longest first."""


class Commands:
    """The catalogue; what the engine, replay and the faces know of commands."""

    def find(self, name: str) -> AnyCommand:
        """The command called ``name``; raises ``UnknownCommand``."""
        if name not in NAMES:
            raise UnknownCommand(
                f"unknown command {name!r}", remedy="`os2 help` lists the commands"
            )
        module = import_module(f"{__name__}.{name.replace('-', '_')}")
        command: AnyCommand = module.COMMAND
        return command

    def spelled(self, words: Sequence[str]) -> Sequence[str]:
        """``words`` with a command's own name in the place of its spelling as several words."""
        for spelling, name in SPELLED.items():
            if tuple(words[: len(spelling)]) == spelling:
                return [name, *words[len(spelling) :]]
        return words

    def names(self) -> tuple[str, ...]:
        """All names, in the order in which help lists them."""
        return NAMES

    def __iter__(self) -> Iterator[AnyCommand]:
        """All commands, in the same order."""
        return (self.find(name) for name in NAMES)


COMMANDS = Commands()
