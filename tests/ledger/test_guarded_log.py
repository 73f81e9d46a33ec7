"""A log whose heads are kept apart, and confirmed by witnesses before they count."""

import shutil
import time
from pathlib import Path

import pytest

from ledger import (
    Entry,
    EquivocationError,
    FileStore,
    KeptHead,
    QuorumError,
    RollbackError,
    Signer,
    Status,
    TokenSignatureLedger,
    verify,
)
from ledger.__main__ import main
from ledger.trust.note import parse
from ledger.witness.policy import Policy, Witness, confirmations
from ledger.witness.witnesses import Witnesses
from tests.ledger.witnessing import Running, Serve


def opened(
    directory: Path,
    signer: Signer,
    kept: KeptHead | None = None,
    witnesses: Witnesses | None = None,
) -> TokenSignatureLedger:
    return TokenSignatureLedger.open(
        directory, signer, clock=time.time_ns, node="n", kept=kept, witnesses=witnesses
    )


def test_a_log_that_was_cut_is_refused_and_nothing_is_written(
    tmp_path: Path, signer: Signer
) -> None:
    kept = KeptHead(tmp_path / "kept")
    with opened(tmp_path / "log", signer, kept) as log:
        log.append(Entry("a", {}))
    shutil.copytree(tmp_path / "log", tmp_path / "old")
    with opened(tmp_path / "log", signer, kept) as log:
        log.append(Entry("b", {}))
    # The owner of the disk puts the old copy back, publication included; a torn tail tempts to write.
    shutil.rmtree(tmp_path / "log")
    shutil.copytree(tmp_path / "old", tmp_path / "log")
    segment = tmp_path / "log" / "segments" / "000000000000.seg"
    with segment.open("ab") as file:
        file.write(b"\0\0\0\x40torn")
    before = segment.read_bytes()
    with pytest.raises(RollbackError, match="at least 3 records"):
        opened(tmp_path / "log", signer, kept)
    assert segment.read_bytes() == before


def test_a_ledger_begun_anew_is_refused(tmp_path: Path, signer: Signer) -> None:
    kept = KeptHead(tmp_path / "kept")
    with opened(tmp_path / "log", signer, kept) as log:
        log.append(Entry("a", {}))
    shutil.rmtree(tmp_path / "log")
    with pytest.raises(RollbackError, match="at least 2 records"):
        opened(tmp_path / "log", signer, kept)


def test_another_history_of_the_same_length_is_refused(tmp_path: Path, signer: Signer) -> None:
    kept = KeptHead(tmp_path / "kept")
    with opened(tmp_path / "log", signer, kept) as log:
        log.append(Entry("a", {}))
    with opened(tmp_path / "other", signer) as log:
        log.append(Entry("b", {}))
    with pytest.raises(EquivocationError, match="proof is in"):
        opened(tmp_path / "other", signer, kept)
    with opened(tmp_path / "other", signer) as log:
        log.append(Entry("c", {}))
    with pytest.raises(EquivocationError):
        opened(tmp_path / "other", signer, kept)
    assert list(tmp_path.glob("kept.equivocation-*.json"))


def test_a_log_that_grew_elsewhere_is_welcome(tmp_path: Path, signer: Signer) -> None:
    kept = KeptHead(tmp_path / "kept")
    with opened(tmp_path / "log", signer, kept) as log:
        log.append(Entry("a", {}))
    with opened(tmp_path / "log", signer) as log:
        log.append(*[Entry("b", {"n": n}) for n in range(300)])
    with opened(tmp_path / "log", signer, kept) as log:
        log.append(Entry("c", {}))
        assert kept.load() == log.checkpoint


def asked(required: int, *running: Running) -> Witnesses:
    known = tuple(Witness(each.keys[0], each.url) for each in running)
    return Witnesses(Policy(required, known), deadline_s=5, grace_s=2)


def test_an_append_counts_when_witnesses_confirmed_it(
    tmp_path: Path, signer: Signer, serve: Serve
) -> None:
    key = str(signer.public)
    first, second = (serve(key, name=f"w.example/{n}", store=f"s{n}") for n in "ab")
    directory = tmp_path / "log"
    with asked(2, first, second) as witnesses:
        log = opened(directory, signer, witnesses=witnesses)
        log.append(Entry("a", {}))
        published = (directory / "checkpoint").read_bytes()
        assert log.checkpoint is not None
        assert published.startswith(log.checkpoint.note)
        assert len(confirmations(parse(published), witnesses.policy)) == 2
        second.end()
        with pytest.raises(QuorumError, match="durable and do not count yet") as too_few:
            log.append(Entry("b", {}))
        assert too_few.value.confirmed in {("w.example/a",), ()}
        assert log.head.size == 3
        with pytest.raises(QuorumError):
            log.append(Entry("c", {}))
        assert log.head.size == 3  # nothing more is written before that head is confirmed
        assert (directory / "checkpoint").read_bytes() == published
        log.close()
    assert verify(directory, signer.public).status is Status.OK
    second = serve(key, name="w.example/b", store="sb")
    with (
        asked(2, first, second) as witnesses,
        opened(directory, signer, witnesses=witnesses) as log,
    ):
        log.append(Entry("c", {}))
        assert [record.kind for record in log.read(1)] == ["a", "b", "c"]
        assert (
            len(confirmations(parse((directory / "checkpoint").read_bytes()), witnesses.policy))
            == 2
        )
    result = verify(directory, signer.public)
    assert result.status is Status.OK
    assert not any("older" in remark for remark in result.remarks)


def test_witnesses_refuse_a_log_that_was_rolled_back(
    tmp_path: Path, signer: Signer, serve: Serve
) -> None:
    running = serve(str(signer.public))
    with asked(1, running) as witnesses:
        with opened(tmp_path / "log", signer, witnesses=witnesses) as log:
            log.append(Entry("a", {}))
            shutil.copytree(tmp_path / "log", tmp_path / "old")
            log.append(Entry("b", {}))
        with (
            opened(tmp_path / "old", signer, witnesses=witnesses) as log,
            pytest.raises(QuorumError),
        ):
            log.append(Entry("other b", {}))


def test_a_command_asks_the_same_guards(
    tmp_path: Path, signer: Signer, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither an old copy nor a log without its witnesses gets a new key by command."""
    key, there, old = tmp_path / "key", str(tmp_path / "log"), str(tmp_path / "old")
    key.write_text(signer.secret_text() + "\n")
    key.chmod(0o600)
    running = serve(str(signer.public))
    policy, kept = tmp_path / "policy", tmp_path / "kept"
    policy.write_text(f"witness w {running.keys[0]} {running.url}\nquorum w\n")
    guards = ["--key", str(key), "--kept", str(kept), "--witnesses", str(policy)]
    with opened(Path(there), signer, KeptHead(kept)) as log:
        log.append(Entry("a", {}))
        shutil.copytree(there, old)
        log.append(Entry("b", {}))
    assert main(["keys", "rotate", old, *guards]) == 1
    assert "at least 3 records" in capsys.readouterr().err
    running.end()
    before = next(iter((tmp_path / "log" / "segments").iterdir())).read_bytes()
    assert main(["keys", "rotate", there, *guards]) == 1
    assert "the 3 records are durable and do not count yet" in capsys.readouterr().err
    assert next(iter((tmp_path / "log" / "segments").iterdir())).read_bytes() == before
    assert key.read_text() == signer.secret_text() + "\n"
    policy.write_text("quorum")
    assert main(["keys", "rotate", there, *guards]) == 1
    assert main(["keys", "rotate", there, *guards[:-1], f"{policy}.none"]) == 4


def test_no_command_forgets_the_witnesses_by_mistake(
    tmp_path: Path, signer: Signer, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    """That somebody confirmed the published head shows on it; to go on without takes a word."""
    key, there = tmp_path / "key", str(tmp_path / "log")
    key.write_text(signer.secret_text() + "\n")
    key.chmod(0o600)
    running = serve(str(signer.public))
    with asked(1, running) as witnesses, opened(Path(there), signer, witnesses=witnesses) as log:
        log.append(Entry("a", {}))
    before = (tmp_path / "log" / "checkpoint").read_bytes()
    for words in (
        ["keys", "rotate", there, "--key", str(key)],
        ["prune", there, "--key", str(key), "--before", "1", "--yes", "--stateless"],
    ):
        assert main(words) == 1
        told = capsys.readouterr().err
        assert "expected --witnesses FILE" in told
        assert running.keys[0].name in told
        assert key.read_text() == signer.secret_text() + "\n"
        assert (tmp_path / "log" / "checkpoint").read_bytes() == before
    assert main(["keys", "rotate", there, "--key", str(key), "--unwitnessed"]) == 0
    assert key.read_text() != signer.secret_text() + "\n"


def test_pruning_asks_the_witnesses_before_and_after(
    tmp_path: Path, signer: Signer, serve: Serve
) -> None:
    running = serve(str(signer.public))
    log = tmp_path / "log"

    def reopened(witnesses: Witnesses) -> TokenSignatureLedger:
        store = FileStore(log)
        return TokenSignatureLedger(
            store, signer, clock=lambda: 0, node="n", segment_bytes=1024, witnesses=witnesses
        )

    with asked(1, running) as witnesses, reopened(witnesses) as ledger:
        for number in range(8):
            ledger.append(Entry("a", {"n": number, "t": "x" * 300}))
        done = ledger.prune(4)
        assert done.record is not None
        assert ledger.checkpoint is not None
        published = (log / "checkpoint").read_bytes()
        assert published.startswith(ledger.checkpoint.note), "the pruning was not confirmed"
        assert running.keys[0].name.encode() in published
        ledger.append(Entry("b", {}))
        running.end()
        before = sorted(path.name for path in (log / "segments").iterdir())
    with asked(1, running) as witnesses, reopened(witnesses) as ledger:
        assert ledger.prune(7, dry_run=True).segments, "looking asks nobody"
        with pytest.raises(QuorumError):
            ledger.append(Entry("c", {}))
    with asked(1, running) as witnesses, reopened(witnesses) as ledger:
        with pytest.raises(QuorumError):
            ledger.prune(7)
        assert sorted(path.name for path in (log / "segments").iterdir()) == before
