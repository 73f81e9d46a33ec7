"""A witness at work: takes a request, judges it, remembers the head, answers its cosignatures.

The order is the safety of it: judged against the memory, cosigned, remembered durably by
compare-and-swap, and only then answered. Whoever loses the swap judges again with what the other
wrote, which ends in a conflict (409) unless both said the same. Any error leaves the head as it
was, or moved to a head that follows from it and was told to nobody.

The clock is given; nothing here opens sockets.
"""

from collections.abc import Callable
from typing import Final

from ledger.errors import RefusedHead, WitnessError
from ledger.trust.cosignature import Cosigner
from ledger.witness.judging import authenticate, cosigned, is_fork, judge
from ledger.witness.known_logs import KnownLogs
from ledger.witness.request import AddCheckpoint
from ledger.witness.store import WitnessStore

_NANOSECONDS: Final = 1_000_000_000
_ATTEMPTS: Final = 8


class WitnessService:
    """The decisions of one witness over its keys, its logs and its memory."""

    def __init__(
        self,
        cosigners: tuple[Cosigner, ...],
        logs: KnownLogs,
        store: WitnessStore,
        clock: Callable[[], int],
    ) -> None:
        """Cosign with every one of ``cosigners``; ``clock`` gives nanoseconds since 1970."""
        self._cosigners = cosigners
        self._logs = logs
        self._store = store
        self._clock = clock

    def add_checkpoint(self, body: bytes) -> bytes:
        """The cosignature lines for a head that follows; ``RefusedHead`` for every other."""
        request = AddCheckpoint.parse(body)
        signatures = authenticate(request, self._logs.keys(request.origin))
        for _ in range(_ATTEMPTS):
            known = self._store.latest(request.origin)
            believed = None if known is None else known.head
            try:
                judge(request, believed)
            except RefusedHead:
                if is_fork(request, believed):
                    evidence = cosigned(request.note, signatures, ())
                    self._store.keep_fork(request.origin, evidence.encode())
                raise
            seconds = self._clock() // _NANOSECONDS
            mine = tuple(each.cosign(request.note.text, seconds) for each in self._cosigners)
            note = cosigned(request.note, signatures, mine)
            if self._store.replace(request.origin, known, note.encode()):
                return "".join(signature.line() for signature in mine).encode()
        raise WitnessError(
            f"expected to move the head of {request.origin!r} within {_ATTEMPTS} attempts, found "
            "others moving it each time; ask again"
        )

    def checkpoint(self, name: str) -> bytes | None:
        """What monitors get: the cosigned checkpoint of the log with that origin hash."""
        return self._store.published(name)
