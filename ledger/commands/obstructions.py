"""``python -m ledger fleet check CERT``, and how the other verbs meet and hand out certificates."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ledger.chain.log import TokenSignatureLedger
from ledger.commands import OK, trusted
from ledger.commands.placed import content, place
from ledger.commands.shown import document, printable
from ledger.errors import DamagedError, LedgerError, WrongKey
from ledger.fleet.breach import breach
from ledger.fleet.certificate import MAX_FILE_BYTES, read_certificate
from ledger.fleet.fleet_log import FleetLog
from ledger.fleet.views import obstructed
from ledger.trust.endorsement import Pin
from ledger.trust.keys import PublicKey

SCHEMA: Final = "os2.ledger.fleet.checked/1"


def run(options: argparse.Namespace) -> int:
    """Say what the certificate proves; an error where it does not."""
    keys = [*trusted.keys_of(trusted.pins(options.pubkey)), *_admitted(options.fleet)]
    found = read_certificate(content(options.certificate, MAX_FILE_BYTES))
    reason = found.judge(keys)
    body: dict[str, object] = {
        "schema": SCHEMA,
        "kind": str(found.kind),
        "reason": reason,
        "logs": list(found.origins),
        "public_keys": sorted({str(statement.key) for statement in found.statements}),
        "trusted": bool(keys),
    }
    sys.stdout.write(document(body) if options.json else _text(body))
    return OK


def hand_out(certificate: bytes, out: Path | None, number: int = 1) -> None:
    """Write a certificate to ``out`` (a later one to ``out``.number), or to standard output.

    Where the file cannot be written it goes to standard output too: the alarm must sound, and the
    proof must not be lost.
    """
    if out is not None and number > 1:
        out = out.with_name(f"{out.name}.{number}")
    try:
        place(certificate, out)
        told = None if out is None else f"the certificate is in {out}; give it to others"
    except LedgerError as problem:
        place(certificate, None)
        told = f"{problem}; the certificate is on standard output instead"
    if told is not None:
        sys.stderr.write(f"ledger: {printable(told)}\n")


def opened(
    path: Path, pins: Sequence[Pin] = (), keys: Sequence[PublicKey] = ()
) -> TokenSignatureLedger:
    """A node's log; ``Obstructed`` where its own key signed the damage that keeps it shut.

    Its own are ``keys``, else those of ``pins``, else those that it names.
    """
    try:
        return trusted.opened(path, pins)
    except DamagedError:
        found = breach(path, keys or trusted.keys_of(pins))
        if found is None:
            raise
        raise obstructed(found) from None


def _admitted(fleet: Path | None) -> Sequence[PublicKey]:
    """The keys of all members; to be asked for none of them is no way to trust every key."""
    if fleet is None:
        return ()
    with TokenSignatureLedger.read_only(fleet) as log:
        members = FleetLog(log).fleet.members.values()
    found = tuple(key for member in members for key in member.keys)
    if not found:
        raise WrongKey("expected a fleet log with nodes to trust, found one without any")
    return found


def _text(body: dict[str, object]) -> str:
    lines = [f"kind      {body['kind']}"]
    logs, keys = body["logs"], body["public_keys"]
    assert isinstance(logs, list)
    assert isinstance(keys, list)
    lines += [f"log       {printable(log)}" for log in logs]
    lines += [f"key       {printable(key)}" for key in keys]
    lines.append(f"reason    {printable(str(body['reason']))}")
    if not body["trusted"]:
        lines.append("trusted   no: the file named these keys itself; pass --pubkey to be sure")
    return "\n".join(lines) + "\nverdict   holds\n"
