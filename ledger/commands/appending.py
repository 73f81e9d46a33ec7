"""A ledger opened for appending by a command: its key, its clock, who acts, who watches.

A command asks only the guards it is told of. Whoever keeps a log's head apart, or has it witnessed,
names both here too; else the command would go on from an old copy, or append what nobody confirmed.
That a log is witnessed shows on the head it published last; so nobody leaves its witnesses out by
mistake, only by saying so.
"""

import argparse
import os
import time
from pathlib import Path
from pwd import getpwuid

from ledger.chain.log import TokenSignatureLedger
from ledger.commands.placed import content
from ledger.errors import LedgerError, QuorumError
from ledger.form.record import Author
from ledger.trust.kept import KeptHead
from ledger.trust.keyring import KeyFile
from ledger.trust.note import MAX_NOTE_BYTES, parse
from ledger.witness.policy import MAX_POLICY_BYTES, read_policy
from ledger.witness.witnesses import Witnesses


def configure(parser: argparse.ArgumentParser, *, key_required: bool = True) -> None:
    """Declare the arguments."""
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument(
        "--key", type=Path, required=key_required, metavar="FILE", help="the ledger's secret key"
    )
    take_guards(parser)


def take_guards(parser: argparse.ArgumentParser) -> None:
    """Declare who acts, and who is asked whether it may be."""
    parser.add_argument("--actor", metavar="NAME", help="who does this (default: the user)")
    parser.add_argument("--node", metavar="NAME", help="on which machine (default: its host name)")
    parser.add_argument(
        "--kept", type=Path, metavar="FILE", help="the head kept apart from the ledger, held to it"
    )
    parser.add_argument(
        "--witnesses", type=Path, metavar="FILE", help="the policy of witnesses that must confirm"
    )
    parser.add_argument(
        "--unwitnessed",
        action="store_true",
        help="go on without the witnesses that confirmed this log's published head",
    )


def opened(options: argparse.Namespace, *, create: bool = False) -> TokenSignatureLedger:
    """The ledger, which must be there already, unless ``create`` makes it."""
    if options.witnesses is None and not options.unwitnessed:
        _require_no_witnesses(options.directory)
    node = options.node or os.uname().nodename
    return TokenSignatureLedger.open(
        options.directory,
        KeyFile(options.key),
        clock=wall_clock,
        node=node,
        create=create,
        author=author(options),
        kept=KeptHead(options.kept) if options.kept is not None else None,
        witnesses=_witnesses(options.witnesses) if options.witnesses is not None else None,
    )


def _require_no_witnesses(directory: Path) -> None:
    """Refuse a log whose published head others signed too: they would not be asked this time."""
    try:
        data = (directory / "checkpoint").read_bytes()
        head = parse(data[:MAX_NOTE_BYTES])
    except (OSError, LedgerError):
        return  # opening the log says what is wrong with it
    origin = head.text.partition("\n")[0]
    others = sorted({signature.name for signature in head.signatures} - {origin})
    if others:
        raise QuorumError(
            f"expected --witnesses FILE, the policy of this log, found none although "
            f"{', '.join(others)} confirmed its published head; name the policy (os2 keeps it in "
            "$XDG_CONFIG_HOME/os2shell/witnesses), or say --unwitnessed to append what they do not "
            "confirm"
        )


def _witnesses(path: Path) -> Witnesses:
    return Witnesses(read_policy(content(path, MAX_POLICY_BYTES)))


def author(options: argparse.Namespace) -> Author:
    """Who acts."""
    return Author(actor=options.actor or _user())


def wall_clock() -> int:
    """Nanoseconds since 1970."""
    return time.time_ns()  # noqa: TID251 - a command is where the library meets the world


def _user() -> str:
    try:
        return getpwuid(os.getuid()).pw_name
    except KeyError:  # a number without a name, as in containers
        return f"uid {os.getuid()}"
