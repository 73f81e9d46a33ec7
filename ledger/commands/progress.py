"""A progress bar on standard error, for people only: a terminal, and more than a second to wait."""

import sys
import time
from types import TracebackType
from typing import Final, Self, TextIO

_PATIENCE_S: Final = 1.0
_EVERY_S: Final = 0.1
_WIDTH: Final = 40
_MIB: Final = 1024 * 1024


class Bar:
    """Draws nothing within the first second, one line after it, and wipes it at the end."""

    def __init__(self, what: str, stream: TextIO | None = None) -> None:
        """Say that ``what`` is going on."""
        self._what = what
        self._stream = sys.stderr if stream is None else stream
        self._seen_by_people = self._stream.isatty()
        self._begun = time.monotonic()
        self._next = self._begun + _PATIENCE_S
        self._drawn = False

    def __enter__(self) -> Self:
        """Use as a context manager: wipes the line at the end, whatever the end is."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the line as it was found."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __call__(self, done: int, total: int) -> None:
        """``done`` of ``total`` bytes."""
        if not self._seen_by_people:
            return
        now = time.monotonic()
        if now < self._next:
            return
        self._next, self._drawn = now + _EVERY_S, True
        part = done / total if total else 1.0
        filled = int(part * _WIDTH)
        speed = done / _MIB / (now - self._begun)
        self._stream.write(
            f"\r{self._what} [{'#' * filled}{'.' * (_WIDTH - filled)}] {part:4.0%} "
            f"{done / _MIB:,.0f} of {total / _MIB:,.0f} MiB, {speed:,.0f} MiB/s\x1b[K"
        )
        self._stream.flush()
