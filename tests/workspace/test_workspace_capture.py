"""Capture: honest about what it read, cheap about what it did not, calm about hostile folders."""

import os
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Digest, MemoryObjects
from os2shell.executors.workspace import (
    Ignore,
    Index,
    Kind,
    TooDeep,
    TooLarge,
    UnreadableEntry,
    WorkspaceLimits,
    list_tree,
    load_index,
    read_tree,
    save_index,
)
from tests.workspace.workspace_room import Room, files, opened

ORDINARY = pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


class Counting(MemoryObjects):
    """A store that remembers which contents were put."""

    def __init__(self) -> None:
        super().__init__()
        self.put_now: list[bytes] = []

    def put(self, data: bytes) -> Digest:
        self.put_now.append(data)
        return super().put(data)


def test_every_kind_is_captured_and_nothing_else_of_a_file(room: Room) -> None:
    room.write(a="plain", d__b="deep")
    (room.workspace / "run").write_text("#!")
    (room.workspace / "run").chmod(0o4711)
    (room.workspace / "link").symlink_to("../outside")
    (room.workspace / "empty").mkdir()
    found = room.capture()
    assert [(entry.name, entry.kind) for entry in read_tree(room.objects, found.tree)] == [
        (b"a", Kind.FILE),
        (b"d", Kind.FOLDER),
        (b"empty", Kind.FOLDER),
        (b"link", Kind.LINK),
        (b"run", Kind.PROGRAM),
    ]
    assert (found.files, found.size) == (4, 5 + 4 + 2 + len("../outside"))
    before = found.tree
    os.utime(room.workspace / "a", ns=(1, 1))
    (room.workspace / "a").chmod(0o600)
    assert room.capture().tree == before
    (room.workspace / "a").chmod(0o700)
    assert room.capture().tree != before


def test_names_are_bytes(room: Room) -> None:
    odd = [b"\xff\xfe", "ü".encode(), "\U0001f40d".encode(), b" ", b"-rf", b"a\nb", b"\x1b[2J"]
    for name in odd:
        Path(os.fsdecode(os.fsencode(room.workspace) + b"/" + name)).write_bytes(name)
    assert list(list_tree(room.capture().tree, room.objects)) == sorted(odd)


def test_what_is_ignored_is_not_captured(room: Room) -> None:
    room.write({".env": "SECRET", "x": "y", "m/__pycache__/x": "cache", ".os2/ledger": "L"})
    found = list_tree(room.capture().tree, room.objects)
    assert list(found) == [b"m", b"x"]  # a folder with nothing to see is an empty folder


def test_an_unchanged_workspace_reads_no_file_and_gives_the_index_back(room: Room) -> None:
    room.objects = Counting()
    room.write(a="1", d__b="2", d__e__c="3")
    first = room.capture()
    room.objects.put_now.clear()
    second = room.capture(index=first.index)
    assert second.index is first.index
    assert (second.tree, second.files, second.size) == (first.tree, 3, 3)
    assert room.objects.put_now == []


def test_only_what_changed_is_read_again(room: Room) -> None:
    room.objects = Counting()
    room.write(a="1", d__b="2", d__c="3", e__f="4")
    first = room.capture()
    room.write(d__b="changed")
    room.objects.put_now.clear()
    second = room.capture(index=first.index)
    assert second.tree != first.tree
    assert [data for data in room.objects.put_now if b"os2.tree" not in data] == [b"changed"]
    assert sum(b"os2.tree" in data for data in room.objects.put_now) == 2


@pytest.mark.parametrize("what", ["file gone", "file came", "folder gone", "folder came"])
def test_names_that_come_and_go_are_seen(room: Room, what: str) -> None:
    room.write(a="1", b="2", d__b="2")
    (room.workspace / "empty").mkdir()
    first = room.capture()
    match what:
        case "file gone":
            (room.workspace / "a").unlink()
        case "file came":
            room.write(c="")
        case "folder gone":
            (room.workspace / "empty").rmdir()
        case "folder came":
            (room.workspace / "new").mkdir()
    second = room.capture(index=first.index)
    assert second.tree != first.tree
    assert second.tree == room.capture().tree
    third = room.capture(index=second.index)
    assert third.index is second.index


def test_a_change_within_the_clocks_grain_is_seen(room: Room) -> None:
    """Same size, same times as far as a coarse clock tells: the racy rule must read it again."""
    room.write(a="1111")
    first = room.capture(later_ns=0)
    status = (room.workspace / "a").stat()
    (room.workspace / "a").write_bytes(b"2222")
    os.utime(room.workspace / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    row = first.index.row(b"a")
    assert row is not None
    assert not first.index.is_clean(row.signature)
    assert room.capture(index=first.index).tree != first.tree


def test_a_file_replaced_by_one_of_equal_size_and_mtime_is_seen(room: Room) -> None:
    room.write(a="1111")
    first = room.capture()
    status = (room.workspace / "a").stat()
    room.write(b="2222")
    os.utime(room.workspace / "b", ns=(status.st_atime_ns, status.st_mtime_ns))
    (room.workspace / "b").replace(room.workspace / "a")
    assert room.capture(index=first.index).tree != first.tree


def test_an_index_is_not_believed_against_the_store(room: Room) -> None:
    room.write(a="1", d__b="2")
    first = room.capture()
    room.objects = MemoryObjects()
    second = room.capture(index=first.index)
    assert second.tree == first.tree
    found = list_tree(second.tree, room.objects)
    assert [room.objects.get(entry.digest) for entry in found.values()] == [b"1", b"2"]


def test_the_index_file_comes_back_and_a_damaged_one_is_forgotten(
    room: Room, tmp_path: Path
) -> None:
    room.write(a="1", d__b="2")
    saved = tmp_path / "index"
    first = room.capture()
    save_index(saved, first.index)
    again = load_index(saved)
    assert again == first.index
    assert room.capture(index=again).index is again
    whole = saved.read_bytes()
    for at in range(len(whole)):
        saved.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert load_index(saved) == Index()
    for end in range(0, len(whole), 7):
        saved.write_bytes(whole[:end])
        assert load_index(saved) == Index()
    saved.unlink()
    assert load_index(saved) == Index()
    assert load_index(tmp_path) == Index()


def test_an_index_that_cannot_be_saved_is_no_error(room: Room, tmp_path: Path) -> None:
    save_index(tmp_path / "missing" / "index", room.capture().index)
    (tmp_path / "folder").mkdir()
    save_index(tmp_path / "folder", room.capture().index)
    assert [each.name for each in tmp_path.iterdir() if "." in each.name] == []


def test_what_no_tree_can_hold_is_named_and_never_opened(room: Room) -> None:
    os.mkfifo(room.workspace / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(room.workspace)
    try:
        listener.bind("socket")
    finally:
        os.chdir(here)
        listener.close()
    room.write(a="1")
    found = room.capture()
    assert sorted((each.path, each.what) for each in found.skipped) == [
        (b"pipe", "named pipe"),
        (b"socket", "socket"),
    ]
    assert list(list_tree(found.tree, room.objects)) == [b"a"]


def test_a_folder_that_becomes_a_link_is_not_followed(room: Room, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    room.write(d__a="1")
    first = room.capture()
    (room.workspace / "d" / "a").unlink()
    (room.workspace / "d").rmdir()
    (room.workspace / "d").symlink_to(tmp_path / "outside")
    found = list_tree(room.capture(index=first.index).tree, room.objects)
    assert [entry.kind for entry in found.values()] == [Kind.LINK]


def test_a_sparse_terabyte_is_refused_before_it_is_read(room: Room) -> None:
    room.write(data__small="x")
    with (room.workspace / "data" / "huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TooLarge, match=r"/data/huge to \.os2ignore") as caught:
        room.capture()
    assert caught.value.limit == "bytes"


def test_the_heaviest_part_is_named_when_the_sum_is_too_large(room: Room) -> None:
    room.write(big__a=b"x" * 900, c="y" * 50, z="z" * 100)
    with pytest.raises(TooLarge, match=r"/big to \.os2ignore"):
        room.capture(limits=WorkspaceLimits(size=1000))
    assert room.capture(limits=WorkspaceLimits(size=1050)).size == 1050


def test_too_many_files_are_refused_with_an_index_too(room: Room) -> None:
    room.write(**{f"many__{number}": "" for number in range(20)})
    first = room.capture(limits=WorkspaceLimits(files=21))
    for index in (Index(), first.index):
        with pytest.raises(TooLarge, match="many"):
            room.capture(limits=WorkspaceLimits(files=20), index=index)


def test_very_deep_nesting_is_refused_by_name(room: Room) -> None:
    path = room.workspace
    for _ in range(130):
        path = path / "deep"
    path.mkdir(parents=True)
    with pytest.raises(TooDeep, match=r"/deep/ to \.os2ignore"):
        room.capture()
    assert room.capture(ignore=Ignore([b"/deep/"])).files == 0


@ORDINARY
def test_what_may_not_be_read_is_named_or_unlocked(room: Room) -> None:
    room.write(d__a="1", b="2")
    (room.workspace / "b").chmod(0)
    with pytest.raises(UnreadableEntry, match=r"cannot read b \(Permission denied\)"):
        room.capture()
    (room.workspace / "d").chmod(0)
    with pytest.raises(UnreadableEntry, match="/d to"):
        room.capture(ignore=Ignore([b"/b"]))
    found = room.capture(unlock=True)
    assert found.files == 2
    assert room.objects.get(list_tree(found.tree, room.objects)[b"d/a"].digest) == b"1"


def test_times_beyond_all_measure_do_no_harm(room: Room) -> None:
    room.write(a="1", b="2")
    os.utime(room.workspace / "a", (2**34 - 1, 2**34 - 1))
    os.utime(room.workspace / "b", (-(2**31), -(2**31)))
    first = room.capture()
    assert room.capture(index=first.index).tree == first.tree


def test_large_files_stream_and_count(room: Room) -> None:
    data = os.urandom(1 << 16) * 40
    room.write(big=data)
    found = room.capture()
    assert found.size == len(data)
    assert room.objects.get(list_tree(found.tree, room.objects)[b"big"].digest) == data


@pytest.mark.slow
def test_files_that_vanish_and_grow_meanwhile(room: Room) -> None:
    """Whatever was captured agrees with itself: each size and digest belong to the bytes stored."""
    room.write(**{f"d{number % 7}__f{number}": "x" * number for number in range(300)})
    stop = threading.Event()

    def disturb() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            path = room.workspace / f"d{turn % 7}" / f"f{turn % 300}"
            match turn % 5:
                case 0:
                    path.unlink(missing_ok=True)
                case 1:
                    path.unlink(missing_ok=True)
                    path.symlink_to("/etc/passwd")
                case 2 if not path.is_symlink():
                    path.write_bytes(b"y" * (turn % 4000))
                case 3:
                    (room.workspace / f"n{turn % 9}").mkdir(exist_ok=True)
                case _:
                    (room.workspace / f"n{turn % 9}").rmdir() if (
                        room.workspace / f"n{turn % 9}"
                    ).exists() else None

    worker = threading.Thread(target=disturb)
    worker.start()
    try:
        index = Index()
        for _ in range(30):
            found = room.capture(index=index, later_ns=0)
            index = found.index
            for entry in list_tree(found.tree, room.objects).values():
                if entry.kind in {Kind.FILE, Kind.PROGRAM}:
                    data = room.objects.get(entry.digest)
                    assert len(data) == entry.size
                    assert not data.startswith(b"root:")
    finally:
        stop.set()
        worker.join()
    assert room.capture(index=index, later_ns=0).tree == room.capture().tree


names = st.binary(min_size=1, max_size=6).filter(
    lambda name: (
        b"/" not in name
        and b"\0" not in name
        and name not in {b".", b".."}
        and not Ignore().hides(name)
    )
)
trees = st.recursive(
    st.dictionaries(names, st.binary(max_size=40), max_size=4),
    lambda inner: st.dictionaries(names, st.one_of(st.binary(max_size=40), inner), max_size=4),
    max_leaves=8,
)


def _write(path: Path, tree: dict[bytes, object]) -> None:
    for name, content in tree.items():
        inner = path / os.fsdecode(name)
        if isinstance(content, dict):
            inner.mkdir()
            _write(inner, content)
        elif isinstance(content, bytes):
            inner.write_bytes(content)
            inner.chmod(0o755 if len(content) % 2 else 0o644)


@settings(max_examples=60, deadline=None)
@given(tree=trees)
def test_capture_populate_capture_gives_the_same_tree(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[bytes, object]
) -> None:
    room = Room(tmp_path_factory.mktemp("room"))
    _write(room.workspace, tree)
    first = room.capture()
    index = room.populate(first.tree)
    second = room.capture(room.guest, index=index)
    assert second.tree == first.tree
    assert second.index is index
    assert room.capture(room.guest).tree == first.tree
    assert files(room.guest) == files(room.workspace)


def test_a_root_that_is_gone_is_empty_not_an_error(room: Room) -> None:
    with opened(room.workspace):
        room.workspace.rmdir()
        room.workspace.mkdir()
    assert room.capture().files == 0
