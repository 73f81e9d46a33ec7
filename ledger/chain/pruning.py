"""Removing a prefix of a log for good, so that everything about it can still be proven.

Whole sealed segments go. Their seals stay, the hash tiles stay, and ``remains`` says what else.
All under the store's lock; what a crash leaves after each step:

1. ``pruning`` is written durably: what the file ``pruned`` will be. Left behind without the record
   that it names: the next open for appending removes it, and nothing was pruned.
2. The record ``ledger.pruned`` is appended. Left behind: the next open for appending goes on.
3. ``pruning`` is renamed to ``pruned``. Left behind: readers begin behind the prefix; the next
   open for appending removes what stands before it.
4. Objects go, where that was asked, what names others first; those that a crash leaves are never
   asked for again.
5. Segments go, oldest first.

A segment is removed only if its bytes have the digest that its seal states and the tiles lead to
the root behind it: what cannot be proven any more is not thrown away.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from ledger.chain.claims import dispensable
from ledger.chain.follower import Mark
from ledger.chain.remains import FILE, PRUNED, Kept, Remains, keys_at, load, parse
from ledger.chain.sealing import OPENING, read_seal
from ledger.disk import NO_ROOM, Folder
from ledger.errors import DamagedError, DiskFull, DurabilityError, LedgerError, ReadOnlyError
from ledger.form import canonical
from ledger.form.canonical import Digest, Json
from ledger.form.record import Author, Entry, Record, genesis
from ledger.storage import seals, segment
from ledger.storage.file_objects import FileObjects
from ledger.storage.run import Run
from ledger.storage.seals import Seal
from ledger.storage.segment import Frame
from ledger.storage.store import Position, Store
from ledger.tiles.folder import TileFolder
from ledger.tiles.form import WIDTH, TileAt
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.keys import Signer
from ledger.trust.merkle import Frontier

INTENT: Final = "pruning"
_QUOTING: Final = ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm")


@dataclass(frozen=True, slots=True)
class Pruning:
    """What went, or would go: records ``first`` to ``size`` - 1.

    ``record`` is the seq of the record that says so; None when nothing was removed.
    """

    first: int
    size: int
    segments: int
    bytes: int
    objects: int
    record: int | None


class Proofs(NamedTuple):
    """What the log answers about itself, verified."""

    record: Callable[[int], Record]
    checkpoint_at: Callable[[int], Checkpoint]
    root_at: Callable[[int], bytes]


class Source(NamedTuple):
    """The log as its owner reads, proves and writes it, while holding the lock."""

    store: Store
    mark: Mark
    signer: Signer
    proofs: Proofs
    write: Callable[[Entry], Record]
    author: Author


def prune(
    source: Source, before: int, *, keep: Callable[[Digest], bool] | None, dry_run: bool
) -> Pruning:
    """Remove the whole segments before record ``before``.

    With ``keep``, also the objects to which only they lead and that ``keep`` does not claim.
    """
    if source.store.folder is None:
        raise ReadOnlyError("expected a ledger in a directory to prune, found one in memory")
    old = load(source.store)
    going = _going(source.store, source.mark, before, 0 if old is None else old.segment)
    first = 1 if old is None else old.state.size
    if not going:
        return Pruning(first, first, 0, 0, 0, None)
    size, length = going[-1].exit.size, sum(seal.bytes for seal in going)
    names = _only_before(source.store, going, source.mark, keep) if keep is not None else []
    if dry_run:
        return Pruning(first, size, len(going), length, len(names), None)
    _require_whole(source, going)
    new = _remains(source, going, old)
    new.mark(source.store)  # refused here unless the log's own signature confirms the state
    source.store.keep(INTENT, new.encode(source.signer))
    told: dict[str, Json] = {
        "first": first,
        "size": size,
        "root": new.state.root,
        "chain": new.state.chain,
        "segments": new.gone,
    }
    record = source.write(source.author.entry(PRUNED, told))
    source.store.settle_kept(INTENT, FILE)
    for name in names:
        _discard(source.store, name)
    source.store.drop_before(new.segment)
    _forget(source.store.folder)
    return Pruning(first, size, len(going), length, len(names), record.seq)


def finish(store: Store, mark: Mark) -> bool:
    """Go on from wherever a crash left a pruning; whether the log begins elsewhere now."""
    data, moved = store.kept(INTENT), False
    if data is not None:
        with suppress(LedgerError):  # one that does not hold was never acted upon
            intended = parse(data)
            moved = intended.record < mark.size and intended.states(
                _body(store, intended.record, mark)
            )
        store.settle_kept(INTENT, FILE if moved else None)
    remains = load(store)
    if remains is not None:
        store.drop_before(remains.segment)
    return moved


def _going(store: Store, mark: Mark, before: int, first: int) -> list[Seal]:
    """The seals of the segments that lie before record ``before``, oldest first."""
    assert mark.keys is not None
    found: list[Seal] = []
    for each in range(first, mark.stop.segment):
        seal = read_seal(store, each, mark.keys.epochs.origin)
        if seal is None or seal.exit.size > before:
            break
        found.append(seal)
    return found


def _require_whole(source: Source, going: list[Seal]) -> None:
    """Refuse unless what goes is what its seals state, and can be proven when it is gone."""
    store = source.store
    for seal in going:
        number, length = seal.segment, store.length(seal.segment)
        name = seals.digest_of(partial(_read, store, number), length)
        if (length, name) != (seal.bytes, seal.digest):
            raise DamagedError(
                seal.entry.size,
                f"expected segment {number} as its seal states it, found other bytes, so nothing "
                "was pruned; verify the ledger, and restore the segment from a copy",
            )
    leave = going[-1].exit
    assert store.folder is not None
    tiles = TileFolder(store.folder)
    source.proofs.root_at(leave.size)  # brings the tiles up to the head
    edge = _edge_on_disk(tiles, leave.size)
    if edge.size < leave.size:  # tiles that cannot be written are no fault, until they are needed
        raise DurabilityError(
            f"expected the tiles of {leave.size} records on the disk, found those of {edge.size}; "
            "nothing was pruned: make room, or check who may write the folder tile, and prune again"
        )
    root = edge.root()
    if root != leave.root:
        raise DamagedError(
            leave.size - 1,
            f"expected the tiles to lead to the root {leave.root.hex()} of the seal, found "
            f"{root.hex()}; nothing was pruned",
        )
    with _failing("make the tiles durable"):
        tiles.sync()


def _remains(source: Source, going: list[Seal], old: Remains | None) -> Remains:
    keys, leave = source.mark.keys, going[-1].exit
    assert keys is not None
    kept = list(old.kept) if old is not None else [_kept(source, 0)]
    known = -1 if old is None else old.record
    changes = [(row.first - 1, True) for row in keys.epochs.rows[1:]]
    changes += [(seq, False) for seq, _ in keys.notes]
    for seq, is_rotation in sorted(changes):
        if seq > known:
            kept.append(_kept(source, seq, rotation=is_rotation))
    gone = canonical.digest((b"" if old is None else old.gone) + seals.digest_of_all(going))
    return Remains(
        keys.epochs.origin,
        going[-1].segment + 1,
        leave,
        source.mark.size,
        gone,
        tuple(kept),
        keys_at(keys, leave.size),
    )


def _kept(source: Source, seq: int, *, rotation: bool = False) -> Kept:
    record = source.proofs.record(seq)
    assert source.mark.keys is not None
    before = (
        source.proofs.record(seq - 1).digest if seq else genesis(source.mark.keys.epochs.origin)
    )
    return Kept(before, record.body, source.proofs.checkpoint_at(seq + 1).note if rotation else b"")


def _forget(log: Folder) -> None:
    """Remove the caches that quote records; whoever searches just now keeps an open copy."""
    with _failing("remove the index"):
        for name in _QUOTING:
            with suppress(FileNotFoundError):
                log.remove(name)


def _discard(store: Store, name: Digest) -> None:
    assert isinstance(store.objects, FileObjects)
    with _failing("remove an object"):
        store.objects.remove(name)


def _only_before(
    store: Store, going: list[Seal], mark: Mark, keep: Callable[[Digest], bool]
) -> list[Digest]:
    """Objects to which only the pruned records lead, and that nobody claims."""
    assert isinstance(store.objects, FileObjects)
    first, stop = going[0].segment, going[-1].segment + 1
    gone = _bodies(store, range(first, stop), mark.stop)
    staying = _bodies(store, range(stop, mark.stop.segment + 1), mark.stop)
    with _failing("look for objects"):
        return dispensable(store.objects, gone, staying, keep)


def _bodies(store: Store, numbers: range, end: Position) -> Iterator[bytes]:
    for each in numbers:
        for piece in _pieces(store, each, end):
            yield from piece.bodies if isinstance(piece, Run) else ()


def _body(store: Store, seq: int, mark: Mark) -> bytes | None:
    """The body of record ``seq`` as it lies in the last segment or the one before."""
    for each in (mark.stop.segment, mark.stop.segment - 1):
        at = 0
        for piece in _pieces(store, each, mark.stop) if each >= 0 else ():
            if isinstance(piece, Frame):
                at = checkpoint.read(piece.content).size
            elif at <= seq < at + piece.count:
                return piece.bodies[seq - at]
            elif isinstance(piece, Run):
                at += piece.count
    return None


def _pieces(store: Store, number: int, end: Position) -> Iterator[Run | Frame]:
    stop = end.offset if number == end.segment else store.length(number)
    for piece in segment.runs(store, Position(number, OPENING), stop):
        if isinstance(piece, Run | Frame):
            yield piece


def _read(store: Store, number: int, offset: int, count: int) -> bytes:
    return store.read(Position(number, offset), count)


def _edge_on_disk(folder: TileFolder, size: int) -> Frontier:
    """The tree over the first ``size`` leaves as the files say, as far as there are files."""
    edge = Frontier()
    for number in range(-(-size // WIDTH)):
        left = min(size - number * WIDTH, WIDTH)
        widths = [WIDTH, *(width for width in folder.widths(0, number) if width >= left)]
        tiles = (folder.read(TileAt(0, number, width)) for width in widths)
        data = next((tile for tile in tiles if tile is not None), None)
        if data is None:
            break
        edge.extend([data[at : at + 32] for at in range(0, min(left * 32, len(data)), 32)])
    return edge


@contextmanager
def _failing(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        kind = DiskFull if problem.errno in NO_ROOM else DurabilityError
        raise kind(
            f"expected to {what}, found: {problem.strerror}; this instance is closed: make room "
            "or repair the disk, open the ledger again, and prune again"
        ) from problem
