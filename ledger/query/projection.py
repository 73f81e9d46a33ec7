"""The SQLite file behind an index: rows in, candidates out. It knows no log and proves nothing.

Tables: ``standing`` (one row: whose log, which records, the chain digest behind them), ``names``
(each name once), ``records`` (a row a record, names by number, ``hlc`` shifted into SQLite's signed
range), and ``words`` (FTS5 without content) where the file searches text.

Rules of its state: every change is one transaction that also moves ``standing``, so whoever reads
sees rows for exactly the records it names. A file of another version, another program, or with
anything in its schema that is not ours (a view, a trigger) is replaced, never altered; a file that
SQLite finds damaged likewise. A new file has no indices until ``finish``: to make them of rows that
are there takes a third of the time; whoever has caught up finishes it. Replacing and opening
exclude each other by a lock on the folder; whoever still holds the file replaced goes on alone with
it, and harms nobody.

Not here: whether ``standing`` is true of the log, and whether rows are. See ``index``.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from ledger.form.record import Record
from ledger.query.question import NAMED
from ledger.query.words import searchable

SCHEMA: Final = 1
APPLICATION: Final = 0x6F733269  # "os2i"
BUSY_S: Final = 30.0
FEW: Final = 16_384
"""Up to this many rows, SQLite sorts what an index names instead of walking the records."""
MOST_NAMES: Final = 50_000
"""Alternatives that fit one statement; a pattern that means more of them is left to reading."""
_CACHED_NAMES: Final = 100_000
_BIAS: Final = 1 << 63
_INDEXED: Final = ("kind", "actor", "session", "token")
_TABLES: Final = (
    "create table standing(origin text, first int, size int, chain blob)",
    "create table names(id integer primary key, name text not null unique)",
    "create table records(seq integer primary key, kind int, actor int, session int, token int, "  # noqa: ISC004 - one statement
    "node int, hlc int)",
)
_INDICES: Final = tuple(
    f"create index if not exists records_{field} on records({field})" for field in _INDEXED
)
_WORDS: Final = (
    "create virtual table words using fts5(text, content='', columnsize=0, detail=none, "
    "tokenize='ascii')"
)
_MERGE: Final = "insert into words(words, rank) values ('automerge', ?)"
_NEVER: Final = 0  # but for what FTS5 must merge when it has sixteen of a kind
_OFTEN: Final = 4  # its default
_COLUMNS: Final = ", ".join(("seq", *NAMED, "hlc"))


class Standing(NamedTuple):
    """What the file claims to cover: the records ``first`` to ``size`` of the log ``origin``."""

    origin: str
    first: int
    size: int
    chain: bytes


class Row(NamedTuple):
    """What the file claims of one record."""

    seq: int
    kind: str
    actor: str
    session: str
    token: str
    node: str
    hlc: int


class Wanted(NamedTuple):
    """A selection: ids by field, an FTS5 expression, times, and how many in which order."""

    ids: Mapping[str, Sequence[int]]
    expression: str | None
    times: tuple[int, int]
    most: int
    reverse: bool


class Projection:
    """One connection to one file, or to a database in memory."""

    def __init__(self, path: Path | None, *, text: bool) -> None:
        """Open ``path`` or memory; raises ``sqlite3.Error`` where that cannot be had."""
        self._path = path
        self._inode = -1
        self._finished = False
        self.text = text and has_fts5()
        self._ids: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._connection = self._open()

    def standing(self) -> Standing:
        """The claim; of nothing when the file is new."""
        row = self._connection.execute("select origin, first, size, chain from standing").fetchone()
        found = Standing(*row) if row else Standing("", 0, 0, b"")
        if tuple(map(type, found)) != (str, int, int, bytes):
            raise sqlite3.DatabaseError("the file's standing has another form")
        return found

    def replace(self) -> None:
        """Begin a new file, unless another process has just done so."""
        with suppress(sqlite3.Error):
            self._connection.close()
        self._connection = self._open(discard=self._inode)

    def clear(self) -> None:
        """Forget all rows, in one transaction."""
        with self._changing():
            for table in ("standing", "names", "records"):
                self._connection.execute(f"delete from {table}")  # noqa: S608 - our own names
            if self.text:
                self._connection.execute("insert into words(words) values ('delete-all')")
        self._forget()

    def extend(
        self, before: Standing, pieces: Iterable[Sequence[Record]], origin: str
    ) -> Standing | None:
        """Add the records in ``pieces``, of ``origin`` and at least one, behind ``before``.

        None where the file stands elsewhere; then no piece was taken.
        """
        after = before
        try:
            with self._changing():
                if self.standing() != before:
                    return None
                for records in pieces:
                    first, last = records[0].seq, records[-1]
                    begun = after.first if after.size else first
                    after = Standing(origin, begun, last.seq + 1, last.digest)
                    self._insert(records)
                self._connection.execute("delete from standing")
                self._connection.execute("insert into standing values (?, ?, ?, ?)", after)
        except BaseException:
            self._forget()  # ids that were taken back
            raise
        return after

    def finish(self) -> None:
        """Make the indices, once the rows of a new file are there; again costs nothing."""
        if self._finished:
            return
        with self._changing():
            for statement in _INDICES:
                self._connection.execute(statement)
            if self.text:
                self._connection.execute(_MERGE, (_OFTEN,))
        self._finished = True

    def numbers(self, names: Sequence[str], matches: Callable[[str], bool]) -> list[int] | None:
        """The ids of the names meant; None when they are too many for a statement."""
        execute = self._connection.execute
        if not any("*" in name for name in names):
            marks = ", ".join("?" * len(names))
            text = f"select id from names where name in ({marks})"  # noqa: S608 - question marks
            return [number for (number,) in execute(text, names)]
        found: list[int] = []
        low, high = _bounds(names)
        chosen = "select id, name from names where name >= ? and (? is null or name < ?)"
        for number, name in execute(chosen, (low, high, high)):
            if matches(name):
                found.append(number)
                if len(found) > MOST_NAMES:
                    return None
        return found

    def candidates(self, wanted: Wanted, low: int, high: int) -> list[Row]:
        """The first rows in ``[low, high)`` that claim to be meant, in the order wanted."""
        low, high = self._within_times(wanted.times, low, high)
        for field, ids in wanted.ids.items():
            low, high = self._within_names(field, ids, low, high)
        if low >= high or not all(wanted.ids.values()):
            return []
        source, conditions = self._source(wanted, low, high)
        order = "desc" if wanted.reverse else "asc"
        key = "words.rowid" if wanted.expression is not None else "seq"
        limits = [f"{key} >= {low}", f"{key} < {high}"]
        statement = (
            f"select {_COLUMNS} from {source} where {' and '.join([*conditions, *limits])} "  # noqa: S608 - integers and our own names
            f"order by {key} {order} limit {wanted.most}"
        )
        given = (wanted.expression,) if wanted.expression is not None else ()
        return [self._row(values) for values in self._connection.execute(statement, given)]

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See one state of the file."""
        self._connection.execute("begin")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):
                self._connection.execute("rollback")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _source(self, wanted: Wanted, low: int, high: int) -> tuple[str, list[str]]:
        """Where to begin: at the words, at the rarest name, or at the records in order."""
        conditions = {
            field: f"{field} in ({', '.join(map(str, ids))})" for field, ids in wanted.ids.items()
        }
        if wanted.expression is not None:
            joined = "words cross join records on records.seq = words.rowid"
            return joined, ["words match ?", *conditions.values()]
        counts = {
            field: self._count(conditions[field], field, low, high)
            for field in wanted.ids
            if field in _INDEXED
        }
        rarest = min(counts, key=counts.__getitem__, default="")
        walk = not rarest or counts[rarest] >= FEW
        source = "records not indexed" if walk else f"records indexed by records_{rarest}"
        return source, list(conditions.values())

    def _count(self, condition: str, field: str, low: int, high: int) -> int:
        """How many rows an index names, counted up to ``FEW``."""
        inner = (
            f"select 1 from records indexed by records_{field} where {condition} "  # noqa: S608 - integers and our own names
            f"and seq >= {low} and seq < {high} limit {FEW}"
        )
        return self._number(f"select count(*) from ({inner})")  # noqa: S608 - as above

    def _within_names(self, field: str, ids: Sequence[int], low: int, high: int) -> tuple[int, int]:
        """``[low, high)`` narrowed to where a single name occurs, two steps in an index."""
        if len(ids) != 1 or field not in _INDEXED:
            return low, high
        where = f"from records where {field} = {ids[0]} and seq >= {low} and seq < {high}"
        first = self._number(f"select coalesce(min(seq), {high}) {where}")
        last = self._number(f"select coalesce(max(seq), {low} - 1) {where}")
        return first, last + 1

    def _within_times(self, times: tuple[int, int], low: int, high: int) -> tuple[int, int]:
        """``[low, high)`` narrowed by time, which rises with seq."""
        since, until = (min(time, 2 * _BIAS - 1) - _BIAS for time in times)
        if times[0] > 0:
            low = self._first_at(since, low, high)
        if times[1] < 2 * _BIAS:
            high = self._first_at(until, low, high)
        return low, high

    def _first_at(self, time: int, low: int, high: int) -> int:
        while low < high:
            middle = (low + high) // 2
            found = self._number(f"select hlc from records where seq = {middle}")  # noqa: S608 - an integer
            low, high = (middle + 1, high) if found < time else (low, middle)
        return low

    def _number(self, statement: str) -> int:
        row = self._connection.execute(statement).fetchone()
        if row is None or type(row[0]) is not int:
            raise sqlite3.DatabaseError("a row that must be there is missing")
        return row[0]

    def _row(self, values: tuple[int, ...]) -> Row:
        seq, *names, hlc = values
        kind, actor, session, token, node = map(self._name, names)
        return Row(seq, kind, actor, session, token, node, hlc + _BIAS)

    def _name(self, number: int) -> str:
        name = self._names.get(number)
        if name is None:
            row = self._connection.execute(
                "select name from names where id = ?", (number,)
            ).fetchone()
            name = str(row[0]) if row else ""
            _bounded(self._names)[number] = name
        return name

    def _insert(self, records: Sequence[Record]) -> None:
        known, number = self._ids.get, self._number_of
        self._connection.executemany(
            "insert into records values (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    seq,
                    known(kind) or number(kind),
                    known(actor) or number(actor),
                    known(session) or number(session),
                    known(token) or number(token),
                    known(node) or number(node),
                    hlc - _BIAS,
                )
                # Taken apart at once: looking the fields up by name takes twice as long.
                for _, seq, hlc, node, session, actor, token, kind, _, _, _, _, _ in records
            ],
        )
        if self.text:
            self._connection.executemany(
                "insert into words(rowid, text) values (?, ?)",
                ((record.seq, searchable(record.kind, record.attributes)) for record in records),
            )

    def _number_of(self, name: str) -> int:
        """The id of a name that is not remembered here, given now if it has none."""
        execute = self._connection.execute
        made = execute("insert or ignore into names(name) values (?)", (name,))
        number = made.lastrowid if made.rowcount else None
        if number is None:
            number = int(execute("select id from names where name = ?", (name,)).fetchone()[0])
        _bounded(self._ids)[name] = number
        return number

    def _forget(self) -> None:
        self._ids.clear()
        self._names.clear()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        self._connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    def _open(self, discard: int = -1) -> sqlite3.Connection:
        """A connection to a file of our own form; ``discard`` names a file known to be bad."""
        self._forget()
        if self._path is None:
            return self._formed(self._connect(":memory:"))
        with _alone(self._path.parent):
            if discard >= 0 and _inode(self._path) == discard:
                _remove(self._path)
            try:
                connection = self._connect(str(self._path))
                if not self._ours(connection):
                    connection.close()
                    raise sqlite3.DatabaseError("the file has another form")  # noqa: TRY301 - one remedy for both
            except sqlite3.DatabaseError as problem:
                if isinstance(problem, sqlite3.OperationalError):
                    raise
                _remove(self._path)
                connection = self._connect(str(self._path))
            formed = self._formed(connection)
            self._inode = _inode(self._path)
            return formed

    def _connect(self, place: str) -> sqlite3.Connection:
        """Any thread may use the connection; its owner sees to it that they take turns."""
        connection = sqlite3.connect(
            place, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in (
                "trusted_schema = off",
                "cell_size_check = on",
                "page_size = 16384",
                "journal_mode = wal",
                "wal_autocheckpoint = 4096",  # 64 MiB: hot pages are written home once, not often
                "synchronous = normal",
                "cache_size = -32768",
                "temp_store = memory",
            ):
                connection.execute(f"pragma {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _ours(self, connection: sqlite3.Connection) -> bool:
        """Whether the file is empty, or exactly what this version makes."""
        shape = _shape(connection)
        marks = tuple(
            connection.execute(f"pragma {name}").fetchone()[0]
            for name in ("application_id", "user_version")
        )
        if not shape:
            return marks == (0, 0)
        known = (expected_shape(text=self.text, finished=each) for each in (True, False))
        return marks == (APPLICATION, SCHEMA) and shape in known

    def _formed(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        connection.execute("begin immediate")
        if not _shape(connection):
            for statement in _statements(text=self.text, finished=False):
                connection.execute(statement)
            if self.text:
                connection.execute(_MERGE, (_NEVER,))
            connection.execute(f"pragma application_id = {APPLICATION}")
            connection.execute(f"pragma user_version = {SCHEMA}")
        self._finished = any(kind == "index" and sql for kind, _, _, sql in _shape(connection))
        connection.execute("commit")
        return connection


def _bounds(names: Sequence[str]) -> tuple[str, str | None]:
    """Where in the order of names all that ``names`` mean must lie; an end of None is open."""
    heads = [name.partition("*")[0] for name in names]
    low = min(heads)
    high = max(heads)
    last = ord(high[-1]) + 1 if high else 0
    # Order by code points is order by UTF-8 bytes; surrogates have none, so nothing ends there.
    ends = bool(low) and last < 0xD800  # noqa: PLR2004 - the first surrogate
    return low, high[:-1] + chr(last) if ends else None


def has_fts5() -> bool:
    """Whether this SQLite can search text."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(_WORDS)
    except sqlite3.OperationalError:
        return False
    else:
        return True
    finally:
        connection.close()


def expected_shape(*, text: bool, finished: bool = True) -> list[tuple[str, ...]]:
    """The schema of a file that this version made, as SQLite tells it."""
    connection = sqlite3.connect(":memory:")
    try:
        for statement in _statements(text=text, finished=finished):
            connection.execute(statement)
        return _shape(connection)
    finally:
        connection.close()


def _statements(*, text: bool, finished: bool) -> tuple[str, ...]:
    return (*_TABLES, *((_WORDS,) if text else ()), *(_INDICES if finished else ()))


def _shape(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    """What the file holds; in the order of names, since indices come when they are made."""
    told = "select type, name, tbl_name, sql from sqlite_master order by name"
    return connection.execute(told).fetchall()


def _bounded(cache: dict[int, str] | dict[str, int]) -> dict:  # type: ignore[type-arg]
    if len(cache) >= _CACHED_NAMES:
        cache.clear()
    return cache


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold ``folder`` against others that open or replace the file in it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as problem:
        raise sqlite3.OperationalError(f"{folder}: {problem.strerror}") from problem
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    except OSError as problem:
        raise sqlite3.OperationalError(f"{folder}: {problem.strerror}") from problem
    finally:
        os.close(descriptor)


def _inode(path: Path) -> int:
    return path.stat().st_ino if path.exists() else -1


def _remove(path: Path) -> None:
    """The file and what SQLite keeps beside it: the log first, so that no new file inherits it."""
    for name in (f"{path}-wal", f"{path}-shm", f"{path}-journal", str(path)):
        Path(name).unlink(missing_ok=True)
