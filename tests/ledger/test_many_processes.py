"""Several processes and threads append to one ledger; some of them die."""

import multiprocessing
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ledger import (
    ClosedError,
    Entry,
    FileStore,
    LedgerError,
    Record,
    Signer,
    TokenSignatureLedger,
    verify,
)

ROOT = Path(__file__).parent.parent.parent
ORIGIN = "test.example/log"
SIGNER = Signer(ORIGIN, bytes(range(32)))
APPENDER = textwrap.dedent(
    f"""
    import sys, time
    from pathlib import Path
    from ledger import Entry, Signer, TokenSignatureLedger
    folder, name, count, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    signer = Signer({ORIGIN!r}, bytes(range(32)))
    sys.stdin.readline()
    with TokenSignatureLedger.open(folder, signer, clock=time.time_ns, node=name) as log:
        for n in range(0, count, size):
            group = [Entry("work", {{"n": n + k}}, actor=name) for k in range(size)]
            print(*[record.seq for record in log.append(*group)], flush=True)
    """
)
HOLDER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from ledger import FileStore
    store = FileStore(Path(sys.argv[1]))
    with store.exclusive():
        print("held", flush=True)
        time.sleep(60)
    """
)


def start(folder: Path, name: str, count: int, size: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(folder), name, str(count), str(size)],
        bufsize=0,  # else what readline read ahead is lost to communicate
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )


def release(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()


def opened(folder: Path) -> TokenSignatureLedger:
    return TokenSignatureLedger.open(folder, SIGNER, clock=time.time_ns, node="here")


def work_of(folder: Path) -> dict[str, list[Record]]:
    """The records of each appender, in the order of the log."""
    found: dict[str, list[Record]] = {}
    with TokenSignatureLedger.read_only(folder, SIGNER.public) as reader:
        for record in reader.read():
            if record.kind == "work":
                found.setdefault(record.actor, []).append(record)
    return found


def whole(folder: Path) -> int:
    result = verify(folder, SIGNER.public)
    assert result.status == "ok", result.first_bad
    return result.size


@pytest.mark.slow
def test_four_processes_append_ten_thousand_each(tmp_path: Path) -> None:
    folder, names = tmp_path / "log", [f"p{n}" for n in range(4)]
    running = {name: start(folder, name, 10_000, 25) for name in names}
    release(*running.values())
    said: dict[str, list[int]] = {}
    for name, process in running.items():
        out, _ = process.communicate(timeout=100)
        assert process.returncode == 0
        groups = [[int(seq) for seq in line.split()] for line in out.splitlines()]
        assert all(group == list(range(group[0], group[0] + 25)) for group in groups)
        said[name] = [seq for group in groups for seq in group]
    assert whole(folder) == 40_001
    work = work_of(folder)
    assert {name: [r.seq for r in records] for name, records in work.items()} == said
    for records in work.values():
        assert [record.attributes["n"] for record in records] == list(range(10_000))
        hlcs = [record.hlc for record in records]
        assert hlcs == sorted(set(hlcs))
    firsts = {records[0].seq for records in work.values()}
    lasts = {records[-1].seq for records in work.values()}
    assert max(firsts) < min(lasts), "they did not append at once, so this proved nothing"


@pytest.mark.slow
def test_some_are_killed_while_others_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    steady = {name: start(folder, name, 4_000, 5) for name in ("s0", "s1")}
    release(*steady.values())
    victims: dict[str, list[int]] = {}
    for number in range(10):
        name = f"victim{number}"
        process = start(folder, name, 1_000_000, 3)
        release(process)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(0.005 + 0.011 * number)
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate(timeout=20)
        lines = (first + out).split(b"\n")[:-1]
        victims[name] = [int(seq) for line in lines for seq in line.split()]
    said = dict(victims)
    for name, process in steady.items():
        out, _ = process.communicate(timeout=100)
        assert process.returncode == 0
        said[name] = [int(seq) for seq in out.split()]
        assert len(said[name]) == 4_000
    with opened(folder) as ledger:
        ledger.append(Entry("after", {}))
    whole(folder)
    for name, records in work_of(folder).items():
        # A victim may have written one group more than it lived to say.
        assert [record.seq for record in records][: len(said[name])] == said[name]
        assert len(records) - len(said[name]) in ({0, 3} if name in victims else {0})
        assert [record.attributes["n"] for record in records] == list(range(len(records)))


def test_the_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    with opened(folder) as ledger:
        ledger.append(Entry("before", {}))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    done = threading.Event()

    def append() -> None:
        with opened(folder) as ledger:
            ledger.append(Entry("after", {}))
        done.set()

    waiting = threading.Thread(target=append)
    waiting.start()
    assert not done.wait(0.2), "the lock kept nobody away"
    holder.kill()
    holder.communicate()
    waiting.join(timeout=20)
    assert done.is_set()
    assert whole(folder) == 3


def test_threads_with_instances_of_their_own_and_shared(tmp_path: Path) -> None:
    folder, errors = tmp_path / "log", []
    with ExitStack() as stack:
        instances = [stack.enter_context(opened(folder)) for _ in range(3)]

        def work(ledger: TokenSignatureLedger, name: str) -> None:
            try:
                for n in range(20):
                    ledger.append(*[Entry("work", {"n": 2 * n + k}, actor=name) for k in (0, 1)])
                    assert sum(1 for _ in ledger.read(ledger.head.size - 2)) >= 2
            except (LedgerError, AssertionError) as problem:
                errors.append(problem)

        threads = [
            threading.Thread(target=work, args=(instances[n % 3], f"t{n}")) for n in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert whole(folder) == 241
    assert {name: [r.attributes["n"] for r in rs] for name, rs in work_of(folder).items()} == {
        f"t{n}": list(range(40)) for n in range(6)
    }


def test_a_reader_follows_while_others_append(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    opened(folder).close()
    process = start(folder, "p", 400, 4)
    with TokenSignatureLedger.read_only(folder, SIGNER.public) as reader:
        release(process)
        seen: list[Record] = []
        deadline = time.monotonic() + 60
        while len(seen) < 401 and time.monotonic() < deadline:
            size = reader.refresh().size
            seen += reader.read(len(seen), size)
            assert [record.seq for record in seen] == list(range(size))
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert [int(seq) for seq in out.split()] == [record.seq for record in seen[1:]]


def _fork_appends(ledger: TokenSignatureLedger, answers: "multiprocessing.Queue[str]") -> None:
    try:
        ledger.append(Entry("from a fork", {}))
        answers.put("appended")
    except ClosedError as problem:
        answers.put(str(problem))


def test_a_fork_must_open_for_itself(tmp_path: Path) -> None:
    """Both would own the one lock; each must be told, not trusted to know."""
    fork = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[str] = fork.Queue()
    with opened(tmp_path / "log") as ledger:
        child = fork.Process(target=_fork_appends, args=(ledger, answers))
        child.start()
        answer = answers.get(timeout=20)
        child.join()
        assert "open the ledger again in this process" in answer
        ledger.append(Entry("from the parent", {}))
    assert whole(tmp_path / "log") == 2


@pytest.fixture
def held(tmp_path: Path) -> Iterator[FileStore]:
    opened(tmp_path / "log").close()
    store = FileStore(tmp_path / "log")
    yield store
    store.close()


def test_readers_do_not_wait_for_each_other(held: FileStore, tmp_path: Path) -> None:
    with held.shared(), TokenSignatureLedger.read_only(tmp_path / "log") as reader:
        assert reader.head.size == 1
