"""``python -m ledger fleet …``: nodes' heads on record, logs merged, obstructions checked.

``observe`` goes on after a node that is refused, and ends with the first refusal. Certificates go
to the file of ``--certificate`` (a second one to ``FILE.2``), else to standard output, where they
are one line each: of a merge that breaks off, the last.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from ledger.chain.log import TokenSignatureLedger
from ledger.commands import EMPTY, OK, appending, merging, obstructions
from ledger.commands.given import pin
from ledger.commands.placed import content
from ledger.commands.shown import document, printable
from ledger.commands.trusted import opened, pins
from ledger.errors import LedgerError, Obstructed, QueryError
from ledger.evidence.plain import instant_of
from ledger.fleet.certificate import read_certificate
from ledger.fleet.fleet_log import FleetLog
from ledger.fleet.membership import Member
from ledger.fleet.merging import identity
from ledger.trust import checkpoint
from ledger.trust.epochs import Epochs
from ledger.trust.keys import load_or_create_key
from ledger.trust.note import MAX_NOTE_BYTES
from ledger.trust.tlog_proof import MAX_PROOF_BYTES, ConsistencyProof, read_consistency_proof

SUMMARY: Final = "several nodes: admit, observe, list and merge their logs; check obstructions"
ADMITTED_SCHEMA: Final = "os2.ledger.fleet.admitted/1"
OBSERVED_SCHEMA: Final = "os2.ledger.fleet.observed/1"
NODES_SCHEMA: Final = "os2.ledger.fleet.nodes/1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs and their arguments."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    admitted = verbs.add_parser("admit", help="record a node and the key by which it is known")
    appending.configure(admitted)
    admitted.add_argument(
        "node_key", metavar="PUBKEY", help="the node's key, or a file of it or of its epochs"
    )
    admitted.add_argument(
        "--log", type=Path, metavar="NODE", help="take the epochs of this log, if PUBKEY vouches"
    )
    admitted.add_argument(
        "--create", metavar="NAME", help="make the fleet log, and its key, when there is none"
    )
    admitted.set_defaults(act=_admit)
    observed = verbs.add_parser("observe", help="record the heads of nodes, once they are proven")
    appending.configure(observed)
    observed.add_argument("nodes", type=Path, nargs="+", metavar="NODE", help="log or checkpoint")
    observed.add_argument(
        "--proof", type=Path, metavar="FILE", help="of a checkpoint: that it grew (prove --since)"
    )
    observed.set_defaults(act=_observe)
    listed = verbs.add_parser("nodes", help="check the fleet log again, and list its nodes")
    listed.add_argument("directory", type=Path, metavar="DIR")
    _take_keys(listed, "the fleet log's key, root or epochs you trust")
    listed.set_defaults(act=_nodes)
    merged = verbs.add_parser("merge", help="logs as one, in the order (hlc, node, seq)")
    merged.add_argument("nodes", type=Path, nargs="+", metavar="NODE", help="a node's log")
    merged.add_argument(
        "--fleet", type=Path, metavar="DIR", help="merge as far as this fleet log observed them"
    )
    merged.add_argument("--out", type=Path, metavar="FILE", help="a new file of JSON Lines")
    _take_keys(merged, "a key you trust: of the nodes, or with --fleet of the fleet log")
    merged.set_defaults(act=merging.run)
    checked = verbs.add_parser("check", help="check a certificate of obstruction")
    checked.add_argument("certificate", type=Path, metavar="CERT")
    checked.add_argument(
        "--fleet", type=Path, metavar="DIR", help="trust the keys that this fleet log admitted"
    )
    _take_keys(checked, "a key you trust")
    checked.set_defaults(act=obstructions.run)
    for verb in (observed, merged):
        verb.add_argument(
            "--certificate", type=Path, metavar="FILE", help="write the proof of an obstruction"
        )
    for verb in (admitted, observed, listed, merged, checked):
        verb.add_argument("--json", action="store_true", help="print one JSON document")


def _take_keys(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--pubkey", metavar="FILE|TEXT", action="append", default=[], help=text)


def run(options: argparse.Namespace) -> int:
    """Do what the verb says."""
    code: int = options.act(options)
    return code


def _admit(options: argparse.Namespace) -> int:
    keys = _table(options)
    if options.create is not None:
        load_or_create_key(options.key, options.create)
    with appending.opened(options, create=options.create is not None) as log:
        nodes = FleetLog(log, appending.author(options), checked=False)
        known = nodes.fleet.members.get(keys.origin)
        if known is not None and known.certificate is None and known.epochs.begins_with(keys):
            sys.stdout.write(f"known     {printable(keys.origin)} is a node already\n")
            return EMPTY
        record = nodes.admit(keys)
    body: dict[str, object] = {
        "schema": ADMITTED_SCHEMA,
        "record": record.seq,
        "node": keys.origin,
        "public_key": str(keys.current.key),
    }
    text = (
        f"admitted  {printable(keys.origin)}\nkey       {keys.current.key}\n"
        f"record    {record.seq}\n"
    )
    sys.stdout.write(document(body) if options.json else text)
    return OK


def _table(options: argparse.Namespace) -> Epochs:
    """The keys by which the node will be known; a log may add its epochs, if they are vouched."""
    given = pin(options.node_key)
    if options.log is None:
        return given if isinstance(given, Epochs) else Epochs.begun(given)
    with TokenSignatureLedger.read_only(options.log, given) as node:
        assert node.keys is not None  # a ledger without keys does not open
        epochs = node.keys.epochs
        return epochs.until(epochs.at(node.head.size).number)


def _observe(options: argparse.Namespace) -> int:
    proof = _proof(options)
    rows: list[dict[str, object]] = []
    refused: list[LedgerError] = []
    with appending.opened(options) as log:
        nodes = FleetLog(log, appending.author(options), checked=False)
        for path in options.nodes:
            try:
                rows.append(_observed(nodes, path, proof))
            except LedgerError as problem:
                refused.append(problem)
                rows.append({"path": str(path), "status": "refused", "reason": str(problem)})
    body: dict[str, object] = {"schema": OBSERVED_SCHEMA, "nodes": rows}
    sys.stdout.write(document(body) if options.json else "".join(map(_observed_text, rows)))
    proven = [each.certificate for each in refused if isinstance(each, Obstructed)]
    for number, certificate in enumerate(proven, 1):
        obstructions.hand_out(certificate, options.certificate, number)
    if refused:
        for other in refused[1:]:
            sys.stderr.write(f"ledger: {printable(str(other))}\n")
        raise refused[0]
    return OK if any(row["status"] == "observed" for row in rows) else EMPTY


def _observed(nodes: FleetLog, path: Path, proof: ConsistencyProof | None) -> dict[str, object]:
    if path.is_dir():
        keys = tuple(key for each in nodes.fleet.members.values() for key in each.keys)
        try:
            with obstructions.opened(path, keys=keys) as node:
                name, records = node.origin, nodes.observe(node)
        except Obstructed as found:
            nodes.catch(read_certificate(found.certificate))
            raise
    else:
        note = content(path, MAX_NOTE_BYTES)
        name, records = checkpoint.read(note).origin, nodes.observe_head(note, proof)
    status = "observed" if records else "unchanged"
    return {"path": str(path), "status": status} | _row(nodes.fleet.member(name))


def _proof(options: argparse.Namespace) -> ConsistencyProof | None:
    if options.proof is None:
        return None
    if len(options.nodes) != 1 or options.nodes[0].is_dir():
        raise QueryError("expected one checkpoint with --proof, found other nodes; give it alone")
    return read_consistency_proof(content(options.proof, MAX_PROOF_BYTES))


def _observed_text(row: dict[str, object]) -> str:
    if row["status"] == "refused":
        return f"refused    {printable(str(row['path']))}\n"
    size, root = row["size"], row["root"]
    return f"{row['status']:9}  {printable(str(row['node']))}  {size} records, root {root}\n"


def _nodes(options: argparse.Namespace) -> int:
    trusted = pins(options.pubkey)
    with opened(options.directory, trusted) as log:
        fleet = FleetLog(log).fleet
        origin, size = log.origin, log.head.size
    members = [fleet.members[name] for name in sorted(fleet.members)]
    heads = [member.head for member in members if member.head is not None]
    body: dict[str, object] = {
        "schema": NODES_SCHEMA,
        "origin": origin,
        "size": size,
        "trusted": bool(trusted),
        "identity": identity(heads).hex(),
        "nodes": [_row(member) for member in members],
    }
    sys.stdout.write(document(body) if options.json else _nodes_text(body, members))
    return OK if members else EMPTY


def _row(member: Member) -> dict[str, object]:
    head, certificate = member.head, member.certificate
    return {
        "node": member.name,
        "public_key": str(member.epochs.current.key),
        "epoch": member.epochs.current.number,
        "size": member.size,
        "root": None if head is None else head.root.hex(),
        "record": member.seen,
        "time": instant_of(member.hlc),
        "obstruction": None if certificate is None else str(certificate.kind),
        "certificate": None if certificate is None else certificate.encode().decode(),
    }


def _nodes_text(body: dict[str, object], members: list[Member]) -> str:
    lines = [
        f"fleet     {printable(str(body['origin']))}, {body['size']} records, all checked",
        f"trusted   {'yes' if body['trusted'] else 'no: the log named its key itself'}",
        f"identity  {body['identity']}",
    ]
    for member in members:
        row = _row(member)
        lines.append(f"node      {printable(member.name)}")
        if member.certificate is not None:
            lines.append(f"          caught: {member.certificate.kind}, record {member.seen}")
        lines.append(f"          {member.size} records, root {row['root'] or '-'}")
        lines.append(
            f"          epoch {row['epoch']}, last word {row['time']}, record {row['record']}"
        )
    return "\n".join(lines) + "\n"
