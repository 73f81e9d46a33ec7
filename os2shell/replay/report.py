"""Reports: verdicts as text for people and as the JSON that CI reads."""

from collections import Counter
from collections.abc import Sequence
from typing import cast

from ledger import Json
from os2shell.executors.audit import Audit
from os2shell.model.plain import to_json
from os2shell.model.shown import one_line
from os2shell.replay.verdict import ChangedInput, Divergence, RunVerdict, Verdict

EXIT = {"ok": 0, "diverged": 1, "broken": 1, "unreadable": 4, "empty": 5}
TARGET_CHARACTERS = 60
FLAGS = {"code": ["-c"], "module": ["-m"], "eval": ["--eval"], "script": []}


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
    return {"total": len(runs), **{str(name): counts[name] for name in Verdict}}


def report_body(audit: Audit, runs: Sequence[RunVerdict]) -> dict[str, Json]:
    """The object behind ``--json``, schema ``os2.python-verify/1``."""
    return {
        "schema": "os2.python-verify/1",
        "status": status_of(audit, runs),
        "ledger": audit.shown(),
        "sessions": [_run_body(run) for run in runs],
        "counts": counts_of(runs),
    }


def run_text(run: RunVerdict, *, explain: bool = True) -> str:
    """A run's verdict and, to ``explain``, what differs; in lines."""
    words = " ".join([run.command, *_program(run.arguments)])
    lines = [f"  {run.session:>6} {run.seq:>6}  {run.verdict:<15} {words}"]
    if explain and run.inputs_changed:
        plural = "s" if run.inputs_changed != 1 else ""
        told = "the recorded result still comes out" if run.same else "the result differs:"
        lines.append(f"         {run.inputs_changed} input{plural} changed since:")
        lines += [_input_text(item) for item in run.inputs]
        lines.append(f"         {told}")
    if explain and run.divergence and run.verdict is Verdict.RECORDED_ONLY:
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


def _run_body(run: RunVerdict) -> Json:
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


def _program(arguments: Json) -> list[str]:
    fields = cast("dict[str, Json]", arguments)
    target = " ".join(str(fields["target"]).split())[:TARGET_CHARACTERS]
    words = [one_line(word) for word in cast("list[Json]", fields["arguments"])]
    return [*FLAGS[str(fields["entry"])], target, *words]


def _input_text(item: ChangedInput) -> str:
    return f"           {item.path}  {_short(item.recorded)} → {_short(item.present)}"


def _divergence_lines(divergence: Divergence) -> list[str]:
    return [
        f"         at event {divergence.event} ({divergence.kind}): {divergence.what}",
        f"           expected    {divergence.expected}",
        f"           got         {divergence.got}",
        f"           last match  {divergence.last}",
        f"           likely      {divergence.cause}",
    ]


def _short(digest: bytes | None) -> str:
    return digest.hex()[:12] if digest else "absent"
