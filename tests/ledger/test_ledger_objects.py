"""One suite over every object store; then what only files have."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import (
    Digest,
    FileObjects,
    MemoryObjects,
    ObjectDamaged,
    ObjectMissing,
    ObjectStore,
    OverlayObjects,
    digest,
)


@pytest.fixture(params=["memory", "file", "overlay"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    makers: dict[str, Callable[[], ObjectStore]] = {
        "memory": MemoryObjects,
        "file": lambda: FileObjects(tmp_path / "objects"),
        "overlay": lambda: OverlayObjects(MemoryObjects(), FileObjects(tmp_path / "objects")),
    }
    return makers[request.param]()


@pytest.mark.parametrize("data", [b"", b"x", b"abc" * 700_000])
def test_what_is_put_can_be_got(objects: ObjectStore, data: bytes) -> None:
    name = objects.put(data)
    assert name == digest(data)
    assert objects.put(data) == name
    assert objects.put_stream(io.BytesIO(data).read) == name
    objects.flush()
    assert objects.has(name)
    assert objects.get(name) == data
    with objects.open(name) as file:
        assert file.read() == data
    assert objects.put(data) == name


def test_a_stream_of_any_pieces(objects: ObjectStore) -> None:
    pieces = iter([b"a", b"bc", b"d" * 3_000_000, b""])
    name = objects.put_stream(lambda _count: next(pieces))
    assert objects.get(name) == b"abc" + b"d" * 3_000_000


def test_what_is_not_there(objects: ObjectStore) -> None:
    name = digest(b"never put")
    assert not objects.has(name)
    with pytest.raises(ObjectMissing):
        objects.get(name)
    with pytest.raises(ObjectMissing):
        objects.open(name)


@pytest.mark.parametrize("size", [10, 2_000_000])
def test_damage_is_not_served_and_put_again_repairs(tmp_path: Path, size: int) -> None:
    store = FileObjects(tmp_path)
    data = b"y" * size
    name = store.put(data)
    store.flush()
    path = store.path(name)
    path.chmod(0o644)
    path.write_bytes(b"z" * size)
    with pytest.raises(ObjectDamaged):
        store.get(name)
    with pytest.raises(ObjectDamaged):
        store.open(name)
    # Not at its final mode any more, hence not relied upon.
    assert store.put(data) == name
    assert store.get(name) == data


def test_the_mode_says_what_is_durable(tmp_path: Path) -> None:
    store = FileObjects(tmp_path)
    name = store.put(b"data")
    assert store.path(name).stat().st_mode & 0o777 == 0o400
    store.flush()
    assert store.path(name).stat().st_mode & 0o777 == 0o444
    inode = store.path(name).stat().st_ino
    assert FileObjects(tmp_path).put(b"data") == name
    assert store.path(name).stat().st_ino == inode


def test_a_half_written_object_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    dead = FileObjects(tmp_path)
    name = dead.put(b"data")
    path = dead.path(name)
    path.chmod(0o600)
    path.write_bytes(b"\0\0\0\0")
    path.chmod(0o400)
    (tmp_path / f".new-{os.getpid()}-1").write_bytes(b"left over")
    store = FileObjects(tmp_path)
    assert store.put(b"data") == name
    assert store.get(name) == b"data"


def test_many_objects_are_synced_at_once(tmp_path: Path) -> None:
    store = FileObjects(tmp_path)
    names = [store.put(bytes([n])) for n in range(100)]
    store.flush()
    assert all(store.path(name).stat().st_mode & 0o777 == 0o444 for name in names)


def test_links_and_folders_are_no_objects(tmp_path: Path) -> None:
    store = FileObjects(tmp_path / "objects")
    name = store.put(b"data")
    path = store.path(name)
    path.unlink()
    (tmp_path / "elsewhere").write_bytes(b"data")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ObjectMissing):
        store.get(name)
    path.unlink()
    path.mkdir()
    with pytest.raises(ObjectMissing):
        store.get(name)
    with pytest.raises(ObjectMissing):
        store.get(Digest(b"short"))


def test_the_lower_store_is_never_written(tmp_path: Path) -> None:
    lower = FileObjects(tmp_path)
    known = lower.put(b"known")
    upper = MemoryObjects()
    both = OverlayObjects(upper, lower)
    fresh = both.put(b"fresh")
    assert both.put(b"known") == known
    assert not lower.has(fresh)
    assert not upper.has(known)
    assert both.get(known) + both.get(fresh) == b"knownfresh"
