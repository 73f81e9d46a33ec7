"""The logs a witness serves: those given at its start, and those in the file ``logs`` of its store.

One line a key, ``log <vkey>``, as in C2SP tlog-policy; empty lines and ``#`` comments are
allowed. The key's name is the log's origin. A log that rotates its key has several lines of one
name; every one of them may sign. The file is replaced whole, under a lock, and read again for each
request, so that a running witness takes new logs at once.
"""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ledger.disk import sync_directory
from ledger.errors import KeyFormatError, WitnessStoreError
from ledger.trust.cosignature import parse_log_key
from ledger.trust.note import Verifier

MAX_ORIGIN_BYTES: Final = 255
_MAX_FILE: Final = 4 * 1024 * 1024


class KnownLogs:
    """Which keys may sign for which origin."""

    def __init__(self, given: Iterable[Verifier], file: Path) -> None:
        """Serve the logs of ``given`` keys and those that ``file`` names."""
        self._given = tuple(_served(key) for key in given)
        self._file = file
        self._read: tuple[tuple[int, int, int], tuple[Verifier, ...]] | None = None

    def keys(self, origin: str) -> tuple[Verifier, ...]:
        """The keys that may sign for ``origin``."""
        return tuple(key for key in self.all() if key.name == origin)

    def all(self) -> tuple[Verifier, ...]:
        """Every key of every log."""
        return (*self._given, *self._listed())

    def _listed(self) -> tuple[Verifier, ...]:
        """What the file says; parsed again only when another file took its place."""
        try:
            state = self._file.stat()
        except OSError:
            return read_logs(self._file)
        stamp = (state.st_ino, state.st_mtime_ns, state.st_size)
        if self._read is None or self._read[0] != stamp:
            self._read = (stamp, read_logs(self._file))
        return self._read[1]


def read_logs(file: Path) -> tuple[Verifier, ...]:
    """The keys in ``file``; none when there is no such file."""
    try:
        with file.open("rb") as opened:
            text = opened.read(_MAX_FILE).decode()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as problem:
        raise WitnessStoreError(f"expected a list of logs in {file}, found: {problem}") from problem
    return tuple(_line(file, line) for line in text.splitlines() if line.split("#", 1)[0].strip())


def add_log(file: Path, key: Verifier) -> bool:
    """Add ``key`` to ``file`` durably; False when it is there already."""
    _served(key)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            known = read_logs(file)
            if key in known:
                return False
            spare = file.with_name(f"{file.name}.new")
            with spare.open("w", encoding="utf-8") as opened:
                opened.writelines(f"log {each}\n" for each in (*known, key))
                opened.flush()
                os.fsync(opened.fileno())
            spare.replace(file)
            sync_directory(file.parent)
        finally:
            os.close(folder)
    except OSError as problem:
        raise WitnessStoreError(
            f"expected to write {file}, found: {problem.strerror}; check the folder"
        ) from problem
    return True


def _line(file: Path, line: str) -> Verifier:
    words = line.split()
    if len(words) != 2 or words[0] != "log":  # noqa: PLR2004 - the word and the key
        raise WitnessStoreError(f"expected 'log <vkey>' in {file}, found {line[:80]!r}; mend it")
    return _served(parse_log_key(words[1]))


def _served(key: Verifier) -> Verifier:
    if len(key.name.encode()) > MAX_ORIGIN_BYTES:
        raise KeyFormatError(
            f"expected an origin of at most {MAX_ORIGIN_BYTES} bytes, found {key.name[:80]!r}…; "
            "cosignatures with ML-DSA cannot name a longer one"
        )
    return key
