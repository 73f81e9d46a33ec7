"""``python -m ledger prove DIR SEQ``: a record's proof as a file, and its ``--check``."""

import argparse
import sys
from pathlib import Path
from typing import Final

from ledger.chain.log import TokenSignatureLedger
from ledger.chain.publication import signed_head
from ledger.commands import OK
from ledger.commands.placed import content, place
from ledger.commands.shown import document, printable
from ledger.commands.trusted import keys_of, opened, pins
from ledger.errors import CanonicalError, ProofError, PrunedError, QueryError
from ledger.form import canonical
from ledger.form.record import MAX_BODY_BYTES
from ledger.trust.equivocation import signed
from ledger.trust.note import MAX_NOTE_BYTES
from ledger.trust.tlog_proof import (
    FIRST_LINE,
    MAX_PROOF_BYTES,
    ConsistencyProof,
    RecordProof,
    read_consistency_proof,
    read_record_proof,
)

SUMMARY: Final = "prove that a record is in the ledger, or that an older head is its past"
SCHEMA: Final = "os2.ledger.proof/1"
_KIND: Final = 7


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("directory", type=Path, nargs="?", metavar="DIR")
    parser.add_argument("seq", type=int, nargs="?", metavar="SEQ")
    parser.add_argument(
        "--since", type=int, metavar="SIZE", help="prove that the first SIZE records did not change"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="a new file instead of output")
    parser.add_argument("--check", type=Path, metavar="FILE", help="check a proof; needs --pubkey")
    parser.add_argument(
        "--pubkey", metavar="FILE|TEXT", action="append", default=[], help="a key you trust"
    )
    parser.add_argument(
        "--body", type=Path, metavar="FILE", help="with --check: the record's bytes"
    )
    parser.add_argument(
        "--older", type=Path, metavar="FILE", help="with --check: the older checkpoint"
    )
    parser.add_argument("--json", action="store_true", help="with --check: one JSON document")
    parser.set_defaults(refuse=parser.error)


def run(options: argparse.Namespace) -> int:
    """Make a proof, or check one."""
    if options.check is not None:
        if options.directory is not None or not options.pubkey:
            options.refuse("--check FILE needs --pubkey and takes no ledger")
        return _check(options)
    if options.directory is None or (options.seq is None) == (options.since is None):
        options.refuse("give DIR and SEQ, DIR and --since SIZE, or --check FILE")
    with opened(options.directory, pins(options.pubkey)) as log:
        head = signed_head(log)
        _require_asked(options.seq, options.since, head.size)
        if options.since is not None:
            hashes = log.prove_consistency(options.since, head.size)
            place(ConsistencyProof(options.since, hashes, head.note).encode(), options.out)
        else:
            proof = log.prove(options.seq)
            body = _body(log, options.seq)
            place(RecordProof(body, proof.index, proof.hashes, head.note).encode(), options.out)
    return OK


def _require_asked(seq: int | None, since: int | None, size: int) -> None:
    """A number beyond the log is the asker's mistake, and no proof that failed."""
    if seq is not None and not 0 <= seq < size:
        raise QueryError(f"expected a record below {size}, found {seq}; `log DIR` lists the newest")
    if since is not None and not 0 < since <= size:
        raise QueryError(f"expected a size of 1 to {size} after --since, found {since}")


def _body(log: TokenSignatureLedger, seq: int) -> bytes | None:
    """The record's bytes; none where they were pruned, which leaves the proof as it was."""
    try:
        return log.record(seq).body
    except PrunedError as gone:
        sys.stderr.write(f"ledger: {printable(str(gone))}; check the proof with --body\n")
        return None


def _check(options: argparse.Namespace) -> int:
    keys = keys_of(pins(options.pubkey))
    data = content(options.check, MAX_PROOF_BYTES)
    if data.startswith(b"old "):
        if options.older is None:
            raise QueryError(
                "expected --older FILE, the checkpoint this proof starts from, found none; give it"
            )
        proof = read_consistency_proof(data)
        older = signed(content(options.older, MAX_NOTE_BYTES), keys)
        head = proof.verify(keys, older)
        said = f"the first {proof.old} records are unchanged in the {head.size} of this head"
        facts: dict[str, object] = {"old": proof.old}
    elif data.startswith(FIRST_LINE.encode()):
        given = content(options.body, MAX_BODY_BYTES) if options.body is not None else None
        record = read_record_proof(data)
        head = record.verify(keys, given)
        body = given if given is not None else record.body
        kind = _kind(body or b"")
        said = f"record {record.index} ({printable(kind or 'no record of ours')}) is in the log"
        facts = {"index": record.index, "kind": kind}
    else:
        raise ProofError(f"expected a proof ({FIRST_LINE} or old SIZE), found another file")
    facts |= {"schema": SCHEMA, "origin": head.origin, "size": head.size, "root": head.root.hex()}
    text = f"log      {printable(head.origin)}\nsize     {head.size}\nverdict  holds: {said}\n"
    sys.stdout.write(document(facts) if options.json else text)
    return OK


def _kind(body: bytes) -> str | None:
    """The kind of a record of ours; another log's leaf has none."""
    try:
        values = canonical.decode(body)
    except CanonicalError:
        return None
    kind = values[_KIND] if isinstance(values, list) and len(values) > _KIND else None
    return kind if isinstance(kind, str) else None
