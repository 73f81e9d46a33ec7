"""Several shells on one ledger: nothing is lost, nobody overtakes a decision."""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from os2shell.kernel.intents import ADMITTED, FINISHED, INTENTS, SESSION_OPENED
from os2shell.kernel.spool import SessionLock
from os2shell.model.errors import Denied
from tests.kernel.engine_room import (
    NO_GRANTS,
    command,
    disk_ledger,
    engine_on,
    folded,
    looking,
    manifest,
    of_kind,
    submit,
    submit_many,
)


def expect_whole(folder: Path, spool: Path, sessions: list[str], deeds: int) -> None:
    """Every deed ended once, in its own session; all records fold."""
    with disk_ledger(folder) as ledger:
        assert folded(ledger).view(INTENTS) == {}
        assert folded(ledger).position == ledger.head.size
        assert len(set(sessions)) == len(sessions)
        opened = [record.session for record in of_kind(ledger, SESSION_OPENED)]
        assert sorted(opened) == sorted(sessions)
        admitted = {record.seq: record for record in of_kind(ledger, ADMITTED)}
        ended = [(r.attributes["admitted"], r.session) for r in of_kind(ledger, FINISHED)]
        assert len(ended) == len(admitted) == deeds
        assert Counter(ended) == Counter((r.seq, r.session) for r in admitted.values())
        asked = [record.attributes["arguments"] for record in admitted.values()]
        assert len({str(words) for words in asked}) == deeds
    assert not list(spool.iterdir())


def test_two_engines_take_turns(tmp_path: Path) -> None:
    folder, spool = tmp_path / "log", tmp_path / "spool"
    with disk_ledger(folder) as one, disk_ledger(folder) as other:
        left, right = engine_on(one, spool=spool), engine_on(other, spool=spool)
        for turn in range(4):
            submit(left, command(looking), f"left-{turn}")
            submit(right, command(looking), f"right-{turn}")
        left.catch_up()
        assert left.state.dump() == right.state.dump()
        left.close()
        right.close()
    expect_whole(folder, spool, [left.session, right.session], 8)


def test_threads_at_once(tmp_path: Path) -> None:
    folder, spool = tmp_path / "log", tmp_path / "spool"
    disk_ledger(folder).close()
    with ThreadPoolExecutor(4) as pool:
        lives = [pool.submit(submit_many, folder, spool, f"t{n}", 5) for n in range(4)]
        sessions = [life.result(timeout=60) for life in lives]
    expect_whole(folder, spool, sessions, 20)


def test_processes_at_once(tmp_path: Path) -> None:
    folder, spool = tmp_path / "log", tmp_path / "spool"
    disk_ledger(folder).close()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=context) as pool:
        lives = [pool.submit(submit_many, folder, spool, f"p{n}", 10) for n in range(6)]
        sessions = [life.result(timeout=100) for life in lives]
    expect_whole(folder, spool, sessions, 60)


def test_a_revocation_on_disk_is_honoured_by_the_other_shell(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    with disk_ledger(folder) as one, disk_ledger(folder) as other:
        left = engine_on(one)
        submit(left, command(looking))
        right = engine_on(other, policy=manifest(NO_GRANTS, "none"))
        with pytest.raises(Denied):
            submit(right, command(looking))
        with pytest.raises(Denied):
            submit(left, command(looking))


def test_a_session_lock_is_the_file_that_others_see(tmp_path: Path) -> None:
    """Whoever holds a lock must hold the file that lies there, or recovery takes it for dead."""
    turns = 400

    def contend() -> list[bool]:
        seen = []
        for _ in range(turns):
            lock = SessionLock.take(tmp_path, "s1")
            if lock:
                seen.append(SessionLock.take(tmp_path, "s1") is None)
                lock.release()
        return seen

    with ThreadPoolExecutor(4) as pool:
        lives = [pool.submit(contend) for _ in range(4)]
        seen = [held for life in lives for held in life.result(timeout=60)]
    assert seen
    assert all(seen), f"{seen.count(False)} of {len(seen)} locks were held by two"
