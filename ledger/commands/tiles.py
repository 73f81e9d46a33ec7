"""``python -m ledger tiles DIR``: the hash tiles beside the log, or a copy fit for publication."""

import argparse
import sys
from pathlib import Path
from typing import Final

from ledger.chain.log import TokenSignatureLedger
from ledger.chain.publication import publish, renew_tiles
from ledger.commands import OK
from ledger.commands.shown import document, printable
from ledger.commands.trusted import opened, pins
from ledger.tiles.publishing import Published

SUMMARY: Final = "bring the tlog-tiles of a ledger up to its head, for any static file server"
SCHEMA: Final = "os2.ledger.tiles/1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--entries", action="store_true", help="the records too, as entry bundles")
    parser.add_argument(
        "--into",
        type=Path,
        metavar="OUT",
        help="publish into this folder, the checkpoint last; without it, tiles go to DIR/tile",
    )
    parser.add_argument("--check", action="store_true", help="hash the tiles that lie there too")
    parser.add_argument(
        "--pubkey", metavar="FILE|TEXT", action="append", default=[], help="a key you trust"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Write what is missing; the log is read only as far as tiles lack."""
    with opened(options.directory, pins(options.pubkey)) as log:
        into = options.into if options.into is not None else options.directory
        write = publish if options.into is not None else renew_tiles
        done = write(log, into, entries=options.entries, check=options.check)
        sys.stdout.write(_text(done, log, into, as_json=options.json))
    return OK


def _text(done: Published, log: TokenSignatureLedger, into: Path, *, as_json: bool) -> str:
    root = log.head.root.hex()
    if as_json:
        return document(
            {
                "schema": SCHEMA,
                "origin": log.origin,
                "size": done.size,
                "root": root,
                "into": str(into),
                "tiles_written": done.tiles,
                "bundles_written": done.bundles,
            }
        )
    return (
        f"log      {printable(log.origin)}\n"
        f"size     {done.size}\n"
        f"root     {root}\n"
        f"written  {done.tiles} tiles, {done.bundles} bundles into {printable(str(into))}\n"
    )
