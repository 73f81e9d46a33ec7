"""``python -m ledger witness …``: serve as a witness, ask witnesses, check what they said."""

import argparse
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ledger.chain.confirming import Confirmations
from ledger.chain.log import TokenSignatureLedger
from ledger.commands import BROKEN, OK
from ledger.commands.given import public_key
from ledger.commands.placed import content, place
from ledger.commands.shown import document, printable
from ledger.errors import KeyFormatError, WitnessError
from ledger.storage.file_store import FileStore
from ledger.trust.cosignature import Algorithm, TreeHead, parse_log_key
from ledger.trust.note import MAX_NOTE_BYTES, Verifier, accepted, parse
from ledger.witness.key_file import create_cosigner, load_cosigner
from ledger.witness.known_logs import KnownLogs, add_log, retire_log
from ledger.witness.policy import (
    MAX_POLICY_BYTES,
    Policy,
    Witness,
    confirmations,
    read_policy,
)
from ledger.witness.server import WitnessApplication, listening, serve, shown
from ledger.witness.service import WitnessService
from ledger.witness.store import WitnessStore
from ledger.witness.witnesses import DEADLINE_SECONDS, Witnesses

SUMMARY: Final = "serve as a witness of logs, ask witnesses, check their cosignatures"
SCHEMA: Final = "os2.ledger.witnessed/1"
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
    retired = verbs.add_parser("retire-log", help="never believe a log's former key again")
    retired.add_argument("--store", type=Path, required=True, metavar="DIR")
    retired.add_argument("log", nargs="+", metavar="VKEY|FILE")
    retired.set_defaults(act=_retire_log)
    asked = verbs.add_parser("ask", help="have a ledger's present head cosigned, once")
    asked.add_argument("directory", type=Path, metavar="DIR")
    asked.add_argument("--policy", type=Path, required=True, metavar="FILE")
    asked.add_argument("--pubkey", metavar="FILE|TEXT", help="the ledger's public key you trust")
    where = asked.add_mutually_exclusive_group()
    where.add_argument("--out", type=Path, metavar="FILE", help="a new file instead of output")
    where.add_argument(
        "--publish", action="store_true", help="make it the file 'checkpoint' in DIR"
    )
    asked.add_argument("--seconds", type=float, default=DEADLINE_SECONDS, metavar="N")
    asked.set_defaults(act=_ask)
    checked = verbs.add_parser("check", help="hold a cosigned checkpoint against a policy, offline")
    checked.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    checked.add_argument("--policy", type=Path, required=True, metavar="FILE")
    checked.add_argument("--pubkey", action="append", default=[], metavar="VKEY|FILE")
    checked.add_argument("--json", action="store_true", help="print one JSON document")
    checked.set_defaults(act=_check)


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


def _retire_log(options: argparse.Namespace) -> int:
    for given in options.log:
        key = _log_key(given)
        done = retire_log(options.store / "logs", key)
        sys.stdout.write(f"{'retired' if done else 'known'}   {printable(str(key))}\n")
    return OK


def _ask(options: argparse.Namespace) -> int:
    policy = read_policy(content(options.policy, MAX_POLICY_BYTES))
    key = public_key(options.pubkey) if options.pubkey is not None else None
    with (
        TokenSignatureLedger.read_only(options.directory, key) as log,
        Witnesses(policy, deadline_s=options.seconds) as witnesses,
    ):
        assert log.checkpoint is not None  # a ledger without a signed head does not open
        _require_named(log.checkpoint.note, policy)
        if options.publish:
            note = _published(options.directory, log, witnesses)
        else:
            note = witnesses.confirm(log.checkpoint, log.prove_consistency).note
            place(note, options.out)
    for witness, seconds in confirmations(parse(note), policy).items():
        sys.stderr.write(f"confirmed {printable(witness.name)} {_moment(seconds)}\n")
    return OK


def _published(directory: Path, log: TokenSignatureLedger, witnesses: Witnesses) -> bytes:
    """The cosigned head as it then stands in ``directory``; never in place of a later one."""
    store = FileStore(directory, create=False)
    try:
        Confirmations(witnesses, store).require(log)
        return store.published() or b""
    finally:
        store.close()


def _require_named(note: bytes, policy: Policy) -> None:
    """A policy that names logs speaks of no others."""
    if policy.logs:
        accepted(parse(note), policy.logs)


def _check(options: argparse.Namespace) -> int:
    policy = read_policy(content(options.policy, MAX_POLICY_BYTES))
    keys = [_log_key(given) for given in options.pubkey] or list(policy.logs)
    if not keys:
        raise KeyFormatError(
            "expected the public key of a log, found none; give --pubkey, or a policy that names "
            "logs"
        )
    note = parse(content(options.checkpoint, MAX_NOTE_BYTES))
    head = TreeHead.parse(note.text)
    accepted(note, [key for key in keys if key.name == head.origin])
    found = confirmations(note, policy)
    met = policy.satisfied(found)
    shown_as = _document if options.json else _text
    sys.stdout.write(shown_as(head, policy, found, met=met))
    return OK if met else BROKEN


def _document(head: TreeHead, policy: Policy, found: Mapping[Witness, int], *, met: bool) -> str:
    body: dict[str, object] = {
        "schema": SCHEMA,
        "status": "witnessed" if met else "unwitnessed",
        "origin": head.origin,
        "size": head.size,
        "root": head.root.hex(),
        "policy": str(policy),
        "cosigned": {witness.name: seconds for witness, seconds in found.items()},
        "missing": [each.name for each in policy.everyone() if each not in found],
    }
    return document(body)


def _text(head: TreeHead, policy: Policy, found: Mapping[Witness, int], *, met: bool) -> str:
    lines = [
        f"origin    {printable(head.origin)}",
        f"size      {head.size}",
        f"root      {head.root.hex()}",
        f"policy    {printable(str(policy))}",
    ]
    for witness in policy.everyone():
        said = f"cosigned  {_moment(found[witness])}" if witness in found else "missing   -"
        lines.append(f"{said}  {printable(witness.name)}")
    lines.append(f"verdict   {'witnessed' if met else 'unwitnessed'}")
    return "\n".join(lines) + "\n"


def _moment(seconds: int) -> str:
    """The time a witness states; beyond the calendar, the number."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"


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
