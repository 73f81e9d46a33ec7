"""``export``: records for others, as evidence they can verify and replay, or for their tools."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ledger import EXPORTS, Json
from os2shell.executors.evidence import Exported, ExportEvidence, WriteVerifier
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome
from os2shell.model.errors import UsageError
from os2shell.model.plain import from_json, to_json

USAGE = "export SESSION|last|all -o FILE [--format FORMAT] [--verifier FILE]"
BUNDLE = "bundle"


@dataclass(frozen=True, slots=True)
class Args:
    """Which session, where it goes, in which form, and where the verifier goes, if anywhere."""

    session: str
    output: str
    format: str = BUNDLE
    verifier: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerExported:
    """Records left the ledger: which session's, in which form, and the digest of the file."""

    kind: ClassVar[str] = "ledger_exported"
    session: str
    digest: bytes
    records: int
    format: str

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


def parse(words: Sequence[str]) -> Args:
    """Read the session and the options, in any order."""
    rest, session = list(words), None
    options: dict[str, str] = {}
    while rest:
        word = rest.pop(0)
        if word in {"-o", "--format", "--verifier"} and rest and word not in options:
            options[word] = rest.pop(0)
        elif session is None and not word.startswith("-"):
            session = word
        else:
            raise UsageError(f"export {' '.join(words)}", expected=USAGE)
    form = options.get("--format", BUNDLE)
    if session is None or "-o" not in options:
        raise UsageError(f"export {' '.join(words)}", expected=USAGE)
    if form not in EXPORTS:
        raise UsageError(f"--format {form}", expected=", ".join(EXPORTS))
    return Args(session, options["-o"], form, options.get("--verifier"))


def run(args: Args, context: Context) -> Outcome:
    """Write the files, the verifier first: what is refused leaves no evidence behind."""
    if args.verifier is not None:
        context.perform(WriteVerifier(args.verifier))
    question = ExportEvidence(args.session, args.output, args.format)
    made = from_json(Exported, context.perform(question))
    what = "all sessions" if args.session == "all" else f"session {made.session}"
    text = (
        f"{args.output}: {what}, {made.records} records, "
        f"{made.objects} objects, {made.file_bytes} bytes"
    )
    if args.verifier is not None:
        text += f"\n{args.verifier}: checks a bundle without os2"
    event = LedgerExported(made.session, made.file_digest, made.records, args.format)
    return Outcome(text, events=(event,))


COMMAND = Command(
    name="export",
    summary="write records for others: evidence, JSON Lines, OCSF, OpenTelemetry, CAR",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.LEDGER_READ, Capability.FS_WRITE}),
    emits=(LedgerExported,),
    parse=parse,
    run=run,
)
