"""A ledger opened for appending by a command: its key, its clock, who acts, who watches.

A command asks only the guards it is told of. Whoever keeps a log's head apart, or has it witnessed,
names both here too; else the command would go on from an old copy, or append what nobody confirmed.
"""

import argparse
import os
import time
from pathlib import Path
from pwd import getpwuid

from ledger.chain.log import TokenSignatureLedger
from ledger.commands.placed import content
from ledger.form.record import Author
from ledger.trust.kept import KeptHead
from ledger.trust.keyring import KeyFile
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


def opened(options: argparse.Namespace, *, create: bool = False) -> TokenSignatureLedger:
    """The ledger, which must be there already, unless ``create`` makes it."""
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
