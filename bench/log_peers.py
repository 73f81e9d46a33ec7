"""What the log is measured beside: the work alone, the disk alone, and other logs.

Each function gives the number of records a second; a peer that is not installed is ``Unmeasured``.
Every log here is as durable as ours: what it was given is synced as often, by itself or by us.
Only ``git_import`` is not, which syncs once at its end.
"""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import msgpack  # type: ignore[import-untyped]
from blake3 import blake3

from bench.measure import MS, Unmeasured, timed
from bench.rooms import environment, git

BODY = {"text": "a record of usual size " * 8}
TEXT = str(BODY)
ONE_PROCESS = """
import sqlite3, sys
path, groups, size, text = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
table = sqlite3.connect(path, timeout=60, isolation_level=None)
table.execute("pragma synchronous = full")
print("ready", flush=True)
sys.stdin.readline()
for _ in range(groups):
    table.execute("begin immediate")
    table.executemany("insert into log (text) values (?)", [(text,)] * size)
    table.execute("commit")
table.close()
"""


def per_second(records: int, work: Callable[[], object]) -> float:
    """Records a second, once what was written before is on the disk."""
    os.sync()
    return records / (timed(work) / MS)


def in_memory(groups: int, size: int) -> float:
    """The least that a log of this form must do: encode and hash, and keep nothing."""
    pack = msgpack.Packer(use_bin_type=True).pack

    def work() -> None:
        chain, time = bytes(32), 1_700_000_000_000 << 16
        for seq in range(groups * size):
            time += 1
            body = pack([1, seq, time, "bench", "", "", "", "bench.entry", BODY, None, None])
            chain = blake3(body, key=chain).digest()

    return per_second(groups * size, work)


def bare_writes(path: Path, times: int, count: int) -> float:
    """``count`` bytes and a sync each time, and nothing else."""
    data, flags = bytes(count), os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags, 0o644)

    def work() -> None:
        for number in range(times):
            os.pwritev(descriptor, [data], number * count, os.RWF_DSYNC)

    try:
        return per_second(times, work)
    finally:
        os.close(descriptor)


def sqlite(path: Path, groups: int, size: int) -> float:
    """A table in a write-ahead log, each transaction synced."""
    table = _table(path)

    def work() -> None:
        for _ in range(groups):
            with table:
                table.executemany("insert into log (text) values (?)", [(TEXT,)] * size)

    try:
        return per_second(groups * size, work)
    finally:
        table.close()


def sqlite_processes(path: Path, processes: int, groups: int, size: int) -> float:
    """Several processes on one table."""
    _table(path).close()
    command = [sys.executable, "-c", ONE_PROCESS, str(path), str(groups), str(size), TEXT]
    return together(command, processes, groups * size)


def together(command: list[str], processes: int, records: int) -> float:
    """Records a second of ``processes`` that start at one word and each write ``records``."""
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(processes)
    ]

    def work() -> None:
        for process in running:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
        for process in running:
            if process.wait():
                raise Unmeasured(f"{command[:3]} ended with {process.returncode}")

    try:
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        return per_second(processes * records, work)
    finally:
        for process in running:
            process.kill()
            process.communicate()


def git_import(base: Path, count: int) -> float:
    """A commit for each record, through ``git fast-import``."""
    repository, env = new_repository(base)
    stream = base / "stream"
    write_commits(stream, count)
    command = ["git", "fast-import", "--quiet"]

    def work() -> None:
        with stream.open("rb") as file:
            subprocess.run(command, cwd=repository, env=env, stdin=file, check=True)

    return per_second(count, work)


def new_repository(base: Path) -> tuple[Path, dict[str, str]]:
    """An empty repository below ``base``, and the environment for git."""
    repository, env = base / "repository", environment(base)
    repository.mkdir(parents=True)
    git(repository, env, "init", "-q")
    return repository, env


def write_commits(stream: Path, count: int) -> None:
    """What ``git fast-import`` reads for ``count`` commits."""
    with stream.open("w") as file:
        for number in range(count):
            file.write(f"commit refs/heads/main\ncommitter bench <b@example.org> {number} +0000\n")
            file.write(f"data {len(TEXT)}\n{TEXT}\n")


@contextmanager
def _auditchain(path: Path, *, wal: bool) -> Iterator[Any]:
    module = _installed("auditchain")
    if wal:  # the file remembers it
        table = sqlite3.connect(path)
        table.execute("pragma journal_mode = wal")
        table.close()
    backend = module.SqliteBackend(str(path))
    yield module.SyncAuditLog(backend)
    import_module("asyncio").run(backend.close())


def auditchain(path: Path, groups: int, size: int, *, wal: bool) -> float:
    """Its SQLite backend, which syncs each batch: once with ``wal``, several times as it comes."""
    entry = ("bench", "bench.entry", "", BODY)
    with _auditchain(path, wal=wal) as log:

        def work() -> None:
            for _ in range(groups):
                log.append_many([entry] * size)

        return per_second(groups * size, work)


def rust_py_audit(path: Path, groups: int, size: int) -> float:
    """One at a time, as its interface has it, and a sync for each ``size`` of them.

    It can sync every record or none; where more than one share a sync, we sync the file for it.
    """
    module = _installed("rust_py_audit")
    log = module.AuditLogger(app_name="bench", file_path=str(path), fsync=size == 1)
    path.touch()
    descriptor = os.open(path, os.O_RDWR)

    def work() -> None:
        for number in range(groups * size):
            log.log(
                actor_id="bench",
                action="bench.entry",
                resource="record",
                resource_id="1",
                metadata=BODY,
            )
            if size > 1 and number % size == size - 1:
                os.fdatasync(descriptor)

    try:
        rate = per_second(groups * size, work)
        if not os.fstat(descriptor).st_size:
            raise Unmeasured("rust-py-audit wrote another file than the one synced for it")
        return rate
    finally:
        os.close(descriptor)


def _table(path: Path) -> sqlite3.Connection:
    table = sqlite3.connect(path)
    table.execute("pragma journal_mode = wal")
    table.execute("pragma synchronous = full")
    table.execute("create table log (seq integer primary key, text)")
    table.commit()
    return table


def _installed(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as problem:
        package = name.replace("_", "-")
        raise Unmeasured(f"{package} is not installed; pip install {package}") from problem
