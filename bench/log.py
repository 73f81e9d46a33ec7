"""The ledger as a log: appending durably beside SQLite, verifying beside git."""

import itertools
import os
import sqlite3
import time
from pathlib import Path

from bench.measure import Row, medians, program, timed
from bench.rooms import environment, git, scratch
from ledger import Entry, Signer, TokenSignatureLedger, verify

SINGLES = 50
GROUPS = 10
GROUP = 100
RECORDS = 10_000
BODY = {"text": "a record of usual size " * 8}
SINGLE_MS = 5.0
VERIFY_MS = 1_000.0


def rows(*, quick: bool) -> list[Row]:
    rounds = 3 if quick else 9
    return [
        _append(rounds, "append of one record, durable", SINGLES, 1),
        _append(rounds, f"append of {GROUP} records, durable", GROUPS, GROUP),
        _verify(rounds),
    ]


def _open(path: Path) -> TokenSignatureLedger:
    signer = Signer("bench.example/log", bytes(range(32)))
    return TokenSignatureLedger.open(path, signer, clock=time.time_ns, node="bench")


def _append(rounds: int, name: str, times: int, size: int) -> Row:
    """Ours also hashes, chains and signs each group; SQLite syncs each transaction."""
    names = itertools.count()
    group = [Entry("bench.entry", BODY) for _ in range(size)]
    text = str(BODY)
    with scratch() as base:

        def ours() -> float:
            with _open(base / f"ledger{next(names)}") as log:
                log.append(*group)
                os.sync()
                return timed(lambda: [log.append(*group) for _ in range(times)]) / times

        def peer() -> float:
            table = sqlite3.connect(base / f"table{next(names)}")
            table.execute("pragma journal_mode = wal")
            table.execute("pragma synchronous = full")
            table.execute("create table log (seq integer primary key, text)")
            table.commit()
            os.sync()

            def work() -> None:
                for _ in range(times):
                    with table:
                        table.executemany("insert into log (text) values (?)", [(text,)] * size)

            taken = timed(work) / times
            table.close()
            return taken

        mine, theirs = medians(rounds, ours, peer)
    return Row(name, "ms", mine, theirs, "SQLite, WAL, synchronous=FULL", goal=SINGLE_MS)


def _verify(rounds: int) -> Row:
    """10,000 records in a signed chain, and as many commits: two ways to tell an edit."""
    with scratch() as base:
        with _open(base / "ledger") as log:
            key = log.public_key
            for _ in range(RECORDS // GROUP):
                log.append(*[Entry("bench.entry", BODY) for _ in range(GROUP)])
        repository = base / "repository"
        repository.mkdir()
        env = environment(base)
        git(repository, env, "init", "-q")
        _commits(repository, base / "stream", env)
        fsck = program(["git", "fsck", "--full", "--strict"], repository, env)

        def ours() -> float:
            return timed(lambda: verify(base / "ledger", key))

        mine, theirs = medians(rounds, ours, lambda: timed(fsck))
    name = f"verify {RECORDS:,} records"
    return Row(name, "ms", mine, theirs, "git fsck of as many commits", goal=VERIFY_MS)


def _commits(repository: Path, stream: Path, env: dict[str, str]) -> None:
    text = str(BODY)
    with stream.open("w") as file:
        for number in range(RECORDS):
            file.write(f"commit refs/heads/main\ncommitter bench <b@example.org> {number} +0000\n")
            file.write(f"data {len(text)}\n{text}\n")
    marks = ["sh", "-c", 'git fast-import --quiet < "$1"', "sh", stream]
    program(marks, repository, env)()
