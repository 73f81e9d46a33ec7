"""``ledger.audit``: the first of the three questions back. No code runs; only bytes are checked."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ledger import (
    Json,
    LedgerError,
    Pin,
    UnreadableError,
    read_bundle,
    verify,
)
from os2shell.executors.progress import Progress
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.errors import Os2Error
from os2shell.model.plain import ADDED, to_json

PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found. ``status`` is ok, broken, empty or unreadable.

    ``trusted`` says that the signer's key is one this user holds, not the ledger's own claim.
    ``bad_seq`` and ``bad_reason`` name the first bad record; the seq is None for a bad file.
    ``first`` is the first record that was not pruned, but for record 0; 0 where nothing was.
    """

    status: str
    size: int
    root: bytes | None
    signer: str | None
    trusted: bool
    bad_seq: int | None = None
    bad_reason: str | None = None
    first: int = field(default=0, metadata=ADDED)

    def shown(self) -> dict[str, Json]:
        """For JSON output; ``first_bad`` only where there is one."""
        body: dict[str, Json] = {
            "size": self.size,
            "root": self.root,
            "signer": self.signer,
            "trusted": self.trusted,
        }
        if self.bad_reason is not None:
            body["first_bad"] = {"seq": self.bad_seq, "reason": self.bad_reason}
        if self.first:
            body["pruned"] = {"from": 1, "to": self.first - 1}
        return body

    def pruned_text(self) -> str:
        """What of the past can be proven but no longer read; empty where all can be."""
        if not self.first:
            return ""
        return f"records 1 to {self.first - 1} were pruned: proofs hold, content is gone"

    def bad_text(self) -> str:
        """The first bad place, on one line."""
        place = "" if self.bad_seq is None else f"record {self.bad_seq}: "
        return f"{place}{self.bad_reason}"


@dataclass(frozen=True, slots=True)
class AuditLedger:
    """Ask whether chain, roots and signatures hold, and ``objects``; the answer is an ``Audit``.

    Objects are left out by who reads them anyway: a replay checks each one it needs, and can name
    the run.
    """

    kind: ClassVar[str] = "ledger.audit"
    needs: ClassVar[Capability] = Capability.LEDGER_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    bundle: str | None = None
    objects: bool = True

    def body(self) -> Json:
        """The evidence file, or None for the workspace's ledger; and whether objects count."""
        return to_json(self)

    def scope(self) -> str:
        """The whole ledger."""
        return ""


class Auditor:
    """Verifies one ledger folder against the key that this user trusts for it."""

    def __init__(self, folder: Path, trusted_key: Callable[[], Pin | None]) -> None:
        """Without a trusted key the ledger's own claim is used, and the answer says so."""
        self._folder = folder
        self._trusted_key = trusted_key

    def perform(self, effect: AuditLedger, _transcript: Transcript) -> Json:
        """Read every byte of it."""
        if effect.bundle:
            return to_json(_of_bundle(Path(effect.bundle)))
        return to_json(self._of_ledger(objects=effect.objects))

    def _of_ledger(self, *, objects: bool) -> Audit:
        try:
            key = self._trusted_key()
        except Os2Error:
            key = None  # verification itself says what is wrong, and where
        progress = Progress(patience_s=PATIENCE_S)
        try:
            found = verify(
                self._folder,
                key,
                objects=objects,
                jobs=len(os.sched_getaffinity(0)),
                progress=lambda done, total: progress.show("verify MiB", done >> 20, total >> 20),
            )
        finally:
            progress.clear()
        bad = found.first_bad
        return Audit(
            status=str(found.status),
            size=found.size,
            root=found.root or None,
            signer=found.signer,
            trusted=found.trusted,
            bad_seq=bad.seq if bad else None,
            bad_reason=bad.reason if bad else None,
            first=found.first,
        )


def _of_bundle(path: Path) -> Audit:
    try:
        with read_bundle(path) as bundle:
            head = bundle.checkpoint
            return Audit("ok", head.size, head.root, bundle.signer.name, bundle.trusted)
    except LedgerError as error:
        missing = isinstance(error, UnreadableError) or not path.is_file()
        status = "unreadable" if missing else "broken"
        return Audit(status, 0, None, None, trusted=False, bad_reason=str(error))
