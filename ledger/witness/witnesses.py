"""The witnesses of a policy, asked together, with a deadline; closed in failure.

``confirm`` brings one checkpoint to all of them at once and returns it with their cosignatures as
soon as the policy is met (and a moment later, for those that are almost there). When it cannot be
met any more, or the deadline passes, ``QuorumError`` says how many confirmed and why the others did
not; nothing is returned then.

State: for each witness the size it is known to have confirmed, so that the next question begins
right (a wrong guess costs one more round, never safety), an open connection, and the question it
still owes an answer to. One that is slower than the policy needs is left to finish: the next
``confirm`` hears its late answer first and then asks it again. Those that answer nothing are
cut when they are waited for in vain. Threads wait for sockets and do nothing else: proofs are
computed and answers judged by the caller's thread, so that a ledger that holds its own lock can
be asked for proofs.
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
_Heard: TypeAlias = tuple[Witness, Conversation, Answer | WitnessError]


@dataclass(slots=True)
class _Round:
    """One checkpoint being confirmed."""

    note: Note
    consistency: Consistency
    until: float
    talks: dict[Witness, Conversation] = field(default_factory=dict)
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
        self._owing: dict[Witness, Conversation] = {}
        self._heard: SimpleQueue[_Heard] = SimpleQueue()
        self._lines = {each: Line(each.url) for each in policy.everyone() if each.url}
        self._mutex = Lock()

    def __enter__(self) -> Self:
        """Use as a context manager: closes at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Leave the questions that are open, and close the connections; asking opens them again."""
        with self._mutex:
            self._cut(set(self._owing))
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
            asked = _Round(self._bare(checkpoint.note), consistency, monotonic() + self._deadline_s)
            try:
                for witness in self.policy.everyone():
                    self._ask(asked, witness)
                self._listen(asked)
            except BaseException:
                self._cut(asked.waiting)
                raise
            if not self.policy.satisfied(asked.confirmed):
                self._give_up(asked)
                raise _too_few(self.policy, asked)
            signatures = [each for found in asked.confirmed.values() for each in found]
            return replace(checkpoint, note=asked.note.adding(signatures).encode())

    def _bare(self, data: bytes) -> Note:
        """The log's note without earlier cosignatures of the same witnesses."""
        note = parse(data)
        known = {(each.key.name, each.key.key_id) for each in self.policy.everyone()}
        return Note(note.text, tuple(s for s in note.signatures if (s.name, s.key_id) not in known))

    def _ask(self, asked: _Round, witness: Witness) -> None:
        line = self._lines.get(witness)
        if line is None:
            asked.reasons[witness] = "the policy names no URL for it"
            return
        if witness in self._owing:
            asked.waiting.add(witness)
            return
        known = self._known.get(witness, 0)
        talk = asked.talks.setdefault(witness, Conversation(witness, asked.note, known))
        try:
            body = talk.request(asked.consistency)
        except RefusedHead as refusal:
            asked.reasons[witness] = str(refusal)
            return

        def put() -> None:
            try:
                self._heard.put((witness, talk, line.post(body, asked.until)))
            except WitnessError as problem:
                self._heard.put((witness, talk, problem))

        asked.waiting.add(witness)
        self._owing[witness] = talk
        Thread(target=put, name=f"witness {witness.name}", daemon=True).start()

    def _listen(self, asked: _Round) -> None:
        until = asked.until
        while asked.waiting:
            if self.policy.satisfied(asked.confirmed):
                until = min(until, monotonic() + self._grace_s)
            elif not self.policy.satisfied({*asked.confirmed, *asked.waiting}):
                return
            try:
                witness, talk, answer = self._heard.get(timeout=max(until - monotonic(), 0))
            except Empty:
                return
            if self._owing.get(witness) is talk:  # else it was cut, and nobody waits for it
                del self._owing[witness]
                self._hear(asked, talk, answer)

    def _hear(self, asked: _Round, talk: Conversation, answer: Answer | WitnessError) -> None:
        witness = talk.witness
        asked.waiting.discard(witness)
        late = asked.talks.get(witness) is not talk
        found: tuple[Signature, ...] | None = None
        try:
            if isinstance(answer, WitnessError):
                raise answer
            found = talk.hear(answer)
        except WitnessError as problem:
            if not late:
                asked.reasons[witness] = str(problem)
                return
        finally:
            self._known[witness] = talk.known
        if late or found is None:
            self._ask(asked, witness)
        else:
            asked.confirmed[witness] = found

    def _give_up(self, asked: _Round) -> None:
        late = monotonic() >= asked.until
        for witness in asked.waiting:
            asked.reasons[witness] = (
                f"no answer within {self._deadline_s:g} s" if late else "no longer waited for"
            )
        self._cut(asked.waiting)

    def _cut(self, witnesses: set[Witness]) -> None:
        """End their questions; new lines take the place of the old ones."""
        for witness in witnesses & self._owing.keys():
            del self._owing[witness]
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
