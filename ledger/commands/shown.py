"""What goes to a terminal or into JSON, made safe: text of a ledger is foreign data."""

import json


def printable(text: str) -> str:
    """``text`` without what a terminal would execute."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def document(value: object) -> str:
    """One JSON document, as ``--json`` prints it."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
