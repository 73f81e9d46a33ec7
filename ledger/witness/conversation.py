"""What to send a witness, and what its answer means. Pure: no sockets, no clock.

A conversation is about one checkpoint and one witness. It begins with the size the witness is
believed to have confirmed last; a conflict (409) names the true one, and the next request begins
there, a few times at most, because others may be moving the same head. It ends with verified
cosignatures or with a reason, in words for people.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger.errors import NoteError, RefusedHead
from ledger.trust.cosignature import TreeHead, cosigned_at, plain_number
from ledger.trust.note import Note, Signature, accepted, parse_signatures
from ledger.witness.policy import Witness
from ledger.witness.request import AddCheckpoint

MAX_ANSWER_BYTES: Final = 64 * 1024
SIZE_TYPE: Final = "text/x.tlog.size"
_OK: Final = 200
_CONFLICT: Final = 409
_CONFLICTS: Final = 3
_SHOWN: Final = 160


@dataclass(frozen=True, slots=True)
class Answer:
    """A witness' answer over HTTP."""

    status: int
    kind: str
    body: bytes


class Conversation:
    """One witness, one checkpoint."""

    def __init__(self, witness: Witness, note: Note, known: int) -> None:
        """Ask ``witness`` to confirm ``note``; it confirmed ``known`` records before."""
        self.witness = witness
        self.known = known
        self._note = note
        self._head = TreeHead.parse(note.text)
        self._conflicts = 0

    def request(self, consistency: Callable[[int, int], tuple[bytes, ...]]) -> bytes:
        """The next body to send; ``consistency`` proves one size a prefix of another."""
        old, size = self.known, self._head.size
        if old > size:
            raise RefusedHead(
                _CONFLICT,
                f"it confirmed {old} records before, this head has {size}: the log was rolled "
                "back, or another writer is ahead",
            )
        proof = consistency(old, size) if 0 < old < size else ()
        return AddCheckpoint(old, proof, self._note).encode()

    def hear(self, answer: Answer) -> tuple[Signature, ...] | None:
        """The witness' verified cosignatures; None when it must be asked again."""
        if answer.status == _CONFLICT:
            self._learn(answer)
            return None
        if answer.status != _OK:
            said = answer.body[:_SHOWN].decode(errors="replace").strip()
            raise RefusedHead(answer.status, f"it answered {answer.status}: {said}")
        try:
            found = self._note.adding(parse_signatures(answer.body.decode()))
            mine = accepted(found, [self.witness.key])
            for signature in mine:
                cosigned_at(signature)
        except (NoteError, UnicodeDecodeError) as problem:
            raise RefusedHead(
                answer.status, f"it answered a cosignature that does not hold: {problem}"
            ) from problem
        self.known = self._head.size
        return mine

    def _learn(self, answer: Answer) -> None:
        self._conflicts += 1
        if self._conflicts > _CONFLICTS:
            raise RefusedHead(answer.status, f"it named another size {self._conflicts} times")
        size = _size(answer)
        if size is None:
            raise RefusedHead(answer.status, "it answered 409 without a size")
        self.known = size


def _size(answer: Answer) -> int | None:
    if answer.kind.partition(";")[0].strip() != SIZE_TYPE or answer.body[-1:] != b"\n":
        return None
    try:
        return plain_number(answer.body[:-1].decode())
    except (NoteError, UnicodeDecodeError):
        return None
