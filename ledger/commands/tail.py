"""``python -m ledger tail DIR``: the last records, with ``-f`` also those that come."""

import argparse
import sys
from dataclasses import replace
from typing import Final

from ledger.commands import OK
from ledger.commands.listing import (
    Pause,
    json_line,
    lines_here,
    named,
    opened,
    reader_may_leave,
    take_ledger,
    take_names,
    whole,
)
from ledger.query.index import scan
from ledger.query.tail import tail

SUMMARY: Final = "list the last records; with -f also those to come, until Ctrl-C"
LAST: Final = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    take_ledger(parser)
    take_names(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on as the log grows")
    parser.add_argument(
        "-n", type=whole, default=LAST, dest="last", metavar="N", help=f"begin N back (else {LAST})"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(options: argparse.Namespace) -> int:
    """Print until the end, or until Ctrl-C when following."""
    lines = lines_here()
    with opened(options) as ledger, reader_may_leave():
        end = ledger.head.size
        last = replace(named(options), stop=end, limit=options.last, reverse=True)
        for record in reversed(list(scan(ledger, last))):
            sys.stdout.write(json_line(record) if options.json else lines.line(record) + "\n")
        sys.stdout.flush()
        if options.follow:
            coming = tail(ledger, end, query=named(options), wait=Pause())
            for record in coming:
                sys.stdout.write(json_line(record) if options.json else lines.line(record) + "\n")
                sys.stdout.flush()
    return OK
