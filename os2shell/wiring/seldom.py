"""Executors that most starts need none of: reading and auditing the past, replay, doctor."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ledger import Digest, Epochs, Json, LedgerError, ObjectStore, Pin, Record, TokenSignatureLedger
from os2shell.commands import COMMANDS
from os2shell.executors.admission import AdmitEvidence, EvidenceKeeper
from os2shell.executors.audit import AuditLedger, Auditor
from os2shell.executors.capture import Capturer, WorkspaceFolder
from os2shell.executors.evidence import (
    EvidenceExporter,
    ExportEvidence,
    WriteVerifier,
    open_evidence,
)
from os2shell.executors.files import FileReader, ReadFile
from os2shell.executors.git.question import RunGit
from os2shell.executors.git.runner import GitRunner
from os2shell.executors.git.tools import ToolSource
from os2shell.executors.guest import GuestRunner, ImageSource, RunGuest
from os2shell.executors.history import HistoryReader, ListHistory, ReadHistory
from os2shell.executors.live import Executors, LiveWorld
from os2shell.executors.machine import MachineProber, ProbeMachine, ReadPython
from os2shell.executors.network.secret import NO_KEY, Keyed
from os2shell.executors.packages.environment import LIBRARY, environment_folder
from os2shell.executors.packages.lock import LockReader, ReadLock
from os2shell.executors.probes.escapes import EscapeProber, ProbeEscapes
from os2shell.executors.rotation import ReadKeys, RotateKey, Rotator
from os2shell.executors.sandbox.differ import ImageDifference, image_difference
from os2shell.executors.tamper import DemonstrateTampering, TamperDemonstrator
from os2shell.executors.watching import GuestWatcher, WatchGuest
from os2shell.kernel.engine import Engine
from os2shell.kernel.invocation import Identity
from os2shell.kernel.spending import ReadSpent, SpentReader
from os2shell.model.effect import Transcript
from os2shell.model.errors import Os2Error
from os2shell.policy.manifest import Manifest
from os2shell.replay.benchmark import RunBenchmark
from os2shell.replay.refold import Refold, Refolder
from os2shell.replay.runs import PROGRAMS
from os2shell.replay.verify_runs import Means, RunVerifier, VerifyRuns
from os2shell.settings import Settings
from os2shell.subsystems.environments.reading import EnvironmentsReader, ReadEnvironments
from os2shell.subsystems.folds import FOLDS


class Parts(Protocol):
    """What these executors need of the house."""

    settings: Settings
    manifest: Manifest
    folder: WorkspaceFolder
    images: ImageSource

    @property
    def tools(self) -> ToolSource:
        """The machine's git, for sandboxes."""
        ...

    def reading(self) -> TokenSignatureLedger:
        """The ledger, opened at least for reading."""
        ...

    def beside(self, folder: Path) -> "BenchmarkHouse":
        """A house of its own in ``folder``, under the same manifest."""
        ...

    def trusted_key(self) -> Pin | None:
        """The key or the epochs this user trusts for the ledger."""
        ...

    def keyed(self) -> Keyed:
        """What stands for secrets in the records of this ledger, where this user has its key."""
        ...

    def remember_keys(self, epochs: Epochs) -> None:
        """Trust these epochs of the ledger's key from now on."""
        ...


class BenchmarkHouse(Parts, Protocol):
    """A whole house, made for a benchmark."""

    @property
    def identity(self) -> Identity:
        """Who acts."""
        ...

    def open_engine(self) -> Engine:
        """The engine."""
        ...

    def warm(self, *, always: bool = False) -> None:
        """Start a sandbox ahead of each run."""
        ...

    def close(self) -> None:
        """Let go of the ledger."""
        ...


@dataclass(frozen=True)
class LedgerSource:
    """A ledger as replay wants it."""

    ledger: TokenSignatureLedger

    @property
    def objects(self) -> ObjectStore:
        """Its object store."""
        return self.ledger.objects

    @property
    def first(self) -> int:
        """The first record that was not pruned."""
        return self.ledger.first

    def records(self) -> Iterator[Record]:
        """All its records that were not pruned."""
        return self.ledger.read(self.first)


def executors(parts: Parts) -> Executors:
    """The table."""
    settings = parts.settings
    exporter = EvidenceExporter(parts.reading, PROGRAMS)
    rotator = Rotator(parts.reading, parts.remember_keys)
    history = HistoryReader(parts.reading, colour=settings.colour)
    return {
        ReadFile: FileReader(settings.workspace).perform,
        ReadHistory: history.perform,
        ListHistory: history.list,
        ReadKeys: rotator.read,
        RotateKey: rotator.rotate,
        AuditLedger: Auditor(settings.ledger, parts.trusted_key).perform,
        ExportEvidence: exporter.perform,
        WriteVerifier: exporter.verifier,
        AdmitEvidence: EvidenceKeeper(parts.reading).perform,
        Refold: Refolder(lambda: LedgerSource(parts.reading()), FOLDS).perform,
        RunBenchmark: lambda effect, transcript: _benchmark(parts, effect, transcript),
        ReadPython: lambda _effect, _transcript: parts.images.image.interpreter,
        ReadEnvironments: EnvironmentsReader(parts.reading, settings.cache).perform,
        ReadSpent: SpentReader(parts.reading, settings.cache).perform,
        VerifyRuns: RunVerifier(_means(parts)).perform,
        ProbeEscapes: EscapeProber(parts.images, parts.manifest.required_layers).perform,
        ProbeMachine: MachineProber(parts.manifest, parts.images, settings.workspace).perform,
        DemonstrateTampering: TamperDemonstrator(settings.ledger, parts.trusted_key).perform,
    }


def _benchmark(parts: Parts, effect: RunBenchmark, transcript: Transcript) -> Json:
    from os2shell.replay.benchmarking import Benchmarker, Place  # noqa: PLC0415 — wanted once

    def place(folder: Path) -> Place:
        house = parts.beside(folder)

        def library(packages: Digest) -> Path:
            objects = house.reading().objects
            return environment_folder(house.settings.images, packages, objects).root / LIBRARY

        return Place(house, _means(house), EvidenceExporter(house.reading, PROGRAMS), library)

    return Benchmarker(place, lambda: parts.reading().objects).perform(effect, transcript)


def _means(parts: Parts) -> Means:
    settings = parts.settings

    def present_tree(objects: ObjectStore) -> Digest:
        return Capturer(parts.folder, objects).capture().tree

    def keyed() -> Keyed:
        try:
            return parts.keyed()
        except (Os2Error, LedgerError):  # a bundle may be replayed where there is no ledger
            return NO_KEY

    def pure(made: ObjectStore) -> LiveWorld:
        return LiveWorld(
            {
                RunGuest: GuestRunner(made, parts.images, keyed=keyed).perform,
                RunGit: GitRunner(made, parts.tools, keyed=keyed).perform,
                WatchGuest: GuestWatcher(made, parts.images, keyed).perform,
                ReadLock: LockReader(made).perform,
            }
        )

    def equipment(tool: str = "") -> Digest:
        return parts.tools.digest() if tool == RunGit.tool else parts.images.digest(tool)

    def differ(recorded: Digest) -> ImageDifference:
        return image_difference(settings.images, recorded.hex(), parts.images.image)

    return Means(
        commands=COMMANDS,
        folds=FOLDS,
        open_ledger=lambda: LedgerSource(parts.reading()),
        open_bundle=open_evidence,
        pure=pure,
        equipment=equipment,
        present_tree=present_tree,
        expect_many=lambda: parts.images.start_ahead(parts.manifest.limits, always=True),
        differ=differ,
    )
