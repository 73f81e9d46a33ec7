"""May this head be cosigned? Pure: a request, the keys of its log, and what was cosigned last.

The checks and their HTTP answers stand in the order of C2SP tlog-witness, section add-checkpoint:
unknown origin 404, no signature by a trusted key or a wrong one 403, an old size beyond the new
400, an old size that is not the one cosigned last 409, a head that does not follow from it 422.
"""

from ledger.errors import HeadConflict, NoteError, ProofError, RefusedHead
from ledger.trust.cosignature import TreeHead
from ledger.trust.merkle import EMPTY_ROOT, verify_consistency
from ledger.trust.note import Note, Signature, Verifier, accepted
from ledger.witness.request import AddCheckpoint


def authenticate(request: AddCheckpoint, keys: tuple[Verifier, ...]) -> tuple[Signature, ...]:
    """The log's own signatures, verified with its ``keys``; none make the log unknown."""
    if not keys:
        raise RefusedHead(404, f"unknown log {request.origin[:200]!r}")
    try:
        return accepted(request.note, keys)
    except NoteError as problem:
        reason = request.flaw or str(problem)
        raise RefusedHead(403, f"invalid signature: {reason}") from problem


def judge(request: AddCheckpoint, known: TreeHead | None) -> TreeHead:
    """The head to cosign after ``known`` (None: none before); refuses any other."""
    head = request.head()
    if request.old > head.size:
        raise RefusedHead(
            400, f"bad request: expected an old size of at most {head.size}, found {request.old}"
        )
    size = 0 if known is None else known.size
    if request.old != size:
        raise HeadConflict(size, request.old)
    if head.size == 0 and head.root != EMPTY_ROOT:
        raise RefusedHead(422, "bad consistency proof: size 0 has the root of the empty tree")
    if known is None or size == 0:
        if request.proof:
            raise RefusedHead(422, "bad consistency proof: expected none after size 0")
        return head
    try:
        verify_consistency(size, head.size, known.root, head.root, request.proof)
    except ProofError as problem:
        raise RefusedHead(422, f"bad consistency proof: {problem}") from problem
    return head


def is_fork(request: AddCheckpoint, known: TreeHead | None) -> bool:
    """Whether the log signed another root for the very size that was cosigned."""
    head = request.head()
    return known is not None and head.size == known.size and head.root != known.root


def cosigned(note: Note, mine: tuple[Signature, ...], others: tuple[Signature, ...]) -> Note:
    """The checkpoint with the signatures that were verified and made, and no others."""
    return Note(note.text, ()).adding((*mine, *others))
