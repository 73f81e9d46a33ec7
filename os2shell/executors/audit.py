"""``ledger.audit``: the first of the three questions back. No code runs; only bytes are checked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ledger import Json, LedgerError, PublicKey, UnreadableError, read_bundle, verify
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.errors import Os2Error


@dataclass(frozen=True, slots=True)
class AuditLedger:
    """Ask whether chain, roots, signatures and objects hold.

    The answer: ``{"status", "size", "root", "signer", "trusted", "first_bad"}`` with status ok,
    broken, empty or unreadable, and ``first_bad`` None or ``{"seq", "reason"}``.
    """

    kind: ClassVar[str] = "ledger.audit"
    needs: ClassVar[Capability] = Capability.LEDGER_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    bundle: str | None = None

    def body(self) -> Json:
        """The evidence file, or None for the workspace's ledger."""
        return {"bundle": self.bundle}

    def scope(self) -> str:
        """The whole ledger."""
        return ""


class Auditor:
    """Verifies one ledger folder against the key that this user trusts for it."""

    def __init__(self, folder: Path, trusted_key: Callable[[], PublicKey | None]) -> None:
        """Without a trusted key the ledger's own claim is used, and the answer says so."""
        self._folder = folder
        self._trusted_key = trusted_key

    def perform(self, effect: AuditLedger, _transcript: Transcript) -> Json:
        """Read every byte of it."""
        if effect.bundle:
            return _audit_bundle(Path(effect.bundle))
        try:
            key = self._trusted_key()
        except Os2Error:
            key = None  # verification itself says what is wrong, and where
        found = verify(self._folder, key, objects=True)
        first_bad: Json = None
        if found.first_bad:
            first_bad = {"seq": found.first_bad.seq, "reason": found.first_bad.reason}
        return {
            "status": str(found.status),
            "size": found.size,
            "root": found.root,
            "signer": found.signer,
            "trusted": found.trusted,
            "first_bad": first_bad,
        }


def _audit_bundle(path: Path) -> Json:
    try:
        with read_bundle(path) as bundle:
            return {
                "status": "ok",
                "size": bundle.checkpoint.size,
                "root": bundle.checkpoint.root,
                "signer": bundle.signer,
                "trusted": bundle.trusted,
                "first_bad": None,
            }
    except (UnreadableError, LedgerError) as error:
        status = "unreadable" if isinstance(error, UnreadableError) else "broken"
        bad: Json = {"seq": None, "reason": str(error)}
        return {
            "status": status,
            "size": 0,
            "root": None,
            "signer": None,
            "trusted": False,
            "first_bad": bad,
        }
