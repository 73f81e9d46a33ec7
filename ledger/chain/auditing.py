"""Following whole segments for an audit: every byte is accounted for, nothing is changed.

An ``Audit`` stands at the beginning of a segment and follows one after the other. It may begin at
the log's start, behind another audit's ``Outcome``, or at a ``Mark`` that somebody claims; what
the claim is worth is for the caller to settle, by comparing it with the state in which the
segment before was left. So a long log can be cut into ``Stretch``es and each be followed
elsewhere (``parallel``), while the verdict stays that of one pass (``verifying``).
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from ledger.chain.content import Content
from ledger.chain.follower import Follower, Mark
from ledger.errors import DamagedError
from ledger.form.canonical import Digest
from ledger.storage import segment
from ledger.storage.objects import ObjectStore
from ledger.storage.run import Run
from ledger.storage.segment import Frame, Torn
from ledger.storage.store import Position, Store
from ledger.trust.checkpoint import carries
from ledger.trust.endorsement import Pin

Progress = Callable[[int], None]
"""Told how many bytes were followed since it was told last."""

_HEADER: Final = segment.HEADER.size


class Terms(NamedTuple):
    """What an audit is asked: whose log it must be, and what to look out for on the way."""

    directory: Path
    key: Pin | None
    published: bytes | None
    objects: bool = False
    wanted: int = -1


class Stretch(NamedTuple):
    """Segments from ``first`` on, of these lengths; ``mark`` claims the state before them.

    The state includes the keys so far; before record 0, which names the first, there is none.
    """

    first: int
    lengths: tuple[int, ...]
    mark: Mark | None
    is_end: bool


class Outcome(NamedTuple):
    """How a stretch was left; without ``good`` somebody has to look again, in order."""

    good: bool
    mark: Mark
    length: int
    met_published: bool
    checked: frozenset[Digest]
    wanted: bytes | None


class Audit:
    """Where an audit stands, and what it met so far."""

    def __init__(self, terms: Terms, progress: Progress) -> None:
        """Begin at the log's start."""
        self.follower = Follower(terms.key)
        self.bytes = 0
        self.met_published = False
        self._content = Content()
        self.wanted: bytes | None = None
        self._terms = terms
        self._progress = progress

    @property
    def checked(self) -> set[Digest]:
        """The objects whose bytes are right."""
        return self._content.checked

    def adopt(self, outcome: Outcome) -> None:
        """Stand where another audit of the segments before came to, as if by itself."""
        self.follower.begin(outcome.mark)
        self.bytes += outcome.length
        self.met_published = self.met_published or outcome.met_published
        self.checked.update(outcome.checked)
        self.wanted = outcome.wanted if self.wanted is None else self.wanted

    def outcome(self) -> Outcome:
        """What another audit needs to go on from here."""
        follower = self.follower
        return Outcome(
            follower.size == follower.mark.size,
            follower.mark,
            self.bytes,
            self.met_published,
            frozenset(self.checked),
            self.wanted,
        )

    def follow(self, store: Store, stretch: Stretch) -> None:
        """Follow every segment of ``stretch``, from the state in which this audit is."""
        for offset, length in enumerate(stretch.lengths):
            number = stretch.first + offset
            is_last = stretch.is_end and offset + 1 == len(stretch.lengths)
            self._follow_segment(store, number, length, is_last=is_last)

    def _follow_segment(self, store: Store, number: int, length: int, *, is_last: bool) -> None:
        head = store.read(Position(number, 0), min(_HEADER, length))
        segment.check_header(head, number)
        begin = self.follower.mark.stop
        # A claimed mark lies behind the checkpoint that the segment opens with.
        start = begin.offset if begin.segment == number else _HEADER
        self._count(start)
        for piece in segment.runs(store, Position(number, start), length):
            if isinstance(piece, Torn):
                where = "" if is_last else f" of segment {number}, which is not the last"
                raise DamagedError(
                    self.follower.size,
                    f"expected complete frames, found {piece.reason}{where}: "
                    f"{length - piece.start} "
                    "bytes at the end were never acknowledged, cut, or added",
                )
            self._take(store.objects, piece, number)
            self._count(piece.stop - piece.start)
        self.follower.require_opened(number)

    def _take(self, objects: ObjectStore, piece: Run | Frame, number: int) -> None:
        follower = self.follower
        if isinstance(piece, Frame):
            follower.follow(piece, number)
            published = self._terms.published
            if published is not None and carries(published, piece.content):
                self.met_published = True
            return
        before = follower.size
        if self._terms.objects:
            see = partial(self._content.check, objects)
            follower.take_records(piece.bodies, piece.digests, see)
        else:
            follower.follow(piece, number)
        if before <= self._terms.wanted < follower.size:
            self.wanted = piece.bodies[self._terms.wanted - before]

    def _count(self, count: int) -> None:
        self.bytes += count
        self._progress(count)
