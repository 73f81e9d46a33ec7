"""Runs of the real ``python`` command in the real sandbox, recorded in memory, told otherwise, played."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ledger import Digest, Json, MemoryObjects, OverlayObjects
from os2shell.commands import COMMANDS
from os2shell.executors.capture import CaptureWorkspace
from os2shell.executors.clock import ReadClock
from os2shell.executors.entropy import DrawEntropy
from os2shell.executors.guest import GuestRunner, ImageSource, RunGuest
from os2shell.executors.live import LiveWorld
from os2shell.executors.network.broker import note_refusal
from os2shell.executors.network.question import Exchange, Refusal
from os2shell.executors.terminal import ReadStdin
from os2shell.executors.watching import GuestWatcher, WatchGuest
from os2shell.executors.writeback import WriteBack
from os2shell.kernel.dispatch import Request
from os2shell.kernel.engine import Engine
from os2shell.kernel.state import State
from os2shell.model.effect import Transcript
from os2shell.policy.manifest import load_manifest
from os2shell.replay.player import Finding, Workshop, replay_run
from os2shell.replay.verdict import Divergence, Site, Verdict
from os2shell.subsystems.folds import FOLDS
from tests.house import DEFAULT_MANIFEST, IMAGES
from tests.replay.replay_room import TESTER, Recording, empty_ledger, tree_of

STEPS = {"capture": 0, "entropy": 1, "clock": 2, "run": 3}
"""Where each step of a run lies in its trace."""


def images() -> ImageSource:
    """The interpreter image that all tests use."""
    return ImageSource(IMAGES, lambda _line: None)


@dataclass
class Room:
    """Where guests really run."""

    images: ImageSource = field(default_factory=images)

    def record(
        self,
        script: str,
        *words: str,
        command: str = "python",
        stdin: bytes = b"",
        files: Mapping[str, bytes] | None = None,
        manifest: Path = DEFAULT_MANIFEST,
        answer: Callable[[Exchange], Json] | None = None,
    ) -> Recording:
        """Run ``script`` (as ``s.py``), or what ``words`` name, with ``files`` beside it.

        ``answer`` is the network that ``manifest`` grants.
        """
        ledger = empty_ledger()
        objects = ledger.objects
        tree = tree_of({"s.py": script.encode(), **(files or {})}, objects)
        pending = bytearray(stdin)

        def capture(effect: CaptureWorkspace, _transcript: Transcript) -> Json:
            wanted = None if effect.wanted is None else "file"
            return {"tree": tree, "files": 1, "bytes": 1, "skipped": [], "wanted": wanted}

        def read(effect: ReadStdin, _transcript: Transcript) -> Json:
            piece = bytes(pending[: effect.size])
            del pending[: effect.size]
            return piece

        def write_back(_effect: WriteBack, _transcript: Transcript) -> Json:
            return {"changes": [], "changed": 0, "notes": []}

        world = LiveWorld(
            {
                CaptureWorkspace: capture,
                DrawEntropy: lambda effect, _transcript: bytes(effect.size),
                ReadClock: lambda _effect, _transcript: 1_700_000_000_000_000_000,
                ReadStdin: read,
                RunGuest: GuestRunner(objects, self.images).perform,
                WriteBack: write_back,
                Exchange: lambda effect, _transcript: answer(effect) if answer else None,
                Refusal: note_refusal,
            }
        )
        engine = Engine(ledger, State(FOLDS), world)
        engine.plan_session(load_manifest(manifest))
        found = COMMANDS.find(command)
        engine.submit(Request(found, found.parse(words or ("s.py",)), TESTER))
        return Recording(ledger)

    def play(self, recording: Recording) -> Finding:
        """Replay it with the real sandbox."""
        objects = OverlayObjects(MemoryObjects(), recording.ledger.objects)
        pure = LiveWorld(
            {
                RunGuest: GuestRunner(objects, self.images).perform,
                WatchGuest: GuestWatcher(objects, self.images).perform,
            }
        )
        return replay_run(recording.run, Workshop(COMMANDS, pure, self.images.digest, objects))

    def told(self, recording: Recording) -> Divergence:
        """The divergence of a replay that must diverge."""
        finding = self.play(recording)
        assert finding.verdict is Verdict.DIVERGED, finding
        assert finding.divergence
        return finding.divergence

    def mutated(
        self, script: str, other: str, stdin: bytes = b"", files: Mapping[str, bytes] | None = None
    ) -> Divergence:
        """Record ``script``, tell the recording as if it had run ``other``, and replay it."""
        recording = self.record(script, stdin=stdin, files=files)
        assert self.play(recording).verdict is Verdict.IDENTICAL
        return self.told(with_files(recording, {"s.py": other.encode(), **(files or {})}))


def with_files(recording: Recording, files: Mapping[str, bytes]) -> Recording:
    """The same recording, as if its input had been ``files``."""
    tree: Digest = tree_of(files, recording.ledger.objects)

    def change(steps: list[Any]) -> None:
        steps[STEPS["capture"]][2]["tree"] = tree
        steps[STEPS["run"]][1]["tree"] = tree

    return recording.rewritten(change)


def with_seed(recording: Recording, seed: bytes) -> Recording:
    """The same recording, as if another seed had been drawn."""

    def change(steps: list[Any]) -> None:
        steps[STEPS["entropy"]][2] = seed
        steps[STEPS["run"]][1]["seed"] = seed

    return recording.rewritten(change)


def site_of(found: Divergence) -> Site:
    assert found.site, found.unlocated
    return found.site


def meant(site: Site) -> str:
    """The part of the source line that is marked."""
    assert site.source is not None
    assert site.column is not None
    return site.source[site.column : site.column + cast("int", site.width)]
