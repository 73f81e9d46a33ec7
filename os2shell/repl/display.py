"""Showing what guests write. On a terminal a guest's bytes are text to read, never orders to obey.

A terminal executes control sequences: they move the cursor over what was printed, set titles,
answer queries into the next prompt. So on a terminal everything but printable text, newline, tab
and carriage return is shown as an escape, until ``--raw`` says otherwise. Files and pipes get the
bytes as they are.
"""

import codecs
import os
import re
from contextlib import suppress

from os2shell.model.effect import Stream
from os2shell.model.errors import CannotStart

DESCRIPTORS = {Stream.STDOUT: 1, Stream.STDERR: 2}

UNSAFE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""C0 and C1 controls, and the marks that reorder what is read (Unicode UAX #9)."""


def escape(text: str) -> str:
    """``text`` with everything a terminal would execute made visible."""
    return UNSAFE.sub(lambda found: _visible(found.group()), text)


class TerminalDisplay:
    """Writes guest output to our own stdout and stderr, escaped where they are terminals."""

    def __init__(self) -> None:
        """Ask once whether each stream is a terminal."""
        self._escaped = {stream: _is_terminal(number) for stream, number in DESCRIPTORS.items()}
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {stream: decoder("backslashreplace") for stream in DESCRIPTORS}
        self._closed: set[Stream] = set()
        self._open_line = False
        self.failures: list[str] = []

    def show(self, stream: Stream, chunk: bytes, *, raw: bool) -> None:
        """Write ``chunk`` at once; a reader that went away does not end the run."""
        if self._escaped[stream]:
            self._open_line = not chunk.endswith(b"\n")
        if self._escaped[stream] and not raw:
            chunk = escape(self._decoders[stream].decode(chunk)).encode()
        self._write(stream, chunk)

    def finish(self) -> None:
        """Show what is left of a character that was cut short, and end an unfinished line."""
        for stream, decoder in self._decoders.items():
            rest = decoder.decode(b"", final=True)
            if rest:
                self._write(stream, escape(rest).encode())
        if self._open_line:  # else the next prompt would be drawn over it
            self._write(Stream.STDOUT, b"\n")

    def _write(self, stream: Stream, data: bytes) -> None:
        if stream in self._closed:
            return
        try:
            while data:
                data = data[os.write(DESCRIPTORS[stream], data) :]
        except BrokenPipeError:  # `os2 python … | head`: the run goes on and is recorded whole
            self._closed.add(stream)
        except OSError as error:
            self._closed.add(stream)
            self.failures.append(f"{stream} could not be shown: {error.strerror}; it is recorded")


def write_data(text: str) -> None:
    """Write a command's own output to stdout, ending in a newline."""
    text = text if text.endswith("\n") else text + "\n"
    text = escape(text) if _is_terminal(DESCRIPTORS[Stream.STDOUT]) else text
    data = text.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[os.write(DESCRIPTORS[Stream.STDOUT], data) :]
    except BrokenPipeError:
        return  # `os2 ledger log | head`: nobody reads on, and that is no error
    except OSError as error:
        raise CannotStart(f"stdout cannot be written: {error.strerror}") from None


def say(text: str) -> None:
    """Write a message to stderr, as one safe line."""
    line = "os2: " + escape(text).replace("\n", " ") + "\n"
    with suppress(OSError):  # where messages cannot be shown, the exit code still tells
        os.write(DESCRIPTORS[Stream.STDERR], line.encode("utf-8", "backslashreplace"))


def _visible(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"  # noqa: PLR2004 — one byte


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False
