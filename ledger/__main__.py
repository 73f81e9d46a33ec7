"""``python -m ledger verify DIR``: an audit that needs nothing but this package.

Exit codes: 0 holds, 1 broken, 2 usage, 3 internal error, 4 unreadable, 5 nothing to verify.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ledger.errors import LedgerError, UnreadableError
from ledger.keys import PublicKey
from ledger.verifying import Status, Verification, verify

SCHEMA: Final = "os2.ledger.verification/1"
EXIT: Final = {Status.OK: 0, Status.BROKEN: 1, Status.UNREADABLE: 4, Status.EMPTY: 5}
_INTERNAL: Final = 3
_USAGE: Final = 2
_MAX_KEY_TEXT: Final = 4096


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        key = _public_key(options.pubkey) if options.pubkey is not None else None
    except LedgerError as problem:
        sys.stderr.write(f"ledger: {problem}\n")
        return _USAGE
    try:
        result = verify(options.directory, key, objects=options.objects)
    except Exception as problem:  # noqa: BLE001 - the last line before the user: no traceback
        sys.stderr.write(
            f"ledger: internal error: {type(problem).__name__}: {problem}; please report it\n"
        )
        return _INTERNAL
    try:
        sys.stdout.write(_as_json(result) if options.json else _as_text(result))
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads; the exit code still tells
    return EXIT[result.status]


def document(result: Verification) -> dict[str, object]:
    """The verdict as the JSON document that ``--json`` prints."""
    bad = result.first_bad
    return {
        "schema": SCHEMA,
        "status": str(result.status),
        "size": result.size,
        "root": result.root.hex(),
        "signer": result.signer,
        "trusted": result.trusted,
        "bytes": result.bytes,
        "remarks": list(result.remarks),
        "first_bad": None if bad is None else {"seq": bad.seq, "reason": bad.reason},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ledger", description="Verify a signed ledger.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "verify",
        help="check every byte: chain, Merkle roots, signatures, publication",
        epilog="exit codes: 0 holds, 1 broken, 2 usage, 3 internal error, 4 unreadable, "
        "5 nothing to verify",
    )
    check.add_argument("directory", type=Path, metavar="DIR")
    check.add_argument("--pubkey", metavar="FILE|TEXT", help="the public key you trust")
    check.add_argument("--objects", action="store_true", help="hash the records' payloads too")
    check.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _public_key(given: str) -> PublicKey:
    if given.count("+") >= 2:  # noqa: PLR2004 - name, hash, key
        return PublicKey.parse(given)
    try:
        with Path(given).open("rb") as file:
            return PublicKey.parse(file.read(_MAX_KEY_TEXT).decode())
    except (OSError, ValueError) as problem:
        raise UnreadableError(
            f"expected a public key or the file of one, found {given!r}: {problem}; "
            "pass <name>+<hash>+<base64>"
        ) from problem


def _as_json(result: Verification) -> str:
    return json.dumps(document(result), indent=2, sort_keys=True) + "\n"


def _as_text(result: Verification) -> str:
    lines = [
        f"size     {result.size}",
        f"root     {result.root.hex() or '-'}",
        f"signer   {_printable(result.signer or '-')}",
        f"trusted  {'yes' if result.trusted else 'no: the ledger named this key itself'}",
        f"verdict  {result.status}",
    ]
    if result.first_bad is not None:
        lines.append(
            f"first    record {result.first_bad.seq}: {_printable(result.first_bad.reason)}"
        )
    lines.extend(f"remark   {remark}" for remark in result.remarks)
    return "\n".join(lines) + "\n"


def _printable(text: str) -> str:
    """``text`` without what a terminal would execute."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


if __name__ == "__main__":
    sys.exit(main())
