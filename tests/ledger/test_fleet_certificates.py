"""Certificates: each kind proves what it says, to a stranger, and nothing else is one."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import (
    Certificate,
    CertificateError,
    DamagedError,
    Entry,
    LogView,
    Obstructed,
    Obstruction,
    PublicKey,
    TokenSignatureLedger,
    encode,
    merge,
    read_certificate,
)
from ledger.fleet.breach import breach
from ledger.fleet.obstruction import Leaf, Statement
from ledger.form.record import body_of
from ledger.trust.merkle import leaf_hash
from ledger.trust.note import Signature, parse
from tests.ledger.fleet_room import created, forge, log_at, prefix, signer

A, B = signer("x/a"), signer("x/b")
Logs = tuple[TokenSignatureLedger, TokenSignatureLedger]


def caught(*logs: TokenSignatureLedger) -> Certificate:
    with pytest.raises(Obstructed) as problem:
        list(merge(map(LogView, logs)).records())
    return read_certificate(problem.value.certificate)


def work(seq: int, hlc: int) -> bytes:
    return body_of(Entry("work", {"n": seq}), seq, hlc, "n")


def breached(folder: Path, bodies: Sequence[bytes]) -> Certificate:
    found = breach(forge(folder, A, bodies), [A.public])
    assert found is not None
    return found


@pytest.fixture
def kinds(tmp_path: Path) -> dict[Obstruction, Certificate]:
    """A true certificate of each kind that needs no pruned log."""
    fork = log_at("x/a", [1, 2, 3], text="other")
    begun = created(A, 1)
    return {
        Obstruction.TWO_HISTORIES: caught(log_at("x/a", [1, 2, 3, 4, 5]), fork),
        Obstruction.TWO_LOGS: caught(log_at("x/a", [1, 2]), log_at("x/a", [1, 2], seed=2)),
        Obstruction.ONE_PLACE: caught(
            log_at("x/a", [1, 3, 5], node="n"), log_at("x/b", [2, 3, 5], node="n")
        ),
        Obstruction.TIME_BACK: breached(tmp_path / "t", [begun, work(1, 5), work(2, 5)]),
        Obstruction.NO_RECORD: breached(tmp_path / "r", [begun, work(1, 5), b"\x93\x01\x02\x03"]),
    }


def test_each_kind_holds_and_comes_back(kinds: dict[Obstruction, Certificate]) -> None:
    for kind, found in kinds.items():
        assert found.kind is kind
        data = found.encode()
        assert data.count(b"\n") == 1, "one line, so that it can end a merge"
        assert read_certificate(data) == found
        assert found.judge() == found.judge([A.public, B.public])
    assert "forked or rewritten" in kinds[Obstruction.TWO_HISTORIES].judge()
    assert "begins under the key" in kinds[Obstruction.TWO_LOGS].judge()
    assert "both state hlc 3 and node 'n'" in kinds[Obstruction.ONE_PLACE].judge()
    assert "its times do not grow" in kinds[Obstruction.TIME_BACK].judge()
    assert "signed as record 2 what is none" in kinds[Obstruction.NO_RECORD].judge()


def test_whom_a_stranger_trusts(kinds: dict[Obstruction, Certificate]) -> None:
    for kind, found in kinds.items():
        with pytest.raises(CertificateError, match="the keys you trust"):
            found.judge([signer("x/c").public])
        only = [A.public]
        if kind is Obstruction.ONE_PLACE:
            with pytest.raises(CertificateError, match="x/b"):
                found.judge(only)
        else:
            found.judge(only)  # of two logs of one name, one is known


def test_no_kind_passes_for_another(kinds: dict[Obstruction, Certificate]) -> None:
    for kind, found in kinds.items():
        for other in set(Obstruction) - {kind}:
            with pytest.raises(CertificateError):
                replace(found, kind=other).judge()


def test_no_flipped_byte_is_overlooked(kinds: dict[Obstruction, Certificate]) -> None:
    """Every byte, and of each a bit that differs from byte to byte."""
    for found in kinds.values():
        data = found.encode()
        for at in range(len(data)):
            changed = bytearray(data)
            changed[at] ^= 1 << at % 8
            with pytest.raises(CertificateError):
                read_certificate(bytes(changed)).judge()


@settings(database=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CertificateError):
        read_certificate(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: [m],
        lambda m: m | {"schema": "os2.ledger.obstruction/2"},
        lambda m: m | {"more": 1},
        lambda m: m | {"kind": "another"},
        lambda m: m | {"statements": m["statements"][::-1]},
        lambda m: m | {"statements": m["statements"] * 2},
        lambda m: m | {"statements": [], "prefix": None},
        lambda m: m | {"statements": None},
        lambda m: m | {"prefix": None},
        lambda m: m | {"prefix": m["prefix"] | {"hashes": []}},
        lambda m: m | {"prefix": m["prefix"] | {"root": "AA=="}},
        lambda m: m | {"prefix": m["prefix"] | {"hashes": ["A" * 43 + "="] * 65}},
        lambda m: _in_first(m, public_key=str(signer("x/a", 3).public)),
        lambda m: _in_first(m, public_key="junk"),
        lambda m: _in_first(m, checkpoint="\ud800"),
        lambda m: _in_first(m, records=[{"seq": 0, "body": "", "hashes": []}]),
        lambda m: _in_first(m, records=[{"seq": True, "body": "", "hashes": []}]),
    ],
)
def test_what_is_no_certificate(
    change: Callable[[Any], object], kinds: dict[Obstruction, Certificate]
) -> None:
    members = json.loads(kinds[Obstruction.TWO_HISTORIES].encode())
    changed = change(members)
    data = json.dumps(changed, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    with pytest.raises(CertificateError):
        read_certificate(data).judge()


def _in_first(members: Any, **changes: object) -> Any:
    first, second = members["statements"]
    return members | {"statements": [first | changes, second]}


def test_a_larger_file_is_not_read() -> None:
    with pytest.raises(CertificateError, match="at most"):
        read_certificate(b" " * (1024 * 1024 + 1))


def test_a_foreign_signature_is_cut_and_may_not_be_added(
    kinds: dict[Obstruction, Certificate],
) -> None:
    """A cosignature proves nothing here: its bytes could be changed unseen."""
    found = kinds[Obstruction.TIME_BACK]
    (statement,) = found.statements
    cosigned = parse(statement.note).adding([Signature("witness", b"1234", b"5678")]).encode()
    assert Statement.by(A.public, cosigned, statement.leaves) == statement
    with pytest.raises(CertificateError, match="one signature"):
        replace(found, statements=(replace(statement, note=cosigned),)).judge()


def innocent(log: TokenSignatureLedger, *seqs: int) -> Statement:
    return LogView(log).statement(*seqs)


def test_innocent_logs_are_not_accused() -> None:
    """Statements that are true, of every shape, from which nothing follows."""
    a, b = log_at("x/a", [1, 3, 5]), log_at("x/b", [2, 3, 6])
    grown = log_at("x/a", [1, 3, 5, 7])
    link = LogView(grown).prefix(3, 4)
    same = LogView(a), prefix(grown, 3)
    for kind, statements, between in (
        (Obstruction.TWO_HISTORIES, [innocent(a), innocent(grown)], link),
        (Obstruction.TWO_HISTORIES, [innocent(a), innocent(grown)], None),
        (Obstruction.TWO_HISTORIES, [view.statement() for view in same], None),
        (Obstruction.TWO_HISTORIES, [innocent(a), innocent(b)], None),
        (Obstruction.TWO_LOGS, [innocent(a, 0), innocent(grown, 0)], None),
        (Obstruction.TWO_LOGS, [innocent(a, 0), innocent(b, 0)], None),
        (Obstruction.TWO_LOGS, [innocent(a, 1), innocent(grown, 1)], None),
        (Obstruction.ONE_PLACE, [innocent(a, 1), innocent(b, 1)], None),  # other nodes
        (Obstruction.ONE_PLACE, [innocent(a, 1), innocent(grown, 1)], None),  # one log
        (Obstruction.TIME_BACK, [innocent(a, 1, 2)], None),
        (Obstruction.TIME_BACK, [innocent(a, 2, 1)], None),
        (Obstruction.TIME_BACK, [innocent(a, 1, 1)], None),
        (Obstruction.NO_RECORD, [innocent(a, 1)], None),
        (Obstruction.PRUNED, [innocent(a, 1)], None),
        (Obstruction.TIME_BACK, [innocent(grown, 1, 2)], link),
    ):
        with pytest.raises(CertificateError):
            Certificate.of(kind, statements, between).judge()


def test_a_pruning_that_states_nonsense_shows_nothing(tmp_path: Path) -> None:
    """Any log may write whatever it likes of itself; only a possible pruning counts."""
    for number, told in enumerate(({"first": 3, "size": 2}, {"first": 1, "size": 9}, {"first": 1})):
        record = body_of(Entry("ledger.pruned", told), 1, 5, "n")
        folder = forge(tmp_path / str(number), A, [created(A, 1), record])
        leaf = Leaf(1, record, (leaf_hash(created(A, 1)),))
        statement = Statement.by(A.public, (folder / "checkpoint").read_bytes(), [leaf])
        with pytest.raises(CertificateError, match="prun"):
            Certificate.of(Obstruction.PRUNED, [statement]).judge()


def test_a_proof_of_another_record_is_refused(kinds: dict[Obstruction, Certificate]) -> None:
    found = kinds[Obstruction.TIME_BACK]
    (statement,) = found.statements
    for leaf in statement.leaves:
        for bad in (
            Leaf(leaf.seq + 1, leaf.body, leaf.hashes),
            Leaf(leaf.seq, work(leaf.seq, 1), leaf.hashes),
            Leaf(leaf.seq, leaf.body, leaf.hashes[:-1]),
        ):
            leaves = tuple(bad if each == leaf else each for each in statement.leaves)
            with pytest.raises(CertificateError):
                replace(found, statements=(replace(statement, leaves=leaves),)).judge()


def test_a_record_in_another_place(tmp_path: Path) -> None:
    found = breached(tmp_path / "log", [created(A, 1), work(2, 5)])
    assert "it states seq 2" in found.judge([A.public])


def test_a_newer_record_is_nobodys_fault(tmp_path: Path) -> None:
    begun, newer = created(A, 1), encode([2, 1, 5, "what", "comes", "next"])
    folder = forge(tmp_path / "log", A, [begun, newer])
    assert breach(folder) is None
    leaf = Leaf(1, newer, (leaf_hash(begun),))
    statement = Statement.by(A.public, (folder / "checkpoint").read_bytes(), [leaf])
    with pytest.raises(CertificateError, match="newer version"):
        Certificate.of(Obstruction.NO_RECORD, [statement]).judge()


def test_damage_that_nobody_signed_is_no_breach(tmp_path: Path) -> None:
    """Neither bad records behind the last head, nor bytes that changed later."""
    bodies = [created(A, 1), work(1, 5), work(2, 4)]
    assert breach(forge(tmp_path / "unsigned", A, bodies, heads=False)) is None
    folder = forge(tmp_path / "flipped", A, [created(A, 1), work(1, 5), work(2, 6)])
    path = folder / "segments" / "000000000000.seg"
    data = bytearray(path.read_bytes())
    data[data.index(work(1, 5)) + 3] ^= 0xFF  # a larger time
    path.write_bytes(data)
    assert breach(folder) is None
    assert breach(tmp_path / "absent") is None
    (tmp_path / "foreign" / "segments").mkdir(parents=True)
    (tmp_path / "foreign" / "segments" / "000000000000.seg").write_bytes(b"a foreign file")
    assert breach(tmp_path / "foreign") is None


@pytest.mark.parametrize("keys", [[], [A.public], [B.public]])
def test_whose_breach(keys: list[PublicKey], tmp_path: Path) -> None:
    """By the keys given, else by those that the log names."""
    forge(tmp_path / "log", A, [created(A, 1), work(1, 5), work(2, 4)])
    with pytest.raises(DamagedError):
        TokenSignatureLedger.read_only(tmp_path / "log")
    assert (breach(tmp_path / "log", keys) is None) == (keys == [B.public])
