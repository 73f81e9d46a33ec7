"""``python -m ledger shred DIR SUBJECT``: destroy a subject's key, on record, for ever."""

import argparse
import sys
from pathlib import Path
from typing import Final

from ledger.commands import EMPTY, OK, USAGE, appending
from ledger.commands.shown import document, printable
from ledger.privacy.subjects import Shredding, Subjects

SUMMARY: Final = "make a subject's content unreadable for ever; every proof stays valid"
SCHEMA: Final = "os2.ledger.shredding/1"
DEFAULT_REASON: Final = "not stated"
_MAX_NAME: Final = 4096


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    appending.configure(parser)
    parser.add_argument(
        "subject", metavar="SUBJECT", help="the subject's name; '-' reads it from standard input"
    )
    parser.add_argument(
        "--subjects", type=Path, required=True, metavar="FOLDER", help="where subjects' keys rest"
    )
    parser.add_argument(
        "--reason",
        default=DEFAULT_REASON,
        metavar="TEXT",
        help="goes on record for ever; must not name the subject",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Ask, shred, and say what was done."""
    name = options.subject
    if name == "-":
        name = sys.stdin.readline(_MAX_NAME).rstrip("\n")
    if not options.yes and not sys.stdin.isatty():
        sys.stderr.write("ledger: expected --yes, found no terminal to ask on; nothing was done\n")
        return USAGE
    subjects = Subjects(options.subjects)
    with appending.opened(options) as ledger:
        if not options.yes and not _confirmed(subjects.count(ledger, name)):
            sys.stderr.write("ledger: nothing was done\n")
            return EMPTY
        done = subjects.shred(ledger, name, options.reason, appending.author(options))
    sys.stdout.write(document(body(done)) if options.json else _text(done, options.subjects))
    return EMPTY if done.record is None else OK


def body(done: Shredding) -> dict[str, object]:
    """The outcome as JSON."""
    return {
        "schema": SCHEMA,
        "subject": done.pseudonym,
        "seq": None if done.record is None else done.record.seq,
        "records": done.records,
    }


def _confirmed(count: int | None) -> bool:
    if count is None:
        return True  # there is no key; the outcome will say so
    sys.stderr.write(
        f"{count} records hold sealed content of this subject. Nobody will be able to read it "
        "again.\nType 'shred' to go on: "
    )
    sys.stderr.flush()
    return sys.stdin.readline(_MAX_NAME).strip() == "shred"


def _text(done: Shredding, folder: Path) -> str:
    if done.record is None:
        where = printable(str(folder))
        return (
            f"nothing to shred: {where} has no key of that subject for this ledger (shredded "
            "before, or never made); `ledger subjects list` shows whose keys are there\n"
        )
    return (
        f"shredded  {done.pseudonym}\nrecord    {done.record.seq}\n"
        f"closed    {done.records} records\n"
    )
