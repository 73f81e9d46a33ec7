"""``ledger.import``: other people's evidence, verified, and kept as an object of this ledger.

Foreign records are never linked into the own chain; they stay in their bundle, which has its own
signature and proofs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ledger import (
    FileObjects,
    Json,
    LedgerError,
    ObjectStore,
    PublicKey,
    TokenSignatureLedger,
    read_bundle,
)
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.errors import Broken, UsageError
from os2shell.model.plain import to_json


@dataclass(frozen=True, slots=True)
class Admitted:
    """Evidence that holds: whose, of how much, by which key, and the file as an object."""

    origin: str
    size: int
    root: bytes
    signer: str
    trusted: bool
    records: int
    schema: str
    bundle: Json


@dataclass(frozen=True, slots=True)
class AdmitEvidence:
    """Ask to verify the bundle at ``path`` and keep it; the answer is an ``Admitted``.

    ``public_key`` is the key, of any epoch, by which it must hold; without one, the bundle is
    taken at its word.
    """

    kind: ClassVar[str] = "ledger.import"
    needs: ClassVar[Capability] = Capability.FS_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    path: str
    public_key: str | None

    def body(self) -> Json:
        """The file and the key."""
        return to_json(self)

    def scope(self) -> str:
        """The file that is read."""
        return self.path


class EvidenceKeeper:
    """Keeps bundles in the objects of one ledger."""

    def __init__(self, open_ledger: Callable[[], TokenSignatureLedger]) -> None:
        """The ledger is opened when there is something to keep."""
        self._open_ledger = open_ledger

    def perform(self, effect: AdmitEvidence, _transcript: Transcript) -> Json:
        """Verify, keep, and verify what was kept: the file may have changed between."""
        path, key = Path(effect.path), _key(effect.public_key)
        if not path.is_file():
            raise UsageError(f"no file {effect.path}", expected="a bundle, as `os2 export` writes")
        try:
            read_bundle(path, key).objects.close()
            return to_json(_kept(self._open_ledger().objects, path, key))
        except LedgerError as error:
            raise Broken(f"{effect.path} is no evidence that holds: {error}") from None
        except OSError as error:
            raise UsageError(f"{effect.path} cannot be read: {error.strerror}") from None


def _kept(objects: ObjectStore, path: Path, key: PublicKey | None) -> Admitted:
    with path.open("rb") as file:
        name = objects.put_stream(file.read)
    stored = objects.path(name) if isinstance(objects, FileObjects) else path
    content: dict[str, Json] = {"size": stored.stat().st_size, "digest": name}
    with read_bundle(stored, key) as found:
        head = found.checkpoint
        return Admitted(
            head.origin,
            head.size,
            head.root,
            str(found.signer),
            found.trusted,
            len(found.records),
            found.schema,
            content,
        )


def _key(text: str | None) -> PublicKey | None:
    try:
        return None if text is None else PublicKey.parse(text)
    except LedgerError as error:
        raise UsageError(f"--pubkey: {error}", expected="<name>+<hash>+<base64>") from None
