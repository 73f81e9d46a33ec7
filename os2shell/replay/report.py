"""Reports: verdict rows as text for people and as the JSON that CI reads."""

from collections import Counter
from collections.abc import Sequence
from typing import cast

from ledger import Json
from os2shell.replay.verdict import Verdict

GOOD = frozenset({Verdict.IDENTICAL, Verdict.RECORDED_ONLY})
"""Verdicts that do not fail a verification; ``recorded_only`` is counted and said."""

EXIT = {"ok": 0, "diverged": 1, "broken": 1, "unreadable": 4, "empty": 5}


def status_of(audit: dict[str, Json], rows: Sequence[dict[str, Json]]) -> str:
    """One word for the whole: ok, diverged, broken, unreadable or empty."""
    if audit["status"] != "ok":
        return str(audit["status"])
    if not rows:
        return "empty"
    return "ok" if all(holds(row) for row in rows) else "diverged"


def holds(row: dict[str, Json]) -> bool:
    """Whether this run's result is still the recorded one, or cannot be asked for."""
    return bool(row["same"]) or row["verdict"] == Verdict.RECORDED_ONLY


def report_body(audit: dict[str, Json], rows: Sequence[dict[str, Json]]) -> dict[str, Json]:
    """The object behind ``--json``, schema ``os2.python-verify/1``."""
    counts = Counter(str(row["verdict"]) for row in rows)
    return {
        "schema": "os2.python-verify/1",
        "status": status_of(audit, rows),
        "ledger": {key: audit[key] for key in ("size", "root", "signer", "trusted", "first_bad")},
        "sessions": [
            {key: value for key, value in row.items() if key not in {"arguments", "same"}}
            for row in rows
        ],
        "counts": {"total": len(rows), **{str(name): counts[str(name)] for name in Verdict}},
    }


def row_text(row: dict[str, Json]) -> str:
    """A run's verdict, and what differs, in lines."""
    arguments = cast("dict[str, Json]", row["arguments"])
    words = [str(row["command"]), *_program(arguments)]
    lines = [f"  {row['session']:>6} {row['seq']:>6}  {row['verdict']:<15} {' '.join(words)}"]
    lines += _inputs(row)
    match row.get("divergence"):
        case dict() as divergence:
            lines += _divergence(divergence)
        case _:
            pass
    return "\n".join(lines)


def summary_text(audit: dict[str, Json], rows: Sequence[dict[str, Json]]) -> str:
    """The last line."""
    counts = Counter(str(row["verdict"]) for row in rows)
    told = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
    status = status_of(audit, rows)
    if status == "broken":
        return "broken: the ledger does not hold, so nothing was performed again"
    if status == "empty":
        return "nothing to verify: the ledger holds no run of Python"
    return f"{status}: {len(rows)} run{'s' if len(rows) != 1 else ''} performed again, {told}"


def _program(arguments: dict[str, Json]) -> list[str]:
    flags = {"code": ["-c"], "module": ["-m"], "eval": ["--eval"], "script": []}
    target = " ".join(str(arguments["target"]).split())
    words = [*flags[str(arguments["entry"])], target if len(target) <= 60 else target[:59] + "…"]
    return words + [str(word) for word in cast("list[Json]", arguments["arguments"])]


def _inputs(row: dict[str, Json]) -> list[str]:
    match row.get("inputs"):
        case {"changed": int(count), "paths": list(paths)}:
            lines = [f"         {count} input{'s' if count != 1 else ''} changed since:"]
            for item in cast("list[dict[str, Json]]", paths):
                lines.append(
                    f"           {item['path']}  {_short(item['recorded'])} → {_short(item['present'])}"
                )
            told = "the recorded result still comes out" if row["same"] else "the result differs:"
            return [*lines, f"         {told}"]
        case _:
            return []


def _divergence(divergence: dict[str, Json]) -> list[str]:
    return [
        f"         at event {divergence['event']} ({divergence['kind']}): {divergence['what']}",
        f"           expected  {divergence['expected']}",
        f"           got       {divergence['got']}",
        f"           last match {divergence['last']}",
        f"           likely    {divergence['cause']}",
    ]


def _short(digest: Json) -> str:
    return digest.hex()[:12] if isinstance(digest, bytes) else "absent"
