"""State images: the folds' state as an object, so that opening folds only what came after.

Life: a boot that had to fold more than ``IMAGE_EVERY`` records stores the state as an object and
appends ``state.imaged`` with the object's digest. At the next boot a bookmark in the cache folder
says where the newest such record lies. The bookmark and the object are caches: whoever deletes them
costs time. An image decides powers, so it is believed only through the chain: the record that
carries its digest is read by the ledger, which checks it and everything after it up to the signed
head. ``refold`` checks every image against a fold of the whole ledger.
"""

from pathlib import Path
from typing import Any, cast

from ledger import (
    Author,
    Digest,
    Entry,
    Json,
    LedgerError,
    ObjectStore,
    Record,
    decode,
    digest,
    encode,
)
from os2shell.kernel.engine import Chronicle, Engine
from os2shell.kernel.intents import BOOT_SESSION
from os2shell.kernel.invocation import Identity
from os2shell.kernel.state import State
from os2shell.model.fold import Fold

STATE_IMAGED = "state.imaged"
IMAGE_EVERY = 2000
BOOKMARK = "image"


def open_state(
    chronicle: Chronicle, folds: tuple[Fold[Any], ...], cache: Path
) -> tuple[State, int]:
    """The state at the head, and the seq of the image it began from (-1: from the beginning)."""
    state = State(folds)
    began = -1
    seq = _bookmark(cache / BOOKMARK)
    if seq is not None and seq < chronicle.head.size:
        try:
            records = chronicle.read(seq)
            first = next(records)
            if _load(state, first, chronicle.objects):
                began = seq
                for record in records:
                    state.apply(record)
                return state, began
        except (LedgerError, StopIteration):
            state = State(folds)  # damage is reported by the whole fold below, with its place
    for record in chronicle.read(0):
        state.apply(record)
        if record.kind == STATE_IMAGED:
            began = record.seq
    return state, began


def take_image(engine: Engine, cache: Path, identity: Identity) -> None:
    """Append an image of the engine's state, and leave the bookmark to it."""

    def build(state: State) -> list[Entry]:
        content = engine.objects.put(encode(state.dump()))
        attributes: dict[str, Json] = {
            "image": content,
            "position": state.position,
            "folds": state.versions(),
        }
        return [
            Author(BOOT_SESSION, identity.actor, str(identity.token)).entry(
                STATE_IMAGED, attributes
            )
        ]

    remember(cache, engine.record(build)[0].seq)


def remember(cache: Path, seq: int) -> None:
    """Leave the bookmark; losing it only costs time, so it is not synced."""
    cache.mkdir(parents=True, exist_ok=True)
    (cache / BOOKMARK).write_text(f"{seq}\n", "ascii")


def image_digest(state: State) -> Digest:
    """The digest an image of ``state`` has."""
    return digest(encode(state.dump()))


def _load(state: State, record: Record, objects: ObjectStore) -> bool:
    match record.kind, record.attributes:
        case "state.imaged", {"image": bytes(name), "position": int(position)}:
            if position != record.seq:
                return False
            body = decode(objects.get(Digest(name)))
            if not state.load(cast("dict[str, Json]", body), position):
                return False
            state.apply(record)
            return True
        case _:
            return False


def _bookmark(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None
