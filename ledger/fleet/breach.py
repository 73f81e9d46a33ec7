"""What a damaged log signed against itself: the proof that damage is no accident.

A log that does not hold is refused where it is read. If its key signed a head over the bad records
all the same, its own software wrote them, and that can be shown: the raw frames are followed here
without the rules of a log, for the first leaf that is no record or lies not after the one before
it, until a signed head covers it with the very root that the frames give. Nothing is found where
the damage came later, or by other hands: then no head covers it.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

from ledger.errors import CanonicalError, LedgerError, LedgerMissing, UnreadableError
from ledger.fleet.certificate import Certificate
from ledger.fleet.obstruction import Leaf, Obstruction, Statement, is_newer
from ledger.form.record import CREATED, ROTATED, fields
from ledger.storage import segment
from ledger.storage.file_store import FileStore
from ledger.storage.run import Run
from ledger.storage.segment import Frame, Torn
from ledger.storage.store import Position, Store
from ledger.trust import checkpoint
from ledger.trust.epochs import successor
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import Frontier, inclusion_proofs, leaf_hash

_SEQ, _HLC, _KIND, _ATTRIBUTES = 1, 2, 7, 8


def breach(directory: Path, keys: Sequence[PublicKey] = ()) -> Certificate | None:
    """The certificate that the log in ``directory`` signed what no log may hold; None without.

    Only heads signed by ``keys`` count; without any, those that the log names itself.
    """
    try:
        with closing(FileStore(directory, read_only=True)) as store:
            return _Following(store, keys).found() if store.first() == 0 else None
    except (LedgerMissing, UnreadableError):
        return None


class _Following:
    """One pass over raw frames: the tree so far, the record before, and the first bad leaf."""

    def __init__(self, store: Store, keys: Sequence[PublicKey]) -> None:
        self._store = store
        self._keys = list(keys)
        self._names_keys = not keys
        self._tree = Frontier()
        self._last: tuple[int, bytes] = (0, b"")
        self._kind: Obstruction | None = None
        self._bad: dict[int, bytes] = {}

    def found(self) -> Certificate | None:
        for piece in _frames(self._store):
            if isinstance(piece, Run):
                for body in piece.bodies:
                    if self._kind is None and not self._take(body):
                        return None
                    self._tree.append(leaf_hash(body))
            elif self._kind is not None:
                statement = self._statement(piece.content)
                if statement is not None:
                    return Certificate.of(self._kind, [statement])
        return None

    def _take(self, body: bytes) -> bool:
        """Look at the next leaf; False where nothing can be said of it or what follows."""
        seq, (hlc, before) = self._tree.size, self._last
        try:
            values = fields(body)
        except CanonicalError:
            self._kind, self._bad = Obstruction.NO_RECORD, {seq: body}
            return not is_newer(body)
        if values[_SEQ] != seq:
            self._kind, self._bad = Obstruction.NO_RECORD, {seq: body}
        elif seq and cast("int", values[_HLC]) <= hlc:
            self._kind, self._bad = Obstruction.TIME_BACK, {seq - 1: before, seq: body}
        elif self._names_keys:
            self._take_key(values)
        self._last = cast("int", values[_HLC]), body
        return True

    def _take_key(self, values: list[object]) -> None:
        try:
            if values[_KIND] == CREATED:
                told = cast("dict[str, object]", values[_ATTRIBUTES])
                self._keys.append(PublicKey.parse(str(told.get("public_key"))))
            elif values[_KIND] == ROTATED:
                self._keys.append(successor(values[_ATTRIBUTES])[1])
        except LedgerError:
            return  # no key: then no head by it will count

    def _statement(self, note: bytes) -> Statement | None:
        """The head in ``note`` with the bad leaves under it, if it is signed and covers them."""
        for key in self._keys:
            try:
                head = checkpoint.verified(note, key)
            except LedgerError:
                continue
            if (head.size, head.root) == (self._tree.size, self._tree.root()):
                return Statement.by(key, note, self._leaves(head.size))
        return None

    def _leaves(self, size: int) -> Iterator[Leaf]:
        proofs = inclusion_proofs(self._bad, size, _leaf_hashes(self._store, size))
        return (Leaf(seq, body, proofs[seq].hashes) for seq, body in sorted(self._bad.items()))


def _leaf_hashes(store: Store, size: int) -> Iterator[bytes]:
    count = 0
    for piece in _frames(store):
        for body in piece.bodies if isinstance(piece, Run) else ():
            if count == size:
                return
            count += 1
            yield leaf_hash(body)


def _frames(store: Store) -> Iterator[Run | Frame]:
    """The frames from the beginning, as far as they are whole."""
    end = store.end()
    for number in range(end.segment + 1):
        stop = end.offset if number == end.segment else store.length(number)
        try:
            for piece in segment.runs(store, Position(number, segment.HEADER.size), stop):
                if isinstance(piece, Torn):
                    return
                yield piece
        except LedgerError:
            return
