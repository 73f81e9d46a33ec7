"""The shell behind every face: words in, exit code out.

It finds the command, submits it to the engine, and prints what comes: data to stdout, messages to
stderr. The engine is opened when the first command needs it, so that looking around leaves no
ledger behind. When the ledger cannot be opened for writing, the shell is halted: deeds are refused
with the reason, audits run unrecorded and say so.
"""

import shlex
from collections.abc import Sequence
from typing import Protocol

from ledger import LedgerError
from os2shell.kernel.dispatch import End, Request
from os2shell.kernel.engine import Engine
from os2shell.kernel.invocation import Identity
from os2shell.model.capability import Capability
from os2shell.model.command import Catalogue, Outcome, Recording
from os2shell.model.errors import Denied, Os2Error, UsageError, from_ledger
from os2shell.repl.display import TerminalDisplay, say, write_data

INTERNAL = 3
INTERRUPTED = 130


class House(Protocol):
    """What stands behind a shell; ``__main__`` builds it."""

    def has_ledger(self) -> bool:
        """Whether there is a ledger; an audit does not begin one."""
        ...

    def open_engine(self) -> Engine:
        """The engine, ready; raises ``Os2Error`` when the ledger cannot be written."""
        ...

    def look(self, request: Request, display: TerminalDisplay) -> End:
        """Run a command that appends nothing."""
        ...

    def warm(self, *, idle: bool = False, always: bool = False, git: bool = False) -> None:
        """Start a sandbox ahead of the next run; with ``always``, ahead of every one.

        ``idle`` says that there is time to start one for each tier, ``git`` that git comes next.
        """
        ...

    def report_defect(self, error: BaseException) -> str:
        """Keep what maintainers need of ``error``; one line for the user."""
        ...

    def close(self) -> None:
        """Let everything go."""
        ...


class Shell:
    """Submits words for one identity."""

    def __init__(self, commands: Catalogue, identity: Identity, house: House) -> None:
        """Open nothing yet."""
        self.commands = commands
        self._identity = identity
        self._house = house
        self._engine: Engine | None = None

    def run(self, words: Sequence[str]) -> int:
        """Run one command and those that follow from it; the first bad exit code."""
        outcome, code = self._run_one(words)
        if outcome is None or not outcome.follow:
            return code
        return code or self._follow(outcome)

    def warm(self) -> None:
        """Make ready for the commands to come, while somebody types them."""
        self._house.warm(idle=True)

    def close(self) -> None:
        """Give the session up; the next command would open another."""
        if self._engine:
            self._engine.close()
            self._engine = None
        self._house.close()

    def _follow(self, script: Outcome) -> int:
        """Run what ``script`` proposes, in order; the first bad exit code."""
        first_bad = 0
        if any(Capability.PROCESS_SPAWN in self._needs(words) for words in script.follow):
            self._house.warm(always=True)
        for words in script.follow:
            say(f"> {shlex.join(words)}")
            _, code = self._run_one(words)
            first_bad = first_bad or code
            if code and not script.keep_going:
                break
        return first_bad

    def _needs(self, words: Sequence[str]) -> frozenset[Capability]:
        try:
            return self.commands.find(self.commands.spelled(words)[0]).needs
        except Os2Error:
            return frozenset()  # it is reported when its turn comes

    def _run_one(self, words: Sequence[str]) -> tuple[Outcome | None, int]:
        try:
            words = self.commands.spelled(words)
            if list(words[1:]) in (["--help"], ["-h"]):
                words = ("help", words[0])
            command = self.commands.find(words[0])
            request = Request(command, command.parse(words[1:]), self._identity)
            end = self._submit(request)
        except Os2Error as error:
            say(str(error))
            return None, error.exit_code
        except LedgerError as error:
            # After a failed write the ledger's state is known again only once it is reopened.
            self.close()
            told = from_ledger(error)
            say(str(told))
            return None, told.exit_code
        except KeyboardInterrupt:
            say("interrupted")
            return None, INTERRUPTED
        except Exception as error:  # noqa: BLE001 — no traceback reaches a user
            say(self._house.report_defect(error))
            return None, INTERNAL
        try:
            return end.outcome, self._show(end)
        except Os2Error as error:
            say(str(error))
            return end.outcome, end.outcome.code if end.outcome and end.outcome.code else 125

    def _submit(self, request: Request) -> End:
        display = TerminalDisplay()
        try:
            recording = request.command.recording
            fresh_audit = recording is Recording.AUDIT and not self._house.has_ledger()
            if recording is Recording.LOOK or fresh_audit:
                return self._look(request, display)
            try:
                if Capability.PROCESS_SPAWN in request.command.needs:
                    # The sandbox boots while the ledger is opened.
                    self._house.warm(git=request.command.name == "git")
                engine = self._open()
            except Os2Error as error:
                if recording is Recording.AUDIT:
                    say(f"not recorded: {error}")
                    return self._house.look(request, display)
                raise
            return engine.submit(request, display)
        finally:
            display.finish()
            for failure in display.failures:
                say(failure)

    def _look(self, request: Request, display: TerminalDisplay) -> End:
        """Perform a look; a denial goes on record where there is a ledger to record it in."""
        try:
            return self._house.look(request, display)
        except Denied as denial:
            if not self._house.has_ledger():
                raise
            try:
                engine = self._open()
            except Os2Error:
                raise denial from None  # a ledger that cannot be written records nothing
            return engine.submit(request, display)

    def _open(self) -> Engine:
        if self._engine is None:
            self._engine = self._house.open_engine()
        return self._engine

    def _show(self, end: End) -> int:
        outcome = end.outcome
        if outcome is None:
            return self._show_failure(end)
        if outcome.text:
            write_data(outcome.text)
        for note in outcome.notes:
            say(note)
        return outcome.code

    def _show_failure(self, end: End) -> int:
        match end.error:
            case Os2Error() as error:
                say(str(error))
            case KeyboardInterrupt():
                say("interrupted")
            case None:
                say("the command ended without an outcome")
            case error:
                say(self._house.report_defect(error))
        return int(str(end.attributes["code"]))


def split_line(line: str) -> list[str]:
    """The words of ``line`` as a shell splits them; ``#`` begins a comment."""
    try:
        return shlex.split(line, comments=True)
    except ValueError as error:
        raise UsageError(f"the line cannot be split into words: {error}") from None
