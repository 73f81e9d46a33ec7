"""``python -m ledger checkpoint DIR``: the signed head, fit to be copied off the machine."""

import argparse
from pathlib import Path
from typing import Final

from ledger.chain.publication import signed_head
from ledger.commands import OK
from ledger.commands.placed import place
from ledger.commands.trusted import opened, pins

SUMMARY: Final = "print the signed head as a note; keep it elsewhere and compare later"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument(
        "--pubkey", metavar="FILE|TEXT", action="append", default=[], help="a key you trust"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="a new file instead of output")


def run(options: argparse.Namespace) -> int:
    """Open the ledger, which checks its end, and give the note of its head."""
    with opened(options.directory, pins(options.pubkey)) as log:
        place(signed_head(log).note, options.out)
    return OK
