"""``import-evidence``: keep other people's evidence, verified, on record."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import ClassVar

from ledger import Json
from os2shell.executors.admission import AdmitEvidence, Admitted
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome
from os2shell.model.errors import UsageError
from os2shell.model.plain import from_json, to_json

USAGE = "import-evidence FILE.os2z [--pubkey NAME+HASH+KEY]"


@dataclass(frozen=True, slots=True)
class Args:
    """Which file, and by which key it must hold."""

    path: str
    public_key: str | None = None


@dataclass(frozen=True, slots=True)
class EvidenceImported:
    """Foreign evidence was verified and kept; ``bundle`` is the file's size and digest."""

    kind: ClassVar[str] = "evidence_imported"
    origin: str
    size: int
    root: bytes
    signer: str
    trusted: bool
    records: int
    schema: str
    bundle: Json

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


def parse(words: Sequence[str]) -> Args:
    """Read the file and the key."""
    match list(words):
        case [path] if not path.startswith("-"):
            return Args(path)
        case [path, "--pubkey", key] | ["--pubkey", key, path] if not path.startswith("-"):
            return Args(path, key)
        case _:
            raise UsageError(f"import-evidence {' '.join(words)}", expected=USAGE)


def run(args: Args, context: Context) -> Outcome:
    """Verify, keep, and say whose it is."""
    made = from_json(Admitted, context.perform(AdmitEvidence(args.path, args.public_key)))
    trust = "" if made.trusted else "  (its own claim: pass --pubkey to demand a key)"
    text = (
        f"{args.path}: {made.records} of {made.size} records of {made.origin}, kept\n"
        f"signer  {made.signer}{trust}"
    )
    return Outcome(text, events=(EvidenceImported(*astuple(made)),))


COMMAND = Command(
    name="import-evidence",
    summary="verify somebody else's evidence and keep it on record",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.LEDGER_READ, Capability.FS_READ}),
    emits=(EvidenceImported,),
    parse=parse,
    run=run,
)
