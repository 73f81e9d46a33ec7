"""Proof files of records and of older heads; proofs about ranges; a proof's byte-wise example."""

import base64
import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import (
    Entry,
    LedgerError,
    MemoryStore,
    NoteError,
    ProofError,
    Signer,
    TokenSignatureLedger,
)
from ledger.__main__ import main
from ledger.trust.merkle import (
    collect,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from ledger.trust.subtree import (
    is_subtree,
    subtree_consistency_proof,
    verify_subtree_consistency,
    verify_subtree_inclusion,
)
from ledger.trust.tlog_proof import (
    ConsistencyProof,
    RecordProof,
    read_consistency_proof,
    read_record_proof,
)

Opened = Callable[[], TokenSignatureLedger]
Out = pytest.CaptureFixture[str]
VECTORS = Path(__file__).parent.parent / "vectors/transparency-dev_merkle/testdata"
DOCS = Path(__file__).parents[2] / "docs" / "ledger-format.md"
SIGNER = Signer("test.example/log", bytes(range(32)))
LEAVES = [leaf_hash(bytes([n])) for n in range(70)]
NODES = collect(LEAVES, {(level, n) for level in range(7) for n in range(70)})


def b64(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def vectors(folder: str) -> Iterable[tuple[str, dict[str, Any]]]:
    paths = sorted((VECTORS / folder).rglob("*.json"))
    assert paths
    for path in paths:
        yield path.stem, json.loads(path.read_text("utf-8"))


def holds(check: Callable[..., None], *given: object) -> bool:
    try:
        check(*given)
    except ProofError:
        return False
    return True


def hashes(case: dict[str, Any]) -> tuple[bytes, ...]:
    return tuple(b64(value) for value in case["proof"] or ())


def test_subtree_inclusion_vectors() -> None:
    accepted = 0
    for name, case in vectors("subtreeinclusion"):
        where = (case["leafIdx"], case["start"], case["end"])
        found = holds(
            verify_subtree_inclusion, *where, b64(case["leafHash"]), b64(case["root"]), hashes(case)
        )
        assert found is not case["wantErr"], name
        accepted += found
    assert accepted == 12


def test_subtree_consistency_vectors() -> None:
    """Their verifier lets empty ranges pass, and equal roots of 12 bytes; we refuse both."""
    accepted = stricter = 0
    for name, case in vectors("subtreeconsistency"):
        where = (case["start"], case["end"], case["size"])
        roots = (b64(case["root1"]), b64(case["root2"]))
        found = holds(verify_subtree_consistency, *where, *roots, hashes(case))
        if case["start"] == case["end"] or len(roots[0]) != 32:
            assert not found, name
            stricter += not case["wantErr"]
            continue
        assert found is not case["wantErr"], name
        accepted += found
    assert (accepted, stricter) == (5, 7)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 16, 21])
def test_ranges_of_every_kind(size: int) -> None:
    whole = root(LEAVES[:size])
    for start, stop in itertools.product(range(size + 2), repeat=2):
        if not (is_subtree(start, stop) and stop <= size):
            with pytest.raises(ProofError):
                subtree_consistency_proof(start, stop, size, lambda *at: NODES[at])
            continue
        part = root(LEAVES[start:stop])
        proof = subtree_consistency_proof(start, stop, size, lambda *at: NODES[at])
        verify_subtree_consistency(start, stop, size, part, whole, proof)
        if start == 0:
            verify_consistency(stop, size, part, whole, proof)
        for other in (part, bytes(32)), (bytes(32), whole):
            assert not holds(verify_subtree_consistency, start, stop, size, *other, proof)
        for wrong in ((*proof, bytes(32)), proof[:-1] if proof else (bytes(32),)):
            assert not holds(verify_subtree_consistency, start, stop, size, part, whole, wrong)


def test_what_is_a_subtree() -> None:
    ranges = [(start, stop) for start in range(9) for stop in range(9) if is_subtree(start, stop)]
    assert (4, 7) in ranges
    assert (0, 5) in ranges
    assert not {(2, 5), (4, 4), (5, 4), (1, 3)} & set(ranges)


def test_every_record_s_file(small: Path) -> None:
    with TokenSignatureLedger.read_only(small) as log:
        assert log.checkpoint is not None
        for record in log.read():
            shown = log.prove(record.seq)
            proof = RecordProof(record.body, shown.index, shown.hashes, log.checkpoint.note)
            data = proof.encode()
            assert read_record_proof(data) == proof
            assert read_record_proof(data).verify([SIGNER.public]).size == 6
            bare = RecordProof(None, shown.index, shown.hashes, log.checkpoint.note)
            assert b"extra" not in bare.encode()
            assert read_record_proof(bare.encode()).verify([SIGNER.public], record.body).size == 6
            with pytest.raises(ProofError, match="body"):
                bare.verify([SIGNER.public])
            with pytest.raises(ProofError):
                proof.verify([SIGNER.public], record.body + b"\0")
            with pytest.raises(NoteError):
                proof.verify([Signer(SIGNER.name, bytes(32)).public])


def test_older_heads(open_ledger: Opened) -> None:
    heads = []
    with open_ledger() as log:
        for number in range(9):
            log.append(*[Entry("a", {"n": number})] * (number + 1))
            heads.append(log.checkpoint)
        last = log.checkpoint
        assert last is not None
        for old in heads:
            assert old is not None
            assert log.root_at(old.size) == old.root
            shown = log.prove_consistency(old.size, last.size)
            proof = ConsistencyProof(old.size, shown, last.note)
            assert read_consistency_proof(proof.encode()) == proof
            assert proof.verify([SIGNER.public], old).size == last.size
            wrong = ConsistencyProof(old.size + 1, shown, last.note)
            with pytest.raises(ProofError):
                wrong.verify([SIGNER.public], old)
        for sizes in ((0, 3), (3, 2), (3, last.size + 1)):
            with pytest.raises(ProofError):
                log.prove_consistency(*sizes)


def test_signed_and_unsigned_memory() -> None:
    for signer in (None, SIGNER):
        log = TokenSignatureLedger(MemoryStore(), signer, clock=lambda: 0, node="n")
        for number in range(700):
            log.append(Entry("a", {"n": number}))
        size = log.head.size
        for seq, proof in log.prove_all([0, 255, 256, 511, size - 1]).items():
            verify_inclusion(proof, leaf_hash(log.record(seq).body), log.head.root)
        for old in (1, 255, 256, 300, 512, size):
            shown = log.prove_consistency(old, size)
            verify_consistency(old, size, log.root_at(old), log.head.root, shown)
            assert log.root_at(old) == root(leaf_hash(r.body) for r in log.read(0, old))
        with pytest.raises(ProofError):
            log.prove(size)
        with pytest.raises(ProofError):
            log.prove_consistency(3, size + 1)
        with pytest.raises(ProofError):
            log.root_at(size + 1)


def proof_of(small: Path) -> bytes:
    with TokenSignatureLedger.read_only(small) as log:
        assert log.checkpoint is not None
        shown = log.prove(4)
        return RecordProof(
            log.record(4).body, shown.index, shown.hashes, log.checkpoint.note
        ).encode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"c2sp.org/tlog-proof@v1\n", b"c2sp.org/tlog-proof@v2\n"),
        (b"c2sp.org/tlog-proof@v1\n", b""),
        (b"extra ", b"extras "),
        (b"index 4\n", b"index 04\n"),
        (b"index 4\n", b"index -4\n"),
        (b"index 4\n", b"index 4 \n"),
        (b"index 4\n", b""),
        (b"index 4\n", b"index 4\nAAAA\n"),
        (b"index 4\n", b"index 4\n!\n"),
        (b"index 4\n", b"index 4\n" + b"A" * 43 + b"=\n" + b"\n"),
        (b"index 4\n", b"index 4\n" + (b"A" * 43 + b"=\n") * 63),
        (b"index 4\n", b"index 3\n"),
        (b"index 4\n", b"index 99\n"),
        (b"\n6\n", b"\n7\n"),
        (b"\n\n", b"\n"),
        (b"extra ", b"extra \xc3\xa9"),
    ],
)
def test_what_is_no_proof(small: Path, old: bytes, new: bytes) -> None:
    data = proof_of(small)
    assert data.replace(old, new, 1) != data
    with pytest.raises(LedgerError):
        read_record_proof(data.replace(old, new, 1)).verify([SIGNER.public])
    with pytest.raises(LedgerError):
        read_consistency_proof(data)


def test_every_flipped_bit_of_a_proof_is_refused(small: Path) -> None:
    """Each bit but those of signatures' key names that nobody asks for: here there are none."""
    data = proof_of(small)
    assert read_record_proof(data).verify([SIGNER.public]).size == 6
    for place in range(len(data)):
        for bit in (1, 2, 64):
            spoiled = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
            with pytest.raises(LedgerError):
                read_record_proof(spoiled).verify([SIGNER.public])


@settings(database=None)  # a checkout may be read-only
@given(st.binary(max_size=300))
def test_other_bytes(data: bytes) -> None:
    for read in (read_record_proof, read_consistency_proof):
        with pytest.raises(LedgerError):
            read(data)


def test_the_command(
    small: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    key = ["--pubkey", str(SIGNER.public)]
    file = tmp_path / "record.tlog-proof"
    assert main(["prove", str(small), "2", "--out", str(file)]) == 0
    assert main(["prove", str(small), "2"]) == 0
    assert capfdbinary.readouterr().out == file.read_bytes()
    assert main(["prove", "--check", str(file), *key]) == 0
    assert b"holds: record 2 (b) is in the log" in capfdbinary.readouterr().out
    assert main(["prove", "--check", str(file), *key, "--json"]) == 0
    found = json.loads(capfdbinary.readouterr().out)
    assert (found["index"], found["kind"], found["size"]) == (2, "b", 6)
    body = tmp_path / "body"
    with TokenSignatureLedger.read_only(small) as log:
        body.write_bytes(log.record(2).body)
    assert main(["prove", "--check", str(file), *key, "--body", str(body)]) == 0
    body.write_bytes(b"another")
    assert main(["prove", "--check", str(file), *key, "--body", str(body)]) == 1
    assert main(["prove", str(small), "2", "--out", str(file)]) == 2
    assert b"expected no file" in capfdbinary.readouterr().err
    assert main(["prove", str(small), "6"]) == 2
    assert b"expected a record below 6, found 6" in capfdbinary.readouterr().err
    for size in ("0", "7"):
        assert main(["prove", str(small), "--since", size]) == 2
        assert b"expected a size of 1 to 6" in capfdbinary.readouterr().err
    other = Signer(SIGNER.name, bytes(32)).public
    assert main(["prove", "--check", str(file), "--pubkey", str(other)]) == 1
    assert b"this key was rotated: `keys export-public --epochs`" in capfdbinary.readouterr().err
    other = Signer("another.example/log", bytes(32)).public
    assert main(["prove", "--check", str(file), "--pubkey", str(other)]) == 1
    assert b"rotated" not in capfdbinary.readouterr().err
    assert main(["prove", "--check", str(small / "checkpoint"), *key]) == 1
    for words in (
        ["prove"],
        ["prove", str(small)],
        ["prove", str(small), "1", "--since", "2"],
        ["prove", "--check", str(file)],
        ["prove", str(small), "--check", str(file), *key],
    ):
        with pytest.raises(SystemExit) as usage:
            main(words)
        assert usage.value.code == 2
    capfdbinary.readouterr()


def test_the_past_by_command(open_ledger: Opened, tmp_path: Path, capsys: Out) -> None:
    key = ["--pubkey", str(SIGNER.public)]
    there, old, proof = str(tmp_path / "log"), tmp_path / "old", tmp_path / "proof"
    with open_ledger() as log:
        log.append(Entry("a", {}))
    assert main(["checkpoint", there, "--out", str(old), *key]) == 0
    with open_ledger() as log:
        log.append(Entry("b", {}), Entry("c", {}))
    assert main(["prove", there, "--since", "2", "--out", str(proof)]) == 0
    assert main(["prove", "--check", str(proof), "--older", str(old), *key]) == 0
    assert "the first 2 records are unchanged in the 4" in capsys.readouterr().out
    assert main(["prove", "--check", str(proof), *key]) == 2
    assert "--older FILE" in capsys.readouterr().err
    assert main(["prove", there, "--since", "0"]) == 2
    assert main(["prove", there, "--since", "9"]) == 2


def test_the_example_in_the_format(small: Path) -> None:
    """What the page shows is what the code writes, byte for byte."""
    page = DOCS.read_text("utf-8")
    begin = page.index("    c2sp.org/tlog-proof@v1")
    lines = page[begin:].splitlines()
    kept = []
    for line in lines:
        if line and not line.startswith("    "):
            break
        kept.append(line[4:])
    shown = "\n".join(kept).rstrip("\n") + "\n"
    with TokenSignatureLedger.open(
        small.parent / "shown", SIGNER, clock=lambda: 1_700_000_000 * 10**9, node="n1"
    ) as log:
        log.append(Entry("a", {"n": 1}))
        log.append(Entry("b", {}))
        assert log.checkpoint is not None
        proof = log.prove(1)
        data = RecordProof(log.record(1).body, 1, proof.hashes, log.checkpoint.note).encode()
    tile = (small.parent / "shown/tile/0/000.p/3").read_bytes()
    for place in range(0, len(tile), 32):
        assert f"    {tile[place : place + 32].hex()}\n" in page
    assert data.decode() == shown
    assert read_record_proof(shown.encode()).verify([SIGNER.public]).size == 3
