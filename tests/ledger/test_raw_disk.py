"""What a thief of the whole disk finds after a rotation: not the old key, in any spelling.

The one test looks at every file that a log, its keys and everything beside them can leave. The
other makes a file system in a file and looks at its raw blocks, so that freed blocks and the
file system's journal count too; it needs root, and says so elsewhere.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ledger import (
    Entry,
    FileStore,
    Index,
    KeptHead,
    KeyFile,
    LedgerError,
    Query,
    TokenSignatureLedger,
    load_key,
    publish,
    verify,
)
from tests.ledger.faulty import Faults, Killed, Kind
from tests.ledger.test_rotation_theft import spellings

ORIGIN = "test.example/log"
MEGABYTES = 8


def opened(base: Path, kept: KeptHead | None = None) -> TokenSignatureLedger:
    return TokenSignatureLedger(
        FileStore(base / "log"),
        KeyFile(base / "keys" / "log"),
        clock=time.time_ns,
        node="n",
        segment_bytes=2048,
        kept=kept or KeptHead(base / "kept"),
    )


def live(base: Path) -> None:
    """Everything that leaves files: segments, seals, objects, tiles, index, quarantine, copies."""
    with opened(base) as ledger:
        for number in range(12):
            name = ledger.objects.put(b"content %d" % number)
            ledger.append(Entry("a", {"n": number, "text": "x" * 300}, payload=name))
        with Index(ledger) as index:
            assert list(index.search(Query(text="xxx")))
        publish(ledger, base / "public")
    last = max((base / "log" / "segments").iterdir())
    with last.open("ab") as file:
        file.write(bytes(60))  # a tail that is set aside
    opened(base).close()


@pytest.mark.slow
def test_no_file_anywhere_holds_the_old_key(tmp_path: Path) -> None:
    """Also when the rotation was killed on its way, and one that went on from there."""
    KeyFile.create(tmp_path / "keys" / "log", ORIGIN)
    old = load_key(tmp_path / "keys" / "log")
    live(tmp_path)
    shutil.copytree(tmp_path / "log", tmp_path / "log.bak")
    call, fired = 0, "any"
    while fired:
        call += 1
        base = tmp_path.with_name(f"{tmp_path.name}-{call}")
        shutil.copytree(tmp_path, base)
        kept = KeptHead(base / "kept")
        ledger = opened(base, kept)
        with Faults(base, call, Kind.KILLED_AFTER) as faults:
            with suppress(Killed, LedgerError):
                ledger.rotate()
            with suppress(Killed, LedgerError):
                ledger.close()
        kept.close()  # a dead process holds no locks
        fired = faults.fired
        with opened(base) as ledger:
            assert ledger.keys is not None
            if len(ledger.keys.epochs) == 1:
                ledger.rotate()
            ledger.append(Entry("b", {}))
        check_files(base, spellings(old._key.seed))
        assert verify(base / "log", old.public).status == "ok"
        shutil.rmtree(base)
    assert call > 20


def check_files(base: Path, wanted: list[bytes]) -> None:
    files = [path for path in base.rglob("*") if path.is_file()]
    names = {path.relative_to(base).parts[1] for path in files if path.parts[-2] != base.name}
    expected = {"segments", "seals", "objects", "tile", "quarantine", "index.sqlite", "checkpoint"}
    assert names >= expected, expected - names
    for path in files:
        data = path.read_bytes()
        assert not any(spelling in data for spelling in wanted), path


@contextmanager
def raw_disk(folder: Path) -> Iterator[tuple[Path, Path]]:
    """The image of a file system, and where it is mounted."""
    image, place = folder / "disk", folder / "mounted"
    image.write_bytes(bytes(MEGABYTES << 20))
    place.mkdir()
    try:
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", str(image)], check=True)
        mount = ["mount", "-o", "loop", str(image), str(place)]
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"no file system of one's own here: {problem}")
    try:
        yield image, place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def found(image: Path, wanted: list[bytes]) -> int:
    subprocess.run(["sync"], check=True)
    data = image.read_bytes()
    return sum(spelling in data for spelling in wanted)


@pytest.mark.slow
def test_no_block_of_the_disk_holds_the_old_key(tmp_path: Path) -> None:
    with raw_disk(tmp_path) as (image, place):
        KeyFile.create(place / "keys" / "log", ORIGIN)
        wanted = spellings(load_key(place / "keys" / "log")._key.seed)
        live(place)
        assert found(image, wanted), "the raw disk shows the key while it lives"
        with opened(place) as ledger:
            ledger.rotate()
            ledger.append(Entry("b", {}))
        assert not found(image, wanted)
