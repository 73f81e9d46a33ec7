"""The fleet log: what it takes, what it refuses, and that it can be checked from its records alone."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from ledger import (
    CheckpointError,
    ConflictError,
    DamagedError,
    Entry,
    EpochError,
    Fleet,
    FleetError,
    FleetLog,
    Incomplete,
    KeyFile,
    LedgerError,
    MemoryStore,
    NodeUnknown,
    NoteError,
    Obstructed,
    Obstruction,
    ProofError,
    Record,
    RollbackError,
    TokenSignatureLedger,
    WrongKey,
    leaf_hash,
    load_key,
    read_certificate,
    verify_inclusion,
)
from ledger.evidence.lineage import succession
from ledger.fleet.membership import fold
from ledger.trust import checkpoint
from ledger.trust.note import Signature, parse
from ledger.trust.succession import Succession, succeed
from ledger.trust.tlog_proof import ConsistencyProof
from tests.ledger.fleet_room import log_at, signer

TIMES = list(range(1, 200))
Grow = Callable[..., TokenSignatureLedger]


@pytest.fixture
def log() -> TokenSignatureLedger:
    """An empty fleet log."""
    return TokenSignatureLedger(
        MemoryStore(), signer("x/fleet", 9), clock=iter(range(0, 10**15, 10**6)).__next__, node="f"
    )


@pytest.fixture
def nodes(log: TokenSignatureLedger) -> FleetLog:
    return FleetLog(log)


def node(name: str = "x/a", size: int = 3, **how: object) -> TokenSignatureLedger:
    return log_at(name, TIMES[:size], **how)  # type: ignore[arg-type]


def recorded(log: TokenSignatureLedger) -> list[str]:
    return [record.kind for record in log.read()][1:]


@pytest.fixture
def rotating(tmp_path: Path) -> Grow:
    """Opens a node's log on disk, in ``folder``, with a key that can rotate."""
    KeyFile.create(tmp_path / "keys" / "a", "x/a")
    clock = iter(range(10**18, 10**19, 10**6)).__next__

    def opened(folder: str = "a", keys: str = "keys") -> TokenSignatureLedger:
        ring = KeyFile(tmp_path / keys / "a")
        return TokenSignatureLedger.open(tmp_path / folder, ring, clock=clock, node="a")

    return opened


def test_heads_that_grow(nodes: FleetLog, log: TokenSignatureLedger) -> None:
    small, large = node(), node(size=7)
    assert small.public_key is not None
    nodes.admit(small.public_key)
    assert nodes.observe(small)[0].attributes["checkpoint"] == small.checkpoint.note.decode()  # type: ignore[union-attr]
    assert nodes.observe(small) == ()
    (record,) = nodes.observe(large)
    assert record.attributes["old"] == 3
    member = nodes.fleet.member("x/a")
    assert member.head == large.checkpoint
    assert (member.admitted, member.seen) == (1, 3)
    assert recorded(log) == ["fleet.node_admitted", "fleet.checkpoint", "fleet.checkpoint"]
    assert fold(log.read()) == nodes.fleet


def test_the_heads_are_leaves_of_the_fleet_log(nodes: FleetLog, log: TokenSignatureLedger) -> None:
    a = node()
    nodes.admit(a.public_key)  # type: ignore[arg-type]
    (record,) = nodes.observe(a)
    verify_inclusion(log.prove(record.seq), leaf_hash(record.body), log.head.root)


def test_who_was_not_admitted(nodes: FleetLog, log: TokenSignatureLedger) -> None:
    nodes.admit(signer("x/a").public)
    with pytest.raises(NodeUnknown, match=r"expected a node .*x/a.*found 'x/b'"):
        nodes.observe(node("x/b"))
    with pytest.raises(NodeUnknown):
        nodes.observe_head(node("x/b").checkpoint.note)  # type: ignore[union-attr]
    with pytest.raises(WrongKey, match="another history of keys"):
        nodes.observe(node(seed=2))
    with pytest.raises(NoteError):
        nodes.observe_head(node(seed=2).checkpoint.note)  # type: ignore[union-attr]
    with pytest.raises(FleetError, match="admitted already"):
        nodes.admit(signer("x/a", 2).public)
    assert recorded(log) == ["fleet.node_admitted"]


def test_a_shorter_log_is_a_rollback(nodes: FleetLog, log: TokenSignatureLedger) -> None:
    nodes.admit(signer("x/a").public)
    nodes.observe(node(size=5))
    for attempt in (
        lambda: nodes.observe(node(size=4)),
        lambda: nodes.observe_head(node(size=4).checkpoint.note),  # type: ignore[union-attr]
    ):
        with pytest.raises(RollbackError, match="an old copy, was cut, or was restored"):
            attempt()
    assert len(recorded(log)) == 2


@pytest.mark.parametrize("size", [5, 9])
def test_a_fork_is_caught_and_stays_known(
    nodes: FleetLog, log: TokenSignatureLedger, size: int
) -> None:
    nodes.admit(signer("x/a").public)
    nodes.observe(node(size=5))
    with pytest.raises(Obstructed) as problem:
        nodes.observe(node(size=size, text="other"))
    found = read_certificate(problem.value.certificate)
    assert found.kind is Obstruction.TWO_HISTORIES
    found.judge([signer("x/a").public])
    assert recorded(log)[-1] == "fleet.node_obstructed"
    assert fold(log.read()).member("x/a").certificate == found
    with pytest.raises(FleetError, match="contradicted themselves"):
        nodes.observe(node(size=9))
    with pytest.raises(FleetError, match="a new key"):
        nodes.admit(signer("x/a").public)
    nodes.admit(signer("x/a", 3).public)
    assert nodes.observe(node(seed=3))[0].attributes["old"] == 0
    assert fold(log.read()) == nodes.fleet


def test_a_shorter_fork_is_caught_by_an_earlier_head(nodes: FleetLog) -> None:
    nodes.admit(signer("x/a").public)
    for size in (3, 6, 9):
        nodes.observe(node(size=size))
    with pytest.raises(Obstructed):
        nodes.observe(node(size=7, text="other"))


def test_a_head_alone(nodes: FleetLog, log: TokenSignatureLedger) -> None:
    small, large, fork = node(), node(size=8), node(size=8, text="other")
    notes = [each.checkpoint.note for each in (small, large, fork)]  # type: ignore[union-attr]
    nodes.admit(signer("x/a").public)
    assert nodes.observe_head(notes[0])
    assert nodes.observe_head(notes[0]) == ()
    with pytest.raises(Incomplete, match="prove DIR --since 3"):
        nodes.observe_head(notes[1])
    for proof in (
        ConsistencyProof(3, fork.prove_consistency(3, 8), notes[1]),
        ConsistencyProof(4, large.prove_consistency(4, 8), notes[1]),
        ConsistencyProof(3, large.prove_consistency(3, 8), notes[2]),
    ):
        with pytest.raises(ProofError):
            nodes.observe_head(notes[1], proof)
    with pytest.raises(ProofError, match="observe the log itself"):
        nodes.observe_head(notes[2], ConsistencyProof(3, fork.prove_consistency(3, 8), notes[2]))
    nodes.observe_head(notes[1], ConsistencyProof(3, large.prove_consistency(3, 8), notes[1]))
    with pytest.raises(Obstructed):
        nodes.observe_head(notes[2])
    assert len(recorded(log)) == 4
    assert fold(log.read()) == nodes.fleet


def test_a_cosigned_head_is_kept_as_it_was_signed(nodes: FleetLog) -> None:
    plain = node().checkpoint
    assert plain is not None
    cosigned = parse(plain.note).adding([Signature("witness", b"1234", b"5678")]).encode()
    nodes.admit(signer("x/a").public)
    (record,) = nodes.observe_head(cosigned)
    assert record.attributes["checkpoint"] == cosigned.decode()
    with pytest.raises(Obstructed) as problem:
        nodes.observe(node(text="other"))
    assert b"witness" not in problem.value.certificate


def test_rotations_are_followed(nodes: FleetLog, log: TokenSignatureLedger, rotating: Grow) -> None:
    with rotating() as a:
        nodes.admit(a.public_key)  # type: ignore[arg-type]
        nodes.observe(a)
        for n in range(3):
            a.append(Entry("work", {"n": n}))
            a.rotate()
        assert [r.kind for r in nodes.observe(a)] == ["fleet.node_rotated"] * 3 + [
            "fleet.checkpoint"
        ]
        member = nodes.fleet.member("x/a")
        assert a.keys is not None
        assert member.epochs == a.keys.epochs
        assert member.head == a.checkpoint
    assert fold(log.read()) == nodes.fleet
    kinds = recorded(log)
    assert kinds.count("fleet.node_rotated") == 3


def test_a_head_at_the_very_rotation(
    nodes: FleetLog, rotating: Grow, log: TokenSignatureLedger, tmp_path: Path
) -> None:
    """The last head by the old key is observed before the new key has signed any."""
    with rotating() as a:
        nodes.admit(a.public_key)  # type: ignore[arg-type]
        rotation = a.rotate()
        last = a.checkpoint_at(rotation.seq + 1)
        nodes.observe_head(last.note)
        assert nodes.fleet.member("x/a").head == last
        assert [r.kind for r in nodes.observe(a)] == ["fleet.node_rotated", "fleet.checkpoint"]
        assert a.checkpoint is not None
        text = parse(a.checkpoint.note).text
        present = load_key(tmp_path / "keys" / "a")
        for other in (text.replace("epochs 2", "epochs 3"), text.partition("epochs")[0]):
            with pytest.raises(CheckpointError, match="the keys of this log changed"):
                nodes.observe_head(present.sign(other).encode())
    assert fold(log.read()) == nodes.fleet


def test_a_node_known_by_a_later_key(nodes: FleetLog, rotating: Grow) -> None:
    with rotating() as a:
        a.rotate()
        assert a.keys is not None
        nodes.admit(a.keys.epochs.current.key)
        with pytest.raises(WrongKey, match="table of epochs"):
            nodes.observe(a)


def test_a_node_admitted_by_its_table(
    nodes: FleetLog, rotating: Grow, log: TokenSignatureLedger, tmp_path: Path
) -> None:
    with rotating() as a:
        a.append(Entry("work", {}))
    shutil.copytree(tmp_path / "a", tmp_path / "old")
    with rotating() as a:
        a.rotate()
        assert a.keys is not None
        nodes.admit(a.keys.epochs)
        with TokenSignatureLedger.read_only(tmp_path / "old") as old, pytest.raises(RollbackError):
            nodes.observe(old)  # a head by the retired key
        (record,) = nodes.observe(a)
    assert record.kind == "fleet.checkpoint"
    assert fold(log.read()) == nodes.fleet


def test_a_thief_of_a_retired_key_does_not_expel_the_node(
    nodes: FleetLog, rotating: Grow, log: TokenSignatureLedger, tmp_path: Path
) -> None:
    """What the former key signs is refused with a proof, and nothing is held against the node."""
    with rotating() as a:
        nodes.admit(a.public_key)  # type: ignore[arg-type]
        a.append(Entry("work", {}))
    shutil.copytree(tmp_path / "a", tmp_path / "fork")
    shutil.copytree(tmp_path / "keys", tmp_path / "stolen")
    with rotating() as a:
        a.rotate()
        nodes.observe(a)
    with rotating("fork", "stolen") as thief:
        thief.append(Entry("forged", {}), Entry("forged", {}))
        with pytest.raises(Obstructed, match="may have stolen it") as problem:
            nodes.observe(thief)
        thief.rotate()
        with pytest.raises(Obstructed):
            nodes.observe(thief)
    read_certificate(problem.value.certificate).judge(nodes.fleet.member("x/a").keys)
    assert recorded(log)[-1] == "fleet.checkpoint"
    with rotating() as a:
        a.append(Entry("work", {}))
        assert nodes.observe(a)


def test_several_observers_at_once(log: TokenSignatureLedger) -> None:
    """Whoever loses looks again; nothing is recorded twice."""
    names = [f"x/{n}" for n in range(4)]
    for name in names:
        FleetLog(log).admit(signer(name).public)
    seen = [node(name) for name in names]
    threads = [
        Thread(target=lambda: [FleetLog(log).observe(each) for each in seen]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorded(log) == ["fleet.node_admitted"] * 4 + ["fleet.checkpoint"] * 4
    assert {m.size for m in fold(log.read()).members.values()} == {3}


class Meddling:
    """A node's log; whoever asks its name finds that another appended to the fleet log meanwhile."""

    def __init__(self, true: TokenSignatureLedger, fleet: TokenSignatureLedger, times: int) -> None:
        self._true, self._fleet, self._times = true, fleet, times

    def __getattr__(self, name: str) -> object:
        if name == "origin" and self._times:
            self._times -= 1
            self._fleet.append(Entry("note", {}))
        return getattr(self._true, name)


@pytest.mark.parametrize("times", [1, 9, 10])
def test_who_lost_against_another_writer_looks_again(
    nodes: FleetLog, log: TokenSignatureLedger, times: int
) -> None:
    nodes.admit(signer("x/a").public)
    meddling = Meddling(node(), log, times)
    if times == 10:
        with pytest.raises(ConflictError):
            nodes.observe(meddling)  # type: ignore[arg-type]
    else:
        nodes.observe(meddling)  # type: ignore[arg-type]
    assert recorded(log).count("fleet.checkpoint") == (times < 10)


def observed(*sizes: int) -> list[Record]:
    """The records of a fleet log that saw the node at these sizes."""
    log = TokenSignatureLedger(MemoryStore(), signer("x/fleet", 9), clock=lambda: 0, node="f")
    nodes = FleetLog(log)
    nodes.admit(signer("x/a").public)
    for size in sizes:
        nodes.observe(node(size=size))
    return list(log.read())


FORGERIES: dict[str, Callable[[dict[str, object]], object]] = {
    "another node": lambda told: told.update(node="x/b"),
    "a missing attribute": lambda told: told.pop("old"),
    "one more attribute": lambda told: told.update(more=1),
    "another old size": lambda told: told.update(old=2),
    "a negative old size": lambda told: told.update(old=-1),
    "no hashes": lambda told: told.update(hashes=[]),
    "another hash": lambda told: told.update(hashes=[bytes(32)]),
    "hashes as text": lambda told: told.update(hashes="x"),
    "too many hashes": lambda told: told.update(hashes=[bytes(32)] * 65),
    "another head": lambda told: told.update(checkpoint=node(size=9).checkpoint.note.decode()),  # type: ignore[union-attr]
    "a shorter head": lambda told: told.update(checkpoint=node(size=2).checkpoint.note.decode()),  # type: ignore[union-attr]
    "an altered head": lambda told: told.update(
        checkpoint=str(told["checkpoint"]).replace("7", "8")
    ),
    "a stranger's head": lambda told: told.update(
        checkpoint=node(size=7, seed=2).checkpoint.note.decode()  # type: ignore[union-attr]
    ),
    "bytes for text": lambda told: told.update(checkpoint=b"x"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_record_that_does_not_show_itself_is_named(forgery: str) -> None:
    records = observed(3, 7)
    told = dict(records[-1].attributes)
    FORGERIES[forgery](told)  # type: ignore[arg-type]
    records[-1] = records[-1]._replace(attributes=told)
    with pytest.raises(DamagedError, match="record 3: what it says of a node"):
        fold(records)


def test_a_first_head_grows_from_nothing() -> None:
    records = observed(3)
    told = records[-1].attributes | {"hashes": [bytes(32)]}
    with pytest.raises(DamagedError, match="no hashes before the first head"):
        fold([*records[:-1], records[-1]._replace(attributes=told)])


def test_what_is_no_succession(rotating: Grow) -> None:
    """Only the record that names the next key, under the last head of the key before it."""
    with rotating() as a:
        a.append(Entry("work", {}))
        before = a.checkpoint_at(2)
        rotation = a.rotate()
        assert a.keys is not None
        epochs = a.keys.epochs
        shown = succession(a, rotation.seq + 1)
        work = Succession(before.note, a.record(1).body, (leaf_hash(a.record(0).body),))
    head, after = succeed(epochs.until(0), shown)
    assert (head.size, after) == (3, epochs)
    with pytest.raises(EpochError, match="expected a rotation as record 1"):
        succeed(epochs.until(0), work)
    with pytest.raises(EpochError, match="which an earlier epoch signed"):
        succeed(epochs, shown)


def test_records_in_another_order_are_refused() -> None:
    records = observed(3, 7)
    for order in ([0, 1, 3, 2], [0, 2, 1, 3], [0, 1, 2, 3, 3], [0, 1, 1], [0, 2]):
        with pytest.raises(DamagedError):
            fold(records[n] for n in order)
    fleet = fold(records[:3])
    assert fold(records[3:], fleet) == fold(records)


def test_other_kinds(log: TokenSignatureLedger, nodes: FleetLog) -> None:
    log.append(Entry("note", {"of": "no concern"}))
    assert nodes.fleet == Fleet()
    log.append(Entry("fleet.unheard_of", {}))
    with pytest.raises(DamagedError, match="use a newer version"):
        _ = nodes.fleet


def forged_rotations(log: TokenSignatureLedger) -> Sequence[Record]:
    return [record for record in log.read() if record.kind == "fleet.node_rotated"]


def test_a_forged_rotation_is_refused(
    nodes: FleetLog, log: TokenSignatureLedger, rotating: Grow
) -> None:
    """The new key must be named by a record that is the last under the old key's last head."""
    with rotating() as a:
        nodes.admit(a.public_key)  # type: ignore[arg-type]
        a.append(Entry("work", {}))
        a.rotate()
        nodes.observe(a)
        other = a.record(1)
    records = list(log.read())
    (rotation,) = forged_rotations(log)
    body = rotation.attributes["rotation"]
    assert isinstance(body, bytes)
    for change in (
        {"rotation": other.body},
        {"rotation": body[:-1]},
        {"proof": []},
        {"checkpoint": str(rotation.attributes["checkpoint"]).replace("hlc ", "hlc 1")},
    ):
        forged = rotation._replace(attributes=rotation.attributes | change)
        with pytest.raises(DamagedError):
            fold(forged if record == rotation else record for record in records)


def test_a_certificate_against_another_node_expels_nobody(
    nodes: FleetLog, log: TokenSignatureLedger
) -> None:
    for name in ("x/a", "x/b"):
        nodes.admit(signer(name).public)
    nodes.observe(node(size=5))
    with pytest.raises(Obstructed):
        nodes.observe(node(size=5, text="other"))
    records = list(log.read())
    told = records[-1].attributes | {"node": "x/b"}
    with pytest.raises(DamagedError, match="against this node"):
        fold([*records[:-1], records[-1]._replace(attributes=told)])
    assert nodes.fleet.member("x/b").certificate is None


def test_trust_in_growth_is_for_the_writer_alone() -> None:
    """Unchecked folding takes heads as they are written; everything else is checked all the same."""
    records = observed(3, 7)
    assert fold(records, checked=False) == fold(records)
    told = records[-1].attributes | {"hashes": []}
    forged = records[-1]._replace(attributes=told)
    assert fold([*records[:-1], forged], checked=False).member("x/a").size == 7
    with pytest.raises(DamagedError):
        fold([*records[:-1], forged])
    with pytest.raises(DamagedError):
        fold([records[0], *records[2:]], checked=False)


def test_what_a_reader_would_refuse_is_not_written(
    nodes: FleetLog, log: TokenSignatureLedger
) -> None:
    """The last look before an append is the reader's own rule."""
    nodes.admit(signer("x/a").public)
    head = node().checkpoint
    assert head is not None
    broken = replace(head, note=head.note[:-8] + b"AAAAAA=\n")
    with pytest.raises(LedgerError):
        nodes.observe_head(broken.note)
    with pytest.raises(NoteError):
        nodes.observe_head(b"no checkpoint")
    assert recorded(log) == ["fleet.node_admitted"]
    assert checkpoint.read(head.note) == head
