"""A ledger opened for appending by a command: its key, its clock, who acts."""

import argparse
import os
import time
from pathlib import Path
from pwd import getpwuid

from ledger.chain.log import TokenSignatureLedger
from ledger.form.record import Author
from ledger.trust.keyring import KeyFile


def configure(parser: argparse.ArgumentParser, *, key_required: bool = True) -> None:
    """Declare the arguments."""
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument(
        "--key", type=Path, required=key_required, metavar="FILE", help="the ledger's secret key"
    )
    parser.add_argument("--actor", metavar="NAME", help="who does this (default: the user)")
    parser.add_argument("--node", metavar="NAME", help="on which machine (default: its host name)")


def opened(options: argparse.Namespace) -> TokenSignatureLedger:
    """The ledger, which must be there already."""
    node = options.node or os.uname().nodename
    return TokenSignatureLedger.open(
        options.directory,
        KeyFile(options.key),
        clock=wall_clock,
        node=node,
        create=False,
        author=author(options),
    )


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
