"""``python -m ledger witness …``: serve as a witness, ask witnesses, check what they said."""

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from ledger.commands import OK
from ledger.commands.shown import printable
from ledger.errors import KeyFormatError, WitnessError
from ledger.trust.cosignature import Algorithm, parse_log_key
from ledger.trust.note import Verifier
from ledger.witness.key_file import create_cosigner, load_cosigner
from ledger.witness.known_logs import KnownLogs, add_log
from ledger.witness.server import WitnessApplication, listening, serve, shown
from ledger.witness.service import WitnessService
from ledger.witness.store import WitnessStore

SUMMARY: Final = "serve as a witness of logs, ask witnesses, check their cosignatures"
_ALGORITHMS: Final = {"ed25519": Algorithm.ED25519, "ml-dsa-44": Algorithm.ML_DSA_44}
_MAX_TEXT: Final = 64 * 1024


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs and their arguments."""
    verbs = parser.add_subparsers(dest="verb", required=True)
    key = verbs.add_parser("key", help="make a witness' key, or print the public half of one")
    key.add_argument("file", type=Path, metavar="FILE")
    key.add_argument("--name", help="make a key of this name; without it, the file is read")
    key.add_argument("--algorithm", choices=sorted(_ALGORITHMS), default="ed25519")
    key.set_defaults(act=_key)
    served = verbs.add_parser("serve", help="answer logs over HTTP (C2SP tlog-witness)")
    served.add_argument("--key", type=Path, action="append", required=True, metavar="FILE")
    served.add_argument("--store", type=Path, required=True, metavar="DIR")
    served.add_argument("--listen", required=True, metavar="HOST:PORT", help="port 0: a free one")
    served.add_argument("--log", nargs="+", action="extend", default=[], metavar="VKEY|FILE")
    served.set_defaults(act=_serve)
    added = verbs.add_parser("add-log", help="let a witness serve another log, while it runs")
    added.add_argument("--store", type=Path, required=True, metavar="DIR")
    added.add_argument("log", nargs="+", metavar="VKEY|FILE")
    added.set_defaults(act=_add_log)


def run(options: argparse.Namespace) -> int:
    """Do what the verb says."""
    code: int = options.act(options)
    return code


def _key(options: argparse.Namespace) -> int:
    if options.name is None:
        public = load_cosigner(options.file).public
    else:
        public = create_cosigner(options.file, options.name, _ALGORITHMS[options.algorithm]).public
    sys.stdout.write(f"{public}\n")
    return OK


def _serve(options: argparse.Namespace) -> int:
    cosigners = tuple(load_cosigner(path) for path in options.key)
    keys = tuple(each.public for each in cosigners)
    logs = KnownLogs([_log_key(given) for given in options.log], options.store / "logs")
    store = WitnessStore(options.store, keys)
    served = logs.all()
    if not served:
        raise WitnessError(
            "expected the key of at least one log, found none; give --log VKEY, or use add-log"
        )
    for origin in {key.name for key in served}:
        store.latest(origin)  # a damaged memory is an error now, not at the first request
    # The edge of the library: here a clock is chosen, and everything below is given it.
    service = WitnessService(cosigners, logs, store, time.time_ns)  # noqa: TID251 - see above
    with listening(options.listen) as bound:

        def announce() -> None:
            lines = [f"listening http://{shown(bound)}/", *(f"witness   {key}" for key in keys)]
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()

        serve(WitnessApplication(service, _report), bound, announce)
    return OK


def _add_log(options: argparse.Namespace) -> int:
    for given in options.log:
        key = _log_key(given)
        added = add_log(options.store / "logs", key)
        sys.stdout.write(f"{'added' if added else 'known'}     {printable(str(key))}\n")
    return OK


def _log_key(given: str) -> Verifier:
    """A log's key, given as text or as the name of a file that holds it."""
    if given.count("+") >= 2:  # noqa: PLR2004 - name, hash, key
        return parse_log_key(given)
    try:
        with Path(given).open("rb") as file:
            return parse_log_key(file.read(_MAX_TEXT).decode())
    except (OSError, ValueError) as problem:
        raise KeyFormatError(
            f"expected the public key of a log or the file of one, found {given!r}: {problem}; "
            "pass <name>+<hash>+<base64>"
        ) from problem


def _report(text: str) -> None:
    sys.stderr.write(f"ledger: witness: {printable(text)}\n")
    sys.stderr.flush()
