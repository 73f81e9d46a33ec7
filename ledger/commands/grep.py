"""``python -m ledger grep TEXT DIR``: the records that contain a text."""

import argparse
from typing import Final

from ledger.commands.listing import asked, listed, take_conditions, take_ledger, whole

SUMMARY: Final = "list the records whose kind or attributes contain a text"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "text",
        metavar="TEXT",
        help="from the beginning of a word, in any case; keys are found as key=value",
    )
    take_ledger(parser)
    take_conditions(parser)
    parser.add_argument("--limit", type=whole, metavar="N", help="the newest N (else all)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Search; nothing found is exit code 5."""
    return listed(options, asked(options, options.text, options.limit))
