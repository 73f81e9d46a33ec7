"""Runs of the real ``python`` command, recorded over a scripted sandbox, and a workshop to replay."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

from ledger import (
    Digest,
    Entry,
    Json,
    MemoryObjects,
    MemoryStore,
    ObjectStore,
    OverlayObjects,
    TokenSignatureLedger,
    decode,
    digest,
    encode,
)
from os2shell.commands import COMMANDS
from os2shell.executors.capture import CaptureWorkspace
from os2shell.executors.clock import ReadClock
from os2shell.executors.entropy import DrawEntropy
from os2shell.executors.guest import RunGuest
from os2shell.executors.live import LiveWorld
from os2shell.executors.terminal import ReadStdin
from os2shell.executors.watching import WatchGuest
from os2shell.executors.workspace import Entry as File
from os2shell.executors.workspace import Kind, make_tree
from os2shell.executors.writeback import WriteBack
from os2shell.kernel.dispatch import Request
from os2shell.kernel.engine import Engine
from os2shell.kernel.intents import ENDED
from os2shell.kernel.invocation import Identity
from os2shell.kernel.state import State
from os2shell.model.capability import LOCAL
from os2shell.model.content import fetch, keep
from os2shell.model.effect import Transcript
from os2shell.policy.manifest import load_manifest
from os2shell.replay.player import Finding, Workshop, replay_run
from os2shell.replay.runs import RecordedRun, recorded_runs
from os2shell.subsystems.folds import FOLDS
from tests.house import DEFAULT_MANIFEST

IMAGE = digest(b"this machine's image")
TESTER = Identity("tester", LOCAL)
SCRIPT = b"print('what the script says')"


@dataclass(frozen=True)
class Program:
    """What the scripted sandbox does with a run."""

    stdout: bytes = b"line one\nline two\n"
    stderr: bytes = b""
    code: int = 0
    cause: str = "exit"
    writes: Mapping[str, bytes] | None = None
    reads: tuple[int, ...] = ()
    skipped: tuple[str, ...] = ()
    image: bytes = IMAGE
    fails: BaseException | None = None

    def run(self, effect: RunGuest, transcript: Transcript, objects: ObjectStore) -> Json:
        """The answer of one run: reads first, then output, then files."""
        if self.fails is not None:
            raise self.fails
        heard = b"".join(cast("bytes", transcript.perform(ReadStdin(size))) for size in self.reads)
        tree = tree_of({"s.py": SCRIPT, **self.writes}, objects) if self.writes else effect.tree
        return {
            "result": {
                "code": self.code,
                "cause": self.cause,
                "stdout": keep(objects, self.stdout + heard),
                "stderr": keep(objects, self.stderr),
                "tree": tree,
                "skipped": list(self.skipped),
            },
            "achieved": {"image": self.image, "interpreter": "Python 3", "layers": ["rlimits"]},
            "usage": {"wall_ns": 1},
        }


def tree_of(files: Mapping[str, bytes], objects: ObjectStore) -> Digest:
    return make_tree(
        {
            name.encode(): File(
                name.rpartition("/")[2].encode(), Kind.FILE, len(data), objects.put(data)
            )
            for name, data in files.items()
        },
        objects,
    )


def world(program: Program, objects: ObjectStore, stdin: bytes = b"heard") -> LiveWorld:
    """A live world whose machine is scripted."""

    def capture(effect: CaptureWorkspace, _transcript: Transcript) -> Json:
        tree = tree_of({"s.py": SCRIPT}, objects)
        wanted = None if effect.wanted is None else "file" if effect.wanted == "s.py" else "missing"
        return {"tree": tree, "files": 1, "bytes": 1, "skipped": [], "wanted": wanted}

    def write_back(_effect: WriteBack, _transcript: Transcript) -> Json:
        return {"changes": [["r.txt", "added"]], "changed": 1, "notes": []}

    return LiveWorld(
        {
            CaptureWorkspace: capture,
            DrawEntropy: lambda effect, _transcript: bytes(effect.size),
            ReadClock: lambda _effect, _transcript: 1_700_000_000_000_000_000,
            ReadStdin: lambda effect, _transcript: stdin[: effect.size],
            RunGuest: lambda effect, transcript: program.run(effect, transcript, objects),
            WriteBack: write_back,
        }
    )


def empty_ledger(objects: ObjectStore | None = None) -> TokenSignatureLedger:
    ticks = count(1_700_000_000_000_000_000, 1_000_000)
    return TokenSignatureLedger(MemoryStore(objects), clock=lambda: next(ticks), node="n1")


@dataclass
class Recording:
    """A ledger with one recorded run."""

    ledger: TokenSignatureLedger

    @property
    def run(self) -> RecordedRun:
        (found,) = recorded_runs(self.ledger.read(), State(FOLDS), self.ledger.objects)
        return found

    def lose(self, name: bytes) -> None:
        """Remove an object, as a disk or somebody does."""
        del self.content[Digest(name)]

    @property
    def content(self) -> dict[Digest, bytes]:
        """The objects themselves."""
        return cast("Any", self.ledger.objects)._content  # type: ignore[no-any-return]

    @property
    def steps(self) -> list[Any]:
        """The recorded trace, as plain lists."""
        return cast(
            "list[Any]",
            decode(fetch(self.ledger.objects, self.run.ended.attributes["trace"])),
        )

    def rewritten(
        self,
        change: Callable[[list[Any]], object] = lambda _steps: None,
        **attributes: Json,
    ) -> "Recording":
        """The same history told otherwise: with changed steps, or another attribute at its end."""
        steps = self.steps
        change(steps)
        other = empty_ledger(self.ledger.objects)
        for record in self.ledger.read():
            body = dict(record.attributes)
            if record.kind in ENDED:
                body |= {"trace": keep(other.objects, encode(steps)), **attributes}
            entry = Entry(record.kind, body, record.session, record.actor, record.token)
            other.append(entry)
        return Recording(other)


def record(*words: str, program: Program | None = None, stdin: bytes = b"heard") -> Recording:
    """Run ``python`` with ``words`` for real, but for the machine."""
    ledger = empty_ledger()
    engine = Engine(ledger, State(FOLDS), world(program or Program(), ledger.objects, stdin))
    engine.plan_session(load_manifest(DEFAULT_MANIFEST))
    command = COMMANDS.find("python")
    engine.submit(Request(command, command.parse(words or ("s.py",)), TESTER))
    return Recording(ledger)


def workshop(
    recording: Recording, program: Program, image: Callable[[], Digest] = lambda: IMAGE
) -> Workshop:
    objects = OverlayObjects(MemoryObjects(), recording.ledger.objects)
    pure = LiveWorld(
        {
            RunGuest: lambda effect, transcript: program.run(effect, transcript, objects),
            WatchGuest: lambda _effect, _transcript: None,
        }
    )
    return Workshop(COMMANDS, pure, image, objects)


def play(
    recording: Recording,
    program: Program | None = None,
    image: Callable[[], Digest] = lambda: IMAGE,
) -> Finding:
    """Replay the recorded run on a machine whose sandbox does ``program``."""
    return replay_run(recording.run, workshop(recording, program or Program(), image))
