"""Pruning: the prefix goes, and everything about it can still be proven."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from ledger import (
    Entry,
    FileStore,
    Index,
    KeyFile,
    MemoryStore,
    PrunedError,
    PublicKey,
    Query,
    ReadOnlyError,
    Signer,
    TokenSignatureLedger,
    publish,
    verify,
)
from ledger.chain import remains
from ledger.errors import DamagedError, DurabilityError, LedgerError
from ledger.tiles.form import WIDTH
from ledger.trust.merkle import Frontier, leaf_hash, verify_inclusion

ROOT = Path(__file__).parents[2]
SEGMENT_BYTES = 4096
Opened = Callable[[], TokenSignatureLedger]


def fill(ledger: TokenSignatureLedger, groups: int) -> None:
    for number in range(groups):
        name = ledger.objects.put(b"object %d" % (ledger.head.size // 40))
        ledger.append(
            *[
                Entry("a", {"n": number, "t": "x" * 60}, payload=None if i else name)
                for i in range(4)
            ]
        )


@pytest.fixture
def log(reopen: Opened, tmp_path: Path) -> Path:
    """A closed ledger of 161 records in several segments."""
    with reopen() as ledger:
        fill(ledger, 40)
    return tmp_path / "log"


def segments(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "segments").iterdir())


def test_what_was_pruned_is_gone_and_everything_else_holds(
    log: Path, reopen: Opened, signer: Signer
) -> None:
    with reopen() as ledger:
        bodies = [record.body for record in ledger.read()]
        names = segments(log)
        done = ledger.prune(100)
        assert done.segments >= 2
        assert 0 < done.size <= 100
        assert (done.first, done.record) == (1, 161)
        assert segments(log)[: len(names) - done.segments] == names[done.segments :]
        assert ledger.first == done.size
        check_reading(ledger, done.size, bodies)
        check_proofs(ledger, bodies)
        fill(ledger, 5)
    with TokenSignatureLedger.read_only(log, signer.public) as ledger:
        check_reading(ledger, done.size, bodies)
        check_proofs(ledger, bodies)
        told = ledger.record(161)
        assert told.kind == "ledger.pruned"
        assert told.attributes["size"] == done.size
        assert told.attributes["root"] == ledger.root_at(done.size)
    for jobs in (1, 2):
        verdict = verify(log, signer.public, jobs=jobs)
        assert verdict.status == "ok", verdict.first_bad
        assert verdict.size == 182
        assert f"records 1 to {done.size - 1} were pruned, as record 161" in " ".join(
            verdict.remarks
        )


def check_reading(ledger: TokenSignatureLedger, first: int, bodies: list[bytes]) -> None:
    assert [r.body for r in ledger.read(first, len(bodies))] == bodies[first:]
    assert ledger.record(0).body == bodies[0]
    for start in (0, 1, first - 1):
        with pytest.raises(PrunedError, match=f"records 1 to {first - 1} were pruned"):
            ledger.read(start)
    with pytest.raises(PrunedError, match="proofs about them still hold"):
        ledger.record(first - 1)


def check_proofs(ledger: TokenSignatureLedger, bodies: list[bytes]) -> None:
    for seq in (0, 1, 50, len(bodies) - 1):
        verify_inclusion(ledger.prove(seq), leaf_hash(bodies[seq]), ledger.head.root)


def test_without_tiles_proofs_of_what_went_are_refused_by_name(log: Path, reopen: Opened) -> None:
    with reopen() as ledger:
        ledger.prune(100)
    shutil.rmtree(log / "tile")
    with reopen() as ledger, pytest.raises(PrunedError, match="restore the folder tile"):
        ledger.prove(3)
    assert verify(log).status == "ok"


def test_pruning_again_goes_on_where_it_ended(log: Path, reopen: Opened, signer: Signer) -> None:
    with reopen() as ledger:
        bodies = [record.body for record in ledger.read()]
        one = ledger.prune(60)
        two = ledger.prune(120)
        assert two.first == one.size
        assert two.size > one.size
        assert ledger.prune(120).segments == 0
        check_reading(ledger, two.size, bodies)
        check_proofs(ledger, bodies)
    assert verify(log, signer.public).status == "ok"


@pytest.mark.parametrize("cached", [True, False])
def test_opening_begins_behind_the_prefix(log: Path, reopen: Opened, *, cached: bool) -> None:
    with reopen() as ledger:
        bodies = [record.body for record in ledger.read()]
        done = ledger.prune(100)
    if not cached:
        for path in log.glob("head*"):
            path.unlink()
        shutil.rmtree(log / "seals")
    with reopen() as ledger:
        fill(ledger, 3)
        check_reading(ledger, done.size, bodies)
    assert verify(log, jobs=2).status == "ok"


def test_a_dry_run_changes_nothing(log: Path, reopen: Opened) -> None:
    with reopen() as ledger:
        before = tree(log)
        done = ledger.prune(100, keep=lambda name: False, dry_run=True)
        assert done.record is None
        assert done.segments > 0
        assert done.objects > 0
        assert tree(log) == before


def tree(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_objects_go_only_when_asked_and_only_those_of_pruned_records(
    log: Path, reopen: Opened, tmp_path: Path
) -> None:
    copy = shutil.copytree(log, tmp_path / "copy")
    with reopen() as ledger:
        assert ledger.prune(100).objects == 0
    assert verify(log, objects=True).status == "ok"
    shutil.rmtree(log)
    shutil.copytree(copy, log)
    with reopen() as ledger:
        names = {r.payload for r in ledger.read() if r.payload is not None}
        behind = {r.payload for r in ledger.read(100) if r.payload is not None}
        claimed = min(names - behind)
        done = ledger.prune(100, keep=lambda name: name == claimed)
        left = {name for name in names if ledger.objects.has(name)}
        assert done.objects == len(names) - len(left) > 0
        assert behind | {claimed} <= left
    assert verify(log, objects=True).status == "ok"


def test_a_segment_that_is_not_what_its_seal_states_stays(
    log: Path, reopen: Opened, signer: Signer
) -> None:
    path = log / "segments" / segments(log)[1]
    data = bytearray(path.read_bytes())
    data[900] ^= 1
    path.write_bytes(data)
    before = segments(log)
    with reopen() as ledger, pytest.raises(DamagedError, match="nothing was pruned"):
        ledger.prune(100)
    assert segments(log) == before
    assert not (log / "pruned").exists()


def test_segments_that_vanish_without_pruning_are_damage(log: Path, reopen: Opened) -> None:
    (log / "segments" / segments(log)[0]).unlink()
    assert verify(log).status == "broken"
    with pytest.raises(LedgerError, match="a segment is missing"):
        reopen()


def test_more_missing_than_was_pruned_is_damage(log: Path, reopen: Opened, signer: Signer) -> None:
    with reopen() as ledger:
        ledger.prune(60)
    (log / "segments" / segments(log)[0]).unlink()
    assert verify(log, signer.public).status in {"broken", "unreadable"}
    with pytest.raises(LedgerError):
        reopen()


def test_a_forged_note_of_pruning_is_refused(log: Path, reopen: Opened, signer: Signer) -> None:
    with reopen() as ledger:
        ledger.prune(60)
    good = (log / "pruned").read_bytes()
    real = remains.parse(good)
    assert real.encode(signer) == good
    stranger = Signer(signer.name, b"\5" * 32)
    for data in (real.encode(stranger), good[:-1], good[:60], b"", b"\0" * 100, good + b"\0" * 4):
        (log / "pruned").write_bytes(data)
        assert verify(log, signer.public).status == "broken"
        with pytest.raises(DamagedError, match="pruned does not hold"):
            reopen()


@pytest.mark.slow
def test_every_flipped_byte_of_the_note_is_refused(log: Path, reopen: Opened) -> None:
    with reopen() as ledger:
        ledger.prune(60)
    good = (log / "pruned").read_bytes()
    remains.parse(good)
    for place in range(len(good)):
        data = bytearray(good)
        data[place] ^= 1
        with pytest.raises(LedgerError):
            remains.parse(bytes(data))


def test_a_pruning_that_no_record_states_is_damage(
    log: Path, reopen: Opened, signer: Signer
) -> None:
    with reopen() as ledger:
        ledger.prune(60)
    real = remains.parse((log / "pruned").read_bytes())
    object.__setattr__(real, "record", 159)
    (log / "pruned").write_bytes(real.encode(signer))
    bad = verify(log, signer.public).first_bad
    assert bad is not None
    assert bad.seq == 159
    assert "was not removed by the ledger" in bad.reason


class Killed(BaseException):
    """Nothing after this happened."""


@pytest.mark.parametrize("step", ["keep", "append", "publish", "settle_kept", "drop_before"])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_step_is_finished_or_undone(
    log: Path,
    reopen: Opened,
    signer: Signer,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    *,
    after: bool,
) -> None:
    plain = getattr(FileStore, step)
    with reopen() as ledger:
        bodies = [record.body for record in ledger.read()]

        def dying(self: FileStore, *given: object, **named: object) -> None:
            if after:
                plain(self, *given, **named)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(FileStore, step, dying)
            with pytest.raises(Killed):
                ledger.prune(100)
    with TokenSignatureLedger.read_only(log, signer.public) as reader:
        check_proofs(reader, bodies)
    assert verify(log, signer.public).status == "ok"
    recorded = step not in {"keep", "append"} or (step == "append" and after)
    with reopen() as ledger:
        fill(ledger, 1)
        assert (ledger.first > 0) == recorded
        check_proofs(ledger, bodies)
        if not recorded:
            assert ledger.prune(100).segments > 0
    assert not (log / "pruning").exists()
    assert len(segments(log)) < 8
    assert verify(log, signer.public, jobs=2).status == "ok"


def test_an_open_reader_learns_of_it(log: Path, reopen: Opened, signer: Signer) -> None:
    with TokenSignatureLedger.read_only(log, signer.public) as reader:
        bodies = [record.body for record in reader.read()]
        with reopen() as ledger:
            done = ledger.prune(100)
        check_reading(reader, done.size, bodies)
        reader.refresh()
        assert reader.head.size == 162
        check_reading(reader, done.size, bodies)
        check_proofs(reader, bodies)


def test_keys_that_changed_in_the_prefix_still_lead_to_the_newest(
    tmp_path: Path, clock: Callable[[], int]
) -> None:
    keys = KeyFile.create(tmp_path / "keys" / "key", "test.example/log")

    def opened() -> TokenSignatureLedger:
        return TokenSignatureLedger(
            FileStore(tmp_path / "log"),
            keys,
            clock=clock,
            node="n1",
            segment_bytes=SEGMENT_BYTES,
        )

    known: list[PublicKey] = []
    with opened() as ledger:
        for _ in range(3):
            assert ledger.public_key is not None
            known.append(ledger.public_key)
            fill(ledger, 12)
            ledger.rotate()
        fill(ledger, 12)
        bodies = [record.body for record in ledger.read()]
        done = ledger.prune(110)
        assert done.size > 50, "two rotations lie in what went"
        fill(ledger, 1)
        known.append(ledger.public_key)
    for pin in (*known, None):
        for jobs in (1, 2):
            verdict = verify(tmp_path / "log", pin, jobs=jobs)
            assert verdict.status == "ok", verdict.first_bad
        with TokenSignatureLedger.read_only(tmp_path / "log", pin) as reader:
            check_reading(reader, done.size, bodies)
            check_proofs(reader, bodies)
    stranger = Signer("test.example/log", b"\5" * 32).public
    assert verify(tmp_path / "log", stranger).status == "broken"
    with opened() as ledger:
        ledger.rotate()
        fill(ledger, 30)
        ledger.prune(ledger.head.size - 10)
    assert verify(tmp_path / "log", known[0], jobs=2).status == "ok"


def test_a_ledger_in_memory_has_nothing_to_prune(signer: Signer, clock: Callable[[], int]) -> None:
    with (
        TokenSignatureLedger(MemoryStore(), signer, clock=clock, node="n1") as ledger,
        pytest.raises(ReadOnlyError, match="in a directory"),
    ):
        ledger.prune(3)


@pytest.mark.slow
def test_the_command(log: Path, key_file: Path) -> None:
    def prune(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ledger", "prune", str(log), "--stateless"]
        command += ["--key", str(key_file)]
        return subprocess.run(
            [*command, *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    count = len(os.listdir(log / "segments"))  # noqa: PTH208 - only how many
    refused = prune("--before", "100")
    assert (refused.returncode, "expected --yes" in refused.stderr) == (2, True)
    planned = prune("--before", "100", "--dry-run")
    assert "would go records 1 to" in planned.stdout
    assert len(segments(log)) == count
    nothing = prune("--before", "3", "--yes")
    assert (nothing.returncode, "nothing to prune" in nothing.stdout) == (5, True)
    done = json.loads(prune("--before", "100", "--yes", "--objects", "--json").stdout)
    assert done["segments"] > 2
    assert segments(log)[0] == f"{done['segments']:012d}.seg"
    assert done["record"] == 161
    assert done["objects"] > 0


def test_the_page_shows_these_bytes(
    tmp_path: Path, signer: Signer, clock: Callable[[], int]
) -> None:
    page = (ROOT / "docs" / "ledger-format.md").read_text("utf-8")
    log = tmp_path / "log"
    with TokenSignatureLedger(
        FileStore(log), signer, clock=clock, node="n1", segment_bytes=1024
    ) as ledger:
        for number in range(1, 6):
            ledger.append(Entry("a", {"n": number}))
        ledger.prune(4)
        told = ledger.record(6).attributes
    seal = (log / "seals" / "000000000000.seal").read_text("utf-8")
    data = (log / "pruned").read_bytes()
    length = int.from_bytes(data[:4], "big")
    note, rest = data[4 : 4 + length].decode(), data[4 + length :]
    for text in (seal, note):
        assert "\n".join(f"    {line}".rstrip() for line in text.split("\n")[:-1]) in page
    body = rest[40:-4]
    assert rest == b"\0\0\0\x20" + rest[4:36] + b"\0\0\0\x97" + body + bytes(4)
    assert rest[4:36].hex() in page
    lines = [body[at : at + 32].hex(" ") for at in range(0, len(body), 32)]
    assert "\n".join(f"    {line}" for line in lines) in page
    assert f"`{data[:4].hex(' ')}`" in page
    hashed = b""
    for number in range(3):
        text = (log / "seals" / f"{number:012d}.seal").read_text("utf-8")
        named = dict(line.split(" ", 1) for line in text.split("\n")[1:6])
        hashed += int(named["bytes"]).to_bytes(8, "big") + base64.b64decode(named["blake3"])
    assert told["segments"] == blake3(blake3(hashed).digest()).digest()


def test_no_words_of_pruned_records_stay_in_an_index(tmp_path: Path, reopen: Opened) -> None:
    with reopen() as ledger:
        ledger.append(Entry("a", {"t": "unmistakable"}))
        fill(ledger, 40)
        with Index(ledger) as index:
            assert len(list(index.search(Query(text="unmistakable")))) == 1
        assert b"unmistakable" in (tmp_path / "log" / "index.sqlite").read_bytes()
        ledger.prune(before=ledger.head.size // 2)
        assert ledger.first > 1
    for path in (tmp_path / "log").glob("index.sqlite*"):
        assert b"unmistakable" not in path.read_bytes()
    with reopen() as ledger, Index(ledger) as index:
        assert list(index.search(Query(text="unmistakable"))) == []


def test_a_pruned_log_is_published_into_a_new_folder(
    log: Path, reopen: Opened, signer: Signer, tmp_path: Path
) -> None:
    """The prefix ends within the last tile, which is not full: only the tiles know its leaves."""
    with reopen() as ledger:
        ledger.prune(100)
        assert 0 < ledger.first < ledger.head.size < WIDTH
        fill(ledger, 2)
    with TokenSignatureLedger.read_only(log, signer.public) as ledger:
        publish(ledger, tmp_path / "www")
        size, root = ledger.head.size, ledger.head.root
    (tile,) = (tmp_path / "www" / "tile" / "0").rglob(str(size))
    edge = Frontier()
    edge.extend([tile.read_bytes()[at : at + 32] for at in range(0, 32 * size, 32)])
    assert edge.root() == root


def test_tiles_that_cannot_be_written_are_no_damage(log: Path, reopen: Opened) -> None:
    """A full disk, or a folder that is none: nothing is pruned, and the log is not accused."""
    (log / "tile").write_bytes(b"in the way")
    before = segments(log)
    with (
        reopen() as ledger,
        pytest.raises(DurabilityError, match=r"expected the tiles of .* found"),
    ):
        ledger.prune(100)
    assert segments(log) == before
    (log / "tile").unlink()
    with reopen() as ledger:
        assert ledger.prune(100).segments > 0
