"""``python -m ledger log DIR``: the newest records, or those that fit."""

import argparse
from typing import Final

from ledger.commands.listing import asked, listed, take_conditions, take_ledger, whole

SUMMARY: Final = "list the newest records, or those that fit"
LIMIT: Final = 50


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    take_ledger(parser)
    take_conditions(parser)
    parser.add_argument("--text", metavar="TEXT", help="only records that contain it, as grep does")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument(
        "--limit", type=whole, default=LIMIT, metavar="N", help=f"the newest N (else {LIMIT})"
    )
    amount.add_argument("--all", action="store_true", help="however many there are")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """List."""
    return listed(options, asked(options, options.text, None if options.all else options.limit))
