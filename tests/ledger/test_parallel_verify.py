"""Several threads or processes verify, and the verdict is that of one, word for word."""

import io
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from ledger import Entry, FileStore, Signer, TokenSignatureLedger, verify
from ledger.chain import parallel, verifying
from ledger.chain.auditing import Outcome, Stretch, Terms
from ledger.commands.progress import Bar
from ledger.storage.seals import Seal
from ledger.trust import note

SEGMENT_BYTES = 4096
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of many small segments, with objects."""
    directory = tmp_path_factory.mktemp("parallel") / "log"
    with TokenSignatureLedger(
        FileStore(directory),
        Signer("test.example/log", bytes(range(32))),
        clock=lambda: 1_700_000_000_000_000_000,
        node="n1",
        segment_bytes=SEGMENT_BYTES,
    ) as ledger:
        for number in range(30):
            name = ledger.objects.put(b"object %d" % (number // 2))
            ledger.append(
                *[
                    Entry("a", {"n": number, "t": "x" * 60}, payload=None if i else name)
                    for i in range(4)
                ]
            )
    return directory


@pytest.fixture
def log(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "log"))


@pytest.fixture(params=["threads", "processes"])
def crew(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who shares the work: threads as where the inner loop is compiled, processes as elsewhere."""
    assert isinstance(request.param, str)
    loop = parallel.inner_loop()
    if loop is None and request.param == "threads":
        pytest.skip("without the compiled inner loop there are processes only")
    monkeypatch.setattr(
        parallel, "inner_loop", lambda: loop if request.param == "threads" else None
    )
    return request.param


def nobody_is_left() -> bool:
    until = time.monotonic() + 10
    while any(isinstance(each, parallel._Thread) for each in threading.enumerate()):
        if time.monotonic() > until:
            return False
    return not multiprocessing.active_children()


def path_of(directory: Path, number: int) -> Path:
    return directory / "segments" / f"{number:012d}.seg"


def seal_of(directory: Path, number: int) -> Path:
    return directory / "seals" / f"{number:012d}.seal"


def last_of(directory: Path) -> int:
    return len(list((directory / "segments").iterdir())) - 1


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def cut(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def replace(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def forged_seal(log: Path, signer: Signer) -> None:
    """A seal that claims the state of another segment, signed as if by the owner."""
    one, two = (Seal.parse(note.parse(seal_of(log, each).read_bytes()).text) for each in (1, 2))
    false = Seal(one.origin, 1, one.bytes, one.digest, one.entry, two.exit)
    seal_of(log, 1).write_bytes(signer.sign(false.text()).encode())


TAMPERINGS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda log: None,
    "a record in the first segment": lambda log: flip(path_of(log, 0), 900),
    "a record in the middle": lambda log: flip(path_of(log, 3), 2500),
    "two records, the later first found": lambda log: (
        flip(path_of(log, 1), 3700),
        flip(path_of(log, 4), 600),
    ),
    "an opening checkpoint": lambda log: flip(path_of(log, 3), 40),
    "a header": lambda log: flip(path_of(log, 2), 3),
    "the last byte of a segment": lambda log: flip(path_of(log, 2), -1),
    "a cut segment": lambda log: cut(path_of(log, 2), 100),
    "a segment cut before its checkpoint": lambda log: cut(path_of(log, 2), 400),
    "zeros behind a segment": lambda log: replace(
        path_of(log, 1), path_of(log, 1).read_bytes() + b"\0" * 50
    ),
    "segments exchanged": lambda log: (replace(path_of(log, 2), path_of(log, 3).read_bytes()),),
    "a torn end": lambda log: cut(path_of(log, last_of(log)), 5),
    "no last segment": lambda log: path_of(log, last_of(log)).unlink(),
    "a seal without meaning": lambda log: replace(seal_of(log, 2), b"nothing"),
    "a seal of another segment": lambda log: replace(seal_of(log, 2), seal_of(log, 1).read_bytes()),
    "no seals": lambda log: shutil.rmtree(log / "seals"),
    "another published head": lambda log: replace(log / "checkpoint", b"another\n"),
    "no published head": lambda log: (log / "checkpoint").unlink(),
    "an object": lambda log: [path.unlink() for path in sorted((log / "objects").glob("*/*"))[3:4]],
}


@pytest.mark.slow
@pytest.mark.parametrize("objects", [False, True])
@pytest.mark.parametrize("name", TAMPERINGS)
def test_the_verdict_is_that_of_one_pass(
    log: Path, signer: Signer, name: str, *, objects: bool
) -> None:
    """With objects it is processes that share the work, without them threads."""
    TAMPERINGS[name](log)
    alone = verify(log, signer.public, objects=objects)
    assert verify(log, signer.public, objects=objects, jobs=3) == alone
    assert (alone.status == "ok") == (
        name in {"nothing", "no published head", "no seals"}
        or name.startswith("a seal")
        or (name == "an object" and not objects)
    )


@pytest.mark.slow
@pytest.mark.usefixtures("crew")
def test_without_a_key_the_named_one_is_used(log: Path) -> None:
    assert verify(log, jobs=2) == verify(log)
    assert verify(log, jobs=2).trusted is False
    flip(path_of(log, 0), 60)  # within record 0
    assert verify(log, jobs=2) == verify(log)


@pytest.mark.slow
@pytest.mark.usefixtures("crew")
def test_a_forged_seal_costs_time_and_nothing_else(log: Path, signer: Signer) -> None:
    alone = verify(log, signer.public)
    forged_seal(log, signer)
    assert verify(log, signer.public, jobs=2) == alone


def test_stretches_begin_where_seals_are_confirmed(log: Path, signer: Signer) -> None:
    seal_of(log, 1).unlink()
    with_store = FileStore(log, read_only=True)
    lengths = [with_store.length(each) for each in range(last_of(log) + 1)]
    stretches = verifying._cut(with_store, lengths, 2, None)
    with_store.close()
    assert [each.first for each in stretches] == [0, 1, *range(3, last_of(log) + 1)]
    assert len(stretches[1].lengths) == 2, "a segment without entry joins the one before"
    assert [each.is_end for each in stretches] == [False] * (len(stretches) - 1) + [True]
    assert sum(sum(each.lengths) for each in stretches) == sum(lengths)


@pytest.mark.slow
def test_progress_is_told_in_bytes_and_reaches_the_end(log: Path, signer: Signer) -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    for jobs in (1, 2):
        told.clear()
        result = verify(log, signer.public, jobs=jobs, progress=tell)
        assert told[-1] == (result.bytes, result.bytes)
        assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kills the first process that is started, as soon as it is there."""
    monkeypatch.setattr(parallel, "inner_loop", lambda: None)
    stop = threading.Event()

    def kill() -> None:
        while not stop.is_set():
            for child in multiprocessing.active_children():
                if child.pid is not None:
                    os.kill(child.pid, signal.SIGKILL)
                    return
            time.sleep(0.001)

    thread = threading.Thread(target=kill)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.slow
@pytest.mark.usefixtures("killing")
def test_a_process_that_dies_changes_nothing(log: Path, signer: Signer) -> None:
    assert verify(log, signer.public, jobs=2).size == 121


@pytest.mark.slow
@pytest.mark.usefixtures("crew")
def test_what_lies_behind_a_bad_stretch_is_not_handed_out(log: Path, signer: Signer) -> None:
    flip(path_of(log, 0), 900)
    store = FileStore(log, read_only=True)
    lengths = [store.length(each) for each in range(last_of(log) + 1)]
    stretches = verifying._cut(store, lengths, 2, None)
    store.close()
    outcomes = parallel.follow_all(
        Terms(log, signer.public, None), stretches, 1, lambda count: None
    )
    assert outcomes[0] is not None
    assert not outcomes[0].good
    assert outcomes[1:] == [None] * (len(stretches) - 1)
    assert nobody_is_left()


@pytest.mark.slow
@pytest.mark.usefixtures("crew")
def test_others_take_their_share_once_they_are_there(
    log: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not before: this thread follows, and listens, until another says that it is there."""
    mine: list[Stretch] = []
    given: list[int] = []
    follow, give = parallel._followed, parallel._Crew._give

    def waiting(terms: Terms, stretch: Stretch, told: parallel._Told) -> Outcome | None:
        if threading.current_thread() is not threading.main_thread():
            return follow(terms, stretch, told)
        mine.append(stretch)
        until = time.monotonic() + 60
        while not given and time.monotonic() < until:
            told._say(0)
        return follow(terms, stretch, told)

    def noted(self: parallel._Crew, channel: Connection) -> None:
        given.extend(self._waiting and [self._waiting[0]])
        give(self, channel)

    monkeypatch.setattr(parallel, "_followed", waiting)
    monkeypatch.setattr(parallel._Crew, "_give", noted)
    with closing(FileStore(log, read_only=True)) as store:
        lengths = [store.length(each) for each in range(last_of(log) + 1)]
        stretches = verifying._cut(store, lengths, 2, None)
    outcomes = parallel.follow_all(
        Terms(log, signer.public, None), stretches, 2, lambda count: None
    )
    assert all(outcome is not None and outcome.good for outcome in outcomes)
    assert mine[0] == stretches[0]
    assert given
    assert len(mine) + len(given) == len(stretches)
    assert nobody_is_left()


@pytest.mark.slow
@pytest.mark.usefixtures("crew")
def test_a_short_log_waits_for_nobody(
    log: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is followed before the other process is there, which then is ended."""
    monkeypatch.setattr(parallel._Crew, "_listen", lambda self, timeout: None)
    alone = verify(log, signer.public)
    assert verify(log, signer.public, jobs=2) == alone
    assert nobody_is_left()


@pytest.mark.slow
@pytest.mark.usefixtures("crew")
def test_an_interrupt_ends_all(log: Path, signer: Signer) -> None:
    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    stretches = [Stretch(0, (path_of(log, 0).stat().st_size,), None, is_end=False)]
    with pytest.raises(KeyboardInterrupt):
        parallel.follow_all(Terms(log, signer.public, None), stretches * 4, 2, interrupt)
    assert nobody_is_left()


@pytest.mark.slow
def test_the_command_takes_jobs(log: Path, signer: Signer) -> None:
    command = [sys.executable, "-m", "ledger", "verify", str(log), "--jobs", "2", "--json"]
    done = subprocess.run(
        [*command, "--pubkey", str(signer.public)], cwd=ROOT, capture_output=True, check=True
    )
    assert json.loads(done.stdout)["size"] == 121
    assert done.stderr == b"", "no progress bar where nobody looks"
    refused = subprocess.run([*command, "--jobs", "0"], cwd=ROOT, capture_output=True, check=False)
    assert refused.returncode == 2


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_the_bar_waits_a_second_and_wipes_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("ledger.commands.progress.time.monotonic", lambda: now[0])
    screen, pipe = Screen(), io.StringIO()
    with Bar("verifying", screen) as bar, Bar("verifying", pipe) as silent:
        bar(1, 4)
        assert screen.getvalue() == ""
        now[0] += 1.5
        for each in (bar, silent):
            each(2 * 1024 * 1024, 4 * 1024 * 1024)
        assert "50% 2 of 4 MiB" in screen.getvalue()
        drawn = screen.getvalue()
        bar(3, 4)
        assert screen.getvalue() == drawn, "not drawn again at once"
    assert screen.getvalue().endswith("\r\x1b[K")
    assert pipe.getvalue() == ""


@pytest.mark.slow
@pytest.mark.usefixtures("crew")
def test_others_leave_nothing_for_this_one(
    log: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Stretch]] = []
    plain = verifying._Verifying._spread

    def watched(self: verifying._Verifying, stretches: list[Stretch], jobs: int) -> list[Stretch]:
        seen.append(plain(self, stretches, jobs))
        return seen[-1]

    monkeypatch.setattr(verifying._Verifying, "_spread", watched)
    for key in (signer.public, None):
        assert verify(log, key, jobs=2).status == "ok"
    assert seen == [[], []]
