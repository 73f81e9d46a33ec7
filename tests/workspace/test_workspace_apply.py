"""Apply: the program's results arrive, and nothing of the user's is lost on the way."""

import errno
import fcntl
import os
import resource
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Digest
from os2shell.executors.workspace import CannotApply, Conflict
from tests.workspace.workspace_room import Room, files, opened

ORDINARY = pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.write(a="a", b="b", d__c="c", d__e__f="f")
    return room


def after(room: Room, before: Digest) -> Path:
    """The guest folder with the tree ``before`` in it, to be changed by the test as a program would."""
    room.populate(before)
    return room.guest


def leftovers(room: Room) -> list[str]:
    return [each.name for each in room.workspace.rglob(".os2-*")]


def test_changes_of_every_sort_arrive(room: Room) -> None:
    before = room.capture()
    guest = after(room, before.tree)
    (guest / "a").write_text("changed")
    (guest / "new").write_text("new")
    (guest / "run").write_text("#!")
    (guest / "run").chmod(0o755)
    (guest / "b").unlink()
    (guest / "d" / "e" / "f").unlink()
    (guest / "d" / "e").rmdir()
    (guest / "x" / "y").mkdir(parents=True)
    (guest / "x" / "y" / "z").write_text("z")
    (guest / "x" / "empty").mkdir()
    (guest / "link").symlink_to("a")
    result = room.capture(guest)
    done = room.bring_back(before, result.tree)
    assert done.conflicts == ()
    assert set(done.removed) == {b"b", b"d/e", b"d/e/f"}
    assert {b"a", b"new", b"run", b"x/y/z", b"x/empty", b"link"} <= set(done.written)
    assert room.capture().tree == result.tree
    assert leftovers(room) == []


@pytest.mark.parametrize("turn", ["file to folder", "folder to file", "file to link", "to program"])
def test_a_path_that_becomes_another_kind(room: Room, turn: str) -> None:
    before = room.capture()
    guest = after(room, before.tree)
    match turn:
        case "file to folder":
            (guest / "a").unlink()
            (guest / "a" / "b").mkdir(parents=True)
            (guest / "a" / "b" / "c").write_text("c")
        case "folder to file":
            (guest / "d" / "e" / "f").unlink()
            (guest / "d" / "e").rmdir()
            (guest / "d" / "e").write_text("now a file")
        case "file to link":
            (guest / "a").unlink()
            (guest / "a").symlink_to("b")
        case "to program":
            (guest / "a").chmod(0o755)
    result = room.capture(guest)
    assert room.bring_back(before, result.tree).conflicts == ()
    assert room.capture().tree == result.tree


def test_permissions_of_a_replaced_file_stay_the_users(room: Room) -> None:
    (room.workspace / "a").chmod(0o600)
    (room.workspace / "b").chmod(0o640)
    before = room.capture()
    guest = after(room, before.tree)
    (guest / "a").write_text("new")
    (guest / "b").chmod(0o755)
    room.bring_back(before, room.capture(guest).tree)
    assert stat.S_IMODE((room.workspace / "a").stat().st_mode) == 0o600
    assert stat.S_IMODE((room.workspace / "b").stat().st_mode) == 0o750


def test_what_the_user_changed_meanwhile_stays(room: Room) -> None:
    before = room.capture()
    guest = after(room, before.tree)
    (guest / "a").write_text("theirs")
    (guest / "new").write_text("theirs")
    (guest / "b").unlink()
    result = room.capture(guest)
    (room.workspace / "a").write_text("mine")
    (room.workspace / "b").write_text("mine")
    (room.workspace / "new").write_text("mine")
    done = room.bring_back(before, result.tree)
    assert done.written == done.removed == ()
    assert set(done.conflicts) == {
        Conflict(b"a", b"a.os2-t1", "it was changed while the program ran"),
        Conflict(b"new", b"new.os2-t1", "it exists by now"),
        Conflict(b"b", None, "not removed: it was changed while the program ran"),
    }
    found = files(room.workspace)
    assert {name: found[name] for name in ("a", "a.os2-t1", "new", "new.os2-t1", "b")} == {
        "a": b"mine",
        "a.os2-t1": b"theirs",
        "new": b"mine",
        "new.os2-t1": b"theirs",
        "b": b"mine",
    }


def test_versions_that_gave_way_do_not_overwrite_each_other(room: Room) -> None:
    before = room.capture()
    guest = after(room, before.tree)
    (guest / "a").write_text("theirs")
    result = room.capture(guest)
    (room.workspace / "a").write_text("mine")
    for _ in range(3):
        room.bring_back(before, result.tree)
    assert sorted(name for name in files(room.workspace) if name.startswith("a")) == [
        "a",
        "a.os2-t1",
        "a.os2-t1-2",
        "a.os2-t1-3",
    ]


def test_an_edit_of_equal_size_and_times_is_still_noticed(room: Room) -> None:
    before = room.capture(later_ns=0)
    guest = after(room, before.tree)
    (guest / "a").write_text("theirs")
    result = room.capture(guest)
    status = (room.workspace / "a").stat()
    (room.workspace / "a").write_text("M")
    os.utime(room.workspace / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert [each.path for each in room.bring_back(before, result.tree).conflicts] == [b"a"]
    assert (room.workspace / "a").read_text() == "M"


def test_a_touched_file_and_the_very_same_change_are_no_conflict(room: Room) -> None:
    before = room.capture()
    guest = after(room, before.tree)
    (guest / "a").write_text("same")
    (guest / "b").write_text("other")
    (guest / "new").write_text("same")
    result = room.capture(guest)
    (room.workspace / "a").write_text("same")
    (room.workspace / "new").write_text("same")
    os.utime(room.workspace / "b", ns=(5, 5))
    assert room.bring_back(before, result.tree).conflicts == ()
    assert room.capture().tree == result.tree


def test_a_folder_is_kept_while_it_holds_what_the_program_did_not_see(room: Room) -> None:
    room.write({"d/e/__pycache__/x": "cache"})
    before = room.capture()
    guest = after(room, before.tree)
    for path in ("d/e/f", "d/c"):
        (guest / path).unlink()
    for path in ("d/e/__pycache__", "d/e", "d"):
        if (guest / path).exists():
            (guest / path).rmdir()
    done = room.bring_back(before, room.capture(guest).tree)
    assert [each.path for each in done.conflicts] == [b"d/e", b"d"]
    assert files(room.workspace / "d") == {"e/__pycache__/x": b"cache"}


@pytest.mark.parametrize("obstacle", ["link", "file"])
def test_nothing_is_written_through_what_replaced_a_folder(
    room: Room, tmp_path: Path, obstacle: str
) -> None:
    (tmp_path / "outside").mkdir()
    before = room.capture()
    guest = after(room, before.tree)
    (guest / "d" / "c").write_text("changed")
    (guest / "d" / "new").write_text("new")
    result = room.capture(guest)
    (room.workspace / "d").rename(tmp_path / "moved")
    if obstacle == "link":
        (room.workspace / "d").symlink_to(tmp_path / "outside")
    else:
        (room.workspace / "d").write_text("mine")
    done = room.bring_back(before, result.tree)
    assert list((tmp_path / "outside").iterdir()) == []
    assert {each.beside for each in done.conflicts} == {b"d.os2-t1/c", b"d.os2-t1/new"}
    assert files(room.workspace / "d.os2-t1") == {"c": b"changed", "new": b"new"}


def test_a_deleted_folder_is_made_again_for_new_files(room: Room) -> None:
    before = room.capture()
    guest = after(room, before.tree)
    (guest / "d" / "e" / "new").write_text("new")
    result = room.capture(guest)
    (room.workspace / "d" / "e" / "f").unlink()
    (room.workspace / "d" / "e").rmdir()
    assert room.bring_back(before, result.tree).conflicts == ()
    assert files(room.workspace / "d" / "e") == {"new": b"new"}


def test_a_full_disk_is_found_before_anything_is_touched(room: Room) -> None:
    before = room.capture()
    guest = after(room, before.tree)
    (guest / "a").unlink()
    (guest / "b").write_bytes(b"x" * 200_000)
    result = room.capture(guest)
    kept = files(room.workspace)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(CannotApply, match=r"cannot bring back b .*already written: nothing"):
            room.bring_back(before, result.tree)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(room.workspace) == kept
    assert leftovers(room) == []


@ORDINARY
def test_a_read_only_workspace_and_folder_are_named(room: Room) -> None:
    before = room.capture()
    guest = after(room, before.tree)
    (guest / "a").write_text("new")
    (guest / "d" / "c").write_text("new")
    result = room.capture(guest)
    (room.workspace / "d").chmod(0o555)
    with pytest.raises(CannotApply, match=r"cannot bring back d/c .*already written: a") as caught:
        room.bring_back(before, result.tree)
    assert caught.value.written == (b"a",)
    (room.workspace / "a").write_text("a")
    room.workspace.chmod(0o555)
    try:
        with pytest.raises(CannotApply, match="already written: nothing"):
            room.bring_back(before, result.tree)
    finally:
        room.workspace.chmod(0o755)
        (room.workspace / "d").chmod(0o755)
    assert (room.workspace / "a").read_text() == "a"


def test_an_abandoned_staging_folder_is_removed_and_a_live_one_left(room: Room) -> None:
    before = room.capture()
    guest = after(room, before.tree)
    (guest / "a").write_text("new")
    result = room.capture(guest)
    dead, live = room.workspace / ".os2-apply-dead-1", room.workspace / ".os2-apply-live-2"
    for folder in (dead, live):
        folder.mkdir()
        (folder / "1").write_text("half")
    with opened(live) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        room.bring_back(before, result.tree)
    assert not dead.exists()
    assert (live / "1").exists()


def test_long_names_still_get_a_name_beside(room: Room) -> None:
    name = "n" * 255
    before = room.capture()
    guest = after(room, before.tree)
    (guest / name).write_text("theirs")
    result = room.capture(guest)
    (room.workspace / name).write_text("mine")
    (conflict,) = room.bring_back(before, result.tree).conflicts
    assert conflict.beside == name.encode()[:248] + b".os2-t1"
    assert (room.workspace / os.fsdecode(conflict.beside)).read_text() == "theirs"


def test_results_cross_into_a_mounted_folder_by_copy(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder on another file system answers EXDEV; here the system call is made to."""
    real, crossed = os.replace, []

    def across(source: bytes, target: bytes, **fds: int) -> None:
        if fds["src_dir_fd"] != fds["dst_dir_fd"]:
            crossed.append(target)
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(source, target, **fds)

    before = room.capture()
    guest = after(room, before.tree)
    (guest / "d" / "c").write_text("changed")
    result = room.capture(guest)
    monkeypatch.setattr(os, "replace", across)
    assert room.bring_back(before, result.tree).written == (b"d/c",)
    assert crossed == [b"c"]
    assert room.capture().tree == result.tree


paths = st.sampled_from(["a", "b", "d/c", "d/e", "d/e/f", "n/x", "n", "n/y/z"])
plans = st.lists(st.tuples(paths, st.sampled_from(["write", "remove", "program"])), max_size=6)


def perform(root: Path, plan: list[tuple[str, str]], mark: str) -> None:
    """Carry out what can be carried out; both sides play by the same rules."""
    for turn, (name, act) in enumerate(plan):
        path = root / name
        try:
            if act == "remove":
                path.rmdir() if path.is_dir() else path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{mark}{turn}")
            path.chmod(0o755 if act == "program" else 0o644)
        except OSError:
            continue


@settings(max_examples=60, deadline=None)
@given(plan=plans)
def test_without_interference_the_workspace_becomes_the_result(
    tmp_path_factory: pytest.TempPathFactory, plan: list[tuple[str, str]]
) -> None:
    room = Room(tmp_path_factory.mktemp("room"))
    room.write(a="a", b="b", d__c="c", d__e__f="f")
    before = room.capture()
    perform(after(room, before.tree), plan, "p")
    result = room.capture(room.guest)
    assert room.bring_back(before, result.tree).conflicts == ()
    assert room.capture().tree == result.tree


@settings(max_examples=100, deadline=None)
@given(plan=plans, edits=plans)
def test_every_byte_the_user_wrote_and_every_result_survives(
    tmp_path_factory: pytest.TempPathFactory,
    plan: list[tuple[str, str]],
    edits: list[tuple[str, str]],
) -> None:
    room = Room(tmp_path_factory.mktemp("room"))
    room.write(a="a", b="b", d__c="c", d__e__f="f")
    before = room.capture()
    started = files(room.workspace)
    perform(after(room, before.tree), plan, "program")
    perform(room.workspace, edits, "user")
    theirs, users = files(room.guest), files(room.workspace)
    room.bring_back(before, room.capture(room.guest).tree)
    found = files(room.workspace)
    for name, data in users.items():
        if data.startswith(b"user"):
            assert found.get(name) == data
    for name, data in theirs.items():
        if started.get(name) != data:
            assert data in found.values()
    assert leftovers_are_results(room, theirs)


def leftovers_are_results(room: Room, theirs: dict[str, bytes]) -> bool:
    """No staging folder stays; what lies beside is the program's."""
    beside = [path for path in room.workspace.rglob("*") if ".os2-t1" in str(path)]
    staged = [path for path in beside if ".os2-apply" in str(path)]
    written = [path.read_bytes() for path in beside if path.is_file()]
    return not staged and all(data in theirs.values() for data in written)
