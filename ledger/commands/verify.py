"""``python -m ledger verify DIR``: an audit that needs nothing but this package."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from ledger.chain.age import EPOCH_DAYS, EpochAge, epoch_age
from ledger.chain.log import TokenSignatureLedger
from ledger.chain.verifying import Status, Verification, verify
from ledger.commands import BROKEN, EMPTY, OK, UNREADABLE
from ledger.commands.appending import wall_clock
from ledger.commands.given import pin
from ledger.commands.progress import Bar
from ledger.commands.shown import document, printable
from ledger.errors import DamagedError

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
    parser.add_argument(
        "--objects",
        action="store_true",
        help="also hash the content that records name, payloads and references alike, and what "
        "traces and trees among it name in turn",
    )
    parser.add_argument(
        "--jobs",
        type=_count,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="how many share the work (default: as many as there are cores)",
    )
    parser.add_argument(
        "--epoch-days",
        type=_days,
        default=EPOCH_DAYS,
        metavar="N",
        help="warn when a key has signed for so many days (default: %(default)s; 0: never)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Audit and print the verdict."""
    key = pin(options.pubkey) if options.pubkey is not None else None
    with Bar("verifying") as bar:
        result = verify(
            options.directory, key, objects=options.objects, jobs=options.jobs, progress=bar
        )
    age = None
    if result.status is Status.OK:
        with TokenSignatureLedger.read_only(options.directory, key) as ledger:
            age = epoch_age(ledger, wall_clock())
    if options.json:
        sys.stdout.write(document({**body(result), "epoch": _epoch(age, options.epoch_days)}))
    else:
        sys.stdout.write(_text(result))
    if age is not None and not options.json:
        sys.stdout.write(f"epoch    {age.text(options.epoch_days)}\n")
    return EXIT[result.status]


def _epoch(age: EpochAge | None, policy: int) -> dict[str, object] | None:
    if age is None:
        return None
    return {
        "number": age.number,
        "began_ms": age.began_ms,
        "days": age.days,
        "overdue": age.overdue(policy),
    }


def _days(text: str) -> int:
    days = int(text)
    if days < 0:
        raise argparse.ArgumentTypeError(f"expected a number of days, or 0, found {days}")
    return days


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
    if result.first_bad is not None and "; " not in result.first_bad.reason:
        lines.append(f"next     {DamagedError.remedy}")
    lines.extend(f"remark   {printable(remark)}" for remark in result.remarks)
    return "\n".join(lines) + "\n"
