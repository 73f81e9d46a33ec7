"""What a pruning left of a log's beginning, as one process knows it.

Another process may prune while this one has the log open. ``look`` takes the new remains then. When
even the place went where this process stood (``passed``), it has to begin anew (``begin``); whether
the log that it finds is the one it knew is for its owner to ask.
"""

from ledger.chain.follower import Follower, Mark
from ledger.chain.identity import begun_keys, require_name
from ledger.chain.places import Places
from ledger.chain.remains import Kept, Remains, load
from ledger.form.record import fields
from ledger.storage.store import Store
from ledger.trust.keyring import Keyring


class Past:
    """The beginning of one log: whole, or what was kept of it."""

    def __init__(self, store: Store, places: Places) -> None:
        """Nothing was looked at yet."""
        self._store = store
        self._places = places
        self._remains: Remains | None = None

    @property
    def first(self) -> int:
        """The first record that was not pruned, but for record 0."""
        self.look()
        return self._places.least

    def begin(self, keyring: Keyring | None, follower: Follower) -> None:
        """Let ``follower`` begin with what record 0 says, or with what a pruning left.

        Raises ``WrongKey`` where that is not the log of ``keyring``.
        """
        if self._store.end().segment < 0:
            return
        self._remains = load(self._store)
        if self._remains is not None:
            require_name(keyring, self._remains.keys)
            follower.begin(self._begin_at_remains(self._remains))
            return
        found = begun_keys(self._store)
        if found is not None:
            require_name(keyring, found)
            follower.expect(found)

    def look(self) -> None:
        """Another process may have pruned since; one stat when none has."""
        known = 0 if self._remains is None else self._remains.segment
        if self._store.first() > known:
            self._remains = load(self._store)
        if self._remains is not None and self._remains.segment > known:
            self._begin_at_remains(self._remains)

    def passed(self, mark: Mark) -> bool:
        """Whether the segment in which ``mark`` lies was pruned."""
        return 0 <= mark.stop.segment < self._store.first()

    def kept(self, seq: int) -> Kept | None:
        """What a pruning left of record ``seq``: of record 0, and of those about keys."""
        if seq >= self.first or self._remains is None:
            return None
        return next((kept for kept in self._remains.kept if fields(kept.body)[1] == seq), None)

    def require(self, seq: int) -> None:
        """Refuse with ``PrunedError`` to read from a record that went."""
        if seq < self.first and self._remains is not None:
            raise self._remains.refusal(seq)

    def _begin_at_remains(self, remains: Remains) -> Mark:
        mark = remains.mark(self._store)
        self._store.begin_at(mark.start.segment)
        self._places.begin_at(mark.size, mark.start)
        return mark
