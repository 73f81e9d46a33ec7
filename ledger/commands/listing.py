"""What the commands that list records share: their options, and how records are printed.

Lines are for people, in colour only on a terminal and without ``NO_COLOR``; ``--json`` is for
programs. A reader that goes away (``… | head``) ends a listing quietly: it had what it wanted.
"""

import argparse
import json
import os
import select
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from ledger.chain.log import TokenSignatureLedger
from ledger.commands import EMPTY, OK
from ledger.commands.given import public_key
from ledger.form.canonical import Json
from ledger.form.record import Record
from ledger.query.index import Index, scan
from ledger.query.lines import RecordLines, visible
from ledger.query.moments import instant
from ledger.query.question import Query
from ledger.query.words import Needle, needle

RECORD_SCHEMA: Final = "os2.ledger.record/1"
LOG_SCHEMA: Final = "os2.ledger.log/1"
WIDTH: Final = 160
"""Of lines that go elsewhere than to a terminal."""
_PATIENCE_S: Final = 1.0
_NANOSECONDS: Final = 1_000_000_000


def take_ledger(parser: argparse.ArgumentParser) -> None:
    """Declare which ledger, whose key, and which form of output."""
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--pubkey", metavar="FILE|TEXT", help="the public key you trust")


def take_names(parser: argparse.ArgumentParser) -> None:
    """Declare the conditions on names; each option may be repeated, ``*`` stands for anything."""
    for field in ("kind", "actor", "session", "token", "node"):
        parser.add_argument(
            f"--{field}",
            action="append",
            metavar=field[0].upper(),
            help=f"only this {field}; may be repeated, * stands for any characters",
        )


def take_conditions(parser: argparse.ArgumentParser) -> None:
    """Declare names, times, sequence numbers, and where to look."""
    take_names(parser)
    parser.add_argument("--since", metavar="T", help="from then on: 2h, 3d, or ISO 8601")
    parser.add_argument("--until", metavar="T", help="before then")
    parser.add_argument("--start", type=whole, default=0, metavar="SEQ", help="from this record on")
    parser.add_argument("--stop", type=whole, metavar="SEQ", help="before this record")
    parser.add_argument("--reverse", action="store_true", help="print the newest first")
    parser.add_argument(
        "--scan", action="store_true", help="ask the log itself, not the index: slow, and sure"
    )


def whole(text: str) -> int:
    """A number of 0 or more, as argparse wants its types."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, found {text}")
    return number


def opened(options: argparse.Namespace) -> TokenSignatureLedger:
    """The ledger named, for reading."""
    key = public_key(options.pubkey) if options.pubkey is not None else None
    return TokenSignatureLedger.read_only(options.directory, key)


def named(options: argparse.Namespace) -> Query:
    """The query that the conditions on names alone make."""
    return Query(
        kind=tuple(options.kind or ()),
        actor=tuple(options.actor or ()),
        session=tuple(options.session or ()),
        token=tuple(options.token or ()),
        node=tuple(options.node or ()),
    )


def asked(options: argparse.Namespace, text: str | None, limit: int | None) -> Query:
    """The query that the options describe; the newest ``limit`` records of those meant."""
    now = datetime.fromtimestamp(time.time_ns() / _NANOSECONDS, UTC)  # noqa: TID251 - "2h" is before now
    return replace(
        named(options),
        text=text,
        since=None if options.since is None else instant(options.since, now),
        until=None if options.until is None else instant(options.until, now),
        start=options.start,
        stop=options.stop,
        limit=limit,
        reverse=options.reverse or limit is not None,
    )


def listed(options: argparse.Namespace, query: Query) -> int:
    """Answer ``query`` and print; a search that finds nothing says so by its exit code."""
    nothing = False
    with opened(options) as ledger, reader_may_leave():
        found = _found(ledger, query, by_scan=options.scan)
        if query.reverse and not options.reverse:
            found = iter(list(found)[::-1])  # the newest few, in the order in which they were made
        first = list(islice(found, 1))
        records = _chain(first, found)
        if options.json:
            _print_document(records)
        else:
            print_lines(records, needle(query.text) if query.text is not None else None)
        nothing = query.text is not None and not first
    return EMPTY if nothing else OK


def print_lines(records: Iterable[Record], sought: Needle | None = None) -> None:
    """One line a record."""
    lines = lines_here(sought)
    for record in records:
        sys.stdout.write(lines.line(record) + "\n")


def lines_here(sought: Needle | None = None) -> RecordLines:
    """Lines for where stdout goes, cut to a terminal's width or a generous one."""
    terminal = sys.stdout.isatty()
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"  # noqa: TID251 - no-color.org
    width = shutil.get_terminal_size().columns if terminal else WIDTH
    return RecordLines(colour=terminal and wanted, width=width, sought=sought)


def fields(record: Record) -> dict[str, object]:
    """A record as JSON tells it: bytes in hexadecimal digits, the time beside its ``hlc``."""
    return {
        "seq": record.seq,
        "hlc": record.hlc,
        "time": _time(record.hlc),
        "node": record.node,
        "session": record.session,
        "actor": record.actor,
        "token": record.token,
        "kind": record.kind,
        "attributes": jsonable(record.attributes),
        "payload": jsonable(record.payload),
        "commitment": jsonable(record.commitment),
        "digest": record.digest.hex(),
    }


def jsonable(value: Json) -> object:
    """``value`` with bytes as hexadecimal digits."""
    match value:
        case bytes():
            return value.hex()
        case list():
            return [jsonable(item) for item in value]
        case dict():
            return {key: jsonable(item) for key, item in value.items()}
        case _:
            return value


def json_line(record: Record) -> str:
    """A record as one JSON document on one line."""
    return json.dumps({"schema": RECORD_SCHEMA, **fields(record)}) + "\n"


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Take a reader that closed the pipe for a reader that is content."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)  # or the interpreter flushes once more, in vain
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class Pause:
    """Waits, and notices when nobody reads stdout any more."""

    def __init__(self) -> None:
        """Watch stdout, where it is something that can be watched."""
        self._poll = select.poll()
        with suppress(OSError, ValueError):
            self._poll.register(sys.stdout.fileno(), 0)  # errors and hang-ups are always told

    def __call__(self, seconds: float) -> None:
        """Wait so long; raises ``BrokenPipeError`` where the reader went away."""
        for _ in self._poll.poll(seconds * 1000):
            raise BrokenPipeError


def _found(ledger: TokenSignatureLedger, query: Query, *, by_scan: bool) -> Iterator[Record]:
    if by_scan or not query.selective:
        yield from scan(ledger, query)
        return
    with Index(ledger, progress=_Progress()) as index:
        if index.path is None:  # to index in memory for one question costs more than to read
            yield from scan(ledger, query)
            return
        yield from index.search(query)
        if index.trouble is not None:
            sys.stderr.write(f"ledger: {visible(index.trouble)}\n")


class _Progress:
    """Says how far the index is, on a terminal, once it takes longer than a second."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        if not sys.stderr.isatty() or time.monotonic() - self._began < _PATIENCE_S:
            return
        end = "\r\x1b[K" if done >= of else f"\rledger: indexed {done:,} of {of:,} records"
        sys.stderr.write(end)
        sys.stderr.flush()


def _print_document(records: Iterable[Record]) -> None:
    """One document, written as the records come: memory holds one record, not all."""
    sys.stdout.write(f'{{"schema": "{LOG_SCHEMA}", "records": [')
    for number, record in enumerate(records):
        sys.stdout.write(",\n" if number else "\n")
        json.dump(fields(record), sys.stdout)
    sys.stdout.write("\n]}\n")


def _chain(first: list[Record], rest: Iterator[Record]) -> Iterator[Record]:
    yield from first
    yield from rest


def _time(hlc: int) -> str | None:
    passed, thousandth = divmod(hlc >> 16, 1000)
    try:
        return f"{datetime.fromtimestamp(passed, UTC):%Y-%m-%dT%H:%M:%S}.{thousandth:03d}Z"
    except (ValueError, OverflowError, OSError):
        return None
