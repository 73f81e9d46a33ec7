"""The logs a witness serves: those given at its start, and those in the file ``logs`` of its store.

One line a key, ``log <vkey>``, as in C2SP tlog-policy; empty lines and ``#`` comments are
allowed. The key's name is the log's origin. A log that rotates its key has several lines of one
name; every one of them may sign, until a line ``retired <vkey>`` says that one may no more: its
secret was destroyed, so whoever signs with it stole it before. That word also overrules the keys
given at the start. The file is replaced whole, under a lock, and read again for each request, so
that a running witness takes new logs at once.
"""

import fcntl
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from ledger.disk import Folder
from ledger.errors import KeyFormatError, WitnessStoreError
from ledger.trust.cosignature import parse_log_key
from ledger.trust.note import Verifier

MAX_ORIGIN_BYTES: Final = 255
_MAX_FILE: Final = 4 * 1024 * 1024
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_LOG: Final = "log"
_RETIRED: Final = "retired"


class KnownLogs:
    """Which keys may sign for which origin."""

    def __init__(self, given: Iterable[Verifier], file: Path) -> None:
        """Serve the logs of ``given`` keys and those that ``file`` names."""
        self._given = tuple(_served(key) for key in given)
        self._file = file
        self._known: tuple[tuple[int, int, int], _Listed] | None = None

    def keys(self, origin: str) -> tuple[Verifier, ...]:
        """The keys that may sign for ``origin``."""
        return tuple(key for key in self.all() if key.name == origin)

    def all(self) -> tuple[Verifier, ...]:
        """Every key of every log that is not retired."""
        listed = self._listed()
        return tuple(key for key in (*self._given, *listed.logs) if key not in listed.retired)

    def _listed(self) -> "_Listed":
        """What the file says; parsed again only when another file took its place."""
        try:
            state = self._file.stat()
        except OSError:
            return _read(self._file)
        stamp = (state.st_ino, state.st_mtime_ns, state.st_size)
        if self._known is None or self._known[0] != stamp:
            self._known = (stamp, _read(self._file))
        return self._known[1]


def read_logs(file: Path) -> tuple[Verifier, ...]:
    """The keys in ``file`` that may sign; none when there is no such file."""
    return _read(file).logs


def add_log(file: Path, key: Verifier) -> bool:
    """Add ``key`` to ``file`` durably; False when it is there already."""
    _served(key)

    def change(known: _Listed) -> _Listed:
        if key in known.retired:
            raise KeyFormatError(
                f"expected a key that may sign, found {key}, which was retired here; a retired key "
                "never returns: add the one that the log has now"
            )
        return known if key in known.logs else known._replace(logs=(*known.logs, key))

    return _change(file, change)


def retire_log(file: Path, key: Verifier) -> bool:
    """Never again believe ``key``, also where it was given at the start; False if so already."""

    def change(known: _Listed) -> _Listed:
        if key in known.retired:
            return known
        left = tuple(each for each in known.logs if each != key)
        return _Listed(left, (*known.retired, key))

    return _change(file, change)


class _Listed(NamedTuple):
    logs: tuple[Verifier, ...] = ()
    retired: tuple[Verifier, ...] = ()


def _read(file: Path) -> _Listed:
    try:
        with file.open("rb") as opened:
            text = opened.read(_MAX_FILE).decode()
    except FileNotFoundError:
        return _Listed()
    except (OSError, UnicodeDecodeError) as problem:
        raise WitnessStoreError(f"expected a list of logs in {file}, found: {problem}") from problem
    lines = [_line(file, line) for line in text.splitlines() if line.split("#", 1)[0].strip()]
    return _Listed(
        tuple(key for word, key in lines if word == _LOG),
        tuple(key for word, key in lines if word == _RETIRED),
    )


def _change(file: Path, change: Callable[[_Listed], _Listed]) -> bool:
    """Replace ``file`` durably by what ``change`` makes of it; False when that is the same."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with Folder.opened(file.parent) as folder:
            assert folder.descriptor is not None
            fcntl.flock(folder.descriptor, fcntl.LOCK_EX)
            known = _read(file)
            changed = change(known)
            if changed == known:
                return False
            spare = f"{file.name}.new"
            with os.fdopen(folder.file(spare, _CREATE), "w", encoding="utf-8") as opened:
                opened.writelines(f"{_LOG} {each}\n" for each in changed.logs)
                opened.writelines(f"{_RETIRED} {each}\n" for each in changed.retired)
                opened.flush()
                os.fsync(opened.fileno())
            folder.rename(spare, file.name)
            folder.sync()
    except OSError as problem:
        raise WitnessStoreError(
            f"expected to write {file}, found: {problem.strerror}; check the folder"
        ) from problem
    return True


def _line(file: Path, line: str) -> tuple[str, Verifier]:
    words = line.split()
    if len(words) != 2 or words[0] not in {_LOG, _RETIRED}:  # noqa: PLR2004 - the word and the key
        raise WitnessStoreError(
            f"expected '{_LOG} <vkey>' or '{_RETIRED} <vkey>' in {file}, found {line[:80]!r}; "
            "mend it"
        )
    return words[0], _served(parse_log_key(words[1]))


def _served(key: Verifier) -> Verifier:
    if len(key.name.encode()) > MAX_ORIGIN_BYTES:
        raise KeyFormatError(
            f"expected an origin of at most {MAX_ORIGIN_BYTES} bytes, found {key.name[:80]!r}…; "
            "cosignatures with ML-DSA cannot name a longer one"
        )
    return key
