"""``ledger.read`` and ``ledger.list``: the past as data, and as lines on stdout while they come.

Lines are written here and not through the display: a listing ends when nobody reads on, and fails
where stdout cannot be written, while a display is made for guests, whose runs go on.
"""

import json
import os
import select
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from ledger import Index, Json, Query, Record, RecordLines, TokenSignatureLedger, needle, scan, tail
from os2shell.executors.clock import now_ns
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.errors import CannotStart
from os2shell.model.essence import essence
from os2shell.model.plain import to_json
from os2shell.model.selection import EVERYTHING, Selection, query_of
from os2shell.model.shown import jsonable, one_line

RECORD_SCHEMA: Final = "os2.ledger-record/1"
STDOUT, STDERR = 1, 2
WIDTH: Final = 160
"""Of lines that go elsewhere than to a terminal."""
_TOLD_AFTER_S = 1.0
_WRITE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class RecordView:
    """A record as data; ``digest`` is the chain's after it, ``hlc`` is ms << 16 | counter."""

    seq: int
    hlc: int
    node: str
    session: str
    actor: str
    token: str
    kind: str
    attributes: Json
    digest: bytes


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """Ask for the records of a selection. The answer is a list of ``RecordView``."""

    kind: ClassVar[str] = "ledger.read"
    needs: ClassVar[Capability] = Capability.LEDGER_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    selection: Selection = EVERYTHING

    def body(self) -> Json:
        """The selection."""
        return to_json(self)

    def scope(self) -> str:
        """The whole ledger."""
        return ""


@dataclass(frozen=True, slots=True)
class ListHistory:
    """Ask to print the records of a selection, a line each; the answer is how many they were.

    With ``follow`` also those that are appended from now on, by anybody, until stdout closes or
    Ctrl-C. With ``as_json`` each line is a JSON object.
    """

    kind: ClassVar[str] = "ledger.list"
    needs: ClassVar[Capability] = Capability.LEDGER_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    selection: Selection = EVERYTHING
    follow: bool = False
    as_json: bool = False

    def body(self) -> Json:
        """What to print, and how."""
        return to_json(self)

    def scope(self) -> str:
        """The whole ledger."""
        return ""


class HistoryReader:
    """Reads records through a ledger that is opened when first asked."""

    def __init__(
        self, open_ledger: Callable[[], TokenSignatureLedger], *, colour: bool = False
    ) -> None:
        """``open_ledger`` raises ``Os2Error`` where there is none or it does not hold."""
        self._open_ledger = open_ledger
        self._colour = colour

    def perform(self, effect: ReadHistory, _transcript: Transcript) -> Json:
        """Select; only the answer is held in memory."""
        chosen = _selected(self._open_ledger(), effect.selection)
        return [to_json(_view(record)) for record in chosen]

    def list(self, effect: ListHistory, _transcript: Transcript) -> Json:
        """Print; records are shown as they are found."""
        ledger = self._open_ledger()
        line = _json_line if effect.as_json else _lines(effect.selection.text, colour=self._colour)
        out = _Stdout(line)
        try:
            end = ledger.head.size
            for record in _selected(ledger, effect.selection):
                out.add(record)
            out.flush()
            if effect.follow:
                asked = replace(_query(effect.selection), limit=None, reverse=False)
                for record in tail(ledger, end, query=asked, wait=out.wait):
                    out.add(record)
                    out.flush()
        except BrokenPipeError:
            pass  # nobody reads on, and that is no error
        except OSError as problem:
            raise CannotStart(f"stdout cannot be written: {problem.strerror}") from None
        return out.count


class _Stdout:
    """Lines on their way out, in few writes."""

    def __init__(self, line: Callable[[Record], str]) -> None:
        self.count = 0
        self._line = line
        self._waiting = bytearray()
        self._poll = select.poll()
        with suppress(OSError):
            self._poll.register(STDOUT, 0)  # errors and hang-ups are always told

    def add(self, record: Record) -> None:
        self.count += 1
        self._waiting += (self._line(record) + "\n").encode("utf-8", "backslashreplace")
        if len(self._waiting) >= _WRITE_BYTES:
            self.flush()

    def flush(self) -> None:
        while self._waiting:
            del self._waiting[: os.write(STDOUT, self._waiting)]

    def wait(self, seconds: float) -> None:
        """Pause; a reader that went away is noticed although there is nothing to write."""
        if self._poll.poll(seconds * 1000):
            raise BrokenPipeError


class _Progress:
    """Says on a terminal how far an index is that takes longer than a second."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._shown = os.isatty(STDERR)

    def __call__(self, done: int, of: int) -> None:
        if self._shown and time.monotonic() - self._began >= _TOLD_AFTER_S:
            text = "\r\x1b[K" if done >= of else f"\ros2: indexed {done:,} of {of:,} records"
            with suppress(OSError):
                os.write(STDERR, text.encode())


def _query(selection: Selection) -> Query:
    return query_of(selection, now_ns())


def _selected(ledger: TokenSignatureLedger, selection: Selection) -> Iterator[Record]:
    """The records, oldest first unless the selection says otherwise."""
    query = _query(selection)
    found = _found(ledger, query, by_scan=selection.scan)
    if query.reverse and not selection.reverse:
        return reversed(list(found))
    return found


def _found(ledger: TokenSignatureLedger, query: Query, *, by_scan: bool) -> Iterator[Record]:
    if by_scan or not query.selective:
        yield from scan(ledger, query)
        return
    with Index(ledger, progress=_Progress()) as index:
        # To index in memory for one question costs more than to read.
        yield from scan(ledger, query) if index.path is None else index.search(query)
        if index.trouble is not None:
            with suppress(OSError):
                os.write(STDERR, f"os2: {one_line(index.trouble)}\n".encode())


def _lines(text: str | None, *, colour: bool) -> Callable[[Record], str]:
    terminal = os.isatty(STDOUT)
    return RecordLines(
        colour=terminal and colour,
        width=shutil.get_terminal_size().columns if terminal else WIDTH,
        sought=None if text is None else needle(text),
        about=_essence,
    ).line


def _essence(record: Record) -> Json:
    return essence(record.attributes)


def _json_line(record: Record) -> str:
    body = jsonable({"schema": RECORD_SCHEMA, **to_json(_view(record))})
    return json.dumps(body)


def _view(record: Record) -> RecordView:
    return RecordView(
        seq=record.seq,
        hlc=record.hlc,
        node=record.node,
        session=record.session,
        actor=record.actor,
        token=record.token,
        kind=record.kind,
        attributes=record.attributes,
        digest=record.digest,
    )
