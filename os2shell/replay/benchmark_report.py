"""A benchmark told: as a table, as one line, as the body of a JSON answer."""

from ledger import Json
from os2shell.model.plain import to_json
from os2shell.replay.benchmark import Benchmark, Row

SCHEMA = "os2.deterministic-benchmark/1"
_MILLISECOND = 1_000_000
_SECOND = 1_000_000_000
_MEBIBYTE = 1 << 20


def body_of(result: Benchmark) -> dict[str, Json]:
    """The answer with ``--json``; times in ns, shares in permille, no floats."""
    return {
        "schema": SCHEMA,
        "agree": result.good,
        "events_per_second": events_per_second(result),
        "overhead_median_ns": result.overhead_ns,
        **to_json(result),
    }


def events_per_second(result: Benchmark) -> int:
    """Events replayed in a second, by all processes together."""
    return result.events * _SECOND // max(result.replay_wall_ns, 1)


def line_of(result: Benchmark) -> str:
    """One line of ``status``."""
    return (
        f"{result.suite}: {_agreement(result)}; "
        f"record {_ms(result.record_median_ns)}, replay {_ms(result.replay_median_ns)} "
        f"(p95 {_ms(result.replay_p95_ns)}), {events_per_second(result)} events/s"
    )


def text_of(result: Benchmark) -> str:
    """The table, and the summary below it."""
    head = ("program", "tier", "agree", "record", "replay", "p95", "python3")
    cells = [head, *(_cells(row) for row in result.rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in cells]
    lines += [f"{row.program} ({row.tier}): {_trouble(row)}" for row in result.rows if not row.good]
    wall, jobs = result.replay_wall_ns, result.jobs
    lines += [
        "",
        f"agreement  {_agreement(result)}",
        f"record     median {_ms(result.record_median_ns)}, p95 {_ms(result.record_p95_ns)}",
        f"replay     median {_ms(result.replay_median_ns)}, p95 {_ms(result.replay_p95_ns)}",
        (
            f"python3    median {_ms(result.bare_median_ns)}; recording takes "
            f"{_ms(result.overhead_ns)} more (median)"
        ),
        (
            f"speed      {result.replays} replays in {wall / _SECOND:.1f} s by {jobs} processes, "
            f"{events_per_second(result)} events/s"
        ),
        (
            f"memory     {result.memory_early_bytes / _MEBIBYTE:.1f} MiB early, "
            f"{result.memory_late_bytes / _MEBIBYTE:.1f} MiB at the end"
        ),
    ]
    return "\n".join(lines)


def _agreement(result: Benchmark) -> str:
    """How many replays agree, and how many programs did not even end as they must."""
    word = "agree" if result.agreeing == result.replays else "agree, NOT ALL"
    wrong = sum(not (row.skipped or row.expected) for row in result.rows)
    whom = (
        "1 program DID NOT END AS IT MUST"
        if wrong == 1
        else f"{wrong} programs DID NOT END AS THEY MUST"
    )
    ended = f"; {whom}" if wrong else ""
    return f"{result.agreeing} of {result.replays} replays {word}{ended}"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.program,
        row.tier,
        "absent" if row.skipped else f"{row.agreeing}/{row.replays}",
        _ms(row.record_ns),
        _ms(row.replay_median_ns),
        _ms(row.replay_p95_ns),
        _ms(row.bare_median_ns),
    )


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    return [
        text.ljust(width) if column < 2 else text.rjust(width)  # noqa: PLR2004 — names, then numbers
        for column, (text, width) in enumerate(zip(row, widths, strict=True))
    ]


def _trouble(row: Row) -> str:
    if not row.expected:
        return f"ended with {row.code} ({row.cause}), which it must not"
    return f"{row.replays - row.agreeing} replays differ; the first: {row.divergence}"


def _ms(duration_ns: int) -> str:
    return f"{duration_ns / _MILLISECOND:.1f} ms"
