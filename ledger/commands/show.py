"""``python -m ledger show SEQ DIR``: one record, whole."""

import argparse
import json
import sys
from typing import Final

from ledger.commands.listing import RECORD_SCHEMA, fields, opened, take_ledger, whole
from ledger.errors import QueryError
from ledger.form.canonical import Json
from ledger.query.lines import visible
from ledger.query.moments import local

SUMMARY: Final = "show one record, whole"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("seq", type=whole, metavar="SEQ")
    take_ledger(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Show it, verified under a signature first."""
    with opened(options) as ledger:
        try:
            record = ledger.record(options.seq)
        except IndexError as problem:
            raise QueryError(str(problem)) from problem
    told = fields(record)
    if options.json:
        json.dump({"schema": RECORD_SCHEMA, **told}, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return 0
    told["time"] = local(record.hlc)
    del told["attributes"]
    for name, value in told.items():
        if value not in {None, ""}:
            sys.stdout.write(f"{name:<10}  {visible(str(value))}\n")
    sys.stdout.writelines(f"{line}\n" for line in _tree(record.attributes, ""))
    return 0


def _tree(value: Json, indent: str) -> list[str]:
    """A value in lines: one an entry, what is within set in further."""
    lines: list[str] = []
    items = value.items() if isinstance(value, dict) else enumerate(_list(value))
    for name, item in items:
        if isinstance(item, dict | list) and item:
            lines += [f"{indent}{visible(str(name))}:", *_tree(item, indent + "  ")]
        else:
            shown = item.hex() if isinstance(item, bytes) else visible(str(item))
            lines.append(f"{indent}{visible(str(name))}: {shown}")
    return lines


def _list(value: Json) -> list[Json]:
    assert isinstance(value, list)
    return value
