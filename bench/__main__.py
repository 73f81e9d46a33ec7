"""``python -m bench [--quick] [--json FILE] [SUBJECT…]``: print the table, write the rows."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from bench import (
    audit,
    guests,
    log,
    machine,
    packages,
    proofs,
    query,
    replays,
    restricted,
    running,
    workspace,
)
from bench.measure import Row, Unmeasured

SUBJECTS: dict[str, Callable[..., list[Row]]] = {
    "workspace": workspace.rows,
    "log": log.rows,
    "audit": audit.rows,
    "proofs": proofs.rows,
    "query": query.rows,
    "running": running.rows,
    "guests": guests.rows,
    "restricted": restricted.rows,
    "replays": replays.rows,
    "packages": packages.rows,
}
SCHEMA = "os2.bench/1"


def main() -> int:
    """0 when all was measured; a goal that does not hold is printed, since pace is no test."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=", ".join(SUBJECTS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds, for CI")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine and rows")
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(SUBJECTS):
        parser.error(f"no subject {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")

    described = machine.describe()
    print(", ".join(f"{name} {value}" for name, value in described.items()), flush=True)
    rows: list[Row] = []
    unmeasured: dict[str, str] = {}
    for name in options.subjects or SUBJECTS:
        try:
            rows += SUBJECTS[name](quick=options.quick)
        except Unmeasured as reason:
            unmeasured[name] = str(reason)
    print(table(rows))
    for name, reason in unmeasured.items():
        print(f"not measured: {name}: {reason}", file=sys.stderr)
    if options.json:
        body = {
            "schema": SCHEMA,
            "machine": described,
            "rows": [row.body() for row in rows],
            "unmeasured": unmeasured,
        }
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(body, indent=2) + "\n")
    return 0 if rows and not unmeasured else 1


def table(rows: list[Row]) -> str:
    """The rows as aligned text."""
    head = ("name", "unit", "ours", "peer", "ratio", "goal", "holds", "peer name")
    lines = [
        (
            row.name,
            row.unit,
            f"{row.ours:,.1f}",
            f"{row.peer:,.1f}",
            f"{row.ratio:.2f}",
            f"{row.goal:,.1f}",
            "yes" if row.holds else "NO",
            row.peer_name,
        )
        for row in rows
    ]
    widths = [max(len(each) for each in column) for column in zip(head, *lines, strict=True)]
    return "\n".join(
        "  ".join(
            text.rjust(width) if column in {2, 3, 4, 5} else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (head, *lines)
    )


if __name__ == "__main__":
    sys.exit(main())
