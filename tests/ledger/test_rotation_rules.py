"""What the rules of a log refuse: rotations out of order, by the wrong key, or half."""

from contextlib import suppress
from pathlib import Path

import pytest

from ledger import (
    DamagedError,
    Entry,
    EpochError,
    Epochs,
    KeyProblem,
    PublicKey,
    Signer,
    TokenSignatureLedger,
    verify,
)
from ledger.form import canonical
from ledger.form.record import genesis, link
from ledger.storage import segment
from ledger.storage.file_store import FileStore
from ledger.trust import checkpoint
from ledger.trust.merkle import Frontier, leaf_hash
from tests.ledger.rotating import ORIGIN, broken


def lawless(directory: Path, *kinds: Entry, signers: list[Signer]) -> None:
    """A log that its own keys sign, group by group, whatever it says."""
    store = FileStore(directory)
    first = signers[0].public
    created = {"format": 1, "origin": first.name, "public_key": str(first)}
    chain, edge, parts = genesis(ORIGIN), Frontier(), [segment.header(0)]
    epochs = Epochs.begun(first)
    for entry, signer in zip((Entry("ledger.created", created), *kinds), signers, strict=True):
        body = canonical.encode(
            [
                1,
                edge.size,
                edge.size + 1,
                "n",
                "",
                "",
                "",
                entry.kind,
                dict(entry.attributes),
                None,
                None,
            ]
        )
        chain = link(chain, body)
        edge.append(leaf_hash(body))
        parts.append(segment.record_frame(body, chain))
        head = checkpoint.Head(edge.size, chain, edge.root())
        said = epochs.statement(edge.size)
        if entry.kind == "ledger.rotated":
            with suppress(EpochError, KeyProblem):
                named = PublicKey.parse(str(entry.attributes["public_key"]))
                epochs = epochs.rotated(edge.size, named, chain)
        if signer is not None:
            note = checkpoint.sign(signer, head, edge.size, "group(0)", said).note
            parts.append(segment.checkpoint_frame(note))
    store.begin_segment(0, b"".join(parts))
    store.close()


def key_of(number: int) -> Signer:
    return Signer(ORIGIN, number.to_bytes(32, "big"))


def rotation(epoch: int, number: int, **more: str) -> Entry:
    return Entry(
        "ledger.rotated", {"epoch": epoch, "public_key": str(key_of(number).public), **more}
    )


A = Entry("a", {})
LAWLESS: dict[str, tuple[list[Entry], list[int | None], int, str]] = {
    "lawful": ([A, rotation(1, 1), A], [0, 0, 0, 1], -1, ""),
    "skipped": ([A, rotation(2, 1), A], [0, 0, 0, 1], 2, "expected a rotation to epoch 1"),
    "repeated": ([rotation(1, 1), rotation(1, 2)], [0, 0, 1], 2, "expected a rotation to epoch 2"),
    "signed by the old": ([A, rotation(1, 1), A], [0, 0, 0, 0], 3, "expected one signature"),
    "signed by the new too early": ([A, rotation(1, 1)], [0, 0, 1], 2, "expected one signature"),
    "not the last": ([A, rotation(1, 1), A], [0, 0, None, 0], 2, "as the last record of its group"),
    "two in a group": ([rotation(1, 1), rotation(2, 2)], [0, None, 0], 1, "as the last record"),
    "back to a key": ([rotation(1, 1), rotation(2, 0)], [0, 0, 1], 2, "never returns"),
    "no key": ([Entry("ledger.rotated", {"epoch": 1, "public_key": "x"})], [0, 0], 1, "a public key"),
    "more": ([rotation(1, 1, more="x")], [0, 0], 1, "epoch and public_key"),
    "endorsed by nobody": ([Entry("ledger.endorsed", {"note": "x"})], [0, 0], 1, "expected"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAWLESS)
def test_the_rules_of_rotation(tmp_path: Path, name: str) -> None:
    entries, numbers, seq, reason = LAWLESS[name]
    signers = [None if number is None else key_of(number) for number in numbers]
    lawless(tmp_path / "log", *entries, signers=signers)  # type: ignore[arg-type]
    found = verify(tmp_path / "log", key_of(0).public)
    if seq < 0:
        assert found.status == "ok", found
        return
    bad = broken(found)
    assert (bad.seq, reason in bad.reason) == (seq, True), bad
    with pytest.raises(DamagedError):
        TokenSignatureLedger.read_only(tmp_path / "log")
