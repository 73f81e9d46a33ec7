"""``python -m ledger tiles DIR``: the hash tiles beside the log, or a copy fit for publication."""

import argparse
import sys
from pathlib import Path
from typing import Final

from ledger.chain.log import TokenSignatureLedger
from ledger.commands import OK
from ledger.commands.given import public_key
from ledger.commands.shown import document, printable
from ledger.tiles.publishing import Published, Source, publish, renew, renew_bundles

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
    parser.add_argument("--pubkey", metavar="FILE|TEXT", help="the public key you trust")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Write what is missing; the log is read only as far as tiles lack."""
    key = public_key(options.pubkey) if options.pubkey is not None else None
    with TokenSignatureLedger.read_only(options.directory, key) as log:
        source = source_of(log)
        if options.into is not None:
            done = publish(source, options.into, entries=options.entries, check=options.check)
        else:
            tiles = renew(source, options.directory, check=options.check)
            bundles = renew_bundles(source, options.directory) if options.entries else 0
            done = Published(source.head.size, tiles, bundles)
        into = options.into if options.into is not None else options.directory
        sys.stdout.write(_text(done, source, into, as_json=options.json))
    return OK


def source_of(log: TokenSignatureLedger) -> Source:
    """An open ledger as something to publish."""
    head, key = log.checkpoint, log.public_key
    assert head is not None  # a ledger without a signed head does not open
    assert key is not None
    return Source(
        head,
        (key,),
        leaves=log.leaves,
        bodies=lambda start, stop: (record.body for record in log.read(start, stop)),
    )


def _text(done: Published, source: Source, into: Path, *, as_json: bool) -> str:
    if as_json:
        return document(
            {
                "schema": SCHEMA,
                "origin": source.head.origin,
                "size": done.size,
                "root": source.head.root.hex(),
                "into": str(into),
                "tiles_written": done.tiles,
                "bundles_written": done.bundles,
            }
        )
    return (
        f"log      {printable(source.head.origin)}\n"
        f"size     {done.size}\n"
        f"root     {source.head.root.hex()}\n"
        f"written  {done.tiles} tiles, {done.bundles} bundles into {printable(str(into))}\n"
    )
