"""Exports read back: their documents, and the shapes they must have."""

import json
from pathlib import Path
from typing import Any

from ledger import TokenSignatureLedger
from ledger.__main__ import main
from ledger.form.record import Record

PAYLOAD = b"the payload of record 3"
HEX = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def exported(directory: Path, form: str, *options: str, out: Path) -> list[Any]:
    """The documents of an export, one a line."""
    assert main(["export", str(directory), "--format", form, "--out", str(out), *options]) == 0
    return [json.loads(row) for row in out.read_bytes().splitlines()]


def records_of(directory: Path) -> list[Record]:
    with TokenSignatureLedger.read_only(directory) as ledger:
        return list(ledger.read())


def thing(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object of OCSF: these attributes and no others."""
    properties = {**required, **(optional or {})}
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
