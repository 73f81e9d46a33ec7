"""Wiring: which executor performs which effect, over which ledger, and how the engine is opened.

Called by ``__main__`` alone. Everything here is construction; what is constructed lives elsewhere.
"""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass

from ledger import (
    Digest,
    FileObjects,
    LedgerError,
    MemoryObjects,
    ObjectStore,
    OverlayObjects,
    PublicKey,
    Record,
    TokenSignatureLedger,
)
from os2shell.commands import COMMANDS
from os2shell.executors import clock, entropy, terminal
from os2shell.executors.audit import AuditLedger, Auditor
from os2shell.executors.capture import Capturer, CaptureWorkspace, WorkspaceFolder
from os2shell.executors.clock import ReadClock, now_ns
from os2shell.executors.entropy import DrawEntropy
from os2shell.executors.evidence import EvidenceExporter, ExportEvidence, open_evidence
from os2shell.executors.files import FileReader, ReadFile
from os2shell.executors.guest import GuestRunner, ImageSource, RunGuest
from os2shell.executors.history import HistoryReader, ReadHistory
from os2shell.executors.keys import KeyRing
from os2shell.executors.live import LiveWorld
from os2shell.executors.machine import MachineProber, ProbeMachine
from os2shell.executors.tamper import DemonstrateTampering, TamperDemonstrator
from os2shell.executors.terminal import ReadStdin
from os2shell.executors.writeback import WriteBack, Writer
from os2shell.kernel.dispatch import End, Request
from os2shell.kernel.engine import FOLDS, Engine, look
from os2shell.kernel.images import IMAGE_EVERY, open_state, take_image
from os2shell.kernel.invocation import Identity
from os2shell.kernel.recovery import recover
from os2shell.kernel.spool import locked_folder
from os2shell.kernel.state import State
from os2shell.model.capability import LOCAL
from os2shell.model.errors import CannotStart, NothingToVerify, Os2Error, from_ledger
from os2shell.policy.grants import POLICY
from os2shell.policy.manifest import Manifest, load_manifest
from os2shell.repl.display import TerminalDisplay, say
from os2shell.repl.shell import Shell
from os2shell.replay.runs import PROGRAMS
from os2shell.replay.verify_runs import Means, RunVerifier, VerifyRuns
from os2shell.settings import Settings


def open_shell(settings: Settings) -> Shell:
    """The shell for ``settings``; opens no ledger and starts nothing yet."""
    house = House(settings, load_manifest(settings.manifest))
    return Shell(COMMANDS, house.identity, house)


@dataclass(frozen=True)
class LedgerSource:
    """A ledger opened for reading, as replay wants it."""

    ledger: TokenSignatureLedger

    @property
    def objects(self) -> ObjectStore:
        """Its object store."""
        return self.ledger.objects

    def records(self) -> Iterator[Record]:
        """All its records."""
        return self.ledger.read()


class House:
    """The parts of one shell, made when first wanted."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        """Make nothing yet."""
        self._settings = settings
        self._manifest = manifest
        self._keys = KeyRing(settings.keys)
        self._folder = WorkspaceFolder(settings.workspace, settings.cache)
        self._images = ImageSource(settings.images, say)
        self._ledger: TokenSignatureLedger | None = None
        self.identity = Identity(settings.actor, LOCAL)

    def has_ledger(self) -> bool:
        """Whether the workspace has one."""
        return self._settings.ledger.is_dir()

    def open_engine(self) -> Engine:
        """The engine, verified, folded and recovered; raises ``CannotStart`` where it must halt."""
        ledger = self._open_for_writing()
        state, began = open_state(ledger, FOLDS, self._settings.cache)
        engine = Engine(ledger, state, self._world(ledger.objects), self._settings.spool)
        for found in recover(engine, self._settings.spool, self.identity):
            say(
                f"{found.intent.command} in session {found.intent.session} was interrupted when "
                f"its shell died; recorded, with {found.output_bytes} bytes of its output"
            )
        if state.position - began > IMAGE_EVERY:
            take_image(engine, self._settings.cache, self.identity)
        engine.plan_session(self._manifest)
        return engine

    def look(self, request: Request, display: TerminalDisplay) -> End:
        """Run a command that appends nothing, under the manifest that was named."""
        state = State(FOLDS)
        state.assume(0, POLICY, self._manifest)
        objects = self._objects_for_looking()
        return look(request, state, self._world(objects), display, objects)

    def warm(self) -> None:
        """Start a sandbox ahead, for the shell at a prompt."""
        try:
            self._images.start_ahead(self._manifest.limits)
        except Os2Error:
            return  # the run that needs it will say why it cannot be had

    def close(self) -> None:
        """Let go of the ledger and of a sandbox that waits."""
        self._images.close()
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    def report_defect(self, error: BaseException) -> str:
        """Keep the traceback for its maintainers, out of the user's sight."""
        path = self._settings.caches / "defect.txt"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(traceback.format_exception(error)), "utf-8")
        except OSError:
            return f"a defect of os2: {type(error).__name__}: {error}"
        return f"a defect of os2: {type(error).__name__}: {error}; the traceback is in {path}"

    def _open_for_writing(self) -> TokenSignatureLedger:
        if self._ledger is None:
            try:
                self._ledger = self._open_or_create()
            except OSError as error:
                raise CannotStart(
                    f"no ledger can be kept in {self._settings.state}: {error.strerror}",
                    expected="a workspace you may write",
                    remedy="choose another folder with -C",
                ) from None
            except LedgerError as error:
                told = from_ledger(error)
                raise CannotStart(told.found, remedy=told.remedy) from None
        return self._ledger

    def _open_or_create(self) -> TokenSignatureLedger:
        """Under a lock on the state folder, so that two first commands make one ledger."""
        settings = self._settings
        settings.ledger.mkdir(parents=True, exist_ok=True)
        with locked_folder(settings.state):
            try:
                signer = self._keys.signer(self._open_for_reading().origin)
            except NothingToVerify:
                signer = self._keys.create(settings.node)
                (settings.state / ".gitignore").write_text("*\n", "ascii")
                say(f"new ledger in {settings.state}, signed by {signer.name}")
            return TokenSignatureLedger.open(
                settings.ledger, signer, clock=now_ns, node=settings.node
            )

    def _open_for_reading(self) -> TokenSignatureLedger:
        try:
            return TokenSignatureLedger.read_only(self._settings.ledger)
        except LedgerError as error:
            raise from_ledger(error) from None

    def _reading(self) -> TokenSignatureLedger:
        """The ledger that is open for writing, else one opened for reading."""
        return self._ledger or self._open_for_reading()

    def _objects_for_looking(self) -> ObjectStore:
        folder = self._settings.ledger / "objects"
        lower = FileObjects(folder) if folder.is_dir() else MemoryObjects()
        return OverlayObjects(MemoryObjects(), lower)

    def _trusted_key(self) -> PublicKey | None:
        return self._keys.trusted(self._open_for_reading().origin)

    def _world(self, objects: ObjectStore) -> LiveWorld:
        settings = self._settings
        verifier = RunVerifier(
            Means(
                commands=lambda: COMMANDS,
                folds=FOLDS,
                open_ledger=lambda: LedgerSource(self._reading()),
                open_bundle=open_evidence,
                pure=lambda made: LiveWorld({RunGuest: GuestRunner(made, self._images).perform}),
                image=self._images.digest,
                present_tree=self._present_tree,
            )
        )
        return LiveWorld(
            {
                ReadClock: clock.perform,
                DrawEntropy: entropy.perform,
                ReadStdin: terminal.perform,
                ReadFile: FileReader(settings.workspace).perform,
                CaptureWorkspace: Capturer(self._folder, objects).perform,
                RunGuest: GuestRunner(objects, self._images, terminal.STDIN).perform,
                WriteBack: Writer(self._folder, objects).perform,
                ReadHistory: HistoryReader(self._reading).perform,
                AuditLedger: Auditor(settings.ledger, self._trusted_key).perform,
                ExportEvidence: EvidenceExporter(self._reading, PROGRAMS).perform,
                VerifyRuns: verifier.perform,
                ProbeMachine: MachineProber(
                    self._manifest, self._images, settings.workspace
                ).perform,
                DemonstrateTampering: TamperDemonstrator(
                    settings.ledger, self._trusted_key
                ).perform,
            }
        )

    def _present_tree(self, objects: ObjectStore) -> Digest:
        captured = Capturer(self._folder, objects).capture()
        return captured.tree
