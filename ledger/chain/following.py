"""Following a store's log up to a given end, and holding it against the published head.

Shared by opening, catching up with other processes, and recovery. A torn frame at the very end
stops the following and is nobody's error here; anywhere else it is damage.
"""

from collections.abc import Iterator

from ledger.chain.follower import Follower
from ledger.errors import DamagedError, EquivocationError, NoteError, RollbackError
from ledger.storage import segment
from ledger.storage.run import Run
from ledger.storage.segment import Frame, Torn
from ledger.storage.store import Position, Store
from ledger.trust import checkpoint


def follow_log(
    store: Store, follower: Follower, end: Position
) -> Iterator[tuple[Position, Run | Frame]]:
    """Move ``follower`` from its mark over all frames before ``end``.

    Each piece is given with the place behind it, after it was taken.
    """
    at = follower.mark.stop
    if end < at:
        raise RollbackError(
            follower.mark.size,
            f"expected the log to reach {at}, found its end at {end}; it was cut while open",
        )
    try:
        while at < end:
            if at.segment < 0 or at.offset >= store.length(at.segment):
                at = _next_segment(store, at)
                continue
            last = at.segment == end.segment
            stop = end.offset if last else store.length(at.segment)
            for piece in segment.runs(store, at, stop):
                if isinstance(piece, Torn):
                    _refuse_torn_inside(piece, follower, last=last)
                    return
                follower.follow(piece, at.segment)
                yield Position(at.segment, piece.stop), piece
            at = Position(at.segment, stop)
        follower.require_opened(end.segment)
    except DamagedError as problem:
        if problem.seq < 0:
            raise DamagedError(follower.size, problem.reason) from problem
        raise


def refuse_rollback(data: bytes | None, follower: Follower) -> None:
    """Hold the published head ``data`` against the followed log's signed one.

    An empty or zeroed file is what a crash leaves of a publication, and counts as none.
    """
    keys, mark = follower.keys, follower.mark
    if data is None or keys is None or not data.strip(b"\0"):
        return
    try:
        published = checkpoint.confirmed(data, keys.epochs)
    except NoteError as problem:
        raise DamagedError(
            max(mark.size - 1, 0),
            f"the file checkpoint does not hold: {problem}; verify the log, compare with a "
            "copy, then delete the file",
        ) from problem
    if published.size > mark.size:
        raise RollbackError(
            mark.size,
            f"expected at least {published.size} records, as the file checkpoint states, found "
            f"{mark.size} signed ones; the log was cut: restore it from a copy",
        )
    root = follower.frontier.root()
    if published.size == mark.size and published.root != root:
        raise EquivocationError(
            mark.size - 1,
            f"expected one signed head of {mark.size} records, found two: root {root.hex()} in the "
            f"log, {published.root.hex()} in the file checkpoint; keep both, they are the proof",
        )


def _next_segment(store: Store, at: Position) -> Position:
    number, size = at.segment + 1, segment.HEADER.size
    segment.check_header(store.read(Position(number, 0), size), number)
    return Position(number, size)


def _refuse_torn_inside(frame: Torn, follower: Follower, *, last: bool) -> None:
    if not last:
        raise DamagedError(
            follower.size, f"expected whole frames inside the log, found {frame.reason}"
        )
