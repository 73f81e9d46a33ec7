"""Every way the shell refuses, with the exit code it ends in.

Os2Error                3    base; one sentence each for what was found, expected, and to do next
├── UsageError          2    words that no command understands
├── UnknownCommand    127    no such verb
├── Denied            126    the token's grants do not cover it
├── ManifestError       2    a manifest that does not validate (file, line and key are named)
├── Unreadable          4    the ledger or a file it needs cannot be read
├── NothingToVerify     5    there is no ledger, or no run in it
├── Broken              1    the ledger does not hold
└── CannotStart       125    the machine cannot give what the command needs

Exit codes are the shell's contract with scripts and CI; a child program may use the same numbers,
so records and JSON carry a ``cause`` beside them.
"""

from typing import ClassVar

from ledger import (
    BodyTooLarge,
    CanonicalError,
    DurabilityError,
    EntryError,
    FormatError,
    KeyProblem,
    LedgerError,
    LedgerMissing,
    UnreadableError,
)


class Os2Error(Exception):
    """Base of the shell's own errors: found, expected, next step, in one line."""

    exit_code: ClassVar[int] = 3

    def __init__(self, found: str, *, expected: str = "", remedy: str = "") -> None:
        """Keep the three parts; the message joins those that are not empty."""
        parts = [found.strip()]  # a verb with nothing behind it
        if expected:
            parts.append(f"expected {expected}")
        if remedy:
            parts.append(remedy)
        super().__init__("; ".join(parts))
        self.found = found
        self.expected = expected
        self.remedy = remedy


class UsageError(Os2Error):
    """The words do not form a command's arguments."""

    exit_code = 2


class UnknownCommand(Os2Error):
    """No command has this name."""

    exit_code = 127


class Denied(Os2Error):
    """The token's grants do not cover what was asked; ``rule`` names what was missing."""

    exit_code = 126

    def __init__(self, found: str, *, rule: str, remedy: str) -> None:
        """Name the missing rule, for the record and for people."""
        super().__init__(found, remedy=remedy)
        self.rule = rule


class ManifestError(Os2Error):
    """A manifest does not say what a manifest must say."""

    exit_code = 2


class Unreadable(Os2Error):
    """Something that must be read cannot be."""

    exit_code = 4


class NothingToVerify(Os2Error):
    """There is no ledger here, or nothing in it that could be verified."""

    exit_code = 5


class Broken(Os2Error):
    """The ledger or an object does not hold."""

    exit_code = 1


class CannotStart(Os2Error):
    """The machine cannot give what the command needs; nothing was run."""

    exit_code = 125


def from_ledger(error: LedgerError) -> Os2Error:
    """The shell's word for a refusal of the ledger, with the exit code of a verifying command."""
    text = str(error)
    match error:
        case LedgerMissing():
            return NothingToVerify(text, remedy="run something first, or name the workspace by -C")
        case UnreadableError() | FormatError() | KeyProblem():
            return Unreadable(text)
        case CanonicalError() | BodyTooLarge() | EntryError():
            return UsageError(f"this cannot be recorded: {text}")
        case DurabilityError():
            return CannotStart(text, remedy="what was acknowledged before is safe")
        case _:
            return Broken(text, remedy="`os2 ledger verify` checks the whole")
