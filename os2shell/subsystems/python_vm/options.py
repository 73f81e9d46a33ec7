"""The options of ``python``, ``pyx`` and ``pyvm``: words to frozen arguments."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from os2shell.model.errors import UsageError
from os2shell.model.guest import EntryKind
from os2shell.model.numbers import whole_number
from os2shell.model.plain import ADDED

SECOND_NS = 1_000_000_000
SEED_MOST = (1 << 64) - 1
BUDGET_MOST = (1 << 53) - 1
CLOCK_LIMIT_NS = 7_258_118_400 * SECOND_NS  # 2200-01-01; a guest may sleep on from there


@dataclass(frozen=True, slots=True)
class RunOptions:
    """A program to run and the world to run it in.

    ``seed`` None draws one. ``clock_ns`` None means: the machine's clock, or, under a given seed
    and without ``clock_now``, an instant that the seed decides. ``token_budget`` None
    leaves the run what the manifest leaves its token.
    """

    entry: EntryKind
    target: str
    arguments: tuple[str, ...]
    seed: int | None = None
    clock_ns: int | None = None
    clock_now: bool = False
    raw: bool = False
    token_budget: int | None = field(default=None, metadata=ADDED)


def parse_run(words: Sequence[str], entries: dict[str, EntryKind], usage: str) -> RunOptions:
    """Read options, then the program, then its arguments, which are nobody else's business.

    ``entries`` maps the flags that name a program (``-c``, ``-m``, ``--eval``) to its kind.
    """
    world = RunOptions(EntryKind.SCRIPT, "", ())
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in entries:
            target = _value(word, rest, usage)
            return replace(world, entry=entries[word], target=target, arguments=tuple(rest))
        match word:
            case "--seed":
                world = replace(
                    world, seed=whole_number(word, _value(word, rest, usage), most=SEED_MOST)
                )
            case "--clock":
                world = _clock(world, _value(word, rest, usage))
            case "--token-budget":
                budget = whole_number(word, _value(word, rest, usage), least=1, most=BUDGET_MOST)
                world = replace(world, token_budget=budget)
            case "--raw":
                world = replace(world, raw=True)
            case "--":
                script = _value(word, rest, usage)
                return replace(world, target=script, arguments=tuple(rest))
            case _ if word.startswith("-"):
                known = ", ".join([*entries, "--seed", "--clock", "--token-budget", "--raw"])
                raise UsageError(f"unknown option {word}", expected=f"one of {known}", remedy=usage)
            case _:
                return replace(world, target=word, arguments=tuple(rest))
    expected = f"{', '.join(entries)} or a script" if entries else "an expression or a module"
    raise UsageError("no program given", expected=expected, remedy=usage)


def _value(flag: str, rest: list[str], usage: str) -> str:
    if not rest:
        raise UsageError(f"{flag} needs a value", remedy=usage)
    return rest.pop(0)


def _clock(world: RunOptions, text: str) -> RunOptions:
    if text == "now":
        return replace(world, clock_now=True, clock_ns=None)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--clock {text!r}", expected="now or an ISO 8601 instant such as 2026-01-31T12:00:00Z"
        ) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    elapsed = instant - datetime(1970, 1, 1, tzinfo=UTC)
    whole_seconds = elapsed.days * 86_400 + elapsed.seconds
    nanoseconds = whole_seconds * SECOND_NS + elapsed.microseconds * 1000
    if not 0 <= nanoseconds < CLOCK_LIMIT_NS:
        raise UsageError(f"--clock {text!r}", expected="an instant from 1970 on, before 2200")
    return replace(world, clock_ns=nanoseconds, clock_now=False)
