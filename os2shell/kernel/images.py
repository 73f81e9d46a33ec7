"""State images: the folds' state as an object, so that opening folds only what came after.

Life: a boot that had to fold more than ``IMAGE_EVERY`` records stores the state as an object and
appends ``state.imaged`` with the object's digest. At the next boot a bookmark in the cache folder
says where the newest such record lies. The bookmark and the object are caches: whoever deletes them
costs time. An image decides powers, so it is believed only through the chain: the record that
carries its digest is read by the ledger, which checks it and everything after it up to the signed
head. ``refold`` checks every image against a fold of the whole ledger.

A ledger whose beginning was pruned has no other beginning than an image: there the object is no
cache any more, and without one that this version understands there is no state.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ledger import (
    STATE_IMAGED,
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
    image_of,
)
from os2shell.kernel.engine import Chronicle, Engine
from os2shell.kernel.intents import BOOT_SESSION
from os2shell.kernel.invocation import Identity
from os2shell.kernel.state import State
from os2shell.model.errors import CannotStart
from os2shell.model.fold import Fold

IMAGE_EVERY = 2000
BOOKMARK = "image"


def open_state(
    chronicle: Chronicle, folds: tuple[Fold[Any], ...], cache: Path
) -> tuple[State, int]:
    """The state at the head, and the seq of the image it began from (-1: from the beginning).

    Raises ``CannotStart`` where the beginning was pruned and no image stays that can be loaded.
    """
    first = chronicle.first
    seq = _bookmark(cache / BOOKMARK)
    if seq is not None and first <= seq < chronicle.head.size:
        try:
            state = State(folds)
            records = chronicle.read(seq)
            image = next(records)
            if load_image(state, image, chronicle.objects):
                state.apply(image)
                for record in records:
                    state.apply(record)
                return state, seq
        except (LedgerError, StopIteration):
            pass  # damage is reported by the whole fold below, with its place
    return _pruned(chronicle, State(folds), first) if first else _whole(chronicle, State(folds))


def load_image(state: State, record: Record, objects: ObjectStore) -> bool:
    """Set ``state`` to what ``record`` says it was before it; False, and nothing changed, if not.

    It says nothing when it is no image, one of other fold versions, or one whose object is gone.
    """
    name = image_of(record)
    if name is None:
        return False
    try:
        body = decode(objects.get(name))
    except LedgerError:
        return False
    return isinstance(body, dict) and state.load(body, record.seq)


def _whole(chronicle: Chronicle, state: State) -> tuple[State, int]:
    return _folded(state, chronicle.read(0), -1)


def _pruned(chronicle: Chronicle, state: State, first: int) -> tuple[State, int]:
    """The state from the first image that stays and can be loaded."""
    records = chronicle.read(first)
    for record in records:
        if load_image(state, record, chronicle.objects):
            state.apply(record)
            return _folded(state, records, record.seq)
    raise CannotStart(
        f"records 1 to {first - 1} were pruned, and no state image from there on can be loaded",
        expected=f"a record {STATE_IMAGED} behind them, its object, and the folds' versions as now",
        remedy="restore the ledger from a copy made before; what stays of it can still be read "
        "and verified with `python -m ledger`",
    )


def _folded(state: State, records: Iterator[Record], began: int) -> tuple[State, int]:
    for record in records:
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


def _bookmark(path: Path) -> int | None:
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None
