"""Tiles: their names and contents, growth, files that may be lost or altered, publication."""

import json
import multiprocessing
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import (
    DamagedError,
    DurabilityError,
    FormatError,
    ProofError,
    PrunedError,
)
from ledger.tiles.folder import TileFolder
from ledger.tiles.form import (
    ENTRIES,
    WIDTH,
    TileAt,
    bundle,
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


def files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "tile").rglob("*") if path.is_file())
