"""``python -m ledger checkpoint DIR``: the signed head, fit to be copied off the machine."""

import argparse
from pathlib import Path
from typing import Final

from ledger.chain.log import TokenSignatureLedger
from ledger.chain.publication import signed_head
from ledger.commands import OK
from ledger.commands.given import public_key
from ledger.commands.placed import place

SUMMARY: Final = "print the signed head as a note; keep it elsewhere and compare later"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--pubkey", metavar="FILE|TEXT", help="the public key you trust")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a new file instead of output")


def run(options: argparse.Namespace) -> int:
    """Open the ledger, which checks its end, and give the note of its head."""
    key = public_key(options.pubkey) if options.pubkey is not None else None
    with TokenSignatureLedger.read_only(options.directory, key) as log:
        place(signed_head(log).note, options.out)
    return OK
