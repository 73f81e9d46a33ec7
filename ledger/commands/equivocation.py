"""``python -m ledger equivocation A B``: hold two signed heads of one log against each other.

A and B are checkpoint files or ledgers; a proof file that holds both stands alone. Between heads
of different sizes a consistency proof decides: taken from the larger ledger, or from ``--proof``.
Where the log's epochs are known, by a ledger or a ``--pubkey`` with its table, a head that a key
signed outside its epoch is named as such: it may be the work of a thief of a retired key.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.chain.log import TokenSignatureLedger
from ledger.commands import BROKEN, EMPTY, OK
from ledger.commands.placed import content, place
from ledger.commands.shown import document, printable
from ledger.commands.trusted import keys_of, opened, pins
from ledger.errors import KeyFormatError, ProofError, WrongKey
from ledger.trust import checkpoint, equivocation
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.endorsement import Pin
from ledger.trust.epochs import Epochs
from ledger.trust.equivocation import (
    MAX_FILE_BYTES,
    Equivocation,
    Finding,
    Judgement,
    Prefix,
    signed,
)
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import verify_consistency
from ledger.trust.misplaced import misplaced, table
from ledger.trust.tlog_proof import read_consistency_proof

SUMMARY: Final = "hold two signed heads against each other; two histories are proven, or none"
SCHEMA: Final = "os2.ledger.judgement/1"
EXIT: Final = {
    Finding.NO_CONTRADICTION: OK,
    Finding.TWO_HEADS: BROKEN,
    Finding.NOT_COMPARABLE: EMPTY,
}


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two: a signed head, and the ledger it was taken from, if any."""

    head: Checkpoint
    log: TokenSignatureLedger | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("first", type=Path, metavar="A", help="checkpoint, ledger or proof file")
    parser.add_argument("second", type=Path, nargs="?", metavar="B", help="checkpoint or ledger")
    parser.add_argument(
        "--pubkey", metavar="FILE|TEXT", action="append", default=[], help="a key you trust"
    )
    parser.add_argument("--proof", type=Path, metavar="FILE", help="a consistency proof, A to B")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the proof of two heads")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Judge, say it in plain words, and write the proof when asked."""
    trusted = pins(options.pubkey)
    known = [each for each in trusted if isinstance(each, Epochs)]
    if options.second is None:
        evidence = equivocation.read(content(options.first, MAX_FILE_BYTES))
    else:
        with ExitStack() as stack:
            evidence = _gather(options, trusted, stack, known)
    found = evidence.judge(keys_of(trusted) if options.second is None else ())
    outside = _outside(evidence, table(known))
    if found.finding is Finding.TWO_HEADS and options.out is not None:
        place(evidence.encode(), options.out)
    shown = _Shown(found, evidence, outside, trusted=bool(trusted))
    sys.stdout.write(document(shown.body()) if options.json else shown.text())
    return EXIT[found.finding]


def _gather(
    options: argparse.Namespace, trusted: Sequence[Pin], stack: ExitStack, known: list[Epochs]
) -> Equivocation:
    """Both heads, and between different sizes what links them; ``known`` gets the logs' epochs."""
    paths = (options.first, options.second)
    logs = [stack.enter_context(opened(path, trusted)) if path.is_dir() else None for path in paths]
    known += [log.keys.epochs for log in logs if log is not None and log.keys is not None]
    keys = _keys([log for log in logs if log is not None], trusted)
    if not keys:
        raise KeyFormatError(
            "expected --pubkey, found none; a checkpoint does not contain the key it was signed "
            "with"
        )
    sides = [_side(path, log, keys) for path, log in zip(paths, logs, strict=True)]
    first, second = (side.head.note for side in sides)
    return Equivocation(keys, first, second, _prefix(sides, options.proof, keys))


def _keys(logs: Sequence[TokenSignatureLedger], trusted: Sequence[Pin]) -> tuple[PublicKey, ...]:
    """The keys by which both heads must be signed.

    What a ledger names as its keys is vouched for by the key it was opened under. Without any,
    only keys that both ledgers name count: anybody can make a ledger of any name.
    """
    named = [log.signers for log in logs]
    if trusted:
        return tuple(dict.fromkeys((*keys_of(trusted), *(key for each in named for key in each))))
    shared = tuple(key for key in dict.fromkeys(sum(named, ())) if all(key in n for n in named))
    if logs and not shared:
        raise WrongKey(
            "expected two ledgers with a key in common, found none; pass --pubkey with the key "
            "you trust"
        )
    return shared


def _side(path: Path, log: TokenSignatureLedger | None, keys: Sequence[PublicKey]) -> _Side:
    if log is None:
        return _Side(signed(content(path, MAX_FILE_BYTES), keys), None)
    assert log.checkpoint is not None  # a ledger without a signed head does not open
    return _Side(signed(log.checkpoint.note, keys), log)


def _prefix(sides: Sequence[_Side], proof: Path | None, keys: Sequence[PublicKey]) -> Prefix | None:
    """What the larger of the two says about the size of the smaller."""
    small, large = sorted(sides, key=lambda side: side.head.size)
    if small.head.size in {0, large.head.size} or small.head.origin != large.head.origin:
        return None
    if proof is not None:
        return _given(content(proof, MAX_FILE_BYTES), small.head, large.head, keys)
    if large.log is None:
        return None
    size = small.head.size
    return Prefix(large.log.root_at(size), large.log.prove_consistency(size, large.head.size))


def _given(data: bytes, small: Checkpoint, large: Checkpoint, keys: Sequence[PublicKey]) -> Prefix:
    """A consistency proof as ``prove --since`` writes it, or the link of a proof file."""
    if data.startswith(b"{"):
        link = equivocation.read(data).prefix
        if link is None:
            raise ProofError("expected a consistency proof, found a proof file without one")
        return link
    found = read_consistency_proof(data)
    head = signed(found.checkpoint, keys)
    if (found.old, head.size, head.root) != (small.size, large.size, large.root):
        raise ProofError(
            f"expected a proof from {small.size} to {large.size} records, found one from "
            f"{found.old} to {head.size}, or to another root"
        )
    try:
        verify_consistency(small.size, large.size, small.root, large.root, found.hashes)
    except ProofError as problem:
        raise ProofError(
            f"the proof does not lead from the smaller head to the larger one: {problem}; it is "
            "a wrong proof, or the log was forked: give the larger ledger itself, which tells"
        ) from problem
    return Prefix(small.root, found.hashes)


def _outside(evidence: Equivocation, epochs: Epochs | None) -> dict[str, str]:
    """What is to be said of heads whose epoch is not that of the key which signed them."""
    if epochs is None:
        return {}
    sides = {"first": evidence.first, "second": evidence.second}
    told = {name: misplaced(checkpoint.read(note), epochs) for name, note in sides.items()}
    return {name: text for name, text in told.items() if text is not None}


@dataclass(frozen=True, slots=True)
class _Shown:
    """The judgement, ready to be printed."""

    found: Judgement
    evidence: Equivocation
    outside: dict[str, str]
    trusted: bool

    def body(self) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "finding": str(self.found.finding),
            "reason": self.found.reason,
            "out_of_epoch": self.outside,
            "public_keys": [str(key) for key in self.evidence.keys],
            "trusted": self.trusted,
            "first": self.evidence.first.decode(),
            "second": self.evidence.second.decode(),
        }

    def text(self) -> str:
        lines = [f"finding  {self.found.finding}", f"reason   {printable(self.found.reason)}"]
        lines += [f"epoch    the {name} head is {printable(t)}" for name, t in self.outside.items()]
        if not self.trusted:
            lines.append(
                "trusted  no: the key was named by what is judged; pass --pubkey to be sure"
            )
        return "\n".join(lines) + "\n"
