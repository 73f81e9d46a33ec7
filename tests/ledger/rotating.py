"""Rotations for tests: a log's frames, who holds a head, and how a log is broken."""

from collections.abc import Callable
from pathlib import Path

from ledger import FirstBad, NoteError, PublicKey, TokenSignatureLedger, Verification
from ledger.storage import segment
from ledger.storage.file_store import FileStore
from ledger.storage.segment import Frame
from ledger.storage.store import Position
from ledger.trust import checkpoint

ORIGIN = "test.example/log"
Opener = Callable[..., TokenSignatureLedger]


def holds(note: bytes, public: PublicKey) -> bool:
    try:
        checkpoint.verified(note, public)
    except NoteError:
        return False
    return True


def frames_of(directory: Path) -> list[Frame]:
    store = FileStore(directory, read_only=True)
    try:
        start = Position(0, segment.HEADER.size)
        found = segment.frames(store, start, store.end().offset)
        return [frame for frame in found if isinstance(frame, Frame)]
    finally:
        store.close()


def broken(found: Verification) -> FirstBad:
    assert found.status == "broken"
    assert found.first_bad is not None
    return found.first_bad
