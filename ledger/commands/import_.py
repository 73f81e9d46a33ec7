"""``python -m ledger import FILE``: a ledger from its JSON Lines, or evidence into a ledger."""

import argparse
import sys
from pathlib import Path
from typing import Final

from ledger.commands import OK, USAGE, appending
from ledger.commands.given import public_key
from ledger.commands.shown import document, printable
from ledger.errors import UnreadableError
from ledger.evidence.importing import admit, rebuild
from ledger.trust.keys import PublicKey

SUMMARY: Final = "make a ledger again from its JSON Lines, or keep foreign evidence on record"
SCHEMA: Final = "os2.ledger.imported/1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a full JSONL export, or a bundle")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--into", type=Path, metavar="DIR", help="JSONL: the folder to make")
    where.add_argument(
        "--ledger", dest="directory", type=Path, metavar="DIR", help="bundle: the ledger to keep it"
    )
    parser.add_argument("--key", type=Path, metavar="FILE", help="bundle: that ledger's secret key")
    parser.add_argument("--pubkey", metavar="FILE|TEXT", help="the key that must have signed FILE")
    appending.take_guards(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Check the file, take it in, and say what was taken."""
    key = public_key(options.pubkey) if options.pubkey is not None else None
    if options.directory is not None and options.key is None:
        sys.stderr.write("ledger: expected --key FILE with --ledger, found none\n")
        return USAGE
    body = _rebuilt(options, key) if options.directory is None else _admitted(options, key)
    sys.stdout.write(document(body) if options.json else _text(body))
    return OK


def _rebuilt(options: argparse.Namespace, key: PublicKey | None) -> dict[str, object]:
    try:
        source = options.file.open("rb")
    except OSError as problem:
        raise UnreadableError(
            f"expected to read {options.file}, found: {problem.strerror}; check the path"
        ) from problem
    with source:
        made = rebuild(source, options.into, key)
    return {
        "schema": SCHEMA,
        "ledger": str(options.into),
        "size": made.size,
        "root": made.root.hex(),
        "signer": made.signer,
        "trusted": made.trusted,
    }


def _admitted(options: argparse.Namespace, key: PublicKey | None) -> dict[str, object]:
    if not options.file.is_file():
        raise UnreadableError(f"expected a file {options.file}, found none; check the path")
    with appending.opened(options) as ledger:
        record = admit(options.file, ledger, key, appending.author(options))
    found = record.attributes
    return {
        "schema": SCHEMA,
        "ledger": str(options.directory),
        "record": record.seq,
        "object": record.payload.hex() if record.payload is not None else None,
        "origin": found["origin"],
        "size": found["size"],
        "records": found["records"],
        "signer": found["signer"],
        "trusted": found["trusted"],
    }


def _text(body: dict[str, object]) -> str:
    lines = {name: value for name, value in body.items() if name != "schema"}
    if not body["trusted"]:
        lines["trusted"] = "no: it named this key itself; pass --pubkey to demand one"
    return "".join(f"{name:8} {printable(str(value))}\n" for name, value in lines.items())
