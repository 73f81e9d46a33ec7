"""What a fleet log says of nodes: four kinds of records, each as a value and as an entry.

``fleet.node_admitted``    a node and the keys by which it is known; nobody else may say that
``fleet.checkpoint``       a head that the node signed, and the proof that it grew from the last one
``fleet.node_rotated``     a new key of the node, and how the old one named it
``fleet.node_obstructed``  a certificate that the node's keys contradicted themselves

Each record carries whatever shows it, so that it can be checked again from the records before it
and nothing else. Reading gives the value or refuses; whether it is justified is for ``membership``.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from ledger.errors import CanonicalError, EpochError, LedgerError
from ledger.fleet.certificate import Certificate, read_certificate
from ledger.form.canonical import Json
from ledger.form.record import Author, Entry, Record
from ledger.trust.epochs import Epochs
from ledger.trust.succession import Succession

ADMITTED: Final = "fleet.node_admitted"
CHECKPOINT: Final = "fleet.checkpoint"
ROTATED: Final = "fleet.node_rotated"
OBSTRUCTED: Final = "fleet.node_obstructed"
_PREFIX: Final = "fleet."
_MAX_HASHES: Final = 64


@dataclass(frozen=True, slots=True)
class Admitted:
    """``epochs`` are the keys by which the node is known: one, or a table of those so far."""

    epochs: Epochs

    @property
    def node(self) -> str:
        """The name of the node: its log's origin."""
        return self.epochs.origin

    def entry(self, author: Author) -> Entry:
        """The record to append."""
        key = str(self.epochs.current.key)
        told: dict[str, Json] = {"node": self.node, "public_key": key, "epochs": self.epochs.text()}
        return author.entry(ADMITTED, told)


@dataclass(frozen=True, slots=True)
class Growth:
    """That the head observed last, of ``old`` records, is the past of a newer one (RFC 6962).

    ``old`` is 0 before the first head, and ``hashes`` are none then.
    """

    old: int
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Observed:
    """``note`` is the head as the node signed it, byte for byte."""

    node: str
    note: bytes
    growth: Growth

    def entry(self, author: Author) -> Entry:
        """The record to append."""
        return author.entry(CHECKPOINT, _head(self.node, self.note, self.growth))


@dataclass(frozen=True, slots=True)
class Rotated:
    """``shown`` is the rotation; its head is also observed, grown from the last one."""

    node: str
    shown: Succession
    growth: Growth

    def entry(self, author: Author) -> Entry:
        """The record to append."""
        told = _head(self.node, self.shown.note, self.growth)
        rotation: dict[str, Json] = {"rotation": self.shown.body, "proof": [*self.shown.hashes]}
        return author.entry(ROTATED, told | rotation)


@dataclass(frozen=True, slots=True)
class Caught:
    """Nothing of the node is believed any more until it is admitted anew, under a new key."""

    node: str
    certificate: Certificate

    def entry(self, author: Author) -> Entry:
        """The record to append."""
        told: dict[str, Json] = {"node": self.node, "certificate": self.certificate.encode()}
        return author.entry(OBSTRUCTED, told)


Announcement: TypeAlias = Admitted | Observed | Rotated | Caught


def read(record: Record) -> Announcement | None:
    """What ``record`` says of a node; None where it says nothing of any.

    Raises ``LedgerError`` for a record of these kinds in another form.
    """
    if not record.kind.startswith(_PREFIX):
        return None
    told = record.attributes
    match record.kind:
        case "fleet.node_admitted":
            return _admitted(told)
        case "fleet.checkpoint":
            _require(told, {"node", "checkpoint", "old", "hashes"})
            return Observed(_text(told["node"]), _text(told["checkpoint"]).encode(), _growth(told))
        case "fleet.node_rotated":
            _require(told, {"node", "checkpoint", "old", "hashes", "rotation", "proof"})
            note = _text(told["checkpoint"]).encode()
            shown = Succession(note, _bytes(told["rotation"]), _hashes(told["proof"]))
            return Rotated(_text(told["node"]), shown, _growth(told))
        case "fleet.node_obstructed":
            _require(told, {"node", "certificate"})
            return Caught(_text(told["node"]), read_certificate(_bytes(told["certificate"])))
        case other:
            raise LedgerError(
                f"expected a kind that is known, found {other!r}; use a newer version"
            )


def _admitted(told: dict[str, Json]) -> Admitted:
    _require(told, {"node", "public_key", "epochs"})
    epochs = Epochs.parse(_text(told["epochs"]))
    if (told["node"], told["public_key"]) != (epochs.origin, str(epochs.current.key)):
        raise EpochError(
            f"expected the node {epochs.origin!r} and the key {epochs.current.key}, as the epochs "
            "say, found others"
        )
    return Admitted(epochs)


def _head(node: str, note: bytes, growth: Growth) -> dict[str, Json]:
    return {
        "node": node,
        "checkpoint": note.decode(),
        "old": growth.old,
        "hashes": [*growth.hashes],
    }


def _growth(told: dict[str, Json]) -> Growth:
    old = told["old"]
    if type(old) is not int or old < 0:
        raise CanonicalError(f"expected old as a size, found {old!r}")
    return Growth(old, _hashes(told["hashes"]))


def _require(told: dict[str, Json], names: set[str]) -> None:
    if told.keys() != names:
        raise CanonicalError(f"expected attributes {sorted(names)}, found {sorted(told)}")


def _hashes(value: Json) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > _MAX_HASHES:
        raise CanonicalError(f"expected at most {_MAX_HASHES} hashes, found something else")
    return tuple(_bytes(each) for each in value)


def _bytes(value: Json) -> bytes:
    if not isinstance(value, bytes):
        raise CanonicalError(f"expected bytes, found {type(value).__name__}")
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise CanonicalError(f"expected text, found {type(value).__name__}")
    return value
