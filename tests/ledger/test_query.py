"""Queries: the index finds what reading the log finds, and no false index changes an answer."""

import itertools
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger import (
    DamagedError,
    Entry,
    FileStore,
    Index,
    MemoryStore,
    PrunedError,
    Query,
    Signer,
    TokenSignatureLedger,
    flip_byte,
    scan,
    tail,
)
from ledger.query.projection import Projection

ROOT = Path(__file__).parents[2]
START = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)  # the tests' clock
MINUTE = 60_000_000_000
PACE_SECONDS = 0.01
"""Between groups: a log that grows faster than it is read makes each turn longer than the last."""


QUERIES = [
    Query(kind="run.done"),
    Query(kind="run.*"),
    Query(kind=("run.done", "note")),
    Query(kind="*o*e"),
    Query(kind="absent"),
    Query(kind=("note", "r*one", "*absent")),
    Query(session=("s1*", "s3", "\ud7ff*", "\U0010ffff*")),
    Query(actor="ann", kind="run.*"),
    Query(session="s3"),
    Query(session="s1*", token="local"),
    Query(node="n1", actor="bob"),
    Query(token="other"),
    Query(since=START + timedelta(minutes=20)),
    Query(until=START + timedelta(minutes=20)),
    Query(since=START + timedelta(minutes=7), until=START + timedelta(minutes=9), kind="note"),
    Query(since=START + timedelta(days=9)),
    Query(text="apple"),
    Query(text="app"),
    Query(text="ple"),
    Query(text="red apple"),
    Query(text="apple red"),
    Query(text="colour=red"),
    Query(text="n=3"),
    Query(text="größe"),
    Query(text="GRÖSSE"),
    Query(text="ab"),
    Query(text="版"),
    Query(text="=red"),
    Query(text="00ff00ff"),
    Query(text="apple", actor="bob", session="s2"),
    Query(text="run.done", start=20, stop=90),
    Query(kind="note", start=50, stop=51),
    Query(start=10, stop=20),
    Query(stop=0),
    Query(),
]


ANSWERS: dict[tuple[bytes, Query], list[int]] = {}


def history(count: int) -> Iterator[Entry]:
    """A history with few kinds and actors, more sessions, and words in several scripts."""
    for n in range(count):
        told = ("red apple", "green pear", "abacus", "Größe der Version", "这个版本", "")[n % 6]
        yield Entry(
            ("run.began", "run.done", "note")[n % 3],
            {"n": n, "what": {"colour": told, "list": [told, n], "raw": b"\x00\xff\x00\xff"}},
            session=f"s{n // 10}",
            actor=("ann", "bob")[n % 2],
            token="other" if n == 77 else "local",
        )


@pytest.fixture
def log(open_ledger: Callable[[], TokenSignatureLedger], clock: object, tmp_path: Path) -> Path:
    """A closed ledger of 200 records and the first, a minute apart in groups of 5."""
    with open_ledger() as ledger:
        entries = history(200)
        while group := list(itertools.islice(entries, 5)):
            clock.now += MINUTE  # type: ignore[attr-defined]
            ledger.append(*group)
    return tmp_path / "log"


def seqs(records: object) -> list[int]:
    return [record.seq for record in records]  # type: ignore[attr-defined]


def agree(ledger: TokenSignatureLedger, index: Index) -> None:
    """Every query has the same answer from the index and from the log."""
    for query in QUERIES:
        assert seqs(index.search(query)) == seqs(scan(ledger, query)), query


def scanned(ledger: TokenSignatureLedger, log: Path, query: Query) -> list[int]:
    """What scanning finds; a segment of the same bytes gives the same answer, so it is read once."""
    key = ((log / "segments" / "000000000000.seg").read_bytes(), query)
    if key not in ANSWERS:
        ANSWERS[key] = seqs(scan(ledger, query))
    return ANSWERS[key]


@pytest.mark.parametrize("text", [True, False])
def test_the_index_finds_what_the_log_holds(log: Path, *, text: bool) -> None:
    with TokenSignatureLedger.read_only(log) as ledger, Index(ledger, text=text) as index:
        assert index.searches_text is text
        for query in QUERIES:
            for reverse in (False, True):
                for limit in (None, 0, 1, 7):
                    asked = {f: getattr(query, f) for f in query.__dataclass_fields__}
                    again = Query(**{**asked, "reverse": reverse, "limit": limit})
                    assert seqs(index.search(again)) == seqs(scan(ledger, again)), again
        assert (index.size, index.trouble) == (201, None)


def test_what_some_queries_mean(log: Path) -> None:
    """The oracle itself is held to answers that were counted by hand."""
    with TokenSignatureLedger.read_only(log) as ledger, Index(ledger) as index:

        def found(**asked: object) -> list[int]:
            return seqs(index.search(Query(**asked)))  # type: ignore[arg-type]

        assert found(session="s3") == list(range(31, 41))
        assert found(token="other") == [78]
        assert found(kind="run.done", limit=2) == [2, 5]
        assert found(kind="run.done", limit=2, reverse=True) == [200, 197]
        assert found(text="red apple", limit=3) == [1, 7, 13]
        assert found(text="RED APP", limit=1) == [1]
        assert found(text="ple") == []  # not the beginning of a word
        assert found(text="版", limit=1) == [5]  # no spaces, so anywhere
        assert found(text="grösse", limit=1) == [4]
        assert found(text="n=77", stop=100) == [78]
        first = START + timedelta(minutes=1)
        assert found(since=first, until=first + timedelta(minutes=1)) == [1, 2, 3, 4, 5]


def test_an_index_is_kept_and_grows(
    log: Path, open_ledger: Callable[[], TokenSignatureLedger]
) -> None:
    told: list[tuple[int, int]] = []
    with open_ledger() as ledger:
        with Index(ledger, progress=lambda *at: told.append(at)) as index:
            assert seqs(index.search(Query(kind="note", limit=1))) == [3]
            assert index.path == log / "index.sqlite"
            assert told == [(201, 201)]
        with Index(ledger, progress=lambda *at: told.append(at)) as index:
            assert seqs(index.search(Query(kind="note", limit=1))) == [3]
            assert len(told) == 1  # nothing was indexed anew
            ledger.append(Entry("fresh", {}))
            assert seqs(index.search(Query(kind="fresh"))) == [201]
            assert told == [(201, 201), (202, 202)]
            assert index.sync() == 202


def test_a_build_that_was_interrupted_is_finished(log: Path) -> None:
    """Indices are made when all rows are there; who finds a file without them makes them."""
    path = log / "index.sqlite"
    told: list[tuple[int, int]] = []
    with TokenSignatureLedger.read_only(log) as ledger:
        begun = Projection(path, text=True)
        begun.extend(begun.standing(), [list(ledger.read(0, 50))], ledger.origin)
        begun.close()
        inode = path.stat().st_ino
        with Index(ledger, progress=lambda *at: told.append(at)) as index:
            agree(ledger, index)
            assert (path.stat().st_ino, told, index.trouble) == (inode, [(201, 201)], None)
        with Index(ledger) as index:  # taken as it is now, too
            assert (path.stat().st_ino, index.sync()) == (inode, 201)
    connection = sqlite3.connect(path)
    made = connection.execute("select count(*) from sqlite_master where type = 'index'").fetchone()
    connection.close()
    assert made == (5,)


def test_deleting_the_index_costs_nothing_but_time(log: Path) -> None:
    with TokenSignatureLedger.read_only(log) as ledger:
        for _ in range(2):
            with Index(ledger) as index:
                agree(ledger, index)
            for path in log.glob("index.sqlite*"):
                path.unlink()


def damage_garbage(path: Path) -> None:
    path.write_bytes(b"no database at all " * 1000)


def damage_cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def damage_pages(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for at in range(4096, len(data), 4096):
        data[at : at + 64] = bytes(64)
    path.write_bytes(data)


def edit(*statements: str) -> Callable[[Path], None]:
    def edited(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return edited


BAD = {
    "garbage": damage_garbage,
    "cut": damage_cut,
    "pages": damage_pages,
    "another version": edit("pragma user_version = 99"),
    "another program": edit("pragma application_id = 7"),
    "a trigger": edit("create trigger t after insert on names begin delete from names; end"),
    "a view": edit("drop table names", "create view names as select 1 as id, 'x' as name"),
    "other columns": edit("drop table records", "create table records(seq integer primary key)"),
    "no standing": edit("delete from standing"),
    "another origin": edit("update standing set origin = 'elsewhere'"),
    "another chain": edit("update standing set chain = zeroblob(32)"),
    "text as size": edit("update standing set size = 'x'"),
    "ahead of the log": edit("update standing set size = 9999"),
    "behind the rows": edit("update standing set size = 3, chain = zeroblob(32)"),
    "all kinds one": edit("update records set kind = 1"),
    "all names gone": edit("delete from names"),
    "names exchanged": edit(
        "update names set name = 'x' where name = 'ann'",
        "update names set name = 'ann' where name = 'bob'",
    ),
    "time undone": edit("update records set hlc = -hlc"),
    "rows gone": edit("delete from records where seq = 100"),
    "words elsewhere": edit("insert into words(rowid, text) values (5, 'apple red colour')"),
}


@pytest.mark.parametrize("damage", BAD.values(), ids=BAD.keys())
def test_a_bad_index_is_built_anew(log: Path, damage: Callable[[Path], None]) -> None:
    """Whatever names a false record, or is no index, is noticed; the answer is the log's."""
    with TokenSignatureLedger.read_only(log) as ledger:
        with Index(ledger) as index:
            index.sync()
        damage(log / "index.sqlite")
        hidden = damage in {BAD["rows gone"], BAD["all names gone"], BAD["all kinds one"]}
        with Index(ledger) as index:
            list(index.search(Query(session="s9", text="apple")))
            list(index.search(Query(kind="run.*", until=START + timedelta(minutes=9))))
            if not hidden:
                for query in QUERIES:
                    assert seqs(index.search(query)) == scanned(ledger, log, query), query
            assert seqs(scan(ledger, Query(kind="note"))) == list(range(3, 201, 3))


def test_a_lie_is_noticed_amid_an_answer(log: Path) -> None:
    """Row 120 claims another kind: the answer goes on behind what was given already."""
    with TokenSignatureLedger.read_only(log) as ledger:
        with Index(ledger) as index:
            index.sync()
        edit("update records set kind = (select kind from records where seq = 3) where seq = 119")(
            log / "index.sqlite"
        )
        for reverse in (False, True):
            query = Query(kind="note", reverse=reverse)
            with Index(ledger) as index:
                assert seqs(index.search(query)) == seqs(scan(ledger, query))
                if not reverse:
                    assert index.trouble is not None
                    assert "record 119" in index.trouble


def test_an_index_can_hide_but_scan_cannot(log: Path) -> None:
    with TokenSignatureLedger.read_only(log) as ledger:
        with Index(ledger) as index:
            index.sync()
        edit("update records set token = 1 where seq = 78")(log / "index.sqlite")
        with Index(ledger) as index:
            assert seqs(index.search(Query(token="other"))) == []
        assert seqs(scan(ledger, Query(token="other"))) == [78]


def test_the_index_of_another_ledger_is_not_taken(log: Path, tmp_path: Path) -> None:
    with TokenSignatureLedger.read_only(log) as ledger, Index(ledger) as index:
        index.sync()
    other = Signer("test.example/log", bytes(range(1, 33)))
    with TokenSignatureLedger.open(tmp_path / "b", other, clock=lambda: 0, node="n") as ledger:
        ledger.append(*(Entry("note", {"text": "apple"}) for _ in range(300)))
        shutil.copy(log / "index.sqlite", tmp_path / "b" / "index.sqlite")
        with Index(ledger) as index:
            agree(ledger, index)


def test_a_log_restored_from_a_copy_drops_a_newer_index(
    log: Path, open_ledger: Callable[[], TokenSignatureLedger], tmp_path: Path
) -> None:
    shutil.copytree(log, tmp_path / "copy")
    with open_ledger() as ledger, Index(ledger) as index:
        ledger.append(Entry("note", {"text": "apple"}), Entry("note", {}))
        assert len(seqs(index.search(Query(kind="note")))) == 68
    shutil.copy(log / "index.sqlite", tmp_path / "copy" / "index.sqlite")
    with TokenSignatureLedger.read_only(tmp_path / "copy") as ledger, Index(ledger) as index:
        agree(ledger, index)
        assert index.size == 201


def test_a_damaged_log_is_damage_whatever_the_index_says(log: Path) -> None:
    with TokenSignatureLedger.read_only(log) as ledger, Index(ledger) as index:
        index.sync()
        flip_byte(log, 31)
        with pytest.raises(DamagedError):
            list(index.search(Query(session="s3")))


def test_where_no_file_may_be_kept_the_index_is_in_memory(log: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(log, 1, 1)  # a folder that is somebody else's
    else:
        log.chmod(0o555)
    try:
        with TokenSignatureLedger.read_only(log) as ledger:
            with Index(ledger) as index:
                agree(ledger, index)
                assert index.path is None
            assert not (log / "index.sqlite").exists()
            with Index(ledger, tmp_path) as index:  # a folder that the caller names
                agree(ledger, index)
                assert index.path is not None
                assert index.path.parent == tmp_path
    finally:
        log.chmod(0o755)


def test_what_was_pruned_goes_from_the_index_too(tmp_path: Path, signer: Signer) -> None:
    """Also from one that another process made before, and from one that is open."""
    store = FileStore(tmp_path / "log")
    options = {"clock": lambda: 0, "node": "n1", "segment_bytes": 4096}
    with TokenSignatureLedger(store, signer, **options) as ledger:  # type: ignore[arg-type]
        ledger.append(Entry("note", {}, session="unforgettable"))
        for _ in range(40):
            ledger.append(*history(5))
        path = tmp_path / "log" / "index.sqlite"
        with Index(ledger) as index, TokenSignatureLedger.read_only(tmp_path / "log") as reader:
            assert seqs(index.search(Query(session="unforget*"))) == [1]
            assert b"unforgettable" in index_bytes(path)
            with Index(reader) as other:
                assert other.sync() == 202
                first = ledger.prune(150).size
                assert 2 < first <= 150
                for asked, log in ((index, ledger), (other, reader)):
                    assert seqs(asked.search(Query(session="unforget*"))) == []
                    assert seqs(asked.search(Query(kind="note", limit=1)))[0] >= first
                    log.refresh()
                    agree(log, asked)
            assert b"unforgettable" not in index_bytes(path)
            with pytest.raises(PrunedError):
                next(tail(reader, 0))
            assert next(tail(reader, first)).seq == first


def index_bytes(path: Path) -> bytes:
    """The file, and what SQLite keeps beside it."""
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


def test_a_link_is_not_followed(log: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim.sqlite"
    edit("create table names(x)")(victim)
    before = victim.read_bytes()
    (log / "index.sqlite").symlink_to(victim)
    with TokenSignatureLedger.read_only(log) as ledger, Index(ledger) as index:
        agree(ledger, index)
        assert index.path is None
    assert victim.read_bytes() == before


def test_a_folder_that_is_gone(log: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    with TokenSignatureLedger.read_only(log) as ledger, Index(ledger, absent) as index:
        agree(ledger, index)
        assert index.path is None
        assert index.trouble is not None
        assert "absent" in index.trouble


def test_a_ledger_in_memory() -> None:
    ledger = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n1")
    with Index(ledger) as index:
        assert seqs(index.search(Query(kind="note"))) == []
        ledger.append(*history(50))
        agree(ledger, index)
        ledger.append(*history(50))
        agree(ledger, index)
        assert index.path is None


def _limit_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))


def test_no_room_for_the_index(log: Path) -> None:
    """The kernel refuses to let the file grow: queries are answered by reading."""
    code = (
        "import sys; from pathlib import Path\n"
        "from ledger import Index, Query, TokenSignatureLedger, scan\n"
        "with TokenSignatureLedger.read_only(Path(sys.argv[1])) as ledger:\n"
        "    with Index(ledger) as index:\n"
        "        print(*[r.seq for r in index.search(Query(session='s3'))])\n"
        "        print(index.trouble)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(log)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        preexec_fn=_limit_files,
        check=True,
    )
    first, trouble = done.stdout.splitlines()
    assert first == " ".join(map(str, range(31, 41)))
    assert trouble != "None"


def test_several_processes_index_at_once(log: Path, signer: Signer) -> None:
    """Three build and ask while one appends; each finds all that it could know of."""
    code = (
        "import sys; from pathlib import Path\n"
        "from ledger import Index, Query, TokenSignatureLedger, scan\n"
        "with TokenSignatureLedger.read_only(Path(sys.argv[1])) as ledger:\n"
        "    for _ in range(10):\n"
        "        size = ledger.refresh().size\n"
        "        query = Query(kind='note', stop=size)\n"
        "        with Index(ledger) as index:\n"
        "            found = [r.seq for r in index.search(query)]\n"
        "        assert found == [r.seq for r in scan(ledger, query)], len(found)\n"
        "        assert index.trouble is None, index.trouble\n"
        "print('done')\n"
    )
    askers = [
        subprocess.Popen([sys.executable, "-c", code, str(log)], cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    later = 1_800_000_000_000_000_000
    with TokenSignatureLedger.open(log, signer, clock=lambda: later, node="n1") as ledger:
        while any(asker.poll() is None for asker in askers):
            ledger.append(*history(3))
            time.sleep(PACE_SECONDS)
    assert [asker.communicate()[0] for asker in askers] == [b"done\n"] * 3


def test_a_file_replaced_under_an_open_index(log: Path) -> None:
    """One process finds the file bad and replaces it while another still uses the old one."""
    with TokenSignatureLedger.read_only(log) as ledger:
        with Index(ledger) as one, Index(ledger) as other:
            agree(ledger, one)
            projection = Projection(log / "index.sqlite", text=True)
            projection.replace()
            projection.close()
            agree(ledger, one)
            agree(ledger, other)
        with Index(ledger) as index:
            agree(ledger, index)
