"""Tiles: their names and contents, growth, files that may be lost or altered, publication."""

import json
import multiprocessing
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import (
    DamagedError,
    DurabilityError,
    Entry,
    EquivocationError,
    FileStore,
    FormatError,
    KeptHead,
    ProofError,
    PrunedError,
    RollbackError,
    Signer,
    TokenSignatureLedger,
)
from ledger.__main__ import main
from ledger.chain.publication import publish, renew_tiles, signed_head
from ledger.tiles.folder import TileFolder
from ledger.tiles.form import (
    ENTRIES,
    WIDTH,
    TileAt,
    bundle,
    bundles_of,
    parse,
    rows,
    tile_root,
    tiles_of,
    unbundle,
)
from ledger.tiles.growth import Growth
from ledger.tiles.tree import TiledTree
from ledger.trust import checkpoint as checkpoints
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import leaf_hash, root, verify_consistency, verify_inclusion
from ledger.trust.note import Signature
from ledger.trust.note import parse as parse_note

ROOT = Path(__file__).parent.parent.parent
VECTORS = ROOT / "tests" / "vectors"
LEAVES = [leaf_hash(b"%d" % n) for n in range(2 * 65_536 + 700)]
SIZES = (1, 2, 255, 256, 257, 511, 512, 513, 1000, 65_535, 65_536, 65_537, 66_000, 131_072 + 256)


class Source:
    """Leaf hashes of a log in memory, counting what was asked for."""

    def __init__(self, leaves: list[bytes] = LEAVES) -> None:
        self.leaves = leaves
        self.asked: list[tuple[int, int]] = []

    def __call__(self, start: int, stop: int) -> list[bytes]:
        self.asked.append((start, stop))
        return self.leaves[start:stop]


@pytest.fixture(scope="module")
def roots() -> dict[int, bytes]:
    return {size: root(LEAVES[:size]) for size in SIZES}


@pytest.mark.parametrize(
    ("at", "path"),
    [
        (TileAt(0, 0), "tile/0/000"),
        (TileAt(0, 999, 5), "tile/0/999.p/5"),
        (TileAt(1, 1000), "tile/1/x001/000"),
        (TileAt(63, 1234067), "tile/63/x001/x234/067"),
        (TileAt(2, 7, 255), "tile/2/007.p/255"),
        (TileAt(ENTRIES, 123456, 1), "tile/entries/x123/456.p/1"),
    ],
)
def test_names(at: TileAt, path: str) -> None:
    assert at.path == path
    assert parse(path) == at


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/0/1000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/x001/x002",
        "tile/0/001/002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p",
        "tile/-1/000",
        "tile/entries/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/data/000",
        "tile/0/" + "x999/" * 9 + "999",
    ],
)
def test_what_names_no_tile(path: str) -> None:
    with pytest.raises(FormatError):
        parse(path)


@settings(database=None)  # a checkout may be read-only
@given(st.integers(-1, 63), st.integers(0, 2**62), st.integers(1, WIDTH))
def test_names_go_both_ways(level: int, number: int, width: int) -> None:
    at = TileAt(level, number, width)
    assert parse(at.path) == at


def test_the_tiles_of_the_specification_s_example() -> None:
    """70,000 leaves: 273 full and one of 112; one full and one of 17; one of width 1."""
    found = list(tiles_of(70_000))
    by_level = {level: [at for at in found if at.level == level] for level in range(4)}
    assert [len(by_level[level]) for level in range(4)] == [274, 2, 1, 0]
    assert [at.width for at in by_level[0]] == [256] * 273 + [112]
    assert [at.width for at in by_level[1]] == [256, 17]
    assert by_level[2] == [TileAt(2, 0, 1)]
    assert list(tiles_of(256)) == [TileAt(0, 0), TileAt(1, 0, 1)]
    assert list(tiles_of(0)) == []


@settings(database=None)  # a checkout may be read-only
@given(st.lists(st.binary(max_size=300), max_size=WIDTH))
def test_bundles(entries: list[bytes]) -> None:
    data = bundle(entries)
    assert unbundle(data, len(entries)) == entries
    with pytest.raises(FormatError):
        unbundle(data, len(entries) + 1)
    with pytest.raises(FormatError):
        unbundle(data + b"\0", len(entries))
    if data:
        with pytest.raises(FormatError):
            unbundle(data[:-1], len(entries))


@pytest.mark.parametrize("size", SIZES)
def test_growth_gives_every_tile_and_the_root(size: int, roots: dict[int, bytes]) -> None:
    growth = Growth()
    tiles = dict(growth.extend(LEAVES[:size])) | dict(growth.partials())
    assert sorted(tiles) == sorted(tiles_of(size))
    assert growth.root() == roots[size]
    for at, data in tiles.items():
        span = 256**at.level
        start = at.number * WIDTH * span
        for place in (0, at.width - 1):
            part = LEAVES[start + place * span : start + (place + 1) * span]
            assert data[32 * place : 32 * (place + 1)] == root(part)


@settings(database=None)  # a checkout may be read-only
@given(st.lists(st.integers(1, 900), min_size=1, max_size=6))
def test_growth_in_steps_is_growth_at_once(steps: list[int]) -> None:
    grown = Growth()
    tiles: dict[TileAt, bytes] = {}
    for step in steps:
        tiles |= grown.extend(LEAVES[grown.size : grown.size + step])
        levels = [grown.partial(level) for level in range(3)]
        grown = Growth(grown.size, levels)
    whole = Growth()
    assert tiles == dict(whole.extend(LEAVES[: grown.size]))
    assert dict(whole.partials()) == dict(grown.partials())
    assert whole.root() == grown.root() == root(LEAVES[: grown.size])


def test_growth_from_another_size_is_refused() -> None:
    for size, levels in ((3, [b""]), (256, [b""]), (2, [bytes(32)]), (257, [bytes(32), b""])):
        with pytest.raises(ProofError):
            Growth(size, levels)


def test_rows_of_a_partial_tile() -> None:
    data = b"".join(LEAVES[:5])
    found = rows(data)
    assert [len(row) // 32 for row in found] == [5, 2, 1]
    assert found[2] == root(LEAVES[:4])
    assert tile_root(b"".join(LEAVES[:256])) == root(LEAVES[:256])


def test_tessera_tiles() -> None:
    """A log that another implementation wrote: each tile of each size, from its entries."""
    log = json.loads((VECTORS / "transparency-dev_tessera/testlog.json").read_text("utf-8"))
    key = PublicKey.parse(log["vkey"])
    tiles = {
        parse(path): bytes.fromhex(data) for path, data in (log["tiles"] | log["entries"]).items()
    }
    bundles = {at: data for at, data in tiles.items() if at.level == ENTRIES}
    assert bundles
    widest = max(bundles, key=lambda at: at.width)
    entries = unbundle(bundles[widest], widest.width)
    assert len(entries) == 15
    for at, data in bundles.items():
        assert bundle(entries[: at.width]) == data
    sizes = set()
    for text in log["checkpoints"].values():
        head = checkpoints.verified(text.encode(), key)
        growth = Growth()
        mine = dict(growth.extend(map(leaf_hash, entries[: head.size])))
        mine |= dict(growth.partials())
        assert growth.root() == head.root
        for at, data in mine.items():
            if at in tiles:
                assert tiles[at] == data
                sizes.add(head.size)
    assert sizes == set(range(1, 16))


@pytest.mark.parametrize("size", SIZES)
def test_proofs_from_tiles(size: int, roots: dict[int, bytes], tmp_path: Path) -> None:
    for folder in (None, TileFolder(tmp_path)):
        tree = TiledTree(folder, Source())
        seqs = {0, size - 1, size // 2, size // 3}
        for seq, proof in tree.inclusions(seqs, size, roots[size]).items():
            verify_inclusion(proof, LEAVES[seq], roots[size])
            assert tree.leaf(seq, size, roots[size]) == LEAVES[seq]
        for old in {1, size // 2 + 1, size} | {other for other in SIZES if other <= size}:
            older = root(LEAVES[:old]) if old < 1000 else tree.root_at(old, size, roots[size])
            if old in roots:
                assert older == roots[old]
            shown = tree.consistency(old, size, size, roots[size])
            verify_consistency(old, size, older, roots[size], shown)
    written = {parse(str(path.relative_to(tmp_path))) for path in files(tmp_path)}
    assert written == set(tiles_of(size))


def test_between_two_smaller_sizes(roots: dict[int, bytes]) -> None:
    tree = TiledTree(None, Source())
    shown = tree.consistency(257, 1000, 66_000, roots[66_000])
    verify_consistency(257, 1000, roots[257], roots[1000], shown)
    assert tree.root_at(0, 66_000, roots[66_000]) == root([])
    for old, new in ((0, 5), (6, 5), (5, 66_001)):
        with pytest.raises(ProofError):
            tree.consistency(old, new, 66_000, roots[66_000])
    with pytest.raises(ProofError):
        tree.inclusion(66_000, 66_000, roots[66_000])
    with pytest.raises(ProofError):
        tree.root_at(66_001, 66_000, roots[66_000])


def test_catching_up_reads_and_writes_only_what_is_new(
    roots: dict[int, bytes], tmp_path: Path
) -> None:
    first = TiledTree(TileFolder(tmp_path), Source())
    first.catch_up(1000, roots[1000])
    before = {path: path.stat().st_ino for path in files(tmp_path)}

    source = Source()
    fresh = TiledTree(TileFolder(tmp_path), source)
    fresh.catch_up(1000, roots[1000])
    assert source.asked == []  # all of it lies in tiles, the right edge too
    fresh.catch_up(66_000, roots[66_000])
    assert source.asked == [(1000, 66_000)]
    after = {path: path.stat().st_ino for path in files(tmp_path)}
    full = {path: node for path, node in before.items() if ".p/" not in str(path)}
    assert {path: after[path] for path in full} == full
    assert not [path for path in after if path in before and path not in full]  # superseded
    first.catch_up(66_000, roots[66_000])  # the older instance writes the same names again
    assert files(tmp_path) == sorted(after)


@pytest.mark.slow
def test_deleted_tiles_come_back(roots: dict[int, bytes], tmp_path: Path) -> None:
    size = 66_000
    TiledTree(TileFolder(tmp_path), Source()).catch_up(size, roots[size])
    paths = files(tmp_path)
    rng = random.Random(3)
    for _ in range(20):
        for path in rng.sample(paths, 40):
            path.unlink(missing_ok=True)
        tree = TiledTree(TileFolder(tmp_path), Source())
        for seq in rng.sample(range(size), 5):
            verify_inclusion(tree.inclusion(seq, size, roots[size]), LEAVES[seq], roots[size])
    TiledTree(TileFolder(tmp_path), Source()).complete(size, roots[size])
    assert files(tmp_path) == paths


@pytest.mark.slow
def test_every_altered_tile_is_noticed(roots: dict[int, bytes], tmp_path: Path) -> None:
    size = 66_000
    TiledTree(TileFolder(tmp_path), Source()).catch_up(size, roots[size])
    rng = random.Random(4)
    special = [TileAt(0, 0), TileAt(0, 256), TileAt(0, 257, 208), TileAt(1, 0), TileAt(2, 0, 1)]
    for path in [*rng.sample(files(tmp_path), 2), *(tmp_path / at.path for at in special)]:
        good = path.read_bytes()
        spoiled = bytearray(good)
        spoiled[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        for bad in (bytes(spoiled), good[:-1], good + b"\0"):
            path.write_bytes(bad)
            tree = TiledTree(TileFolder(tmp_path), Source())
            at = parse(str(path.relative_to(tmp_path)))
            under = min(at.number * WIDTH ** (at.level + 1), size - 1)
            for seq in {under, min(under + 1, size - 1), 0, size - 1}:
                proof = tree.inclusion(seq, size, roots[size])
                verify_inclusion(proof, LEAVES[seq], roots[size])
            TiledTree(TileFolder(tmp_path), Source()).check(size, roots[size])
            assert path.read_bytes() == good


def test_a_log_that_does_not_have_the_root_is_damaged(
    roots: dict[int, bytes], tmp_path: Path
) -> None:
    leaves = list(LEAVES[:1000])
    leaves[500] = leaf_hash(b"other")
    tree = TiledTree(TileFolder(tmp_path), Source(leaves))
    with pytest.raises(DamagedError):
        tree.inclusion(3, 1000, roots[1000])
    with pytest.raises(DamagedError):
        TiledTree(None, Source(LEAVES[:900])).catch_up(1000, roots[1000])
    again = TiledTree(TileFolder(tmp_path), Source())
    verify_inclusion(again.inclusion(500, 1000, roots[1000]), LEAVES[500], roots[1000])


def test_a_shorter_log_after_a_longer_one(roots: dict[int, bytes], tmp_path: Path) -> None:
    """A restored copy: partial tiles of a larger tree lie there, and do not matter."""
    tree = TiledTree(TileFolder(tmp_path), Source())
    tree.catch_up(1000, roots[1000])
    tree.catch_up(513, roots[513])
    fresh = TiledTree(TileFolder(tmp_path), Source())
    verify_inclusion(fresh.inclusion(512, 513, roots[513]), LEAVES[512], roots[513])


def test_a_pruned_log_is_known_by_its_tiles(roots: dict[int, bytes], tmp_path: Path) -> None:
    """Leaves before 700 are gone; only tiles that nothing else can make must stay."""
    size, first = 66_000, 700

    def leaves(start: int, stop: int) -> list[bytes]:
        if start < first:
            raise PrunedError("gone")
        return LEAVES[start:stop]

    TiledTree(TileFolder(tmp_path), Source()).catch_up(size, roots[size])
    paths = files(tmp_path)
    for spoiled in (TileAt(0, 9), TileAt(0, 257, 208), TileAt(1, 0), TileAt(2, 0, 1)):
        place = tmp_path / spoiled.path
        for bad in (bytes(spoiled.width * 32), None):
            place.unlink() if bad is None else place.write_bytes(bad)
            tree = TiledTree(TileFolder(tmp_path), leaves, first=lambda: first)
            for seq in (0, 3, 699, 700, 9 * 256, size - 1):
                verify_inclusion(tree.inclusion(seq, size, roots[size]), LEAVES[seq], roots[size])
            assert tree.leaf(3, size, roots[size]) == LEAVES[3]
            tree.check(size, roots[size])
            tree.complete(size, roots[size])
            assert files(tmp_path) == paths
    (tmp_path / TileAt(0, 1).path).unlink()
    tree = TiledTree(TileFolder(tmp_path), leaves, first=lambda: first)
    verify_inclusion(tree.inclusion(900, size, roots[size]), LEAVES[900], roots[size])
    with pytest.raises(PrunedError):
        tree.inclusion(300, size, roots[size])


def test_memory_is_bounded(roots: dict[int, bytes], tmp_path: Path) -> None:
    tree = TiledTree(TileFolder(tmp_path), Source(), keep=8)
    for seq in range(0, 66_000, 997):
        tree.inclusion(seq, 66_000, roots[66_000])
        assert len(tree._cache) <= 8


def test_a_folder_that_cannot_be_written(roots: dict[int, bytes], tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "tile").write_text("a file where the folder should be")
    tree = TiledTree(TileFolder(blocked), Source())
    verify_inclusion(tree.inclusion(7, 1000, roots[1000]), LEAVES[7], roots[1000])
    with pytest.raises(DurabilityError, match="the log itself is whole"):
        TiledTree(TileFolder(blocked), Source(), strict=True).catch_up(1000, roots[1000])


def test_what_a_crash_left_is_swept(roots: dict[int, bytes], tmp_path: Path) -> None:
    (tmp_path / "tile").mkdir()
    old, young = tmp_path / "tile/.new-1-aa", tmp_path / "tile/.new-2-bb"
    for spare in (old, young):
        spare.write_bytes(b"half")
    os.utime(old, (1_000_000, 1_000_000))
    TiledTree(TileFolder(tmp_path), Source()).catch_up(257, roots[257])
    assert not old.exists()
    assert young.exists()


def _prove_much(folder: str, seed: int) -> None:
    size, rng = 66_000, random.Random(seed)
    whole = root(LEAVES[:size])
    tree = TiledTree(TileFolder(Path(folder)), Source())
    for seq in rng.sample(range(size), 50):
        verify_inclusion(tree.inclusion(seq, size, whole), LEAVES[seq], whole)


@pytest.mark.slow
def test_several_processes_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    running = [context.Process(target=_prove_much, args=(str(tmp_path), n)) for n in range(4)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    assert [process.exitcode for process in running] == [0] * 4
    written = {parse(str(path.relative_to(tmp_path))) for path in files(tmp_path)}
    assert written == set(tiles_of(66_000))


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
rename = Path.rename
def dying(self, target):
    global left
    if left == 0:
        os._exit(9)
    left -= 1
    return rename(self, target)
Path.rename = dying
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
