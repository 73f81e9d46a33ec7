"""What stays of a pruned prefix: the file ``pruned``, from which a log is followed without it.

The file is a signed note and, behind it, the records that later readers cannot do without: record
0, which names the log and its first key, and every rotation and endorsement of keys until the
pruning, so that the key which signed the note is among those it leads to. The note
states the log's state behind the last record that went, names the record in the log that says so,
and signs the digest of what follows it.

Kept records prove themselves: record 0 by the chain digest that its origin begins with, a rotation
by the checkpoint of the *old* key over the digest that the rotation leads to, an endorsement by the
root. So an unbroken chain of keys leads from the first to the one that signs now, although the
records between are gone. Pure but for ``load``; who removes what, and when, is ``pruning``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from ledger.chain.follower import Follower, Mark
from ledger.chain.sealing import opening_mark
from ledger.errors import DamagedError, EpochError, LedgerError, NoteError, PrunedError, SealError
from ledger.form import canonical
from ledger.form.canonical import Digest
from ledger.form.record import ENDORSED, ROTATED, fields, genesis, link
from ledger.storage.seals import State, number, valued
from ledger.storage.store import Store
from ledger.trust import checkpoint, note
from ledger.trust.endorsement import KeyHistory
from ledger.trust.keys import PublicKey, Signer
from ledger.trust.note import decode64, encode64

PRUNED: Final = "ledger.pruned"
FILE: Final = "pruned"
_WORD: Final = 4
_DIGEST_BYTES: Final = 32
_LINES: Final = 7


class Kept(NamedTuple):
    """A record that stays: the chain digest before it, its body, the checkpoint right after it."""

    before: Digest
    body: bytes
    note: bytes

    @property
    def digest(self) -> Digest:
        """The chain digest after it."""
        return link(self.before, self.body)


@dataclass(frozen=True, slots=True)
class Remains:
    """The state behind a pruned prefix; ``segment`` is the first that stays.

    ``record`` is the seq of the record that states the pruning, ``gone`` names all segments that
    went.
    """

    origin: str
    segment: int
    state: State
    record: int
    gone: Digest
    kept: tuple[Kept, ...]
    keys: KeyHistory

    def encode(self, signer: Signer) -> bytes:
        """The bytes of the file."""
        rest = b"".join(_block(part) for each in self.kept for part in each)
        lines = [
            self.origin,
            f"pruned {self.segment}",
            f"size {self.state.size}",
            f"state {self.state.line()}",
            f"record {self.record}",
            f"segments {encode64(self.gone)}",
            f"kept {encode64(canonical.digest(rest))}",
        ]
        return _block(signer.sign("\n".join(lines) + "\n").encode()) + rest

    def mark(self, store: Store) -> Mark:
        """The mark at which the log is now followed from; the log's own signature confirms it."""
        found = opening_mark(store, self.segment, self.keys, self.state)
        if found is None:
            raise DamagedError(
                self.state.size,
                f"expected segment {self.segment} to open with the signed head that the file "
                "pruned states, found another; restore both from one copy",
            )
        return found

    def states(self, body: bytes | None) -> bool:
        """Whether ``body`` is the record that states this pruning."""
        if body is None:
            return False
        values = fields(body)
        told = values[8]
        expected = {
            "size": self.state.size,
            "root": self.state.root,
            "chain": self.state.chain,
            "segments": self.gone,
        }
        return (
            values[7] == PRUNED
            and values[1] == self.record
            and isinstance(told, dict)
            and all(told.get(name) == value for name, value in expected.items())
        )

    def remark(self) -> str:
        """What an audit says of the records that are not there."""
        return (
            f"records 1 to {self.state.size - 1} were pruned, as record {self.record} states; what "
            f"they were is bound by the root {self.state.root.hex()} and the chain digest "
            f"{self.state.chain.hex()}, which the signed heads cover, and was not looked at"
        )

    def refusal(self, seq: int) -> PrunedError:
        """The error for whoever asks for the record ``seq``, which went."""
        return PrunedError(
            f"expected record {seq}, found that records 1 to {self.state.size - 1} were pruned, as "
            f"record {self.record} states; proofs about them still hold; read from "
            f"{self.state.size} on, or from a copy made before"
        )


def load(store: Store, name: str = FILE) -> Remains | None:
    """The remains that ``store`` holds, each part proven; None where nothing was pruned."""
    data = store.kept(name)
    if data is None:
        return None
    try:
        return parse(data)
    except LedgerError as problem:
        raise DamagedError(
            0, f"the file {name} does not hold: {problem}; restore it from a copy"
        ) from problem


def parse(data: bytes) -> Remains:
    """Read the file; refuses what its own signatures and digests do not bear out."""
    signed, *parts = _blocks(data)
    if len(parts) % 3 or not parts:
        raise SealError(f"expected kept records of three parts each, found {len(parts)} parts")
    kept = tuple(Kept(Digest(a), b, c) for a, b, c in zip(*[iter(parts)] * 3, strict=True))
    if any(len(each.before) != _DIGEST_BYTES for each in kept):
        raise SealError("expected chain digests of 32 bytes before kept records, found others")
    known, origin = history(kept)
    parsed = note.parse(signed)
    if not any(_signed_by(parsed, row.key) for row in reversed(known.epochs.rows)):
        raise NoteError("expected the signature of one of the log's keys, found none that holds")
    name, *lines = parsed.text.split("\n")[:-1]
    if len(lines) != _LINES - 1 or name != origin:
        raise SealError(f"expected {_LINES} lines about {origin!r}, found others about {name!r}")
    segment, size, state, record, gone, rest = lines
    stands = State.parse(number(valued(size, "size"), "size"), valued(state, "state"))
    found = Remains(
        origin,
        number(valued(segment, "pruned"), "segment"),
        stands,
        number(valued(record, "record"), "record"),
        Digest(decode64(valued(gone, "segments"))),
        kept,
        keys_at(known, stands.size),
    )
    if decode64(valued(rest, "kept")) != canonical.digest(data[_WORD + len(signed) :]):
        raise SealError("expected the kept records that the note names, found others")
    return found


def keys_at(known: KeyHistory, size: int) -> KeyHistory:
    """What was known of the keys after ``size`` records."""
    count = sum(row.first <= size for row in known.epochs.rows)
    notes = tuple(each for each in known.notes if each[0] < size)
    return KeyHistory(known.epochs.until(count - 1), known.root, notes)


def history(kept: Sequence[Kept]) -> tuple[KeyHistory, str]:
    """The keys that kept records tell of, and the log's name; each must prove itself."""
    first = kept[0]
    spare = Follower(None)
    spare.take_records([first.body], [first.digest])
    if spare.keys is None or first.before != genesis(spare.origin):
        raise SealError("expected record 0 first among the kept ones, found another")
    keys = spare.keys
    for each in kept[1:]:
        values = fields(each.body)
        seq, kind = values[1], values[7]
        assert isinstance(seq, int)
        if kind == ENDORSED:
            keys = keys.endorsed(seq, values[8])
        elif kind == ROTATED:
            found = checkpoint.confirmed(each.note, keys.epochs)
            if (found.size, found.chain) != (seq + 1, each.digest):
                raise EpochError(f"expected the old key to sign rotation {seq}, found another head")
            keys = keys.rotated(seq, values[8], each.digest)
        else:
            raise SealError(f"expected a record about keys among the kept ones, found {kind!r}")
    return keys, spare.origin


def _signed_by(parsed: note.Note, key: PublicKey) -> bool:
    try:
        key.verify(parsed)
    except NoteError:
        return False
    return True


def _block(data: bytes) -> bytes:
    return len(data).to_bytes(_WORD, "big") + data


def _blocks(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + _WORD], "big")
        part = data[at + _WORD : at + _WORD + size]
        if len(part) != size or at + _WORD > len(data):
            raise SealError(f"expected a part of {size} bytes, found {len(part)}; the file was cut")
        found.append(part)
        at += _WORD + size
    if not found:
        raise SealError("expected a signed note, found an empty file")
    return found
