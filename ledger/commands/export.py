"""``python -m ledger export DIR --format F``: what other tools and other people can read."""

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ledger.chain.content import reached
from ledger.chain.log import TokenSignatureLedger
from ledger.commands import OK, USAGE
from ledger.commands.given import public_key
from ledger.commands.shown import printable
from ledger.errors import EntryError
from ledger.evidence import statement
from ledger.evidence.exporting import EXPORTS, FILES, export_lines, write_export, write_verifier
from ledger.evidence.placing import placed
from ledger.evidence.plain import Plain, line
from ledger.form.canonical import Digest
from ledger.trust.keys import load_key

SUMMARY: Final = "write records for others: evidence, JSON Lines, OCSF, in-toto, OpenTelemetry, CAR"
FORMATS: Final = (*EXPORTS, "in-toto")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("directory", type=Path, metavar="DIR", nargs="?")
    parser.add_argument("--format", choices=FORMATS, help="what to write")
    parser.add_argument(
        "--from", dest="start", type=int, metavar="SEQ", help="the first record (default: 0)"
    )
    parser.add_argument(
        "--to", dest="stop", type=int, metavar="SEQ", help="the record behind the last"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="a new file (default: standard output)"
    )
    parser.add_argument(
        "--objects",
        action="store_true",
        help="with jsonl, car and bundle: also the content that the records lead to",
    )
    parser.add_argument("--pubkey", metavar="FILE|TEXT", help="the public key you trust")
    parser.add_argument("--key", type=Path, metavar="FILE", help="in-toto: the ledger's secret key")
    parser.add_argument(
        "--verifier",
        type=Path,
        metavar="FILE",
        help="write verify_os2.py, for whoever gets evidence",
    )


def run(options: argparse.Namespace) -> int:
    """Write what was asked for."""
    wrong = _misuse(options)
    if wrong is not None:
        sys.stderr.write(f"ledger: {wrong}\n")
        return USAGE
    for path in (options.out, options.verifier):
        _refuse_existing(path)
    if options.format is not None:
        _export(options)
    if options.verifier is not None:
        write_verifier(options.verifier)
        _tell(options.verifier)
    return OK


def _misuse(options: argparse.Namespace) -> str | None:
    if options.format is None and options.verifier is None:
        return "expected --format, found none; one of " + ", ".join(FORMATS)
    if (options.format is None) != (options.directory is None):
        return "expected a ledger's folder together with --format"
    if options.format in FILES and options.out is None:
        return f"expected --out FILE with {options.format}, found none; it is no text"
    if options.format == "in-toto" and options.key is None:
        return "expected --key FILE with in-toto, found none; a statement is signed"
    if options.objects and options.format not in {"jsonl", "car", "bundle"}:
        return f"expected --objects with jsonl, car or bundle, found it with {options.format}"
    return None


def _refuse_existing(path: Path | None) -> None:
    if path is not None and os.path.lexists(path):
        raise EntryError(f"expected a new file, found {path}; choose another name")


def _export(options: argparse.Namespace) -> None:
    key = public_key(options.pubkey) if options.pubkey is not None else None
    with TokenSignatureLedger.read_only(options.directory, key) as ledger:
        seqs = _range(options, ledger.head.size)
        if options.format in FILES:
            objects = _objects(ledger, seqs) if options.objects else set[Digest]()
            write_export(options.out, options.format, ledger, seqs, objects)
            _tell(options.out)
        elif options.format == "in-toto":
            records = ledger.read(seqs.start, seqs.stop) if seqs is not None else ledger.read()
            made: Plain = statement.envelope(ledger, load_key(options.key), records)
            _put(options.out, [line(made)])
        else:
            _put(options.out, export_lines(options.format, ledger, seqs, objects=options.objects))


def _objects(ledger: TokenSignatureLedger, seqs: range | None) -> set[Digest]:
    records = ledger.read() if seqs is None else ledger.read(seqs.start, seqs.stop)
    return reached(records, ledger.objects)


def _range(options: argparse.Namespace, size: int) -> range | None:
    if options.start is None and options.stop is None:
        return None
    start = options.start if options.start is not None else 0
    stop = options.stop if options.stop is not None else size
    if not 0 <= start < stop <= size:
        raise EntryError(f"expected records between 0 and {size}, found {start} to {stop}")
    return range(start, stop)


def _put(out: Path | None, lines: Iterable[bytes]) -> None:
    if out is None:
        sys.stdout.flush()
        for data in lines:
            sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with placed(out) as file:
        for data in lines:
            file.write(data)
    _tell(out)


def _tell(path: Path) -> None:
    sys.stderr.write(f"{printable(str(path))}: {path.stat().st_size} bytes\n")
