"""Two heads of one log: what is proven, what is not, and the file that says so."""

import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import (
    CheckpointError,
    Entry,
    KeyFile,
    LedgerError,
    NoteError,
    ProofError,
    Signer,
    TokenSignatureLedger,
    load_or_create_key,
)
from ledger.__main__ import main
from ledger.form.canonical import Digest
from ledger.form.record import Head
from ledger.trust import equivocation
from ledger.trust.checkpoint import Checkpoint, sign
from ledger.trust.equivocation import Equivocation, Finding, Prefix, judge, signed
from ledger.trust.merkle import EMPTY_ROOT, collect, consistency_proof, leaf_hash, root
from ledger.trust.note import Signature, parse

Opened = Callable[[], TokenSignatureLedger]
Out = pytest.CaptureFixture[str]
SEED = bytes(range(32))
SIGNER = Signer("test.example/log", SEED)
OTHER = Signer("other.example/log", SEED)
LEAVES = [leaf_hash(b"%d" % n) for n in range(40)]
NODES = collect(LEAVES, {(level, n) for level in range(6) for n in range(40)})


def head(
    size: int, tree: bytes | None = None, chain: bytes = b"c", by: Signer = SIGNER
) -> Checkpoint:
    value = root(LEAVES[:size]) if tree is None else tree
    return sign(by, Head(size, Digest(chain.ljust(32)), value), hlc=size, durability="group")


def link(old: int, new: int) -> Prefix:
    return Prefix(root(LEAVES[:old]), consistency_proof(old, new, lambda *at: NODES[at]))


def test_one_size() -> None:
    assert judge(head(5), head(5)).finding is Finding.NO_CONTRADICTION
    other = judge(head(5), head(5, bytes(32)))
    assert other.finding is Finding.TWO_HEADS
    assert "two different histories of 5 records" in other.reason
    chain = judge(head(5), head(5, chain=b"x"))
    assert chain.finding is Finding.TWO_HEADS
    assert "chain digests" in chain.reason


def test_a_log_without_chain_digests() -> None:
    """Plain tlog-checkpoints, as other logs sign them, compare by root alone."""
    plain = replace(head(5), extensions={})
    assert judge(plain, head(5, chain=b"x")).finding is Finding.NO_CONTRADICTION
    assert judge(plain, replace(plain, root=bytes(32))).finding is Finding.TWO_HEADS


@settings(database=None)  # a checkout may be read-only
@given(st.integers(1, 40), st.integers(1, 40))
def test_two_sizes(one: int, two: int) -> None:
    small, large = sorted((one, two))
    if small == large:
        return
    for pair in ((head(small), head(large)), (head(large), head(small))):
        assert judge(*pair).finding is Finding.NOT_COMPARABLE
        assert judge(*pair, link(small, large)).finding is Finding.NO_CONTRADICTION
    fork = judge(head(small, bytes(32)), head(large), link(small, large))
    assert fork.finding is Finding.TWO_HEADS
    assert "forked or rewritten" in fork.reason


def test_a_link_that_does_not_hold_proves_nothing() -> None:
    """Else anybody could accuse an honest log with an invented root."""
    good = link(5, 9)
    for bad in (
        replace(good, root=bytes(32)),
        replace(good, hashes=good.hashes[:-1]),
        replace(good, hashes=(*good.hashes, bytes(32))),
        replace(good, hashes=(bytes(32), *good.hashes[1:])),
        link(6, 9),
        link(5, 10),
    ):
        with pytest.raises(ProofError):
            judge(head(5), head(9), bad)


def test_empty_logs() -> None:
    assert judge(head(0, EMPTY_ROOT), head(9)).finding is Finding.NO_CONTRADICTION
    with pytest.raises(ProofError):
        judge(head(0, bytes(32)), head(9))


def test_heads_of_two_logs() -> None:
    with pytest.raises(CheckpointError, match="two heads of one log"):
        judge(head(5), head(5, by=OTHER))


def test_who_signed() -> None:
    note = head(5).note
    assert signed(note, [OTHER.public, SIGNER.public]) == head(5)
    with pytest.raises(CheckpointError, match="pass that log's public key"):
        signed(note, [OTHER.public])
    with pytest.raises(NoteError):
        signed(note, [Signer(SIGNER.name, bytes(32)).public])
    with pytest.raises(NoteError):
        signed(note.replace(b"\n5\n", b"\n6\n"), [SIGNER.public])
    cosigned = parse(note).adding([Signature("witness", b"1234", b"5678")]).encode()
    assert signed(cosigned, [SIGNER.public]).size == 5


def test_the_file() -> None:
    for prefix in (None, link(5, 9)):
        evidence = Equivocation((SIGNER.public,), head(5, bytes(32)).note, head(9).note, prefix)
        data = evidence.encode()
        assert equivocation.read(data) == evidence
        assert json.loads(data)["schema"] == "os2.ledger.equivocation/1"
        wanted = Finding.NOT_COMPARABLE if prefix is None else Finding.TWO_HEADS
        assert evidence.judge().finding is wanted
        assert evidence.judge([SIGNER.public]).finding is wanted
        with pytest.raises(NoteError):
            evidence.judge([Signer(SIGNER.name, bytes(32)).public])


@pytest.mark.parametrize(
    "change",
    [
        lambda m: [m],
        lambda m: m | {"schema": "os2.ledger.equivocation/2"},
        lambda m: m | {"more": 1},
        lambda m: {name: m[name] for name in m if name != "prefix"},
        lambda m: m | {"public_keys": "no list"},
        lambda m: m | {"public_keys": ["no key"]},
        lambda m: m | {"first": 5},
        lambda m: m | {"first": "\ud800"},
        lambda m: m | {"first": "x" * 70_000},
        lambda m: m | {"prefix": []},
        lambda m: m | {"prefix": {"root": "AA==", "hashes": []}},
        lambda m: m | {"prefix": m["prefix"] | {"hashes": ["A" * 43 + "="] * 65}},
        lambda m: m | {"prefix": m["prefix"] | {"hashes": ["no base64"]}},
        lambda m: m | {"prefix": m["prefix"] | {"hashes": None}},
    ],
)
def test_what_is_no_proof_file(change: Callable[[object], object]) -> None:
    evidence = Equivocation((SIGNER.public,), head(5, bytes(32)).note, head(9).note, link(5, 9))
    members = json.loads(evidence.encode())
    with pytest.raises(LedgerError):
        equivocation.read(json.dumps(change(members)).encode()).judge()


@settings(database=None)  # a checkout may be read-only
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ProofError):
        equivocation.read(data)


@settings(database=None)  # a checkout may be read-only
@given(st.data())
def test_no_flip_makes_a_false_accusation(data: st.DataObject) -> None:
    """Flipping bits of an innocent file never turns it into a proof."""
    whole = Equivocation((SIGNER.public,), head(5).note, head(9).note, link(5, 9)).encode()
    spoiled = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        spoiled[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = equivocation.read(bytes(spoiled)).judge([SIGNER.public])
    except LedgerError:
        return
    assert found.finding is not Finding.TWO_HEADS


@pytest.fixture
def forked(open_ledger: Opened, tmp_path: Path, signer: Signer) -> tuple[Path, Path]:
    """A ledger and a copy of it that was continued otherwise, under the same key."""
    with open_ledger() as log:
        log.append(*[Entry("a", {"n": n}) for n in range(299)])
    shutil.copytree(tmp_path / "log", tmp_path / "fork")
    with open_ledger() as log:
        log.append(Entry("b", {}))
    with TokenSignatureLedger.open(tmp_path / "fork", signer, clock=lambda: 0, node="x") as fork:
        fork.append(Entry("B", {}), Entry("c", {}))
    return tmp_path / "log", tmp_path / "fork"


def test_two_ledgers(forked: tuple[Path, Path], tmp_path: Path, capsys: Out) -> None:
    log, fork = map(str, forked)
    proof = tmp_path / "proof.json"
    assert main(["equivocation", log, fork, "--out", str(proof)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("finding  two heads\n")
    assert "trusted  no" in out
    assert main(["equivocation", str(proof), "--pubkey", str(SIGNER.public)]) == 1
    out = capsys.readouterr().out
    assert "signed two histories" in out
    assert "trusted" not in out
    assert main(["equivocation", str(proof), "--pubkey", str(OTHER.public), "--json"]) == 1
    assert capsys.readouterr().out == ""  # an error, not a finding
    assert main(["equivocation", fork, log, "--json", "--pubkey", str(SIGNER.public)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["finding"], found["trusted"]) == ("two heads", True)
    assert main(["equivocation", log, log]) == 0
    assert "both heads state the same 301 records" in capsys.readouterr().out


def test_checkpoints_and_ledgers(forked: tuple[Path, Path], tmp_path: Path, capsys: Out) -> None:
    log, fork = map(str, forked)
    key = ["--pubkey", str(SIGNER.public)]
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copy(forked[0] / "checkpoint", old)
    shutil.copy(forked[1] / "checkpoint", new)
    assert main(["equivocation", str(old), str(new)]) == 2
    assert "expected --pubkey" in capsys.readouterr().err
    assert main(["equivocation", str(old), str(new), *key]) == 5
    assert "without a consistency proof" in capsys.readouterr().out
    assert main(["equivocation", str(old), fork, *key]) == 1
    assert main(["equivocation", str(old), log]) == 0
    assert main(["equivocation", str(new), log]) == 5  # the ledger is the shorter one
    capsys.readouterr()
    assert main(["equivocation", str(new), str(tmp_path / "absent"), *key]) == 4
    (tmp_path / "junk").write_bytes(b"\xff")
    assert main(["equivocation", str(new), str(tmp_path / "junk"), *key]) == 1
    assert "note in UTF-8" in capsys.readouterr().err


def test_with_a_consistency_proof(
    open_ledger: Opened, forked: tuple[Path, Path], tmp_path: Path, capsys: Out
) -> None:
    key = ["--pubkey", str(SIGNER.public)]
    old, new, proof = tmp_path / "old", tmp_path / "new", tmp_path / "proof"
    assert main(["checkpoint", str(forked[0]), "--out", str(old)]) == 0
    with open_ledger() as log:
        log.append(Entry("d", {}))
    assert main(["checkpoint", str(forked[0]), "--out", str(new)]) == 0
    assert main(["prove", str(forked[0]), "--since", "301", "--out", str(proof)]) == 0
    assert main(["equivocation", str(old), str(new), "--proof", str(proof), *key]) == 0
    assert "are the first of the 302" in capsys.readouterr().out
    assert main(["equivocation", str(forked[1]), str(new), "--proof", str(proof), *key]) == 1
    assert main(["prove", str(forked[0]), "--since", "300", "--out", f"{proof}2"]) == 0
    assert main(["equivocation", str(old), str(new), "--proof", f"{proof}2", *key]) == 1
    assert "expected a proof from 301 to 302" in capsys.readouterr().err


def test_a_consistency_proof_between_forks_says_what_to_do(
    forked: tuple[Path, Path], tmp_path: Path, capsys: Out
) -> None:
    """Its first head is not in it, so it cannot tell a wrong proof from a fork."""
    key = ["--pubkey", str(SIGNER.public)]
    proof, found = tmp_path / "proof", tmp_path / "found.json"
    log, fork = map(str, forked)
    assert main(["prove", fork, "--since", "301", "--out", str(proof)]) == 0
    assert (
        main(
            ["equivocation", f"{log}/checkpoint", f"{fork}/checkpoint", *key, "--proof", str(proof)]
        )
        == 1
    )
    assert "give the larger ledger itself" in capsys.readouterr().err
    assert main(["equivocation", log, fork, "--out", str(found)]) == 1
    assert (
        main(
            ["equivocation", f"{log}/checkpoint", f"{fork}/checkpoint", *key, "--proof", str(found)]
        )
        == 1
    )
    assert "two heads" in capsys.readouterr().out


def test_keys_that_differ(forked: tuple[Path, Path], tmp_path: Path, capsys: Out) -> None:
    """Anybody can make a ledger of any name: without a key in common nothing is proven."""
    for name, other in (("third", Signer(SIGNER.name, bytes(32))), ("fourth", OTHER)):
        with TokenSignatureLedger.open(tmp_path / name, other, clock=lambda: 0, node="x") as log:
            log.append(Entry("x", {}))
        assert main(["equivocation", str(forked[0]), str(tmp_path / name)]) == 2
        assert "a key in common, found none" in capsys.readouterr().err
        words = ["equivocation", str(forked[0]), str(tmp_path / name)]
        assert main([*words, "--pubkey", str(SIGNER.public)]) == 2
        assert capsys.readouterr().out == ""
    both = ["--pubkey", str(SIGNER.public), "--pubkey", str(OTHER.public)]
    assert main(["equivocation", str(forked[0]), str(tmp_path / "fourth"), *both]) == 1
    assert "of different logs cannot contradict" in capsys.readouterr().err


def test_after_a_rotation(tmp_path: Path, capsys: Out) -> None:
    """The key of the first epoch, the newest, and both heads' keys lead to the same finding."""
    load_or_create_key(tmp_path / "keys" / "log", SIGNER.name)
    ring = KeyFile(tmp_path / "keys" / "log")
    first = ring.public
    clock = itertools.count(10**18, 10**6).__next__
    with TokenSignatureLedger.open(tmp_path / "log", ring, clock=clock, node="n") as log:
        log.append(Entry("a", {}))
    shutil.copytree(tmp_path / "log", tmp_path / "fork")
    shutil.copytree(tmp_path / "keys", tmp_path / "stolen")
    with TokenSignatureLedger.open(tmp_path / "log", ring, clock=clock, node="n") as log:
        log.append(Entry("b", {}))
        log.rotate()
        log.append(Entry("c", {}))
        newest = log.public_key
    thief = KeyFile(tmp_path / "stolen" / "log")
    with TokenSignatureLedger.open(tmp_path / "fork", thief, clock=clock, node="n") as fork:
        fork.append(*[Entry("B", {"n": n}) for n in range(5)])
    words = ["equivocation", str(tmp_path / "log"), str(tmp_path / "fork"), "--pubkey", str(first)]
    assert main([*words, "--out", str(tmp_path / "proof")]) == 1
    told = capsys.readouterr().out
    assert "two heads" in told
    accused = f"the second head is signed by the key of epoch 0 ({first}), whose last head states 4"
    assert accused in told
    assert "a thief of the retired key" in told
    keys = ["--pubkey", str(first), "--pubkey", str(newest)]
    assert main(["equivocation", str(tmp_path / "proof"), *keys]) == 1
    told = capsys.readouterr().out
    assert ("two heads" in told, "epoch" in told) == (True, False), "keys alone name no epochs"
    assert main(["keys", "export-public", str(tmp_path / "log"), "--epochs"]) == 0
    (tmp_path / "epochs").write_text(capsys.readouterr().out)
    table = ["--pubkey", str(tmp_path / "epochs")]
    assert main(["equivocation", str(tmp_path / "proof"), *table, "--json"]) == 1
    assert list(json.loads(capsys.readouterr().out)["out_of_epoch"]) == ["second"]
    proof = tmp_path / "record"
    assert main(["prove", str(tmp_path / "log"), "1", "--out", str(proof)]) == 0
    assert main(["prove", "--check", str(proof), *keys]) == 0
    assert main(["tiles", str(tmp_path / "log"), "--into", str(tmp_path / "out"), *keys]) == 0
