"""``python -m ledger export DIR --format F``: what other tools and other people can read."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ledger.chain.log import TokenSignatureLedger
from ledger.commands import OK, USAGE
from ledger.commands.given import public_key
from ledger.commands.shown import printable
from ledger.errors import BundleError, EntryError, LedgerMissing
from ledger.evidence import jsonl, ocsf, otel, statement
from ledger.evidence.bundle import write_bundle
from ledger.evidence.car import write_car
from ledger.evidence.placing import placed
from ledger.evidence.plain import Plain, line
from ledger.form.canonical import Digest
from ledger.trust.keys import PublicKey, load_key

SUMMARY: Final = "write records for others: evidence, JSON Lines, OCSF, in-toto, OpenTelemetry, CAR"
FORMATS: Final = ("jsonl", "ocsf", "in-toto", "otel", "car", "bundle")
FILES_ONLY: Final = frozenset({"car", "bundle"})


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
        help="with jsonl, car and bundle: also the content that the records refer to",
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
        with placed(options.verifier) as file:
            file.write(verifier())
        _tell(options.verifier)
    return OK


def verifier() -> bytes:
    """The file that checks a bundle without this package."""
    from ledger.evidence import verify_os2  # noqa: PLC0415 - it is a file more than a module

    return Path(verify_os2.__file__).read_bytes()


def _misuse(options: argparse.Namespace) -> str | None:
    if options.format is None and options.verifier is None:
        return "expected --format, found none; one of " + ", ".join(FORMATS)
    if (options.format is None) != (options.directory is None):
        return "expected a ledger's folder together with --format"
    if options.format in FILES_ONLY and options.out is None:
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
    full = options.start is None and options.stop is None
    if options.format == "jsonl" and full:
        _require_ledger(options.directory)
        _put(options.out, jsonl.full_lines(options.directory, key, objects=options.objects))
        return
    with TokenSignatureLedger.read_only(options.directory, key) as ledger:
        start, stop = _range(options, ledger.head.size)
        if options.format in FILES_ONLY:
            _file(options, ledger, start, stop)
        else:
            _put(options.out, _lines(options, ledger, start, stop))


def _lines(
    options: argparse.Namespace, ledger: TokenSignatureLedger, start: int, stop: int
) -> Iterator[bytes]:
    records = ledger.read(start, stop)
    match options.format:
        case "jsonl":
            return jsonl.partial_lines(ledger, records, objects=options.objects)
        case "ocsf":
            return map(line, ocsf.events(records, _key_of(ledger)))
        case "otel":
            return map(line, otel.batches(records, _key_of(ledger)))
        case _:
            made: Plain = statement.envelope(ledger, load_key(options.key), records)
            return iter((line(made),))


def _file(options: argparse.Namespace, ledger: TokenSignatureLedger, start: int, stop: int) -> None:
    objects = set[Digest]()
    if options.objects:
        for record in ledger.read(start, stop):
            objects.update(jsonl.contents(record))
    if options.format == "car":
        write_car(options.out, ledger, range(start, stop), objects)
    else:
        write_bundle(options.out, ledger, range(start, stop), objects)
    _tell(options.out)


def _range(options: argparse.Namespace, size: int) -> tuple[int, int]:
    start = options.start if options.start is not None else 0
    stop = options.stop if options.stop is not None else size
    if not 0 <= start < stop <= size:
        raise EntryError(f"expected records between 0 and {size}, found {start} to {stop}")
    return start, stop


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


def _require_ledger(directory: Path) -> None:
    if not (directory / "segments").is_dir():
        raise LedgerMissing(f"expected a ledger in {directory}, found none; check the path")


def _key_of(ledger: TokenSignatureLedger) -> PublicKey:
    if ledger.public_key is None:
        raise BundleError("expected a signed ledger, found one without key")
    return ledger.public_key
