"""What an open log says about its past, for a kept head to be held against it."""

from ledger.chain.log import TokenSignatureLedger
from ledger.chain.publication import keys_of
from ledger.trust.equivocation import Prefix
from ledger.trust.kept import LogFacts


def facts_of(log: TokenSignatureLedger) -> LogFacts:
    """The signed head of ``log``, its keys, and what it answers about smaller sizes."""
    size = log.head.size

    def prefix(old: int) -> Prefix:
        return Prefix(log.root_at(old), log.prove_consistency(old, size))

    def chain(old: int) -> bytes:
        return log.record(old - 1).digest

    return LogFacts(log.checkpoint, keys_of(log), prefix, chain)
