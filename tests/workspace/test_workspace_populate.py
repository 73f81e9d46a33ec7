"""Populate: the same folder every time, from trees that nobody has to trust."""

import os
import stat
import time
from pathlib import Path

import pytest

from ledger import MemoryObjects
from os2shell.executors.workspace import (
    CannotPopulate,
    Entry,
    Kind,
    TreeInvalid,
    WorkspaceLimits,
    encode_tree,
)
from os2shell.executors.workspace.populate import FIXED_TIME_NS
from tests.workspace.workspace_room import Room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.write(b="1", a="2", d__z="3", d__y="4")
    (room.workspace / "run").write_text("#!")
    (room.workspace / "run").chmod(0o700)
    (room.workspace / "link").symlink_to("d/z")
    (room.workspace / "empty").mkdir()
    return room


def test_times_and_modes_are_fixed_whatever_the_umask(room: Room) -> None:
    tree = room.capture().tree
    before = os.umask(0o077)
    try:
        room.populate(tree)
    finally:
        os.umask(before)
    for path in [room.guest, *room.guest.rglob("*")]:
        status = path.lstat()
        assert status.st_mtime_ns == FIXED_TIME_NS, path
        if path.is_file() and not path.is_symlink():  # looking at the others moves theirs
            assert status.st_atime_ns == FIXED_TIME_NS, path
        if not path.is_symlink():
            wanted = 0o755 if path.is_dir() or path.name == "run" else 0o644
            assert stat.S_IMODE(status.st_mode) == wanted
    assert (room.guest / "link").readlink() == Path("d/z")


def test_files_are_made_in_one_order(room: Room, tmp_path: Path) -> None:
    room.populate(room.capture().tree)
    ranks = {path: path.lstat().st_ctime_ns for path in room.guest.rglob("*") if path.is_file()}
    plain = sorted(path for path in ranks if not path.is_symlink())
    assert [ranks[path] for path in plain] == sorted(ranks[path] for path in plain)


def test_a_change_right_after_populating_is_seen_without_racy_rereading(room: Room) -> None:
    """The guest may write at once, keep the size, and set the time back."""
    for _ in range(20):
        tree = room.capture().tree
        index = room.populate(tree)
        assert room.capture(room.guest, index=index).index is index
        (room.guest / "a").write_bytes(b"X")
        os.utime(room.guest / "a", ns=(FIXED_TIME_NS, FIXED_TIME_NS))
        assert room.capture(room.guest, index=index).tree != tree
        for path in sorted(room.guest.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_was_sparse_takes_no_more_room(room: Room) -> None:
    size = (64 << 20) + 3
    with (room.workspace / "sparse").open("wb") as file:
        file.truncate(size)
        file.seek(9 << 20)
        file.write(b"word")
    room.populate(room.capture().tree)
    made = room.guest / "sparse"
    assert made.stat().st_blocks * 512 < 4 << 20
    assert made.read_bytes() == (room.workspace / "sparse").read_bytes()


def test_everything_belongs_to_the_owner_asked_for(room: Room) -> None:
    room.populate(room.capture().tree, owner=(65534, 65533))
    for path in [room.guest, *room.guest.rglob("*")]:
        status = path.lstat()
        assert (status.st_uid, status.st_gid) == (65534, 65533)


def test_a_folder_that_is_not_empty_is_refused(room: Room) -> None:
    (room.guest / "d").mkdir()
    with pytest.raises(CannotPopulate, match=r"cannot write d into the sandbox"):
        room.populate(room.capture().tree)


def test_a_link_in_the_way_is_not_followed(room: Room, tmp_path: Path) -> None:
    (room.guest / "a").symlink_to(tmp_path / "victim")
    with pytest.raises(CannotPopulate):
        room.populate(room.capture().tree)
    assert not (tmp_path / "victim").exists()


def test_a_tree_bomb_stops_at_the_limits(tmp_path: Path) -> None:
    room = Room(tmp_path)
    tree = room.objects.put(encode_tree([]))
    for _ in range(40):
        tree = room.objects.put(
            encode_tree([Entry(b"a", Kind.FOLDER, 0, tree), Entry(b"b", Kind.FOLDER, 0, tree)])
        )
    started = time.monotonic()
    with pytest.raises(TreeInvalid, match="more than 500 files"):
        room.populate(tree, limits=WorkspaceLimits(files=500))
    assert time.monotonic() - started < 5


def test_a_size_that_lies_is_refused(tmp_path: Path) -> None:
    room = Room(tmp_path)
    assert isinstance(room.objects, MemoryObjects)
    entry = Entry(b"a", Kind.FILE, 2, room.objects.put(b"123"))
    with pytest.raises(TreeInvalid, match="size"):
        room.populate(room.objects.put(encode_tree([entry])))
