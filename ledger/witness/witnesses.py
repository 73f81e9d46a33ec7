"""The witnesses of a policy, asked together, with a deadline; closed in failure.

``confirm`` brings one checkpoint to all of them at once and returns it with their cosignatures as
soon as the policy is met (and a moment later, for those that are almost there). When it cannot be
met any more, or the deadline passes, ``QuorumError`` says how many confirmed and why the others did
not; nothing is returned then.

State: for each witness the size it is known to have confirmed, so that the next question begins
right (a wrong guess costs one more round, never safety), and an open connection. Threads wait for
sockets and do nothing else: proofs are computed and answers judged by the caller's thread, so that
a ledger that holds its own lock can be asked for proofs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Final, Self, TypeAlias

from ledger.errors import NoteError, QuorumError, RefusedHead, WitnessError
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.cosignature import TreeHead
from ledger.trust.note import Note, Signature, parse
from ledger.witness.conversation import Answer, Conversation
from ledger.witness.line import Line
from ledger.witness.policy import Policy, Witness, confirmations

DEADLINE_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 0.05
Consistency: TypeAlias = Callable[[int, int], tuple[bytes, ...]]
_Heard: TypeAlias = tuple[Witness, Answer | WitnessError]


@dataclass(slots=True)
class _Round:
    """One checkpoint being confirmed."""

    talks: dict[Witness, Conversation]
    until: float
    heard: "SimpleQueue[_Heard]" = field(default_factory=SimpleQueue)
    waiting: set[Witness] = field(default_factory=set)
    confirmed: dict[Witness, tuple[Signature, ...]] = field(default_factory=dict)
    reasons: dict[Witness, str] = field(default_factory=dict)


class Witnesses:
    """Whom to ask under ``policy``; one instance for one log, for as long as it is open."""

    def __init__(
        self,
        policy: Policy,
        *,
        deadline_s: float = DEADLINE_SECONDS,
        grace_s: float = GRACE_SECONDS,
    ) -> None:
        """Ask nothing yet; witnesses that must be asked need a URL."""
        self.policy = policy
        self._deadline_s = deadline_s
        self._grace_s = grace_s
        self._known: dict[Witness, int] = {}
        self._lines = {each: Line(each.url) for each in policy.everyone() if each.url}
        self._mutex = Lock()

    def __enter__(self) -> Self:
        """Use as a context manager: closes at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close the connections; asking again opens them."""
        for line in self._lines.values():
            line.close()

    def remember(self, note: bytes) -> bool:
        """Learn sizes from a cosigned checkpoint; whether it meets the policy as it is."""
        try:
            parsed = parse(note)
            size, found = TreeHead.parse(parsed.text).size, confirmations(parsed, self.policy)
        except NoteError:
            return False
        for witness in found:
            self._known[witness] = max(size, self._known.get(witness, 0))
        return self.policy.satisfied(found)

    def confirm(self, checkpoint: Checkpoint, consistency: Consistency) -> Checkpoint:
        """``checkpoint`` with the cosignatures of enough witnesses, each verified.

        ``consistency(old, new)`` gives the proof that the log of ``old`` records is a prefix of
        that of ``new``; it is called from this thread, for sizes that witnesses name. Raises
        ``QuorumError`` when too few confirm before the deadline.
        """
        with self._mutex:
            note = self._bare(checkpoint.note)
            asked = _Round(
                {w: Conversation(w, note, self._known.get(w, 0)) for w in self.policy.everyone()},
                monotonic() + self._deadline_s,
            )
            try:
                for witness in asked.talks:
                    self._ask(asked, witness, consistency)
                self._listen(asked, consistency)
            finally:
                self._abandon(asked)
            if not self.policy.satisfied(asked.confirmed):
                raise _too_few(self.policy, asked)
            signatures = [each for found in asked.confirmed.values() for each in found]
            return replace(checkpoint, note=note.adding(signatures).encode())

    def _bare(self, data: bytes) -> Note:
        """The log's note without earlier cosignatures of the same witnesses."""
        note = parse(data)
        known = {(each.key.name, each.key.key_id) for each in self.policy.everyone()}
        return Note(note.text, tuple(s for s in note.signatures if (s.name, s.key_id) not in known))

    def _ask(self, asked: _Round, witness: Witness, consistency: Consistency) -> None:
        line = self._lines.get(witness)
        if line is None:
            asked.reasons[witness] = "the policy names no URL for it"
            return
        try:
            body = asked.talks[witness].request(consistency)
        except RefusedHead as refusal:
            asked.reasons[witness] = str(refusal)
            return

        def put() -> None:
            try:
                asked.heard.put((witness, line.post(body, asked.until)))
            except WitnessError as problem:
                asked.heard.put((witness, problem))

        asked.waiting.add(witness)
        Thread(target=put, name=f"witness {witness.name}", daemon=True).start()

    def _listen(self, asked: _Round, consistency: Consistency) -> None:
        until = asked.until
        while asked.waiting:
            if self.policy.satisfied(asked.confirmed):
                until = min(until, monotonic() + self._grace_s)
            elif not self.policy.satisfied({*asked.confirmed, *asked.waiting}):
                return
            try:
                witness, answer = asked.heard.get(timeout=max(until - monotonic(), 0))
            except Empty:
                return
            asked.waiting.discard(witness)
            self._hear(asked, witness, answer, consistency)

    def _hear(
        self,
        asked: _Round,
        witness: Witness,
        answer: Answer | WitnessError,
        consistency: Consistency,
    ) -> None:
        if isinstance(answer, WitnessError):
            asked.reasons[witness] = str(answer)
            return
        talk = asked.talks[witness]
        try:
            found = talk.hear(answer)
        except RefusedHead as refusal:
            asked.reasons[witness] = str(refusal)
            return
        finally:
            self._known[witness] = talk.known
        if found is None:
            self._ask(asked, witness, consistency)
        else:
            asked.confirmed[witness] = found

    def _abandon(self, asked: _Round) -> None:
        """Nobody waits for the slow any longer; their lines end, and new ones take their place."""
        late = monotonic() >= asked.until
        for witness in asked.waiting:
            asked.reasons[witness] = (
                f"no answer within {self._deadline_s:g} s" if late else "no longer waited for"
            )
            self._lines[witness].cut()
            self._lines[witness] = self._lines[witness].renewed()


def _too_few(policy: Policy, asked: _Round) -> QuorumError:
    names = ", ".join(witness.name for witness in asked.confirmed) or "none"
    why = "; ".join(f"{witness.name}: {reason}" for witness, reason in asked.reasons.items())
    return QuorumError(
        f"expected {policy} to confirm the head, found {names}; {why}; nothing is believed until "
        "enough of them confirm",
        tuple(witness.name for witness in asked.confirmed),
        {witness.name: reason for witness, reason in asked.reasons.items()},
    )
