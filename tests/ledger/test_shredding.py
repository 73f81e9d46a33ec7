"""Shredding: content gone for ever, everything else as valid as before, whatever crashes."""

import base64
import io
import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import (
    Author,
    DiskFull,
    DurabilityError,
    Entry,
    EntryError,
    FileStore,
    ReadOnlyError,
    Record,
    ShreddedError,
    Signer,
    SubjectRefused,
    Subjects,
    TokenSignatureLedger,
    read_bundle,
    verify,
    write_bundle,
)
from ledger.__main__ import main
from ledger.privacy.subject_keys import SubjectKeys
from ledger.trust.merkle import leaf_hash, verify_inclusion

ROOT = Path(__file__).parent.parent.parent
PLAIN = b"The diagnosis of Ada Lovelace is a secret, " + os.urandom(8).hex().encode()

Opener = Callable[[], TokenSignatureLedger]


@pytest.fixture
def sealed(open_ledger: Opener, subjects: Subjects) -> list[Record]:
    """Two records of Ada with one of Bob between, in a closed ledger."""
    with open_ledger() as ledger:
        return [
            subjects.append(ledger, "Ada", PLAIN, Entry("file", {})),
            subjects.append(ledger, "Bob", b"Bob's", Entry("file", {})),
            subjects.append(ledger, "Ada", PLAIN * 4000, Entry("file", {})),
        ]


def on_disk(folder: Path, wanted: bytes) -> list[Path]:
    """Files below ``folder`` that hold ``wanted``, as bytes, hex or base64."""
    spellings = (wanted, wanted.hex().encode(), base64.b64encode(wanted)[:40])
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if any(text in path.read_bytes() for text in spellings)]


def key_of(folder: Path, name: str) -> bytes:
    return next(key.secret for key in SubjectKeys(folder).all() if key.subject == name)


def test_content_is_gone_and_every_proof_holds(
    sealed: list[Record], open_ledger: Opener, subjects: Subjects, tmp_path: Path, signer: Signer
) -> None:
    log = tmp_path / "log"
    before = verify(log, signer.public, objects=True)
    assert before.status == "ok"
    with open_ledger() as ledger:
        first, other, last = sealed
        proof, checkpoint = ledger.prove(first.seq), ledger.checkpoint
        assert checkpoint is not None
        write_bundle(tmp_path / "before.os2z", ledger, [first.seq], [first.payload])
        assert subjects.count(ledger, "Ada") == 2

        done = subjects.shred(ledger, "Ada", "erasure asked for", Author(actor="officer"))

        assert done.record is not None
        assert (done.records, done.record.seq, done.record.actor) == (2, last.seq + 1, "officer")
        assert done.record.attributes == {
            "subject": first.attributes["sealed_for"],
            "reason": "erasure asked for",
            "records": 2,
        }
        for record in (first, last):
            with pytest.raises(ShreddedError, match=r"by officer at 2023-11-14 22:13:20Z") as told:
                subjects.open(ledger, record)
            assert (told.value.seq, told.value.actor) == (done.record.seq, "officer")
            assert "erasure asked for" in str(told.value)
        assert subjects.open(ledger, other) == b"Bob's"
        assert [subject.name for subject in subjects.known()] == ["Bob"]

        verify_inclusion(proof, leaf_hash(ledger.record(first.seq).body), checkpoint.root)
        assert ledger.record(first.seq) == first
        write_bundle(tmp_path / "after.os2z", ledger, [first.seq, done.record.seq], [first.payload])
    after = verify(log, signer.public, objects=True)
    assert (after.status, after.size) == ("ok", before.size + 1)
    for name in ("before.os2z", "after.os2z"):
        with read_bundle(tmp_path / name, signer.public) as bundle:
            assert bundle.trusted
            assert bundle.records[0].commitment == first.commitment


def test_nothing_on_the_disk_leads_back(
    open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    folder, name = tmp_path / "keys", "Augusta Ada King, Countess"
    with open_ledger() as ledger:
        subjects.append(ledger, name, PLAIN, Entry("file", {}))
        subjects.append(ledger, name, PLAIN * 4000, Entry("file", {}))
        subjects.append(ledger, "Bob", b"Bob's", Entry("file", {}))
        secret = key_of(folder, name)
        assert len(on_disk(folder, secret)) == 2  # one file, two names
        assert len(on_disk(folder, name.encode())) == 2
        assert on_disk(tmp_path, PLAIN) == []
        subjects.shred(ledger, name, "asked to")
    for wanted in (secret, PLAIN, PLAIN[:24], b"Ada Lovelace", name.encode(), b"Countess"):
        assert on_disk(tmp_path, wanted) == []
    assert sorted(path.suffix for path in folder.iterdir()) == ["", ".key", ".subject"]


def test_a_destruction_that_a_crash_cut_short_is_swept_up(
    sealed: list[Record], open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    folder, pseudonym = tmp_path / "keys", sealed[0].attributes["sealed_for"]
    alias = folder / f"{pseudonym}.subject"
    with open_ledger() as ledger:
        subjects.append(ledger, "Eve", b"", Entry("file", {}))
        inode, content = alias.stat().st_ino, alias.read_bytes()
        names = [path for path in folder.iterdir() if path.stat().st_ino == inode]
        subjects.shred(ledger, "Ada", "asked to")
        alias.write_bytes(bytes(len(content)))
        alias.chmod(0o600)
        for path in names:
            if path != alias:
                path.hardlink_to(alias)
        (folder / f"{pseudonym}.shredding").touch(0o600)
        assert len(names) == 2
        with pytest.raises(ShreddedError):
            subjects.open(ledger, sealed[0])
        assert not any(path.exists() for path in names)
        assert list(folder.glob("*.shredding")) == []
        assert [subject.name for subject in subjects.known()] == ["Bob", "Eve"]
        assert subjects.open(ledger, sealed[1]) == b"Bob's"


def test_the_key_is_overwritten_before_its_name_goes(
    sealed: list[Record], open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    secret = key_of(tmp_path / "keys", "Ada")
    (held,) = (p for p in (tmp_path / "keys").glob("*.key") if secret in p.read_bytes())
    with held.open("rb") as file, open_ledger() as ledger:
        subjects.shred(ledger, "Ada", "asked to")
        assert not any(file.read())
        assert os.fstat(file.fileno()).st_nlink == 0


def test_again_is_harmless(
    sealed: list[Record], open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    with open_ledger() as ledger:
        subjects.shred(ledger, "Ada", "asked to")
        size = ledger.head.size
        for name in ("Ada", "Nobody"):
            again = subjects.shred(ledger, name, "asked to")
            assert (again.record, again.records) == (None, 0)
        assert subjects.count(ledger, "Ada") is None
        assert Subjects(tmp_path / "none").shred(ledger, "Ada", "asked to").record is None
        assert not (tmp_path / "none").exists()
        assert ledger.head.size == size


def test_a_subject_that_comes_back_is_another(
    sealed: list[Record], open_ledger: Opener, subjects: Subjects
) -> None:
    with open_ledger() as ledger:
        subjects.shred(ledger, "Ada", "asked to")
        back = subjects.append(ledger, "Ada", b"new", Entry("file", {}))
        assert back.attributes["sealed_for"] != sealed[0].attributes["sealed_for"]
        assert subjects.open(ledger, back) == b"new"
        with pytest.raises(ShreddedError):
            subjects.open(ledger, sealed[0])
        assert subjects.shred(ledger, "Ada", "asked again").records == 1


def test_a_reason_does_not_name_the_subject(
    sealed: list[Record], open_ledger: Opener, subjects: Subjects
) -> None:
    with open_ledger() as ledger:
        for reason in ("ADA asked", "asked (by Ada)", "x" * 5000):
            with pytest.raises(SubjectRefused):
                subjects.shred(ledger, "Ada", reason)
        assert subjects.open(ledger, sealed[0]) == PLAIN
        assert subjects.shred(ledger, "Ada", "left Adana").records == 2


def test_nobody_else_writes_such_records(open_ledger: Opener) -> None:
    with open_ledger() as ledger, pytest.raises(EntryError):
        ledger.append(Entry("ledger.shredded", {"subject": "x"}))


def test_a_shredding_that_cannot_be_recorded_destroys_nothing(
    sealed: list[Record], subjects: Subjects, tmp_path: Path
) -> None:
    with TokenSignatureLedger.read_only(tmp_path / "log") as reader:
        with pytest.raises(ReadOnlyError):
            subjects.shred(reader, "Ada", "asked to")
        assert subjects.open(reader, sealed[0]) == PLAIN
        assert [subject.shredding for subject in subjects.known()] == [True, False]


CRASH = """
import os, signal, sys
from pathlib import Path
from ledger import Author, Signer, Subjects, TokenSignatureLedger
from ledger.privacy import subject_keys
here, step = Path(sys.argv[1]), int(sys.argv[2])
calls = 0
def dying(name):
    inner = getattr(os, name)
    def call(*given, **named):
        global calls
        if not armed: return inner(*given, **named)
        calls += 1
        if calls == step: os.kill(os.getpid(), signal.SIGKILL)
        done = inner(*given, **named)
        return done
    setattr(os, name, call)
armed = False
for name in ("open", "unlink", "fsync", "pwrite", "pwritev", "rename", "link"):
    dying(name)
signer = Signer("test.example/log", bytes(range(32)))
with TokenSignatureLedger.open(here / "log", signer, clock=lambda: 0, node="n1") as ledger:
    armed = True
    Subjects(here / "keys").shred(ledger, "Ada", "asked to")
    armed = False
print("done", calls)
"""


@pytest.mark.slow
def test_killed_at_every_call_the_next_one_finishes(
    sealed: list[Record],
    subjects: Subjects,
    open_ledger: Opener,
    tmp_path: Path,
    signer: Signer,
) -> None:
    secret, outcomes = key_of(tmp_path / "keys", "Ada"), set()
    for step in range(1, 100):
        here = tmp_path / f"step{step}"
        shutil.copytree(tmp_path / "log", here / "log")
        shutil.copytree(tmp_path / "keys", here / "keys")
        done = subprocess.run(
            [sys.executable, "-c", CRASH, str(here), str(step)], cwd=ROOT, check=False
        )
        assert verify(here / "log", signer.public, objects=True).status == "ok"
        outcomes.add(_after_crash(here, sealed, signer, secret))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        shutil.rmtree(here)
    assert outcomes == {"readable", "shredded"}
    assert step > 8


def _after_crash(here: Path, sealed: list[Record], signer: Signer, secret: bytes) -> str:
    """Reading finishes what is on record, or reads; then a second shredding leaves one record."""
    subjects = Subjects(here / "keys")
    with TokenSignatureLedger.open(here / "log", signer, clock=lambda: 0, node="n1") as ledger:
        on_record = [r for r in ledger.read() if r.kind == "ledger.shredded"]
        if on_record:
            with pytest.raises(ShreddedError):
                subjects.open(ledger, sealed[0])
            assert on_disk(here, secret) == []
            outcome = "shredded"
        else:
            assert subjects.open(ledger, sealed[0]) == PLAIN
            outcome = "readable"
        subjects.shred(ledger, "Ada", "asked to")
        assert len([r for r in ledger.read() if r.kind == "ledger.shredded"]) == 1
        assert on_disk(here, secret) == []
        assert subjects.open(ledger, sealed[1]) == b"Bob's"
        assert not list((here / "keys").glob("*.shredding"))
        assert len(list((here / "keys").glob("*.key"))) == 1
    return outcome


def test_reading_finishes_a_shredding_that_was_recorded(
    sealed: list[Record], open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    secret = key_of(tmp_path / "keys", "Ada")
    shutil.copytree(tmp_path / "keys", tmp_path / "backup")
    with open_ledger() as ledger:
        subjects.shred(ledger, "Ada", "asked to")
    shutil.rmtree(tmp_path / "keys")
    (tmp_path / "backup").rename(tmp_path / "keys")
    pseudonym = sealed[0].attributes["sealed_for"]
    (tmp_path / "keys" / f"{pseudonym}.shredding").touch(0o600)
    with TokenSignatureLedger.read_only(tmp_path / "log") as reader, pytest.raises(ShreddedError):
        subjects.open(reader, sealed[0])
    assert on_disk(tmp_path, secret) == []


def test_a_restored_backup_of_keys_is_settled(
    sealed: list[Record], open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    secret = key_of(tmp_path / "keys", "Ada")
    shutil.copytree(tmp_path / "keys", tmp_path / "backup")
    with open_ledger() as ledger:
        first = subjects.shred(ledger, "Ada", "asked to")
    shutil.rmtree(tmp_path / "keys")
    (tmp_path / "backup").rename(tmp_path / "keys")
    with TokenSignatureLedger.read_only(tmp_path / "log") as reader:
        assert subjects.settle(reader) == (first,)
        assert subjects.settle(reader) == ()
        assert on_disk(tmp_path, secret) == []
        with pytest.raises(ShreddedError):
            subjects.open(reader, sealed[0])
        assert subjects.open(reader, sealed[1]) == b"Bob's"
        assert Subjects(tmp_path / "none").settle(reader) == ()


def test_what_was_pruned_hinders_nothing(
    tmp_path: Path, signer: Signer, subjects: Subjects
) -> None:
    here = TokenSignatureLedger(
        FileStore(tmp_path / "log"), signer, clock=lambda: 0, node="n1", segment_bytes=4096
    )
    with here as ledger:
        records = [
            subjects.append(ledger, "Ada", b"%d" % n, Entry("file", {"text": "x" * 200}))
            for n in range(30)
        ]
        ledger.prune(records[20].seq)
        kept = [record for record in records if record.seq >= ledger.first]
        assert 0 < len(kept) < 30
        assert subjects.open(ledger, kept[0]) == b"%d" % records.index(kept[0])
        assert subjects.settle(ledger) == ()
        assert subjects.count(ledger, "Ada") == len(kept)
        assert subjects.shred(ledger, "Ada", "asked to").records == len(kept)
        for record in (records[0], kept[0]):
            with pytest.raises(ShreddedError):
                subjects.open(ledger, record)
    assert verify(tmp_path / "log", signer.public, objects=True).status == "ok"


def test_shredding_and_sealing_at_once(open_ledger: Opener, subjects: Subjects) -> None:
    failures: list[BaseException] = []

    def seal() -> None:
        try:
            with open_ledger() as mine:
                for number in range(15):
                    subjects.append(mine, "Ada", b"%d" % number, Entry("k", {}))
        except BaseException as problem:
            failures.append(problem)
            raise

    with open_ledger() as ledger:
        threads = [threading.Thread(target=seal) for _ in range(3)]
        for thread in threads:
            thread.start()
        done = [subjects.shred(ledger, "Ada", "asked to") for _ in range(5)]
        for thread in threads:
            thread.join()
        assert not failures
        done.append(subjects.shred(ledger, "Ada", "asked to"))
        assert sum(one.records for one in done) == 45
        for record in ledger.read():
            if "sealed_for" in record.attributes:
                with pytest.raises(ShreddedError) as told:
                    subjects.open(ledger, record)
                assert told.value.seq > record.seq


def test_a_folder_that_cannot_be_written(
    sealed: list[Record], open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes into folders of any mode")
    with open_ledger() as ledger:
        (tmp_path / "keys").chmod(0o500)
        with pytest.raises(DurabilityError):
            subjects.shred(ledger, "Ada", "asked to")
        (tmp_path / "keys").chmod(0o700)
        assert subjects.open(ledger, sealed[0]) == PLAIN


def test_no_room_for_a_key(
    sealed: list[Record], open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_ledger() as ledger:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(DiskFull):
                subjects.seal(ledger, "Eve", b"x", kind="k")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [subject.name for subject in subjects.known()] == ["Ada", "Bob"]
        record = subjects.append(ledger, "Eve", b"x", Entry("k", {}))
        assert subjects.open(ledger, record) == b"x"


@pytest.fixture
def at(sealed: list[Record], tmp_path: Path, signer: Signer) -> list[str]:
    """Arguments that say where ledger, log key and subjects' keys are."""
    (tmp_path / "log.key").touch(0o600)
    (tmp_path / "log.key").write_text(signer.secret_text())
    return [
        str(tmp_path / "log"),
        *("--key", str(tmp_path / "log.key"), "--subjects", str(tmp_path / "keys")),
    ]


def test_the_command(
    at: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], signer: Signer
) -> None:
    keys = ["--subjects", str(tmp_path / "keys")]
    assert main(["subjects", "list", *keys]) == 0
    assert "  test.example/log  Ada\n" in capsys.readouterr().out
    assert main(["shred", *at, "Ada", "--yes", "--reason", "she asked", "--actor", "me"]) == 0
    assert "closed    2 records" in capsys.readouterr().out
    assert main(["shred", *at, "Ada", "--yes"]) == 5
    assert "nothing to shred" in capsys.readouterr().out
    assert main(["shred", *at, "Bob", "--yes", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["records"], found["schema"]) == (1, "os2.ledger.shredding/1")
    assert main(["subjects", "list", *keys, "--json"]) == 5
    assert json.loads(capsys.readouterr().out)["subjects"] == []
    assert verify(tmp_path / "log", signer.public, objects=True).status == "ok"
    assert main(["shred", *at, "Ada", "--yes", "--reason", "Ada asked"]) == 2
    assert "does not name the subject" in capsys.readouterr().err


def test_reading_by_command(
    at: list[str], sealed: list[Record], tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    log, keys = str(tmp_path / "log"), ["--subjects", str(tmp_path / "keys")]
    assert main(["subjects", "open", log, str(sealed[0].seq), *keys]) == 0
    assert capsysbinary.readouterr().out == PLAIN
    assert main(["subjects", "open", log, "99", *keys]) == 2
    assert main(["subjects", "settle", log, *keys]) == 5
    backup = tmp_path / "backup"
    shutil.copytree(tmp_path / "keys", backup)
    assert main(["shred", *at, "Ada", "--yes"]) == 0
    assert main(["subjects", "open", log, str(sealed[0].seq), *keys]) == 5
    assert b"shredded by" in capsysbinary.readouterr().err
    assert main(["subjects", "settle", log, "--subjects", str(backup), "--json"]) == 0
    assert len(json.loads(capsysbinary.readouterr().out)["destroyed"]) == 1


def test_the_command_asks(
    at: list[str],
    sealed: list[Record],
    open_ledger: Opener,
    subjects: Subjects,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("shred\n"))
    assert main(["shred", *at, "Ada"]) == 2
    assert "no terminal" in capsys.readouterr().err
    for answer, code in ((b"no\n", 5), (b"shred\n", 0)):
        with open_ledger() as ledger:
            assert subjects.open(ledger, sealed[0]) == PLAIN
        terminal, side = pty.openpty()
        os.write(terminal, answer)
        with os.fdopen(side) as given:
            monkeypatch.setattr(sys, "stdin", given)
            assert main(["shred", *at, "Ada"]) == code
        os.close(terminal)
        assert "2 records hold" in capsys.readouterr().err
    with open_ledger() as ledger, pytest.raises(ShreddedError):
        subjects.open(ledger, sealed[0])


def test_a_name_from_standard_input(
    at: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Ada\n"))
    assert main(["shred", *at, "-", "--yes"]) == 0
    assert "closed    2 records" in capsys.readouterr().out
