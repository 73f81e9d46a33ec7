"""More for fuzzing: what leaves a ledger for other machines (see ``mutants``).

The verifier that strangers run (``verify_os2.py``) shares no code with the library, so beside
refusing what is not genuine, the two must agree on every input.
"""

import io
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

from ledger import Entry, LedgerError, TokenSignatureLedger, read_bundle, write_bundle
from ledger.evidence import verify_os2
from ledger.evidence.importing import rebuild
from ledger.evidence.jsonl import full_lines
from ledger.trust import equivocation, note
from ledger.trust.equivocation import Equivocation, Finding
from ledger.trust.tlog_proof import (
    ConsistencyProof,
    RecordProof,
    read_consistency_proof,
    read_record_proof,
)
from ledger.witness.request import AddCheckpoint
from tests.ledger.mutants import NOW, SIGNER, Target


def evidence_targets(folder: Path) -> tuple[Target, ...]:
    """The targets; ``folder`` takes the files that they need."""
    base = folder / "evidence"
    base.mkdir()
    ledger = TokenSignatureLedger.open(base / "log", SIGNER, clock=lambda: NOW, node="n1")
    with ledger:
        ledger.append(Entry("a", {"n": 1}), Entry("b", {"text": "é"}, session="s"))
        return (*_proofs(ledger), _forks(ledger, base), _strangers(ledger, base), _lines(base))


def _proofs(ledger: TokenSignatureLedger) -> Iterator[Target]:
    older = ledger.checkpoint
    assert older is not None
    ledger.append(Entry("c", {"n": 2}), Entry("d", {}))
    newer, key = ledger.checkpoint, [SIGNER.public]
    assert newer is not None
    true = [record.body for record in ledger.read()]
    seeds = [
        RecordProof(true[seq], seq, ledger.prove(seq).hashes, newer.note).encode()
        for seq in range(newer.size)
    ]

    def proven(data: bytes) -> None:
        found = read_record_proof(data)
        assert found.encode() == data
        found.verify(key)
        assert found.body == true[found.index], "a record was proved that is not there"

    yield Target("record proofs", tuple(seeds), proven, 6_000)

    hashes = ledger.prove_consistency(older.size, newer.size)
    growth = ConsistencyProof(older.size, hashes, newer.note)

    def grown(data: bytes) -> None:
        found = read_consistency_proof(data)
        assert found.encode() == data
        found.verify(key, older)
        assert found.hashes == hashes

    yield Target("growth proofs", (growth.encode(),), grown, 6_000)

    request = AddCheckpoint(older.size, hashes, note.parse(newer.note))

    def asked(data: bytes) -> None:
        found = AddCheckpoint.parse(data)
        assert found.flaw or found.encode() == data

    yield Target("witness requests", (request.encode(),), asked, 20_000)


def _forks(ledger: TokenSignatureLedger, base: Path) -> Target:
    shutil.copytree(base / "log", base / "fork")
    fork = TokenSignatureLedger.open(base / "fork", SIGNER, clock=lambda: NOW, node="n1")
    with fork:
        fork.append(Entry("there", {}))
        ledger.append(Entry("here", {}))
        assert ledger.checkpoint is not None
        assert fork.checkpoint is not None
        notes = [ledger.checkpoint.note, fork.checkpoint.note]
    texts = {note.parse(data).text for data in notes}
    seed = Equivocation((SIGNER.public,), notes[0], notes[1]).encode()

    def accused(data: bytes) -> None:
        found = equivocation.read(data)
        if found.judge([SIGNER.public]).finding is Finding.TWO_HEADS:
            assert {note.parse(n).text for n in (found.first, found.second)} == texts

    return Target("equivocations", (seed,), accused, 6_000)


def _strangers(ledger: TokenSignatureLedger, base: Path) -> Target:
    path = base / "seed.os2z"
    payload = ledger.objects.put(b"content")
    ledger.append(Entry("e", {}, payload=payload))
    write_bundle(path, ledger, range(ledger.head.size), [payload], {"session": "s"})
    genuine, mutant = path.read_bytes(), base / "mutant.os2z"
    key = verify_os2.Key.parse(str(SIGNER.public))

    def agreed(data: bytes) -> None:
        mutant.write_bytes(data)
        code, _ = verify_os2.verdict(str(mutant), key)
        try:
            read_bundle(mutant, SIGNER.public).objects.close()
        except LedgerError:
            assert code == 1, "the stranger accepts what the library refuses"
            raise
        assert (code, data) == (0, genuine), "an altered bundle was accepted"

    return Target("strangers' bundles", (genuine,), agreed, 3_000)


def _lines(base: Path) -> Target:
    """A ledger as JSON lines, made into a ledger again."""
    genuine = b"".join(full_lines(base / "log", SIGNER.public, objects=True))
    log = _log(base / "log")
    numbers = itertools.count()

    def rebuilt(data: bytes) -> None:
        into = base / f"rebuilt{next(numbers)}"
        try:
            rebuild(io.BytesIO(data), into, SIGNER.public)
            assert _log(into) == log, "another log was made of altered lines"
        except LedgerError:
            assert not into.exists(), "half a ledger was left"
            raise
        finally:
            shutil.rmtree(into, ignore_errors=True)

    return Target("lines of JSON", (genuine,), rebuilt, 1_000)


def _log(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((folder / "segments").iterdir()))
