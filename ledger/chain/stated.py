"""The name that a log states of itself, before anything of it was judged."""

from contextlib import closing, suppress
from pathlib import Path

from ledger.errors import LedgerError
from ledger.storage.file_store import FileStore
from ledger.trust.checkpoint import read


def stated_origin(directory: Path) -> str | None:
    """The origin in the published checkpoint of the log in ``directory``; None where none is read.

    Nobody has looked at a signature: it serves to choose the key under which the log is opened, and
    that judges all of it. A log that was just begun may have no published checkpoint.
    """
    with suppress(LedgerError, OSError), closing(FileStore(directory, read_only=True)) as store:
        note = store.published()
        return None if note is None else read(note).origin
    return None
