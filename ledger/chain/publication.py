"""Publishing an open log: as a folder for static file servers, or as tiles beside the log."""

from pathlib import Path

from ledger.chain.log import TokenSignatureLedger
from ledger.errors import LedgerMissing, NoteError
from ledger.tiles import publishing
from ledger.tiles.publishing import CHECKPOINT, Published, Source
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.equivocation import signed
from ledger.trust.note import MAX_NOTE_BYTES


def publish(
    log: TokenSignatureLedger, into: Path, *, entries: bool = False, check: bool = False
) -> Published:
    """Bring the folder ``into`` to the signed head of ``log``, the checkpoint last.

    With ``entries`` the records are published too; with ``check`` every tile is hashed that lies
    there already. Raises ``RollbackError`` or ``EquivocationError`` where ``into`` shows more than
    the log has, or another past.
    """
    return publishing.publish(_source(log), into, entries=entries, check=check)


def renew_tiles(
    log: TokenSignatureLedger, directory: Path, *, entries: bool = False, check: bool = False
) -> Published:
    """Bring the tiles in the log's own ``directory`` to its head, where ``checkpoint`` lies too."""
    source = _source(log)
    tiles = publishing.renew(source, directory, check=check)
    bundles = publishing.renew_bundles(source, directory) if entries else 0
    return Published(source.head.size, tiles, bundles)


def signed_head(log: TokenSignatureLedger) -> Checkpoint:
    """The signed head, with the cosignatures it was published with, where there are any.

    The file ``checkpoint`` counts only when it states this very head and the log's own signature
    on it holds; cosignatures are passed on as they are, for whoever knows the witnesses' keys.
    """
    head = log.checkpoint
    if head is None:
        raise LedgerMissing("expected a ledger with a signed head, found one without")
    if log.directory is None:
        return head
    try:
        with (log.directory / CHECKPOINT).open("rb") as file:
            found = signed(file.read(MAX_NOTE_BYTES + 1), log.signers)
    except (OSError, NoteError):
        return head
    same = (found.size, found.root, found.extensions) == (head.size, head.root, head.extensions)
    return found if same else head


def _source(log: TokenSignatureLedger) -> Source:
    return Source(
        signed_head(log),
        log.signers,
        leaves=log.leaves,
        bodies=lambda start, stop: (record.body for record in log.read(start, stop)),
        first=log.first,
    )
