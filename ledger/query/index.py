"""Queries of a ledger, answered through a projection that is never trusted.

``Index`` keeps a SQLite file beside the log, built from verified records and brought up to date
before each query. What a query yields is always the record read back from the log, verified under a
signature, and held against the row that named it and against the query. So an index can be
deleted at any time, and a false one is found out as soon as it names a record that is not so:
it is built anew, and the query goes on behind the last record it gave.

One thing no reading back can show: a row that is not there. Whoever can write the index can hide a
record from queries (not from the log). ``scan`` answers the same queries from the log alone; an
audit asks it.

Rules of its state: the projection is believed to cover ``size`` records only when it names this
ledger's origin and the chain digest that the log has there. Where records were pruned, the file
goes with them and is made anew from what stays. Where no file can be kept (a folder that is
somebody else's or read-only, a full disk), the index lives in memory, and ``trouble`` says why
unless that was plain from the start. Where SQLite fails in the midst of a query, the query goes on
by ``scan``.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from threading import RLock
from typing import Final, Self

from ledger.chain.log import TokenSignatureLedger
from ledger.form.canonical import digest
from ledger.form.record import Record
from ledger.query.projection import Projection, Row, Standing, Wanted
from ledger.query.question import NAMED, Query, pattern, predicate
from ledger.query.words import Needle, needle, searchable

FILE: Final = "index.sqlite"
BATCH: Final = 16_384
"""Records indexed in one transaction."""
PIECE: Final = 512
"""Records held at a time; of more the collector would make generations, and look through them."""
FIRST_ASK: Final = 64
LAST_ASK: Final = 1024
NEAR: Final = 512
"""Reading on over so many records costs less than beginning to read anew."""
SPAN: Final = 4096
_PATIENCE: Final = 2

Progress = Callable[[int, int], None]
"""Told how many records are indexed, and of how many."""


class Index:
    """Finds records of ``ledger``. Owned by one process; its threads may share it."""

    def __init__(
        self,
        ledger: TokenSignatureLedger,
        folder: Path | None = None,
        *,
        text: bool = True,
        progress: Progress | None = None,
    ) -> None:
        """Open the index beside the log, or in ``folder`` (in memory for a ledger in memory).

        ``text`` False leaves words out: half the size, and text is looked for by reading.
        """
        self._ledger = ledger
        self._text = text
        self._progress = progress
        self._mutex = RLock()
        self._standing: Standing | None = None
        self._lies = 0
        self.trouble: str | None = None
        self.path = _place(ledger, folder)
        self._projection = self._opened()

    def __enter__(self) -> Self:
        """Use as a context manager: closes at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @property
    def searches_text(self) -> bool:
        """Whether text is found by FTS5; else by reading every record that else fits."""
        return self._projection.text

    @property
    def size(self) -> int:
        """The records the index covers, as far as it was looked at."""
        return self._standing.size if self._standing is not None else 0

    def search(self, query: Query | None = None) -> Iterator[Record]:
        """The records that ``query`` means, each read back from the log and verified."""
        query = query or Query()
        head = self._ledger.head.size
        stop = head if query.stop is None else min(query.stop, head)
        start = max(query.start, self._ledger.first)
        if query.selective:
            found = self._through_projection(query, start, stop)
        else:
            found = _in_order(self._ledger, start, stop, reverse=query.reverse)
        return islice(found, query.limit)

    def sync(self) -> int:
        """Index what was appended; returns how many records are covered."""
        with self._mutex:
            self._catch_up(self._ledger.head.size)
            return self.size

    def close(self) -> None:
        """Let go of the file."""
        with self._mutex:
            self._projection.close()

    def _opened(self) -> Projection:
        if self.path is not None:
            try:
                return Projection(self.path, text=self._text)
            except sqlite3.Error as problem:
                self._give_up_file(problem)
        return Projection(None, text=self._text)

    def _give_up_file(self, problem: Exception) -> None:
        self.trouble = (
            f"expected to keep an index in {self.path}, found: {problem}; it is kept in memory"
        )
        self.path = None

    def _through_projection(self, query: Query, low: int, high: int) -> Iterator[Record]:
        meant = predicate(query)
        text = query.text if self.searches_text else None
        sought = needle(text) if text is not None else None
        count = FIRST_ASK
        while low < high:
            rows = self._candidates(query, sought, low, high, count)
            if rows is None:
                yield from filter(meant, _in_order(self._ledger, low, high, reverse=query.reverse))
                return
            for row, record in self._read_back(rows, reverse=query.reverse):
                if _lies(row, record, query, sought):
                    self._found_out(record.seq)
                    break
                low, high = (low, record.seq) if query.reverse else (record.seq + 1, high)
                if meant(record):
                    yield record
            else:
                if len(rows) < count:
                    return
                count = min(count * 2, LAST_ASK)

    def _candidates(
        self, query: Query, sought: Needle | None, low: int, high: int, count: int
    ) -> list[Row] | None:
        """Rows to read back; None where the projection cannot be asked."""
        if self._lies > _PATIENCE:
            return None
        with self._mutex:
            for _ in range(_PATIENCE):
                try:
                    return self._asked(query, sought, low, high, count)
                except sqlite3.OperationalError as problem:  # locked, full, no longer writable
                    self.trouble = f"{self.path or 'the index in memory'}: {problem}; read the log"
                    return None
                except sqlite3.Error as problem:
                    self._start_anew(problem)
        return None

    def _asked(
        self, query: Query, sought: Needle | None, low: int, high: int, count: int
    ) -> list[Row] | None:
        projection = self._projection
        while True:
            self._catch_up(high)
            with projection.reading():
                # Another process may have moved the file on in between: then look again.
                if projection.standing() == self._standing:
                    return self._rows(query, sought, low, high, count)

    def _rows(
        self, query: Query, sought: Needle | None, low: int, high: int, count: int
    ) -> list[Row] | None:
        ids = {}
        for field in NAMED:
            names = query.names(field)
            if not names:
                continue
            numbers = self._projection.numbers(names, pattern(names))
            if numbers is None:
                return None
            ids[field] = numbers
        expression = sought.expression if sought is not None else None
        wanted = Wanted(ids, expression, query.times, count, query.reverse)
        return self._projection.candidates(wanted, low, high)

    def _read_back(self, rows: list[Row], *, reverse: bool) -> Iterator[tuple[Row, Record]]:
        """The records that ``rows`` name, in the order of the rows."""
        for group in _near(rows):
            wanted = {row.seq: row for row in group}
            records = self._ledger.read(min(wanted), max(wanted) + 1)
            pairs = ((wanted[each.seq], each) for each in records if each.seq in wanted)
            yield from reversed(list(pairs)) if reverse else pairs

    def _found_out(self, seq: int) -> None:
        """A row did not say what the record says: whatever else the file says is worth nothing."""
        with self._mutex:
            self._lies += 1
            self._standing = None
            self.trouble = f"the index was false about record {seq}; it is built anew"
            try:
                self._projection.clear()
            except sqlite3.Error as problem:
                self._start_anew(problem)

    def _start_anew(self, problem: Exception) -> None:
        self._standing = None
        try:
            self._projection.replace()
        except sqlite3.Error:
            self._give_up_file(problem)
            self._projection = Projection(None, text=self._text)

    def _catch_up(self, size: int) -> None:
        """Cover at least ``size`` records, all of them under this ledger's signed head."""
        while (standing := self._stood()).size < size:
            start = max(standing.size, self._ledger.first)
            for pieces in _batches(self._ledger.read(start, self._ledger.head.size)):
                after = self._projection.extend(standing, pieces, self._ledger.origin)
                if after is None:
                    break  # another process indexed the same; look again
                self._standing = standing = after
                if self._progress is not None:
                    self._progress(standing.size, self._ledger.head.size)
        self._projection.finish()

    def _stood(self) -> Standing:
        """What the projection covers, once the log confirms that."""
        standing = self._projection.standing()
        first = self._ledger.first
        if standing == self._standing and (standing.first == first or not standing.size):
            return standing
        if standing.size and standing.first < first:  # what was pruned must not live on in words
            self._projection.replace()
            standing = self._projection.standing()
        if not self._holds(standing):
            self._projection.clear()
            standing = self._projection.standing()
        self._standing = standing
        return standing

    def _holds(self, standing: Standing) -> bool:
        if standing.size == 0 and not standing.chain:
            return True
        if standing.size > self._ledger.head.size:
            self._ledger.refresh()
        if (standing.origin, standing.first) != (self._ledger.origin, self._ledger.first):
            return False
        if not 0 < standing.size <= self._ledger.head.size:
            return False
        return self._ledger.record(standing.size - 1).digest == standing.chain


def scan(ledger: TokenSignatureLedger, query: Query | None = None) -> Iterator[Record]:
    """What ``Index.search`` finds, from the log alone: slower, and nothing can be hidden."""
    query = query or Query()
    stop = ledger.head.size if query.stop is None else min(query.stop, ledger.head.size)
    start = max(query.start, ledger.first)
    records = _in_order(ledger, start, stop, reverse=query.reverse)
    return islice(filter(predicate(query), records), query.limit)


def _in_order(
    ledger: TokenSignatureLedger, start: int, stop: int, *, reverse: bool
) -> Iterator[Record]:
    if not reverse:
        yield from ledger.read(start, stop)
        return
    while start < stop:
        first = max(start, (stop - 1) // SPAN * SPAN)
        yield from reversed(list(ledger.read(first, stop)))
        stop = first


def _lies(row: Row, record: Record, query: Query, sought: Needle | None) -> bool:
    """Whether an honest projection could not have answered ``query`` with ``row``."""
    if row[1:] != (*(getattr(record, field) for field in NAMED), record.hlc):
        return True
    since, until = query.times
    if not since <= record.hlc < until:
        return True
    if sought is None or sought.expression is None:
        return False
    return not sought.proposed_for(searchable(record.kind, record.attributes))


def _near(rows: list[Row]) -> Iterator[list[Row]]:
    """``rows`` in groups that one reading answers."""
    group: list[Row] = []
    for row in rows:
        far = group and abs(row.seq - group[-1].seq) >= NEAR
        if far or (group and abs(row.seq - group[0].seq) >= SPAN):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _batches(records: Iterator[Record]) -> Iterator[Iterator[list[Record]]]:
    """What goes into one transaction each, in pieces that are gone before the next one is read."""
    pieces = iter(lambda: list(islice(records, PIECE)), [])
    for piece in pieces:
        yield chain((piece,), islice(pieces, BATCH // PIECE - 1))


def _place(ledger: TokenSignatureLedger, folder: Path | None) -> Path | None:
    """Where the index's file belongs; None where none may be kept."""
    if folder is not None:
        name = digest(ledger.origin.encode()).hex()[:16]
        return folder / f"index-{name}.sqlite"
    directory = ledger.directory
    if directory is None:
        return None
    with suppress(OSError):
        mine = directory.stat().st_uid == os.geteuid() and os.access(directory, os.W_OK)
        path = directory / FILE
        if mine and not path.is_symlink() and (path.is_file() or not path.exists()):
            return path
    return None
