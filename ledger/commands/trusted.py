"""The keys that a user trusts, given one or several times, and ledgers opened under them."""

from collections.abc import Sequence
from pathlib import Path

from ledger.chain.log import TokenSignatureLedger
from ledger.commands.given import pin
from ledger.errors import WrongKey
from ledger.trust.endorsement import Pin
from ledger.trust.epochs import Epochs
from ledger.trust.keys import PublicKey


def pins(given: Sequence[str]) -> tuple[Pin, ...]:
    """What was given with ``--pubkey``, each a key, a file of one, or a file of epochs."""
    return tuple(pin(text) for text in given)


def keys_of(trusted: Sequence[Pin]) -> tuple[PublicKey, ...]:
    """All keys named by these."""
    found: list[PublicKey] = []
    for each in trusted:
        found += [epoch.key for epoch in each] if isinstance(each, Epochs) else [each]
    return tuple(dict.fromkeys(found))


def opened(path: Path, trusted: Sequence[Pin]) -> TokenSignatureLedger:
    """The ledger at ``path``, under the first of these that is one of its keys; else by its word.

    Raises ``WrongKey`` when there are some, and none is the ledger's.
    """
    refused: WrongKey | None = None
    for each in trusted:
        try:
            return TokenSignatureLedger.read_only(path, each)
        except WrongKey as problem:
            refused = problem
    if refused is not None:
        raise refused
    return TokenSignatureLedger.read_only(path)
