"""Endorsements: an offline root says which epochs of a log are genuine.

An endorsement is a signed note of the root key. Its text is the log's origin and one line for each
endorsed epoch, as ``Epochs.text`` writes it, in order and without gaps between them. A line binds
the key *and* the past before it (by the chain digest), so that a thief of a retired key cannot
put another past under a line that the root signed.

``Pin`` is what a verifier brings along: the key of any epoch, the root's key, or the table of
epochs as it once was. ``judge`` says whether a log satisfies it, and by what.
"""

from dataclasses import dataclass, replace
from typing import Final

from ledger.errors import DamagedError, EpochError, NoteError
from ledger.form.canonical import Digest
from ledger.trust.epochs import Epoch, Epochs, successor
from ledger.trust.keys import PublicKey, Signer
from ledger.trust.note import Note, parse

MAX_ROWS: Final = 200
"""Epochs in one endorsement; more take another, because a note must fit into a record."""

Pin = PublicKey | Epochs


@dataclass(frozen=True, slots=True)
class Endorsement:
    """What a root signed: some epochs of one log."""

    origin: str
    rows: tuple[Epoch, ...]
    note: bytes

    def contradiction(self, epochs: Epochs) -> str | None:
        """Why ``epochs`` are not what the root endorsed, if they are not."""
        if self.origin != epochs.origin:
            return f"expected an endorsement of {epochs.origin!r}, found one of {self.origin!r}"
        for row in self.rows:
            known = epochs.rows[row.number] if row.number < len(epochs) else None
            if known != row:
                return (
                    f"expected epoch {row.number} as the root endorsed it, with the key {row.key} "
                    f"from record {row.first} on, found another key or other records before it"
                )
        return None


def endorse(root: Signer, epochs: Epochs, first: int = 0) -> Endorsement:
    """Sign the epochs from number ``first`` on, at most ``MAX_ROWS`` of them."""
    rows = epochs.rows[first : first + MAX_ROWS]
    if not rows:
        raise EpochError(
            f"expected an epoch {first} to endorse, found {len(epochs)} epochs; nothing is left"
        )
    if any(row.key.key == root.public.key for row in epochs):
        raise EpochError("expected a root key that signs no heads, found the key of an epoch")
    text = f"{epochs.origin}\n" + "".join(f"{row.line()}\n" for row in rows)
    return Endorsement(epochs.origin, rows, root.sign(text).encode())


def read_endorsement(data: bytes) -> tuple[Endorsement, Note]:
    """Parse an endorsement without judging its signature."""
    note = parse(data)
    origin, *lines = note.text.split("\n")[:-1]
    rows = tuple(Epoch.parse(line) for line in lines)
    if not 0 < len(rows) <= MAX_ROWS:
        raise EpochError(f"expected 1 to {MAX_ROWS} epochs endorsed, found {len(rows)}")
    for number, row in enumerate(rows, rows[0].number):
        if row.number != number:
            raise EpochError(f"expected epoch {number} in an endorsement, found {row.number}")
    return Endorsement(origin, rows, data), note


def verified_endorsement(data: bytes, root: PublicKey) -> Endorsement:
    """Parse an endorsement, refusing it unless ``root`` signed it."""
    found, note = read_endorsement(data)
    root.verify(note)
    return found


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """What a log shows about its keys, gathered while it is followed.

    ``root`` is the root key that record 0 names, if any; ``notes`` are the endorsements so far,
    with their seqs.
    """

    epochs: Epochs
    root: PublicKey | None = None
    notes: tuple[tuple[int, bytes], ...] = ()

    def rotated(self, seq: int, attributes: object, chain: Digest) -> "KeyHistory":
        """The history after the rotation in record ``seq``; ``chain`` is the digest after it."""
        number, key = successor(attributes)
        if number != self.epochs.current.number + 1:
            raise EpochError(
                f"expected a rotation to epoch {self.epochs.current.number + 1}, found {number}"
            )
        return replace(self, epochs=self.epochs.rotated(seq + 1, key, chain))

    def endorsed(self, seq: int, attributes: object) -> "KeyHistory":
        """The history after the endorsement in record ``seq``, checked where the root is known."""
        text = attributes.get("note") if isinstance(attributes, dict) else None
        if not isinstance(text, str) or len(attributes) != 1:  # type: ignore[arg-type]
            raise EpochError("expected a note in an endorsement, found other attributes")
        data = text.encode()
        if self.root is None:
            read_endorsement(data)
        else:
            against = verified_endorsement(data, self.root).contradiction(self.epochs)
            if against is not None:
                raise EpochError(against)
        return replace(self, notes=(*self.notes, (seq, data)))


def judge(pin: Pin, history: KeyHistory, size: int) -> str:
    """By what ``pin`` vouches for a log of ``size`` signed records; else ``DamagedError``."""
    epochs = history.epochs
    if isinstance(pin, Epochs):
        return _by_table(pin, history, size)
    found = epochs.find(pin)
    if found is not None:
        return _by_epoch(found, history, size)
    if history.root is not None and pin != history.root and _is_foreign(pin, history):
        raise DamagedError(0, f"expected a ledger of key {pin}, found one of root {history.root}")
    if pin == history.root or not _is_foreign(pin, history):
        return _by_root(pin, history, size)
    raise DamagedError(0, f"expected a ledger of key {pin}, found one of key {_named(epochs)}")


def certifies(pin: Pin | None, history: KeyHistory, size: int) -> bool:
    """Whether ``pin`` vouches for ``history`` by itself, though nobody followed the log to it.

    A head of ``size`` records that the current key signed states the table; so it is enough that
    the pin vouches for that key directly, and not only by way of rotations. Without a pin the
    log is taken at its word anyway.
    """
    if pin is None:
        return True
    if isinstance(pin, Epochs) or history.epochs.find(pin) is not None:
        known = pin.current.key if isinstance(pin, Epochs) else pin
        if known != history.epochs.current.key:
            return False
    try:
        judge(pin, history, size)
    except DamagedError:
        return False
    return True


def covered(root: PublicKey, history: KeyHistory) -> frozenset[int]:
    """The epochs that ``root`` endorsed; ``DamagedError`` when it endorsed others."""
    numbers: set[int] = set()
    for seq, data in history.notes:
        try:
            found = verified_endorsement(data, root)
        except (EpochError, NoteError) as problem:
            if root == history.root:
                raise DamagedError(seq, f"its endorsement does not hold: {problem}") from problem
            continue  # another root's, which nobody here asked about
        against = found.contradiction(history.epochs)
        if against is not None:
            raise DamagedError(seq, against)
        numbers.update(row.number for row in found.rows)
    return frozenset(numbers)


def _by_epoch(found: Epoch, history: KeyHistory, size: int) -> str:
    """A key that was only named proves nothing: naming it takes the key before, signing it not."""
    count = len(history.epochs)
    if size <= found.first and found.number:
        raise DamagedError(
            found.first - 1,
            f"expected a head signed by the key {found.key}, found only that it was named for "
            f"epoch {found.number}; whoever held the key before could have written that: ask again "
            "after the next append",
        )
    if count == 1:
        return "the key you gave signs this ledger"
    if found.number == count - 1:
        return f"the key you gave signs epoch {found.number}, the newest, over all before it"
    return (
        f"the key you gave signed epoch {found.number}; an unbroken chain of rotations leads from "
        f"it to epoch {count - 1}, whose key is {history.epochs.current.key}"
    )


def _by_table(pin: Epochs, history: KeyHistory, size: int) -> str:
    epochs = history.epochs
    if not epochs.begins_with(pin):
        row = next((row for row, own in zip(pin, epochs, strict=False) if row != own), pin.current)
        raise DamagedError(
            max(row.first - 1, 0),
            f"expected epoch {row.number} from record {row.first} on with the key {row.key}, as in "
            "the epochs you gave, found another history of keys",
        )
    said = _by_epoch(pin.current, history, size)
    return f"all {len(pin)} epochs you gave are those of this ledger; {said}"


def _by_root(pin: PublicKey, history: KeyHistory, size: int) -> str:
    epochs = history.epochs
    known = covered(pin, history)
    for row in epochs:
        if row.number not in known:
            stop = epochs.stop(row.number) or max(size, row.first + 1)
            raise DamagedError(
                row.first,
                f"expected every epoch endorsed by the root {pin}, found records {row.first} to "
                f"{stop - 1} in epoch {row.number}, which is not; have its keeper endorse the "
                "epochs, or distrust them",
            )
    return f"the root you gave endorsed all {len(epochs)} epochs"


def _is_foreign(pin: PublicKey, history: KeyHistory) -> bool:
    """Whether ``pin`` signed none of the endorsements here."""
    for _, data in history.notes:
        try:
            verified_endorsement(data, pin)
        except (EpochError, NoteError):
            continue
        return False
    return True


def _named(epochs: Epochs) -> str:
    first = str(epochs.rows[0].key)
    return first if len(epochs) == 1 else f"{first} and {len(epochs) - 1} later ones"
