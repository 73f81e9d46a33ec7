"""``export``: one session as an evidence file that a stranger can verify and replay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ledger import Json
from os2shell.executors.evidence import Exported, ExportEvidence
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome
from os2shell.model.errors import UsageError
from os2shell.model.plain import from_json, to_json

USAGE = "export SESSION|last -o FILE.os2z"


@dataclass(frozen=True, slots=True)
class Args:
    """Which session, and where the evidence goes."""

    session: str
    output: str


@dataclass(frozen=True, slots=True)
class LedgerExported:
    """Evidence left the ledger: which session's, and the digest of the file."""

    kind: ClassVar[str] = "ledger_exported"
    session: str
    digest: bytes
    records: int

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


def parse(words: Sequence[str]) -> Args:
    """Read ``SESSION -o FILE`` in either order."""
    match list(words):
        case [session, "-o", output] | ["-o", output, session] if not session.startswith("-"):
            return Args(session, output)
        case _:
            raise UsageError(f"export {' '.join(words)}", expected=USAGE)


def run(args: Args, context: Context) -> Outcome:
    """Write the file."""
    made = from_json(Exported, context.perform(ExportEvidence(args.session, args.output)))
    text = (
        f"{args.output}: session {made.session}, {made.records} records, "
        f"{made.objects} objects, {made.file_bytes} bytes"
    )
    return Outcome(text, events=(LedgerExported(made.session, made.file_digest, made.records),))


COMMAND = Command(
    name="export",
    summary="write one session as evidence that others can verify and replay",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.LEDGER_READ, Capability.FS_WRITE}),
    emits=(LedgerExported,),
    parse=parse,
    run=run,
)
