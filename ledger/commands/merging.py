"""``python -m ledger fleet merge NODE…``: logs as one, written whole or not at all.

With ``--fleet`` each log is read as far as the fleet log observed it, after it was held against
what was observed; a node that has a head there must be given. So whoever has the same fleet log
makes the same merge, however far the nodes have gone on.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from ledger.commands import OK
from ledger.commands.obstructions import hand_out, opened
from ledger.commands.shown import document, printable
from ledger.commands.trusted import opened as opened_under
from ledger.commands.trusted import pins
from ledger.errors import EntryError, Incomplete, Obstructed
from ledger.evidence.placing import placed
from ledger.fleet.fleet_log import FleetLog
from ledger.fleet.lines import merge_lines
from ledger.fleet.merging import Merge, merge
from ledger.fleet.observing import require_of
from ledger.fleet.views import LogView, View, obstructed
from ledger.trust.endorsement import Pin

SCHEMA: Final = "os2.ledger.fleet.merged/1"


def run(options: argparse.Namespace) -> int:
    """Merge; of what cannot be merged, hand out the certificate and fail."""
    if options.out is not None and options.out.exists():
        raise EntryError(f"expected no file {options.out} yet, found one; choose another name")
    trusted = pins(options.pubkey)
    with ExitStack() as stack:
        try:
            views = _views(options, trusted, stack)
            merged = merge(views)
            _write(merged, options)
        except Obstructed as problem:
            hand_out(problem.certificate, options.certificate)
            raise
        _tell(merged, options, trusted=bool(trusted))
    return OK


def _views(options: argparse.Namespace, trusted: Sequence[Pin], stack: ExitStack) -> Sequence[View]:
    if options.fleet is None:
        return [LogView(stack.enter_context(opened(path, trusted))) for path in options.nodes]
    nodes = FleetLog(stack.enter_context(opened_under(options.fleet, trusted)))
    members = nodes.fleet.members
    keys = tuple(key for member in members.values() for key in member.keys)
    views: list[View] = []
    for path in options.nodes:
        log = stack.enter_context(opened(path, keys=keys))
        member = nodes.fleet.member(log.origin)
        member.require_sound()
        found = nodes.contradiction(log)
        if found is not None:
            raise obstructed(found)
        if member.head is None:
            raise Incomplete(f"expected a head of {log.origin!r}, found none; observe it first")
        require_of(member, log)
        views.append(LogView(log, member.head))
    missing = {name for name, member in members.items() if member.head is not None}
    missing -= {view.head.origin for view in views}
    if missing:
        raise Incomplete(
            f"expected the logs of all nodes that were observed, found none of "
            f"{', '.join(map(repr, sorted(missing)))}; without them this is not the fleet's history"
        )
    return views


def _write(merged: Merge, options: argparse.Namespace) -> None:
    """To the file, whole or not at all; to output, where the last line says how it ended."""
    if options.out is not None:
        with placed(options.out) as file:
            file.writelines(merge_lines(merged))
    elif options.json:
        for _ in merged.records():
            pass  # followed to every head, and not shown
    else:
        sys.stdout.flush()
        sys.stdout.buffer.writelines(merge_lines(merged))
        sys.stdout.buffer.flush()


def _tell(merged: Merge, options: argparse.Namespace, *, trusted: bool) -> None:
    """What was merged: on output, unless the lines went there."""
    by = "yes" if trusted else "no: the logs named their keys themselves"
    if options.json:
        sys.stdout.write(document(_body(merged, trusted=trusted)))
        return
    text = "".join(
        f"log       {printable(head.origin)}, {head.size} records, root {head.root.hex()}\n"
        for head in merged.heads
    )
    stream = sys.stderr if options.out is None else sys.stdout
    stream.write(
        f"{text}records   {merged.size}\nidentity  {merged.identity.hex()}\ntrusted   {by}\n"
    )


def _body(merged: Merge, *, trusted: bool) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "identity": merged.identity.hex(),
        "records": merged.size,
        "trusted": trusted,
        "logs": [
            {"origin": head.origin, "size": head.size, "root": head.root.hex()}
            for head in merged.heads
        ],
    }
