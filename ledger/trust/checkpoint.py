"""A checkpoint: a head of the log, signed, in C2SP tlog-checkpoint form.

The text is the origin, the size and the Merkle root, one a line, then extension lines. Ours are
``blake3 <base64>`` (the chain digest), ``hlc <decimal>`` (the time of the last record) and
``durability <mode>``; from the second epoch of keys on also ``epochs <count> <base64>``, the
digest of their table. Whoever knows only the standard form can still verify size and root.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ledger.errors import CheckpointError, NoteError
from ledger.form.canonical import Digest
from ledger.form.record import Head
from ledger.trust.epochs import Epochs
from ledger.trust.keys import PublicKey, Signer
from ledger.trust.merkle import HASH_BYTES
from ledger.trust.note import Note, decode64, encode64, parse

_EPOCHS: Final = "epochs"
_LEAST_LINES: Final = 3
_MAX_DIGITS: Final = 20


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed head; ``note`` is the exact signed text, fit to be copied off the machine."""

    origin: str
    size: int
    root: bytes
    extensions: Mapping[str, str]
    note: bytes

    @property
    def chain(self) -> Digest:
        """The BLAKE3 chain digest at this size."""
        value = decode64(self._extension("blake3"))
        if len(value) != HASH_BYTES:
            raise CheckpointError(f"expected a chain digest of 32 bytes, found {len(value)}")
        return Digest(value)

    @property
    def hlc(self) -> int:
        """The hybrid time of the last record."""
        return _number(self._extension("hlc"), "hlc")

    @property
    def durability(self) -> str:
        """The mode in which the group that it closes was written."""
        return self._extension("durability")

    def _extension(self, name: str) -> str:
        if name not in self.extensions:
            raise CheckpointError(
                f"expected an extension line '{name}', found {sorted(self.extensions)}; "
                "this is the checkpoint of another kind of log"
            )
        return self.extensions[name]


def sign(
    signer: Signer,
    head: Head,
    hlc: int,
    durability: str,
    epochs: str | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Checkpoint:
    """The signed checkpoint of ``head``; ``durability`` names how its group was written.

    ``epochs`` is what ``Epochs.statement`` gives for the head's size; ``more`` are further lines,
    as those of a waypoint.
    """
    extensions = {"blake3": encode64(head.chain), "hlc": str(hlc), "durability": durability}
    if epochs is not None:
        extensions[_EPOCHS] = epochs
    extensions.update(more)
    lines = map(" ".join, extensions.items())
    text = "\n".join((signer.name, str(head.size), encode64(head.root), *lines, ""))
    note = signer.sign(text)
    return Checkpoint(signer.name, head.size, head.root, extensions, note.encode())


def carries(published: bytes, note: bytes) -> bool:
    """Whether ``published`` is ``note``, perhaps with the lines of cosigners below."""
    if published == note:
        return True
    try:
        return published.startswith(note) and parse(published).text == parse(note).text
    except NoteError:
        return False


def read(data: bytes) -> Checkpoint:
    """Parse a checkpoint without judging its signatures."""
    return _from_note(parse(data), data)


def verified(data: bytes, key: PublicKey) -> Checkpoint:
    """Parse a checkpoint, refusing it unless ``key`` signed it for its own origin."""
    note = parse(data)
    key.verify(note)
    checkpoint = _from_note(note, data)
    if checkpoint.origin != key.name:
        raise CheckpointError(f"expected origin {key.name!r}, found {checkpoint.origin!r}")
    return checkpoint


def confirmed(data: bytes, epochs: Epochs) -> Checkpoint:
    """Parse a checkpoint, refusing it unless the key of its epoch signed it.

    From epoch 1 on it must also state the table of epochs, as it stood then.
    """
    note = parse(data)
    checkpoint = _from_note(note, data)
    epochs.key_at(checkpoint.size).verify(note)
    if checkpoint.origin != epochs.origin:
        raise CheckpointError(f"expected origin {epochs.origin!r}, found {checkpoint.origin!r}")
    expected, found = epochs.statement(checkpoint.size), checkpoint.extensions.get(_EPOCHS)
    if found != expected:
        raise CheckpointError(
            f"expected a line 'epochs {expected}', found {found!r}; the keys of this log changed "
            "in another way than its signer knew"
        )
    return checkpoint


def _from_note(note: Note, data: bytes) -> Checkpoint:
    lines = note.text.split("\n")[:-1]
    if len(lines) < _LEAST_LINES or not all(lines):
        raise CheckpointError("expected origin, size and root, found fewer lines or empty ones")
    origin, size, root, *rest = lines
    value = decode64(root)
    if len(value) != HASH_BYTES:
        raise CheckpointError(f"expected a root of 32 bytes, found {len(value)}")
    extensions: dict[str, str] = {}
    for line in rest:
        name, _, content = line.partition(" ")
        if name in extensions:
            raise CheckpointError(f"expected extension '{name}' once, found it twice")
        extensions[name] = content
    return Checkpoint(origin, _number(size, "size"), value, extensions, data)


def _number(text: str, name: str) -> int:
    good = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if not good or str(int(text)) != text:
        raise CheckpointError(f"expected {name} as plain decimal, found {text[:40]!r}")
    return int(text)
