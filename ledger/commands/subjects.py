"""``python -m ledger subjects …``: whose content can be opened, and opening it.

``list`` shows the keys in a folder; ``open`` prints one record's content; ``settle`` destroys keys
whose shredding is on record, such as those that a restored backup brought back.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from ledger.chain.log import TokenSignatureLedger
from ledger.commands import EMPTY, OK
from ledger.commands.given import public_key
from ledger.commands.shown import document, printable
from ledger.errors import NotSealed
from ledger.privacy.subjects import Subject, Subjects

SUMMARY: Final = "list subjects whose keys are kept, open their content, finish shreddings"
LIST_SCHEMA: Final = "os2.ledger.subjects/1"
SETTLE_SCHEMA: Final = "os2.ledger.settled/1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs and their arguments."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="the subjects whose keys are in FOLDER")
    opening = verbs.add_parser("open", help="print the sealed content of record SEQ")
    settling = verbs.add_parser("settle", help="destroy keys whose shredding is on record")
    for verb in (opening, settling):
        verb.add_argument("directory", type=Path, metavar="DIR")
        verb.add_argument("--pubkey", metavar="FILE|TEXT", help="the public key you trust")
    opening.add_argument("seq", type=int, metavar="SEQ")
    for verb in (listing, opening, settling):
        verb.add_argument(
            "--subjects", type=Path, required=True, metavar="FOLDER", help="where the keys rest"
        )
    for verb in (listing, settling):
        verb.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Do what the verb says."""
    subjects = Subjects(options.subjects)
    if options.verb == "list":
        return _list(subjects, as_json=options.json)
    key = public_key(options.pubkey) if options.pubkey is not None else None
    with TokenSignatureLedger.read_only(options.directory, key) as ledger:
        if options.verb == "open":
            return _open(subjects, ledger, options.seq)
        return _settle(subjects, ledger, as_json=options.json)


def _list(subjects: Subjects, *, as_json: bool) -> int:
    found = subjects.known()
    if as_json:
        rows = [_row(subject) for subject in found]
        sys.stdout.write(document({"schema": LIST_SCHEMA, "subjects": rows}))
    else:
        sys.stdout.writelines(_line(subject) for subject in found)
    return OK if found else EMPTY


def _open(subjects: Subjects, ledger: TokenSignatureLedger, seq: int) -> int:
    try:
        record = ledger.record(seq)
    except IndexError as problem:
        raise NotSealed(f"{problem}; `ledger verify` tells how many there are") from problem
    sys.stdout.flush()
    for chunk in subjects.chunks(ledger, record):
        sys.stdout.buffer.write(chunk)
    return OK


def _settle(subjects: Subjects, ledger: TokenSignatureLedger, *, as_json: bool) -> int:
    done = subjects.settle(ledger)
    if as_json:
        names = [shredding.pseudonym for shredding in done]
        sys.stdout.write(document({"schema": SETTLE_SCHEMA, "destroyed": names}))
    else:
        sys.stdout.writelines(f"destroyed  {shredding.pseudonym}\n" for shredding in done)
    return OK if done else EMPTY


def _row(subject: Subject) -> dict[str, object]:
    return {
        "name": subject.name,
        "subject": subject.pseudonym,
        "origin": subject.origin,
        "shredding": subject.shredding,
    }


def _line(subject: Subject) -> str:
    begun = "  shredding begun" if subject.shredding else ""
    return f"{subject.pseudonym}  {printable(subject.origin)}  {printable(subject.name)}{begun}\n"
