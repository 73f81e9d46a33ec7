"""The options of a run: what decides its world, and what is refused."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import decode, encode
from os2shell.commands.python import USAGE, parse
from os2shell.commands.pyvm import parse as parse_restricted
from os2shell.model.errors import UsageError
from os2shell.model.guest import EntryKind
from os2shell.model.plain import from_json, to_json
from os2shell.subsystems.python_vm.options import SEED_MOST, RunOptions
from tests.replay.replay_room import Recording, record

WORD = st.text(max_size=8)
YEAR_NS = 31_556_952 * 10**9


def refused(*words: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(words)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["s.py"], RunOptions(EntryKind.SCRIPT, "s.py", ())),
        (["s.py", "-c", "--seed"], RunOptions(EntryKind.SCRIPT, "s.py", ("-c", "--seed"))),
        (["-c", "print()", "-m"], RunOptions(EntryKind.CODE, "print()", ("-m",))),
        (["-m", "json.tool", "x"], RunOptions(EntryKind.MODULE, "json.tool", ("x",))),
        (["--", "-odd.py", "a"], RunOptions(EntryKind.SCRIPT, "-odd.py", ("a",))),
        (["--raw", "s.py"], RunOptions(EntryKind.SCRIPT, "s.py", (), raw=True)),
        (["--seed", "0", "s.py"], RunOptions(EntryKind.SCRIPT, "s.py", (), seed=0)),
        (["--clock", "now", "s.py"], RunOptions(EntryKind.SCRIPT, "s.py", (), clock_now=True)),
        (["s.py", "--", "x"], RunOptions(EntryKind.SCRIPT, "s.py", ("--", "x"))),
        (
            ["--clock", "1970-01-01T00:00:01Z", "--clock", "now", "s.py"],
            RunOptions(EntryKind.SCRIPT, "s.py", (), clock_now=True),
        ),
        (
            ["--clock", "now", "--clock", "1970-01-01T00:00:01Z", "s.py"],
            RunOptions(EntryKind.SCRIPT, "s.py", (), clock_ns=10**9),
        ),
    ],
)
def test_words_become_options(words: Sequence[str], expected: RunOptions) -> None:
    assert parse(words) == expected


def test_the_restricted_tier_has_its_own_entries() -> None:
    assert parse_restricted(["--eval", "1 + 1", "x"]) == RunOptions(EntryKind.EVAL, "1 + 1", ("x",))
    with pytest.raises(UsageError):
        parse_restricted(["-c", "1"])


@settings(database=None)  # a checkout may be read-only
@given(
    seed=st.none() | st.integers(0, SEED_MOST),
    raw=st.booleans(),
    script=WORD.filter(lambda word: not word.startswith("-")),
    arguments=st.lists(WORD),
)
def test_everything_after_the_program_is_the_program_s(
    seed: int | None,
    script: str,
    arguments: list[str],
    *,
    raw: bool,
) -> None:
    options = ["--raw"] * raw + (["--seed", str(seed)] if seed is not None else [])
    found = parse([*options, script, *arguments])
    assert found == RunOptions(EntryKind.SCRIPT, script, tuple(arguments), seed=seed, raw=raw)
    assert from_json(RunOptions, decode(encode(to_json(found)))) == found


@settings(database=None)  # a checkout may be read-only
@given(
    instant=st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)),  # noqa: DTZ001 — offset below
    offset=st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_is_exact(instant: datetime, offset: int) -> None:
    from datetime import timezone  # noqa: PLC0415

    aware = instant.replace(tzinfo=UTC)
    text = aware.astimezone(timezone(timedelta(minutes=offset))).isoformat()
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    expected = (since // timedelta(microseconds=1)) * 1000
    assert parse(["--clock", text, "s.py"]).clock_ns == expected
    assert parse(["--clock", instant.isoformat(), "s.py"]).clock_ns == expected


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no program"),
        (["--raw"], "no program"),
        (["-c"], "-c needs a value"),
        (["-m"], "-m needs a value"),
        (["--seed"], "--seed needs a value"),
        (["--"], "-- needs a value"),
        (["-x", "s.py"], "unknown option -x"),
        (["--eval", "1"], "unknown option --eval"),
        (["--seed", "-1", "s.py"], "whole number"),
        (["--seed", "", "s.py"], "whole number"),
        (["--seed", "1.5", "s.py"], "whole number"),
        (["--seed", "٣", "s.py"], "whole number"),
        (["--seed", str(SEED_MOST + 1), "s.py"], "whole number"),
        (["--clock", "yesterday", "s.py"], "ISO 8601"),
        (["--clock", "1969-12-31T23:59:59Z", "s.py"], "from 1970 on"),
        (["--clock", "1970-01-01T00:00:00+01:00", "s.py"], "from 1970 on"),
        (["--clock", "2200-01-01T00:00:00Z", "s.py"], "before 2200"),
    ],
)
def test_what_makes_no_sense_is_refused(words: Sequence[str], told: str) -> None:
    assert told in refused(*words)


def test_usage_is_told() -> None:
    assert USAGE in refused("-c")


def test_a_seed_of_very_many_digits_is_refused() -> None:
    assert "whole number" in refused("--seed", "1" * 5000, "s.py")


@settings(database=None)  # a checkout may be read-only
@given(instant=st.datetimes(datetime(1970, 1, 2)))  # noqa: DTZ001 — naive means UTC here
def test_every_instant_that_is_taken_can_be_recorded(instant: datetime) -> None:
    try:
        found = parse(["--clock", instant.isoformat(), "s.py"])
    except UsageError:
        return
    assert decode(encode(to_json(found)))


def started(recording: Recording) -> dict[str, Any]:
    """The body of the start event of a recorded run."""
    events: Any = recording.run.ended.attributes["events"]
    (body,) = [body for kind, body in events if kind == "python_vm_start"]
    found: dict[str, Any] = body
    return found


def asked(recording: Recording) -> list[str]:
    return [step[0] for step in recording.steps]


def test_without_a_seed_the_machine_decides() -> None:
    recording = record("s.py")
    assert asked(recording) == ["workspace.capture", "entropy.draw", "clock.read", "guest.run"]
    start = started(recording)
    assert (start["seed"], start["clock_start_ns"]) == (bytes(32), 1_700_000_000_000_000_000)


def test_a_seed_decides_bytes_and_clock() -> None:
    recording = record("--seed", "7", "s.py")
    assert asked(recording) == ["workspace.capture", "guest.run"]
    start, again = started(recording), started(record("--seed", "7", "s.py", "other", "words"))
    for part in ("seed", "clock_start_ns"):
        assert start[part] == again[part]
    assert len(start["seed"]) == 32
    assert start["clock_start_ns"] % 10**9 == 0
    assert 54 * YEAR_NS - 10**14 <= start["clock_start_ns"] <= 55 * YEAR_NS + 10**15


def test_other_seeds_are_other_worlds() -> None:
    starts = [started(record("--seed", str(seed), "s.py")) for seed in range(20)]
    assert len({start["seed"] for start in starts}) == 20
    assert len({start["clock_start_ns"] for start in starts}) == 20


def test_a_given_clock_is_the_clock() -> None:
    recording = record("--clock", "2001-09-09T01:46:40Z", "s.py")
    assert asked(recording) == ["workspace.capture", "entropy.draw", "guest.run"]
    assert started(recording)["clock_start_ns"] == 10**18


def test_a_seed_with_the_machine_s_clock() -> None:
    recording = record("--seed", "7", "--clock", "now", "s.py")
    assert asked(recording) == ["workspace.capture", "clock.read", "guest.run"]
    assert started(recording)["seed"] == started(record("--seed", "7", "s.py"))["seed"]


def test_a_seed_with_a_given_clock() -> None:
    recording = record("--seed", "7", "--clock", "1970-01-01T00:00:01Z", "s.py")
    assert asked(recording) == ["workspace.capture", "guest.run"]
    assert started(recording)["clock_start_ns"] == 10**9
