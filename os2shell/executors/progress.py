"""A bar on a terminal's standard error while something long goes on; elsewhere nothing."""

import os
import time
from contextlib import suppress

STDERR = 2
WIDTH = 30
EVERY_S = 0.1


class Progress:
    """Shows how much is done; ``clear`` leaves the line as it was."""

    def __init__(self, *, patience_s: float = 0.0) -> None:
        """Ask once whether anybody sees it; draw nothing before ``patience_s``."""
        self._shown = _is_terminal()
        self._drawn = False
        self._next_s = time.monotonic() + patience_s

    def show(self, what: str, done: int, total: int) -> None:
        """Draw ``done`` of ``total``; seldom enough to cost nothing."""
        now = time.monotonic()
        if not self._shown or (now < self._next_s and (done < total or not self._drawn)):
            return
        self._next_s, self._drawn = now + EVERY_S, True
        full = WIDTH * done // max(total, 1)
        bar = "#" * full + "." * (WIDTH - full)
        self._write(f"\r\x1b[K{what:<10} [{bar}] {done}/{total}")

    def clear(self) -> None:
        """Take the bar away."""
        if self._drawn:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        with suppress(OSError):
            os.write(STDERR, text.encode())


def _is_terminal() -> bool:
    try:
        return os.isatty(STDERR)
    except OSError:
        return False
