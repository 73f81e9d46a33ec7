"""Publishing an open log: as a folder for static file servers, or as tiles beside the log."""

from pathlib import Path

from ledger.chain.log import TokenSignatureLedger
from ledger.errors import LedgerMissing
from ledger.tiles import publishing
from ledger.tiles.publishing import Published, Source


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


def _source(log: TokenSignatureLedger) -> Source:
    head, key = log.checkpoint, log.public_key
    if head is None or key is None:
        raise LedgerMissing("expected a signed ledger to publish, found one without a signed head")
    return Source(
        head,
        (key,),
        leaves=log.leaves,
        bodies=lambda start, stop: (record.body for record in log.read(start, stop)),
    )
