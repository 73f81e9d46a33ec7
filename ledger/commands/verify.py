"""``python -m ledger verify DIR``: an audit that needs nothing but this package."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from ledger.chain.verifying import Status, Verification, verify
from ledger.commands import BROKEN, EMPTY, OK, UNREADABLE
from ledger.commands.given import pin
from ledger.commands.progress import Bar
from ledger.commands.shown import document, printable

SUMMARY: Final = "check every byte: chain, Merkle roots, signatures, publication"
SCHEMA: Final = "os2.ledger.verification/1"
EXIT: Final = {
    Status.OK: OK,
    Status.BROKEN: BROKEN,
    Status.UNREADABLE: UNREADABLE,
    Status.EMPTY: EMPTY,
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--pubkey", metavar="FILE|TEXT", help="the key, root or epochs you trust")
    parser.add_argument("--objects", action="store_true", help="hash the records' payloads too")
    parser.add_argument(
        "--jobs",
        type=_count,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="processes that share the work (default: as many as there are cores)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Audit and print the verdict."""
    key = pin(options.pubkey) if options.pubkey is not None else None
    with Bar("verifying") as bar:
        result = verify(
            options.directory, key, objects=options.objects, jobs=options.jobs, progress=bar
        )
    sys.stdout.write(document(body(result)) if options.json else _text(result))
    return EXIT[result.status]


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"expected at least one process, found {count}")
    return count


def body(result: Verification) -> dict[str, object]:
    """The verdict as JSON."""
    bad = result.first_bad
    return {
        "schema": SCHEMA,
        "status": str(result.status),
        "size": result.size,
        "first": result.first,
        "root": result.root.hex(),
        "signer": result.signer,
        "trusted": result.trusted,
        "bytes": result.bytes,
        "remarks": list(result.remarks),
        "first_bad": None if bad is None else {"seq": bad.seq, "reason": bad.reason},
    }


def _text(result: Verification) -> str:
    lines = [
        f"size     {result.size}",
        f"root     {result.root.hex() or '-'}",
        f"signer   {printable(result.signer or '-')}",
        f"trusted  {'yes' if result.trusted else 'no: the ledger named this key itself'}",
        f"verdict  {result.status}",
    ]
    if result.first_bad is not None:
        lines.append(
            f"first    record {result.first_bad.seq}: {printable(result.first_bad.reason)}"
        )
    lines.extend(f"remark   {printable(remark)}" for remark in result.remarks)
    return "\n".join(lines) + "\n"
