"""``ledger.audit``: the first of the three questions back. No code runs; only bytes are checked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ledger import Json, PublicKey, verify
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript


@dataclass(frozen=True, slots=True)
class AuditLedger:
    """Ask whether chain, roots, signatures and objects hold.

    The answer: ``{"status", "size", "root", "signer", "trusted", "first_bad"}`` with status ok,
    broken, empty or unreadable, and ``first_bad`` None or ``{"seq", "reason"}``.
    """

    kind: ClassVar[str] = "ledger.audit"
    needs: ClassVar[Capability] = Capability.LEDGER_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED

    def body(self) -> Json:
        """Nothing to choose."""
        return None

    def scope(self) -> str:
        """The whole ledger."""
        return ""


class Auditor:
    """Verifies one ledger folder against the key that this user trusts for it."""

    def __init__(self, folder: Path, trusted_key: Callable[[], PublicKey | None]) -> None:
        """Without a trusted key the ledger's own claim is used, and the answer says so."""
        self._folder = folder
        self._trusted_key = trusted_key

    def perform(self, _effect: AuditLedger, _transcript: Transcript) -> Json:
        """Read every byte of it."""
        found = verify(self._folder, self._trusted_key(), objects=True)
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
