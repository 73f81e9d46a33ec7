"""A real engine on a real ledger, with a world that answers by script, for the tests beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from ledger import Entry, Json, MemoryStore, Record, Signer, TokenSignatureLedger
from os2shell.kernel.dispatch import End, Request
from os2shell.kernel.engine import KERNEL_FOLDS as FOLDS
from os2shell.kernel.engine import Engine
from os2shell.kernel.invocation import Identity
from os2shell.kernel.state import State
from os2shell.model.capability import LOCAL, Capability
from os2shell.model.command import AnyCommand, Command, Context, Outcome, Recording
from os2shell.model.effect import Determinism, Effect, Stream, Transcript
from os2shell.model.fold import Event
from os2shell.model.guest import Limits
from os2shell.policy.manifest import Manifest

TESTER = Identity("tester", LOCAL)
SIGNER = Signer("test.example/engine", bytes(range(32)))
NO_GRANTS: dict[Capability, tuple[str, ...]] = {}
READS = {Capability.FS_READ: ("*",)}
READS_NEEDED = frozenset({Capability.FS_READ})
LIMITS = Limits(10**9, 10**9, 1 << 28, 1 << 20, 1 << 20, 1000, 8)


@dataclass(frozen=True, slots=True)
class Look:
    """A question with a scope."""

    kind: ClassVar[str] = "test.look"
    needs: ClassVar[Capability] = Capability.FS_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    path: str

    def body(self) -> Json:
        return {"path": self.path}

    def scope(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class Noted:
    """An event."""

    kind: ClassVar[str] = "test_noted"
    note: str

    def body(self) -> Json:
        return {"note": self.note}


@dataclass(frozen=True, slots=True)
class Words:
    """What a command was asked."""

    text: str = ""


class ScriptedWorld:
    """Answers by a function and remembers what it was asked."""

    def __init__(self, answer: Callable[[Effect, Transcript], Json] | None = None) -> None:
        self.asked: list[Effect] = []
        self._answer = answer or (lambda effect, _transcript: effect.scope().upper())

    def perform(self, effect: Effect, transcript: Transcript) -> Json:
        self.asked.append(effect)
        return self._answer(effect, transcript)


class CountedLedger(TokenSignatureLedger):
    """A ledger that remembers its groups."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        self.groups: list[tuple[str, ...]] = []
        super().__init__(*positional, **named)

    def append(self, *entries: Entry, expected: int | None = None) -> tuple[Record, ...]:
        records = super().append(*entries, expected=expected)
        self.groups.append(tuple(record.kind for record in records))
        return records


@dataclass
class Shown:
    """A display that keeps what it is shown."""

    chunks: list[tuple[Stream, bytes]] = field(default_factory=list)

    def show(self, stream: Stream, chunk: bytes, *, raw: bool) -> None:
        self.chunks.append((stream, chunk))


def memory_ledger() -> CountedLedger:
    ticks = count(1_700_000_000_000_000_000, 1_000_000)
    return CountedLedger(MemoryStore(), clock=lambda: next(ticks), node="n1")


def disk_ledger(folder: Path) -> TokenSignatureLedger:
    ticks = count(1_700_000_000_000_000_000, 1_000_000)
    return TokenSignatureLedger.open(folder, SIGNER, clock=lambda: next(ticks), node="n1")


def manifest(
    grants: dict[Capability, tuple[str, ...]] | None = None, name: str = "test"
) -> Manifest:
    held = READS if grants is None else grants
    return Manifest(name, {LOCAL: held}, LIMITS, (), ())


def folded(ledger: TokenSignatureLedger) -> State:
    state = State(FOLDS)
    for record in ledger.read():
        state.apply(record)
    return state


def engine_on(
    ledger: TokenSignatureLedger,
    world: ScriptedWorld | None = None,
    policy: Manifest | None = None,
    spool: Path | None = None,
) -> Engine:
    """A started engine that opens a session with its first deed."""
    engine = Engine(ledger, folded(ledger), world or ScriptedWorld(), spool)
    engine.plan_session(policy or manifest())
    return engine


def command(
    run: Callable[[Words, Context], Outcome] = lambda _words, _context: Outcome(),
    needs: frozenset[Capability] = READS_NEEDED,
    emits: tuple[type[Event], ...] = (),
    recording: Recording = Recording.DEED,
) -> AnyCommand:
    return Command(
        name="test",
        summary="a test",
        usage="test",
        arguments=Words,
        needs=needs,
        parse=lambda words: Words(" ".join(words)),
        run=run,
        emits=emits,
        recording=recording,
    )


def submit(engine: Engine, asked: AnyCommand, text: str = "", shown: Shown | None = None) -> End:
    return engine.submit(Request(asked, Words(text), TESTER), shown)


def looking(words: Words, context: Context) -> Outcome:
    """A command's body: one question, its answer as text."""
    return Outcome(str(context.perform(Look(words.text))))


def raising(error: BaseException) -> AnyCommand:
    """A command that asks one question and then fails."""

    def run(words: Words, context: Context) -> Outcome:
        context.perform(Look("asked"))
        raise error

    return command(run)


def kinds(ledger: TokenSignatureLedger) -> list[str]:
    return [record.kind for record in ledger.read()]


def of_kind(ledger: TokenSignatureLedger, kind: str) -> Iterator[Record]:
    return (record for record in ledger.read() if record.kind == kind)


def submit_many(folder: Path, spool: Path, name: str, turns: int) -> str:
    """One shell's life: open, submit ``turns`` deeds, close; its session's name."""
    with disk_ledger(folder) as ledger:
        engine = engine_on(ledger, spool=spool)
        for turn in range(turns):
            submit(engine, command(looking), f"{name}-{turn}")
        engine.close()
        return engine.session
