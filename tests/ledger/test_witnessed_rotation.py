"""A log under witnesses changes its key: those who were told before confirm it, others refuse."""

import time
from pathlib import Path

import pytest

from ledger import Entry, KeyFile, QuorumError, TokenSignatureLedger, load_key, verify
from ledger.__main__ import main
from ledger.trust.merkle import collect, consistency_proof, leaf_hash, root
from ledger.trust.note import encode64
from ledger.witness.policy import Policy, Witness
from ledger.witness.request import AddCheckpoint
from ledger.witness.witnesses import Witnesses
from tests.ledger.witnessing import Running, Serve


def asked(running: Running) -> Witnesses:
    return Witnesses(Policy(1, (Witness(running.keys[0], running.url),)), deadline_s=5, grace_s=2)


def opened(tmp_path: Path, key: KeyFile, witnesses: Witnesses) -> TokenSignatureLedger:
    return TokenSignatureLedger.open(
        tmp_path / "log", key, clock=time.time_ns, node="n", witnesses=witnesses
    )


def test_witnesses_who_know_the_next_key_go_on(tmp_path: Path, serve: Serve) -> None:
    key = KeyFile.create(tmp_path / "keys" / "log", "test.example/log")
    running = serve(str(key.public), store="s")
    with asked(running) as witnesses, opened(tmp_path, key, witnesses) as log:
        log.append(Entry("a", {}))
        coming = str(key.prepare().public)
        assert main(["witness", "add-log", "--store", str(tmp_path / "s"), coming]) == 0
        log.rotate()
        log.append(Entry("b", {}))
        assert str(log.public_key) == coming == str(load_key(key.path).public)
    assert verify(tmp_path / "log", load_key(key.path).public).status == "ok"


def test_a_witness_who_was_not_told_stops_the_log_until_it_is(tmp_path: Path, serve: Serve) -> None:
    key = KeyFile.create(tmp_path / "keys" / "log", "test.example/log")
    running = serve(str(key.public), store="s")
    with asked(running) as witnesses, opened(tmp_path, key, witnesses) as log:
        log.append(Entry("a", {}))
        with pytest.raises(QuorumError):
            log.rotate()
        with pytest.raises(QuorumError):
            log.append(Entry("b", {}))
        fresh = str(load_key(key.path).public)
        assert main(["witness", "add-log", "--store", str(tmp_path / "s"), fresh]) == 0
        log.append(Entry("c", {}))
        assert [record.kind for record in log.read()][-1] == "c"
    assert verify(tmp_path / "log").status == "ok"


def test_a_thief_of_the_former_key_gets_nothing_from_a_witness_that_retired_it(
    tmp_path: Path, serve: Serve
) -> None:
    key = KeyFile.create(tmp_path / "keys" / "log", "test.example/log")
    stolen, store = load_key(key.path), ["--store", str(tmp_path / "s")]
    running = serve(str(key.public), store="s")  # given at the start, not in the list
    with asked(running) as witnesses, opened(tmp_path, key, witnesses) as log:
        log.append(Entry("a", {}))
        assert main(["witness", "add-log", *store, str(key.prepare().public)]) == 0
        log.rotate()
        leaves = list(log.leaves(0, log.head.size))
        forged, size = [*leaves, leaf_hash(b"forged")], len(leaves)
        wanted = {(level, i) for level in range(4) for i in range(len(forged) >> level)}
        nodes = collect(forged, wanted)
        proof = consistency_proof(size, size + 1, lambda *at: nodes[at])
        text = f"{stolen.name}\n{size + 1}\n{encode64(root(forged))}\n"
        request = AddCheckpoint(size, proof, stolen.sign(text))
        assert main(["witness", "retire-log", *store, str(stolen.public)]) == 0
        assert running.add(request)[0] == 403
        log.append(Entry("b", {}))
        assert running.add(AddCheckpoint(size, proof, load_key(key.path).sign(text)))[0] == 409
    assert main(["witness", "retire-log", *store, str(stolen.public)]) == 0
    assert main(["witness", "add-log", *store, str(stolen.public)]) == 2
