"""Publication: a log as a folder of tiles, the checkpoint last, whatever interrupts it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import (
    DurabilityError,
    Entry,
    EquivocationError,
    FileStore,
    KeptHead,
    RollbackError,
    Signer,
    TokenSignatureLedger,
)
from ledger.__main__ import main
from ledger.chain.publication import publish, renew_tiles, signed_head
from ledger.tiles.form import (
    TileAt,
    bundles_of,
    parse,
    tiles_of,
    unbundle,
)
from ledger.trust import checkpoint as checkpoints
from ledger.trust.merkle import leaf_hash, root, verify_consistency, verify_inclusion
from ledger.trust.note import Signature
from ledger.trust.note import parse as parse_note

ROOT = Path(__file__).parent.parent.parent
Opened = Callable[[], TokenSignatureLedger]


def test_a_ledger_keeps_its_tiles_beside_it(open_ledger: Opened, tmp_path: Path) -> None:
    with open_ledger() as log:
        log.append(*[Entry("x", {"n": n}) for n in range(599)])
        proof = log.prove(77)
        verify_inclusion(proof, leaf_hash(log.record(77).body), log.head.root)
        written = {parse(str(path.relative_to(tmp_path / "log"))) for path in tiles(tmp_path)}
        assert written == set(tiles_of(600))
        log.append(Entry("y", {}))
        verify_inclusion(log.prove(600), leaf_hash(log.record(600).body), log.head.root)
    before = stamps(tmp_path)
    with TokenSignatureLedger.read_only(tmp_path / "log") as log:
        for seq, proof in log.prove_all([0, 300, 600]).items():
            verify_inclusion(proof, leaf_hash(log.record(seq).body), log.head.root)
    assert stamps(tmp_path) == before


def test_reading_writes_no_tiles(open_ledger: Opened, tmp_path: Path) -> None:
    with open_ledger() as log:
        log.append(*[Entry("x", {"n": n}) for n in range(599)])
    with TokenSignatureLedger.read_only(tmp_path / "log") as log:
        verify_inclusion(log.prove(3), leaf_hash(log.record(3).body), log.head.root)
    assert not (tmp_path / "log" / "tile").exists()


def test_publishing(open_ledger: Opened, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with open_ledger() as log:
        log.append(*[Entry("x", {"n": n}) for n in range(299)])
        done = publish(log, out, entries=True)
        assert (done.size, done.tiles, done.bundles) == (300, 3, 2)
        _read_as_a_stranger(out, log)
        log.append(*[Entry("y", {"n": n}) for n in range(300)])
        done = publish(log, out, entries=True)
        assert (done.size, done.tiles, done.bundles) == (600, 3, 2)
        _read_as_a_stranger(out, log)
        assert publish(log, out, entries=True).tiles == 0
        (out / "tile/0/000").write_bytes(bytes(8192))
        assert publish(log, out, check=True).tiles > 0
        _read_as_a_stranger(out, log)
    assert not [path for path in out.rglob("*") if ".new" in path.name]


def test_cosignatures_are_published_too(open_ledger: Opened, tmp_path: Path) -> None:
    """The file checkpoint counts when it states this head and the log's signature holds."""
    out, place = tmp_path / "out", tmp_path / "log" / "checkpoint"
    with open_ledger() as log:
        log.append(Entry("x", {}))
        plain = place.read_bytes()
        cosigned = parse_note(plain).adding([Signature("witness", b"1234", b"56")]).encode()
        for lying, wanted in (
            (cosigned, cosigned),
            (cosigned.replace(b"\n2\n", b"\n3\n"), plain),
            (b"", plain),
            (plain, plain),
        ):
            place.write_bytes(lying)
            assert signed_head(log).note == wanted
        place.write_bytes(cosigned)
        publish(log, out)
        assert (out / "checkpoint").read_bytes() == cosigned


def test_the_checkpoint_is_published_last(open_ledger: Opened, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with open_ledger() as log:
        log.append(*[Entry("x", {"n": n}) for n in range(299)])
        publish(log, out)
        first = (out / "checkpoint").read_bytes()
        log.append(*[Entry("x", {"n": n}) for n in range(300)])
        (out / "tile/0/001").mkdir()  # the next full tile finds no room
        with pytest.raises(DurabilityError):
            publish(log, out)
        assert (out / "checkpoint").read_bytes() == first


def test_publishing_never_goes_back(open_ledger: Opened, tmp_path: Path, signer: Signer) -> None:
    out = tmp_path / "out"
    with open_ledger() as log:
        log.append(Entry("x", {}))
        publish(log, out)
    with TokenSignatureLedger.open(tmp_path / "fork", signer, clock=lambda: 0, node="b") as fork:
        with pytest.raises(RollbackError):
            publish(fork, out)
        fork.append(Entry("y", {}), Entry("z", {}))
        with pytest.raises(EquivocationError):
            publish(fork, out)


def test_publishing_a_pruned_log(signer: Signer, tmp_path: Path) -> None:
    """Hash tiles over what went come from the log's own; bundles begin where records do."""
    store, out = FileStore(tmp_path / "log"), tmp_path / "out"
    with TokenSignatureLedger(
        store, signer, clock=lambda: 0, node="n", segment_bytes=20_000
    ) as log:
        for number in range(60):
            log.append(*[Entry("x", {"n": number, "text": "x" * 50})] * 10)
        old = log.checkpoint_at(201)
        log.prune(300)
        assert 201 < log.first < 300
        done = publish(log, out, entries=True)
        assert done.bundles == len([at for at in bundles_of(log.head.size) if at.number >= 2])
        for at in tiles_of(log.head.size):
            assert len((out / at.path).read_bytes()) == 32 * at.width
        verify_consistency(
            201, log.head.size, old.root, log.head.root, log.prove_consistency(201, log.head.size)
        )
        kept = KeptHead(tmp_path / "kept")
        kept.advance(old)
        kept.hold_against(log.facts())


def test_the_command(
    open_ledger: Opened, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_ledger() as log:
        log.append(*[Entry("x", {"n": n}) for n in range(299)])
    there, out = str(tmp_path / "log"), tmp_path / "out"
    assert main(["tiles", there]) == 0
    assert "written  3 tiles, 0 bundles" in capsys.readouterr().out
    assert main(["tiles", there, "--entries", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["size"], found["tiles_written"], found["bundles_written"]) == (300, 0, 2)
    assert main(["tiles", there, "--into", str(out), "--entries", "--check"]) == 0
    assert "written  3 tiles, 2 bundles" in capsys.readouterr().out
    with open_ledger() as log:
        _read_as_a_stranger(out, log)
        with TokenSignatureLedger.read_only(tmp_path / "log") as reader:
            assert renew_tiles(reader, tmp_path / "log").tiles == 0
    done = subprocess.run(
        [sys.executable, "-m", "ledger", "tiles", there],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_killed_at_any_moment(open_ledger: Opened, tmp_path: Path) -> None:
    """Whatever a publisher has written when it dies, the next one ends with a whole log."""
    with open_ledger() as log:
        log.append(*[Entry("x", {"n": n}) for n in range(799)])
    for writes in range(6):
        out = tmp_path / f"out{writes}"
        done = subprocess.run(
            [sys.executable, "-c", DYING, str(tmp_path / "log"), str(out), str(writes)],
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 9
        assert not (out / "checkpoint").exists()
        with open_ledger() as log:
            publish(log, out, entries=True)
            _read_as_a_stranger(out, log)


DYING = """
import os, sys
from pathlib import Path
from ledger import TokenSignatureLedger
from ledger.chain.publication import publish
left = int(sys.argv[3])
rename = os.rename
def dying(*names, **folders):
    global left
    if left == 0:
        os._exit(9)
    left -= 1
    return rename(*names, **folders)
os.rename = dying
with TokenSignatureLedger.read_only(Path(sys.argv[1])) as log:
    publish(log, Path(sys.argv[2]), entries=True)
"""


def _read_as_a_stranger(out: Path, log: TokenSignatureLedger) -> None:
    """Only the specification's rules and the published files: root from tiles, leaves from bundles."""
    assert log.public_key is not None
    head = checkpoints.verified((out / "checkpoint").read_bytes(), log.public_key)
    leaves: list[bytes] = []
    for at in bundles_of(head.size):
        entries = unbundle((out / at.path).read_bytes(), at.width)
        data = (out / TileAt(0, at.number, at.width).path).read_bytes()
        assert [data[32 * n : 32 * n + 32] for n in range(at.width)] == list(
            map(leaf_hash, entries)
        )
        leaves += map(leaf_hash, entries)
    assert root(leaves) == head.root
    for at in tiles_of(head.size):
        assert len((out / at.path).read_bytes()) == 32 * at.width
    assert list(map(leaf_hash, (r.body for r in log.read()))) == leaves


def files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "tile").rglob("*") if path.is_file())


def tiles(base: Path) -> list[Path]:
    return files(base / "log")


def stamps(base: Path) -> dict[Path, Any]:
    return {path: path.stat().st_mtime_ns for path in tiles(base)}
