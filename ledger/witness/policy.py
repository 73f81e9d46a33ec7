"""Whose confirmation makes a head believable: a policy, as a value and as a file.

A ``Policy`` asks for ``required`` of its members, each a ``Witness`` or again a ``Policy``; none
are required of an empty one. ``confirmations`` applies it to a checkpoint offline, ``require``
refuses one that too few confirmed.

The file is C2SP tlog-policy, line by line: ``log <vkey> [<url>]``, ``witness <name> <vkey>
[<url>]``, ``group <name> all|any|<k> <name>…`` and one ``quorum <name>|none``. Names have no
meaning outside. Witnesses that the quorum does not need are asked too, and may be missing. The last
line must end with a newline, so that a file cut short is not a weaker policy.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ledger.errors import KeyFormatError, NoteError, PolicyError, QuorumError
from ledger.trust.cosignature import CosignerKey, cosigned_at, parse_log_key
from ledger.trust.note import MAX_NOTE_BYTES, Note, Signature, Verifier, accepted

MAX_POLICY_BYTES: Final = 1024 * 1024
MAX_NAMES: Final = 256
_CHECKPOINT_BYTES: Final = 4096
_TIME_BYTES: Final = 8
_LEAST_BYTE: Final = 0x20
_DELETE: Final = 0x7F


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness that is known: its key, and where it answers (empty when it need not be asked)."""

    key: CosignerKey
    url: str = ""

    @property
    def name(self) -> str:
        """The name of its key."""
        return self.key.name


@dataclass(frozen=True, slots=True)
class Policy:
    """At least ``required`` of ``witnesses`` must confirm; ``logs`` may sign, if any are named."""

    required: int
    witnesses: "tuple[Witness | Policy, ...]" = ()
    logs: tuple[Verifier, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Refuse what nobody could meet, what one key could meet twice, and what no note holds."""
        if not 0 <= self.required <= len(self.witnesses):
            raise PolicyError(
                f"expected 0 to {len(self.witnesses)} witnesses to be required, found "
                f"{self.required}"
            )
        keys = [witness.key.key for witness in self.everyone()]
        if len(set(keys)) != len(keys):
            raise PolicyError("expected every witness' key once, found one twice")
        room = _CHECKPOINT_BYTES + sum(_line_bytes(each.key) for each in self.everyone())
        if room > MAX_NOTE_BYTES:
            raise PolicyError(
                f"expected witnesses whose cosignatures fit a note of {MAX_NOTE_BYTES} bytes, "
                f"found some that need {room}; name fewer, or use Ed25519 keys"
            )

    def everyone(self) -> tuple[Witness, ...]:
        """All witnesses, also those within groups."""
        return tuple(_flat(self))

    def satisfied(self, by: Collection[Witness]) -> bool:
        """Whether confirmations ``by`` these witnesses are enough."""
        enough = 0
        for member in self.witnesses:
            enough += member.satisfied(by) if isinstance(member, Policy) else member in by
        return enough >= self.required

    def __str__(self) -> str:  # type: ignore[explicit-override]  # typing has it from 3.12
        """Such as ``2 of (a.example, b.example, 1 of (c.example, d.example))``."""
        members = [str(m) if isinstance(m, Policy) else m.name for m in self.witnesses]
        return f"{self.required} of ({', '.join(members)})"


def confirmations(note: Note, policy: Policy) -> dict[Witness, int]:
    """The witnesses of ``policy`` that cosigned ``note``, and when they say they did (s, 1970).

    A cosignature that claims one of their keys and does not hold refuses the whole note.
    """
    found: dict[Witness, int] = {}
    for witness in policy.everyone():
        key = witness.key
        if any(s.name == key.name and s.key_id == key.key_id for s in note.signatures):
            found[witness] = max(cosigned_at(each) for each in accepted(note, [key]))
    return found


def require(note: Note, policy: Policy) -> dict[Witness, int]:
    """The confirmations of ``note``; ``QuorumError`` when they do not meet ``policy``."""
    found = confirmations(note, policy)
    if not policy.satisfied(found):
        names = ", ".join(witness.name for witness in found) or "none"
        raise QuorumError(
            f"expected {policy} to have cosigned the checkpoint, found {names}; ask the others, "
            "or do not rely on it",
            tuple(witness.name for witness in found),
            {each.name: "no cosignature" for each in policy.everyone() if each not in found},
        )
    return found


def read_policy(data: bytes) -> Policy:
    """Read a policy file; ``PolicyError`` names the line that cannot be read."""
    if len(data) > MAX_POLICY_BYTES or not data.endswith(b"\n"):
        raise PolicyError(
            f"expected lines that end with newlines, at most {MAX_POLICY_BYTES} bytes, found "
            f"{len(data)} bytes of another shape; the file may be cut short"
        )
    reader = _Reader()
    for number, line in enumerate(data[:-1].split(b"\n"), start=1):
        try:
            reader.take(line)
        except (KeyFormatError, NoteError, PolicyError, UnicodeDecodeError) as problem:
            raise PolicyError(f"line {number} of the policy: {problem}") from problem
    return reader.policy()


_Member: TypeAlias = Witness | Policy


class _Reader:
    """Collects the lines of one file."""

    def __init__(self) -> None:
        self._logs: list[Verifier] = []
        self._keys: set[bytes] = set()
        self._members: dict[bytes, _Member] = {}
        self._used: set[bytes] = set()
        self._quorum: Policy | None = None
        self._words: Mapping[bytes, Callable[[list[bytes]], None]] = {
            b"log": self._log,
            b"witness": self._witness,
            b"group": self._group,
            b"quorum": self._take_quorum,
        }

    def take(self, line: bytes) -> None:
        if any((b < _LEAST_BYTE and b != ord("\t")) or b == _DELETE for b in line):
            raise PolicyError("expected no control characters besides tab, found one")
        words = line.replace(b"\t", b" ").split(b" ")
        words = [word for word in words if word]
        if not words or words[0].startswith(b"#"):
            return
        if words[0] not in self._words:
            raise PolicyError(f"expected log, witness, group or quorum, found {words[0]!r}")
        self._words[words[0]](words[1:])

    def policy(self) -> Policy:
        if self._quorum is None:
            raise PolicyError("expected one line 'quorum <name>', found none; 'none' asks nobody")
        needed = set(self._quorum.everyone())
        spare = tuple(
            m for m in self._members.values() if isinstance(m, Witness) and m not in needed
        )
        if not spare:
            return Policy(self._quorum.required, self._quorum.witnesses, tuple(self._logs))
        return Policy(2, (self._quorum, Policy(0, spare)), tuple(self._logs))

    def _log(self, words: list[bytes]) -> None:
        vkey, *_ = _shaped(words, 1, 2, "log <vkey> [<url>]")
        key = parse_log_key(vkey.decode())
        self._once(key.key)
        self._logs.append(key)

    def _witness(self, words: list[bytes]) -> None:
        name, vkey, *url = _shaped(words, 2, 3, "witness <name> <vkey> [<url>]")
        key = CosignerKey.parse(vkey.decode())
        self._once(key.key)
        self._define(name, Witness(key, url[0].decode() if url else ""))

    def _group(self, words: list[bytes]) -> None:
        name, threshold, *names = _shaped(words, 3, MAX_NAMES, "group <name> <k> <name>…")
        members = tuple(self._member(each) for each in names)
        counts = {b"all": len(members), b"any": 1}
        required = counts[threshold] if threshold in counts else _decimal(threshold)
        if required < 1:
            raise PolicyError("expected at least one member to be required, found 0")
        self._define(name, Policy(required, members))

    def _take_quorum(self, words: list[bytes]) -> None:
        (name,) = _shaped(words, 1, 1, "quorum <name>")
        if self._quorum is not None:
            raise PolicyError("expected one quorum line, found a second")
        if name == b"none":
            self._quorum = Policy(0)
            return
        member = self._members.get(name)
        if member is None:
            raise PolicyError(f"expected a witness or group defined above, found {name!r}")
        self._quorum = member if isinstance(member, Policy) else Policy(1, (member,))

    def _define(self, name: bytes, member: _Member) -> None:
        if name in self._members or name == b"none":
            raise PolicyError(f"expected a name that is not taken, found {name!r}")
        if len(self._members) >= MAX_NAMES:
            raise PolicyError(f"expected at most {MAX_NAMES} witnesses and groups, found more")
        self._members[name] = member

    def _member(self, name: bytes) -> _Member:
        if name not in self._members:
            raise PolicyError(f"expected a witness or group defined above, found {name!r}")
        if name in self._used:
            raise PolicyError(f"expected {name!r} in one group once, found it again")
        self._used.add(name)
        return self._members[name]

    def _once(self, key: bytes) -> None:
        """Two keys are the same when their bytes are, whatever their type and name say."""
        if key in self._keys:
            raise PolicyError("expected every public key once, found one again")
        self._keys.add(key)


def _shaped(words: list[bytes], least: int, most: int, shape: str) -> list[bytes]:
    if not least <= len(words) <= most:
        raise PolicyError(f"expected '{shape}', found {len(words)} words after the first")
    return words


def _decimal(word: bytes) -> int:
    if not word.isdigit() or len(word) > 3 or word.startswith(b"0"):  # noqa: PLR2004 - MAX_NAMES
        raise PolicyError(f"expected all, any or a number, found {word!r}")
    return int(word)


def _flat(policy: Policy) -> Iterator[Witness]:
    for member in policy.witnesses:
        if isinstance(member, Policy):
            yield from _flat(member)
        else:
            yield member


def _line_bytes(key: CosignerKey) -> int:
    """The length of this key's cosignature line in a note."""
    value = bytes(_TIME_BYTES + key.algorithm.signature_bytes)
    return len(Signature(key.name, key.key_id, value).line().encode())
