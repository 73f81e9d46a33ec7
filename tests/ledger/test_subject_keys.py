"""The keys of subjects: apart from the ledger, private, one for each, and nothing else is one."""

import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import (
    DurabilityError,
    Entry,
    KeyExposed,
    KeyFormatError,
    KeyMisplaced,
    MemoryStore,
    SubjectRefused,
    Subjects,
    TokenSignatureLedger,
    UnreadableError,
)
from ledger.privacy.subject_keys import SubjectKey, SubjectKeys

Opener = Callable[[], TokenSignatureLedger]


def test_keys_must_lie_apart(open_ledger: Opener, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "log")
    with open_ledger() as ledger:
        for place in ("log", "log/keys", "log/objects/../keys", "link/keys"):
            inside = Subjects(tmp_path / place)
            with pytest.raises(KeyMisplaced):
                inside.seal(ledger, "Ada", b"x", kind="k")
            with pytest.raises(KeyMisplaced):
                inside.shred(ledger, "Ada", "asked")
            assert not (tmp_path / "log" / "keys").exists()
    with pytest.raises(KeyMisplaced):
        Subjects(tmp_path / "backups" / "keys", apart_from=[tmp_path / "backups"])


def test_modes_of_keys(open_ledger: Opener, subjects: Subjects, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    with open_ledger() as ledger:
        record = subjects.append(ledger, "Ada", b"x", Entry("k", {}))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
        (key,) = folder.glob("*.key")
        key.chmod(0o640)
        for use in (lambda: subjects.open(ledger, record), subjects.known):
            with pytest.raises(KeyExposed):
                use()
        key.chmod(0o600)
        folder.chmod(0o750)
        with pytest.raises(KeyExposed):
            subjects.open(ledger, record)
        folder.chmod(0o700)
        assert subjects.open(ledger, record) == b"x"


def test_what_is_no_key(open_ledger: Opener, subjects: Subjects, tmp_path: Path) -> None:
    with open_ledger() as ledger:
        record = subjects.append(ledger, "Ada", b"x", Entry("k", {}))
        (path,) = (tmp_path / "keys").glob("*.key")
        data = path.read_bytes()
        for wrong in (b"foreign secret", data[:-1], data + b"\0", b"\xc0"):
            path.write_bytes(wrong)
            with pytest.raises(KeyFormatError) as refused:
                subjects.open(ledger, record)
            assert "foreign secret" not in str(refused.value)
        path.write_bytes(data)
        other = subjects.append(ledger, "Bob", b"y", Entry("k", {}))
        names = [
            tmp_path / "keys" / f"{r.attributes['sealed_for']}.subject" for r in (record, other)
        ]
        names[0].unlink()
        names[1].rename(names[0])
        with pytest.raises(KeyFormatError, match="renamed"):
            subjects.open(ledger, record)


def test_what_is_no_folder_of_keys(open_ledger: Opener, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "else")
    locked = tmp_path / "locked"
    locked.mkdir(0o700)
    (locked / "lock").mkdir()
    with open_ledger() as ledger:
        for name, problem in (
            ("file", KeyFormatError),
            ("file/below", UnreadableError),
            ("dangling", DurabilityError),
            ("locked", UnreadableError),
        ):
            with pytest.raises(problem):
                Subjects(tmp_path / name).seal(ledger, "Ada", b"", kind="k")
        (locked / "lock").rmdir()
        key = locked / SubjectKeys(locked)._path("test.example/log", "Ada").name
        key.mkdir()
        with pytest.raises(KeyFormatError, match="something else"):
            Subjects(locked).seal(ledger, "Ada", b"", kind="k")
        key.rmdir()
        key.symlink_to(tmp_path / "file")
        with pytest.raises(UnreadableError):
            Subjects(locked).seal(ledger, "Ada", b"", kind="k")


@pytest.mark.parametrize("name", ["", " Ada", "Ada\n", "A\0da", "\x1b[2J", "x" * 1025, "\udc80"])
def test_names_that_no_subject_has(name: str, open_ledger: Opener, subjects: Subjects) -> None:
    with open_ledger() as ledger, pytest.raises(SubjectRefused):
        subjects.seal(ledger, name, b"", kind="k")


def test_one_subject_whatever_the_spelling_and_one_key_for_each_ledger(
    open_ledger: Opener, subjects: Subjects
) -> None:
    other = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n", origin="other.example")
    with open_ledger() as ledger:
        composed = subjects.seal(ledger, "Zo\u00eb", b"", kind="k")
        assert subjects.seal(ledger, "Zoe\u0308", b"", kind="k").attributes == composed.attributes
        assert subjects.seal(other, "Zo\u00eb", b"", kind="k").attributes != composed.attributes
    assert len(subjects.known()) == 2


def test_a_spare_file_of_a_crash_is_swept_away(
    open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    with open_ledger() as ledger:
        subjects.seal(ledger, "Ada", b"", kind="k")
        spare = tmp_path / "keys" / ".new-1-00000000"
        spare.write_bytes(os.urandom(60))
        subjects.seal(ledger, "Bob", b"", kind="k")
        assert not spare.exists()


def test_a_key_whose_second_name_a_crash_prevented_gets_it(
    open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    with open_ledger() as ledger:
        first = subjects.seal(ledger, "Ada", b"", kind="k")
        (alias,) = (tmp_path / "keys").glob("*.subject")
        alias.unlink()
        record = subjects.append(ledger, "Ada", b"again", Entry("k", {}))
        assert record.attributes == first.attributes
        assert subjects.open(ledger, record) == b"again"


def _make(folder: Path, start: Any, found: Any) -> None:
    keys = SubjectKeys(folder)
    start.wait()
    if not keys.exists():
        keys.create_folder()
    with keys.exclusive():
        found.put(keys.make("origin", "Ada").secret)


def test_racing_processes_make_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, found = context.Barrier(4), context.Queue()
    racers = [
        context.Process(target=_make, args=(tmp_path / "keys", start, found)) for _ in range(4)
    ]
    for racer in racers:
        racer.start()
    secrets = {found.get(timeout=30) for _ in racers}
    for racer in racers:
        racer.join()
        assert racer.exitcode == 0
    assert len(secrets) == 1
    assert len(list((tmp_path / "keys").glob("*.key"))) == 1


def test_without_locks_the_link_still_decides(tmp_path: Path) -> None:
    keys = SubjectKeys(tmp_path / "keys")
    keys.create_folder()
    first = keys.make("origin", "Ada")
    path = keys._path("origin", "Ada")
    late = keys._create(path, SubjectKey("origin", "Ada", bytes(32)))
    assert late.secret == first.secret
    assert not list((tmp_path / "keys").glob(".new-*"))
