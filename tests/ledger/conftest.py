"""Ledgers for tests: a fixed key, a clock that tests drive, small histories, keys, witnesses."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger import Entry, FileStore, KeyFile, Signer, Subjects, TokenSignatureLedger, load_key
from tests.ledger.rotating import Opener
from tests.ledger.witnessing import Serve, serving

SEED = bytes(range(32))
ORIGIN = "test.example/log"
SEGMENT_BYTES = 4096


class Clock:
    """Nanoseconds that move only when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signer() -> Signer:
    return Signer(ORIGIN, SEED)


@pytest.fixture
def open_ledger(tmp_path: Path, signer: Signer, clock: Clock) -> Callable[[], TokenSignatureLedger]:
    """Opens (and the first time creates) the ledger in ``tmp_path / "log"``."""

    def opened() -> TokenSignatureLedger:
        return TokenSignatureLedger.open(tmp_path / "log", signer, clock=clock, node="n1")

    return opened


@pytest.fixture
def small(open_ledger: Callable[[], TokenSignatureLedger], tmp_path: Path) -> Path:
    """A closed ledger of six records in four groups, one with a payload."""
    with open_ledger() as ledger:
        name = ledger.objects.put(b"the payload of record 3")
        ledger.append(Entry("a", {"n": 1}), Entry("b", {"n": 2}, session="s", actor="me"))
        ledger.append(Entry("c", {}, payload=name))
        ledger.append(Entry("d", {"list": [1, "two", b"three", None, True]}), Entry("e", {}))
    return tmp_path / "log"


@pytest.fixture
def reopen(
    tmp_path: Path, signer: Signer, clock: Callable[[], int]
) -> Callable[[], TokenSignatureLedger]:
    """Opens a ledger of very small segments."""

    def opened() -> TokenSignatureLedger:
        return TokenSignatureLedger(
            FileStore(tmp_path / "log"),
            signer,
            clock=clock,
            node="n1",
            segment_bytes=SEGMENT_BYTES,
        )

    return opened


@pytest.fixture
def rich(open_ledger: Callable[[], TokenSignatureLedger], small: Path) -> Path:
    """The small ledger with a record of all values, some of them hard for JSON."""
    with open_ledger() as ledger:
        ledger.append(
            Entry(
                "odd",
                {
                    "big": 2**64 - 1,
                    "edge": 2**53 - 1,
                    "low": -(2**63),
                    "bytes": bytes(range(256)),
                    "text": '\u2028 \x00 \U0001f600 é "\\\u007f',
                    "\uffff": 1,
                    "\U00010000": 2,
                    "": None,
                    "flags": [True, False, []],
                },
                actor="a",
                session="s",
                token="t",
                commitment=bytes(range(32)),
            )
        )
    return small


@pytest.fixture
def key_file(signer: Signer, tmp_path: Path) -> Path:
    """The file of ``signer``'s secret key."""
    path = tmp_path / "keys" / "log"
    path.parent.mkdir(mode=0o700)
    path.write_text(signer.secret_text())
    path.chmod(0o600)
    return path


@pytest.fixture
def key(tmp_path: Path) -> KeyFile:
    """A fresh key that can be rotated."""
    return KeyFile.create(tmp_path / "keys" / "log", ORIGIN)


@pytest.fixture
def opened(tmp_path: Path, key: KeyFile, clock: Callable[[], int]) -> Opener:
    """Opens the log of ``key``, or of another ring."""

    def again(ring: KeyFile | Signer | None = None, **more: object) -> TokenSignatureLedger:
        directory = tmp_path / "log"
        used = KeyFile(key.path) if ring is None else ring
        return TokenSignatureLedger.open(directory, used, clock=clock, node="n", **more)  # type: ignore[arg-type]

    return again


@pytest.fixture
def rotated(opened: Opener, tmp_path: Path) -> tuple[Path, list[Signer]]:
    """A closed log of three epochs, and copies of all its secret keys, as a thief took them."""
    stolen = []
    with opened() as ledger:
        for number in range(3):
            if number:
                ledger.rotate()
            stolen.append(load_key(tmp_path / "keys" / "log"))
            for count in range(3):
                ledger.append(Entry("a", {"epoch": number, "count": count}))
    return tmp_path / "log", stolen


@pytest.fixture
def subjects(tmp_path: Path) -> Subjects:
    return Subjects(tmp_path / "keys")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with serving(tmp_path) as start:
        yield start
