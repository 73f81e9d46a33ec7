"""Reports: verdicts as text for people and as the JSON that CI reads."""

from collections import Counter
from collections.abc import Sequence
from typing import cast

from ledger import Json
from os2shell.executors.audit import Audit
from os2shell.model.guest import EntryKind
from os2shell.model.plain import to_json
from os2shell.model.shown import one_line
from os2shell.replay.verdict import Divergence, RunVerdict, Verdict

EXIT = {"ok": 0, "diverged": 1, "broken": 1, "unreadable": 4, "empty": 5}
TARGET_CHARACTERS = 60
SHOWN_INPUTS = 6
SHOWN_CALLS = 4
SIDE_CHARACTERS = 160
_ADDED = frozenset({Verdict.UNREADABLE})
"""Verdicts that came after the schema: counted where there are any, so old readers read on."""
FLAGS = {"code": ["-c"], "module": ["-m"], "eval": ["--eval"]}
BARE = frozenset({"pyx", "pip"})
"""Commands that name their program by no flag."""


def status_of(audit: Audit, runs: Sequence[RunVerdict]) -> str:
    """One word for the whole: ok, diverged, broken, unreadable or empty."""
    if audit.status != "ok":
        return audit.status
    if not runs:
        return "empty"
    return "ok" if all(run.holds for run in runs) else "diverged"


def counts_of(runs: Sequence[RunVerdict]) -> dict[str, Json]:
    """How many runs, in all and by verdict."""
    counts = Counter(run.verdict for run in runs)
    told = {str(name): counts[name] for name in Verdict if counts[name] or name not in _ADDED}
    return {"total": len(runs), **told}


def report_body(audit: Audit, runs: Sequence[RunVerdict]) -> dict[str, Json]:
    """The object behind ``--json``, schema ``os2.python-verify/1``."""
    return {
        "schema": "os2.python-verify/1",
        "status": status_of(audit, runs),
        "ledger": audit.shown(),
        "sessions": [run_body(run) for run in runs],
        "counts": counts_of(runs),
    }


def run_text(run: RunVerdict, *, explain: bool = True) -> str:
    """A run's verdict and, to ``explain``, what differs; in lines."""
    words = " ".join([run.command, *_program(run)])
    lines = [f"  {run.session:>6} {run.seq:>6}  {run.verdict:<15} {words}"]
    if explain and run.inputs_changed:
        plural = "s" if run.inputs_changed != 1 else ""
        told = "the recorded result still comes out" if run.same else "the result differs:"
        lines.append(f"         {run.inputs_changed} input{plural} changed since:")
        lines += _input_lines(run)
        lines.append(f"         {told}")
    if explain and run.divergence and run.verdict in {Verdict.RECORDED_ONLY, Verdict.UNREADABLE}:
        lines.append(f"         {run.divergence.what}: {run.divergence.cause}")
    elif explain and run.divergence:
        lines += _divergence_lines(run.divergence)
    return "\n".join(lines)


def summary_text(audit: Audit, runs: Sequence[RunVerdict]) -> str:
    """The last line."""
    status = status_of(audit, runs)
    match status:
        case "broken" | "unreadable":
            return f"{status}: the ledger does not hold, so nothing was performed again"
        case "empty":
            return "nothing to verify: the ledger holds no run of Python"
        case _:
            counts = Counter(str(run.verdict) for run in runs)
            told = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
            plural = "s" if len(runs) != 1 else ""
            return f"{status}: {len(runs)} run{plural}, {told}"


def run_body(run: RunVerdict) -> Json:
    """One run's verdict for JSON, with what differs."""
    body: dict[str, Json] = {
        "session": run.session,
        "seq": run.seq,
        "command": run.command,
        "tier": run.tier,
        "verdict": str(run.verdict),
    }
    if run.divergence:
        body["divergence"] = to_json(run.divergence)
    if run.inputs_changed:
        body["inputs"] = {
            "changed": run.inputs_changed,
            "paths": [to_json(item) for item in run.inputs],
            "same_result": run.same,
        }
    return body


def _program(run: RunVerdict) -> list[str]:
    fields = cast("dict[str, Json]", run.arguments)
    if "target" not in fields:
        given = [value for value in fields.values() if value is not None]
        rows = [value if isinstance(value, list) else [str(value)] for value in given]
        return [one_line(word) for row in rows for word in row]
    words = [one_line(word) for word in cast("list[Json]", fields["arguments"])]
    if fields["entry"] == EntryKind.GIT:
        return words
    target = one_line(" ".join(str(fields["target"]).split())[:TARGET_CHARACTERS])
    flags = [] if run.command in BARE else FLAGS.get(str(fields["entry"]), [])
    return [*flags, target, *words]


def _input_lines(run: RunVerdict) -> list[str]:
    shown = [
        f"           {item.path}  {_short(item.recorded)} → {_short(item.present)}"
        for item in run.inputs[:SHOWN_INPUTS]
    ]
    left = run.inputs_changed - len(shown)
    return [*shown, f"           and {left} more"] if left else shown


def _divergence_lines(divergence: Divergence) -> list[str]:
    return [
        f"         at event {divergence.event} ({divergence.kind}): {divergence.what}",
        f"           expected    {_cut(divergence.expected)}",
        f"           got         {_cut(divergence.got)}",
        *_site_lines(divergence),
        f"           last match  {_cut(divergence.last)}",
        f"           likely      {divergence.cause}",
    ]


def _site_lines(divergence: Divergence) -> list[str]:
    """Where the guest stood: its line, what of it is meant, and how it came there."""
    site = divergence.site
    if site is None:
        told = divergence.unlocated
        return [f"           line        not known: {told}"] if told else []
    lines = [f"           {site.deed:<11} {_place(site.file, site.line, site.function)}"]
    if site.source:
        lines.append(f"                       │ {site.source}")
        if site.column is not None and site.width is not None:
            lines.append(f"                       │ {' ' * site.column}{'^' * site.width}")
    callers = [call for call in site.stack if (call.file, call.line) != (site.file, site.line)]
    for number, call in enumerate(callers[:SHOWN_CALLS]):
        label = "stack" if number == 0 else ""
        lines.append(f"           {label:<11} {_place(call.file, call.line, call.function)}")
    left = len(callers) - SHOWN_CALLS
    return [*lines, f"                       and {left} more"] if left > 0 else lines


def _place(file: str, line: int, function: str) -> str:
    inside = "" if function == "<module>" else f", in {function}"
    return _cut(f"{file}, line {line}{inside}")


def _cut(text: str) -> str:
    return text if len(text) <= SIDE_CHARACTERS else text[: SIDE_CHARACTERS - 1] + "…"


def _short(digest: bytes | None) -> str:
    return digest.hex()[:12] if digest else "absent"
