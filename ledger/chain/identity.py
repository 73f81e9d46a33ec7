"""Whose log it is: what record 0 says, and whether those who came with keys may believe it."""

from typing import Final

from ledger.chain.follower import Follower
from ledger.errors import DamagedError, LedgerMissing, WrongKey
from ledger.storage import segment
from ledger.storage.segment import Frame
from ledger.storage.store import Position, Store
from ledger.trust.endorsement import KeyHistory
from ledger.trust.keyring import Keyring

_HEADER: Final = segment.HEADER.size


def begun_keys(store: Store) -> KeyHistory | None:
    """The name and the first key of the log, from record 0; None where that is not whole.

    The follower's own rules judge it, on a spare follower; whether the log holds is for whoever
    follows it.
    """
    segment.check_header(store.read(Position(0, 0), _HEADER), 0)
    first = next(segment.frames(store, Position(0, _HEADER), store.length(0)), None)
    if not isinstance(first, Frame):
        return None
    spare = Follower(None)
    spare.follow(first, 0)
    return spare.keys


def require_name(keyring: Keyring | None, found: KeyHistory) -> None:
    """Refuse to write into a log that is not the one of ``keyring``."""
    if keyring is not None and keyring.public.name != found.epochs.origin:
        raise WrongKey(
            f"expected the ledger of key {keyring.public}, found the ledger of "
            f"{found.epochs.current.key}; use the key that created it"
        )


def require_vouched(keyring: Keyring | None, follower: Follower) -> None:
    """Refuse to read what the pin does not vouch for; who has the present key needs no other."""
    if keyring is not None:
        return
    try:
        follower.vouched()
    except DamagedError as problem:
        raise WrongKey(problem.reason) from problem


def require_finished(follower: Follower) -> None:
    """Refuse to read a log whose first record was never signed."""
    if follower.signed and follower.size == 0:
        raise LedgerMissing(
            "expected a ledger with a signed head, found one that was never finished; open it "
            "for appending with its key"
        )
