"""``python -m ledger prune DIR --before SEQ``: remove old records, keep every proof.

Whoever derives a state from a log, as a shell does, can do so afterwards only from a state image
that stays. Whether anybody does, the log does not say; so an image is demanded unless the caller
says that nobody needs one.
"""

import argparse
import sys
from typing import Final

from ledger.chain.log import TokenSignatureLedger
from ledger.chain.pruning import Pruning
from ledger.commands import EMPTY, OK, USAGE, appending
from ledger.commands.shown import document
from ledger.errors import PrunedError
from ledger.form.canonical import Digest
from ledger.form.images import STATE_IMAGED, image_of

SUMMARY: Final = "remove whole segments of old records for good; every proof stays valid"
SCHEMA: Final = "os2.ledger.pruning/1"
_LOOKED_AT: Final = 4096
"""Records that are read at a time while looking for an image."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    appending.configure(parser)
    parser.add_argument(
        "--before",
        type=int,
        required=True,
        metavar="SEQ",
        help="the first record that must stay; whole segments before it go",
    )
    parser.add_argument(
        "--objects",
        action="store_true",
        help="also remove content that only pruned records lead to; while nobody else writes, "
        "because what was put and is not named by a record yet may go too",
    )
    parser.add_argument(
        "--stateless",
        action="store_true",
        help="no program folds a state from this log, so prune although no state image stays (a "
        "shell could not open its ledger any more)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go, remove nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Look, ask, prune, and say what went."""
    keep = _claims_nothing if options.objects else None
    asks = not options.yes and not options.dry_run
    if asks and not sys.stdin.isatty():
        sys.stderr.write("ledger: expected --yes, found no terminal to ask on; nothing was done\n")
        return USAGE
    with appending.opened(options) as ledger:
        done = ledger.prune(options.before, keep=keep, dry_run=True)
        if done.segments and not options.stateless:
            _require_image(ledger, done.size)
        if asks and done.segments and not _confirmed(done):
            sys.stderr.write("ledger: nothing was done\n")
            return EMPTY
        if not options.dry_run:
            done = ledger.prune(options.before, keep=keep)
    sys.stdout.write(document(body(done)) if options.json else _text(done))
    return OK if done.segments else EMPTY


def body(done: Pruning) -> dict[str, object]:
    """The outcome as JSON."""
    return {
        "schema": SCHEMA,
        "first": done.first,
        "size": done.size,
        "segments": done.segments,
        "bytes": done.bytes,
        "objects": done.objects,
        "record": done.record,
    }


def _require_image(ledger: TokenSignatureLedger, first: int) -> None:
    """Refuse unless the records from ``first`` on hold a state image; the newest are read first."""
    stop = ledger.head.size
    while stop > first:
        start = max(first, stop - _LOOKED_AT)
        for record in ledger.read(start, stop):
            name = image_of(record)
            if name is not None and ledger.objects.has(name):
                return
        stop = start
    raise PrunedError(
        f"expected a state image ({STATE_IMAGED}) from record {first} on, found none; nothing was "
        "pruned, because a program that folds its state from this log could not open it any more: "
        "prune before an earlier record, or wait until the program wrote an image (os2 does at a "
        "start after 2000 records), or say --stateless if there is no such program"
    )


def _claims_nothing(_name: Digest) -> bool:
    return False


def _confirmed(planned: Pruning) -> bool:
    sys.stderr.write(
        f"Records {planned.first} to {planned.size - 1} ({planned.segments} segments, "
        f"{planned.bytes:,} bytes, {planned.objects} objects) will be gone for good.\n"
        "Type 'prune' to go on: "
    )
    sys.stderr.flush()
    return sys.stdin.readline(80).strip() == "prune"


def _text(done: Pruning) -> str:
    if not done.segments:
        return "nothing to prune: no whole segment lies before that record\n"
    lines = [
        f"pruned   records {done.first} to {done.size - 1}"
        if done.record is not None
        else f"would go records {done.first} to {done.size - 1}",
        f"segments {done.segments} ({done.bytes:,} bytes)",
        f"objects  {done.objects}",
    ]
    if done.record is not None:
        lines.append(f"record   {done.record}")
    return "\n".join(lines) + "\n"
