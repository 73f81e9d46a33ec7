"""The spool gives back what was written, however the shell ended."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from os2shell.kernel.spool import SessionLock, Spool, read_remains
from os2shell.model.effect import Stream


def test_remains_are_what_was_spooled(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "s1", 4)
    spool.output(Stream.STDOUT, b"one")
    spool.step(b"step")
    spool.output(Stream.STDERR, b"bad")
    spool.output(Stream.STDOUT, b"two")
    remains = read_remains(spool.path)
    assert (remains.stdout, remains.stderr, remains.steps) == (b"onetwo", b"bad", (b"step",))
    spool.close()
    assert not spool.path.exists()


def test_a_question_to_others_is_open_until_it_is_answered(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "s1", 4)
    spool.asked(b"one")
    assert read_remains(spool.path).unanswered == b"one"
    spool.nested(b"one answered")
    spool.output(Stream.STDOUT, b"out")
    assert read_remains(spool.path).unanswered is None
    spool.asked(b"two")
    whole = spool.path.read_bytes()
    assert read_remains(spool.path).nested == (b"one answered",)
    assert read_remains(spool.path).unanswered == b"two"
    spool.path.write_bytes(whole[:-1])  # it was not asked before it was wholly written
    assert read_remains(spool.path).unanswered is None
    spool.close()


@settings(database=None)  # a checkout may be read-only
@given(cut=st.integers(0, 60))
def test_a_cut_file_gives_a_prefix(cut: int) -> None:
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/tmp")
    path = folder / f"os2-test-spool-{cut}"
    frame = b"\x01\x00\x00\x00\x05hello"
    path.write_bytes((frame * 6)[:cut])
    try:
        remains = read_remains(path)
        assert (b"hello" * 6).startswith(remains.stdout)
        assert len(remains.stdout) >= cut // 10 * 5
    finally:
        path.unlink()


def test_missing_spool_is_empty(tmp_path: Path) -> None:
    assert read_remains(tmp_path / "none").stdout == b""


def test_a_session_is_held_once(tmp_path: Path) -> None:
    lock = SessionLock.take(tmp_path, "s1")
    assert lock
    assert SessionLock.take(tmp_path, "s1") is None
    lock.release()
    again = SessionLock.take(tmp_path, "s1")
    assert again
    again.release()
    assert not (tmp_path / "s1.lock").exists()
