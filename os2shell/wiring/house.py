"""The house behind a shell: how its ledger and engine are opened, and what performs a run."""

import os
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ledger import (
    Author,
    Digest,
    Epochs,
    FileObjects,
    KeptHead,
    KeyProblem,
    LedgerError,
    MemoryObjects,
    ObjectStore,
    OverlayObjects,
    Pin,
    TokenSignatureLedger,
    epoch_age,
    stated_origin,
)
from os2shell.commands import COMMANDS
from os2shell.executors import clock, entropy, terminal
from os2shell.executors.capture import Capturer, CaptureWorkspace, WorkspaceFolder
from os2shell.executors.clock import ReadClock, now_ns
from os2shell.executors.entropy import DrawEntropy
from os2shell.executors.guest import GuestRunner, ImageSource, RunGuest
from os2shell.executors.keys import KeyRing
from os2shell.executors.live import Executors, LiveWorld
from os2shell.executors.network.broker import Broker, note_refusal
from os2shell.executors.network.credentials import Credentials
from os2shell.executors.network.question import Exchange, Refusal
from os2shell.executors.network.secret import NO_KEY, Keyed
from os2shell.executors.packages.lock import LockReader, ReadLock
from os2shell.executors.terminal import ReadStdin
from os2shell.executors.writeback import WriteBack, Writer
from os2shell.kernel.dispatch import End, Request
from os2shell.kernel.engine import Engine, look
from os2shell.kernel.images import IMAGE_EVERY, open_state, take_image
from os2shell.kernel.intents import BOOT_SESSION
from os2shell.kernel.invocation import Identity
from os2shell.kernel.recovery import recover
from os2shell.kernel.spool import locked_folder
from os2shell.kernel.state import State
from os2shell.model.capability import LOCAL
from os2shell.model.errors import (
    Broken,
    CannotStart,
    NothingToVerify,
    Os2Error,
    Unreadable,
    from_ledger,
)
from os2shell.model.guest import Tier
from os2shell.model.shown import question_told
from os2shell.policy.grants import POLICY
from os2shell.policy.manifest import Manifest, load_manifest
from os2shell.repl.display import TerminalDisplay, say
from os2shell.repl.shell import Shell
from os2shell.settings import Settings
from os2shell.subsystems.folds import FOLDS
from os2shell.subsystems.python_vm.environments import ENVIRONMENTS

if TYPE_CHECKING:
    from ledger import Witnesses
    from os2shell.executors.git.tools import ToolSource

ENVIRONMENT_HINT = "environment"
SHOWN_QUESTION = 300
"""Characters of a question that a dead shell left open."""


def open_shell(settings: Settings) -> Shell:
    """The shell for ``settings``; opens no ledger and starts nothing yet."""
    house = House(settings, load_manifest(settings.manifest))
    return Shell(COMMANDS, house.identity, house)


class House:
    """The parts of one shell, made when first wanted."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        """Make nothing yet."""
        self.settings = settings
        self.manifest = manifest
        self._keys = KeyRing(settings.keys, settings.workspace)
        self.folder = WorkspaceFolder(settings.workspace, settings.cache)
        self.repository = WorkspaceFolder(settings.workspace, settings.cache, repository=True)
        self.images = ImageSource(settings.images, say)
        self._engine: Engine | None = None
        self._ledger: TokenSignatureLedger | None = None
        self._reader: TokenSignatureLedger | None = None
        self.identity = Identity(settings.actor, LOCAL)

    def beside(self, folder: Path) -> "House":
        """A house of its own in ``folder``, under the same manifest: nothing of ours is touched."""
        settings = replace(
            self.settings,
            workspace=folder / "work",
            keys=folder / "keys",
            heads=folder / "heads",
            witnesses=folder / "witnesses",
            caches=folder / "caches",
        )
        return House(settings, self.manifest)

    @cached_property
    def tools(self) -> "ToolSource":
        """The machine's git, for sandboxes."""
        from os2shell.executors.git.tools import ToolSource  # noqa: PLC0415 — only git needs it

        return ToolSource(self.settings.images, lambda: self.images.image, say)

    def has_ledger(self) -> bool:
        """Whether the workspace has one."""
        return self.settings.ledger.is_dir() and any(self.settings.ledger.iterdir())

    def open_engine(self) -> Engine:
        """The engine, verified, folded and recovered; raises ``CannotStart`` where it must halt."""
        ledger = self._open_for_writing()
        self._renew_key(ledger)

        def reopen() -> State:
            return open_state(ledger, FOLDS, self.settings.cache)[0]

        state, began = open_state(ledger, FOLDS, self.settings.cache)
        world = self._world(ledger.objects)
        engine = Engine(ledger, state, world, self.settings.spool, reopen)
        for found in recover(engine, self.settings.spool, self.identity):
            say(
                f"{found.intent.command} in session {found.intent.session} was interrupted when "
                f"its shell died; recorded, with {found.output_bytes} bytes of its output"
            )
            if found.unanswered is not None:
                told = question_told(found.unanswered)[:SHOWN_QUESTION]
                say(f"whether the other side did what it was asked is not known: {told}")
        if state.position - began > IMAGE_EVERY:
            take_image(engine, self.settings.cache, self.identity)
        engine.plan_session(self.manifest)
        self._engine = engine
        self._leave_hint()
        return engine

    def look(self, request: Request, display: TerminalDisplay) -> End:
        """Run a command that appends nothing, under the manifest that was named."""
        state = State(FOLDS)
        state.assume(0, POLICY, self.manifest)
        objects = self._objects_for_looking()
        return look(request, state, self._world(objects), display, objects)

    def warm(self, *, idle: bool = False, always: bool = False, git: bool = False) -> None:
        """Start sandboxes ahead; no guest code runs before a command was admitted."""
        if git or (idle and "tools" in self.__dict__):  # who has used git will use it again
            with suppress(Os2Error):  # the run that needs it will say why it cannot be had
                self.tools.start_ahead(self.manifest.limits)
        if git:
            return
        tiers = (Tier.NATIVE, Tier.RESTRICTED) if idle else (Tier.NATIVE,)
        try:
            self._leave_hint()
            self.images.expect(self._expected())
            self.images.start_ahead(self.manifest.limits, tiers=tiers, always=always)
        except Os2Error:
            return  # the run that needs it will say why it cannot be had

    def _expected(self) -> Digest | None:
        """The environment that the next run will probably have: a hint, and never more."""
        try:
            return Digest(bytes.fromhex((self.settings.cache / ENVIRONMENT_HINT).read_text()))
        except (OSError, ValueError):
            return None

    def _leave_hint(self) -> None:
        """Say what the engine knows, for what is started ahead now and by the next shell."""
        if self._engine is None:
            return
        packages = self._engine.state.view(ENVIRONMENTS).packages
        if packages != self._expected():
            with suppress(OSError):
                self.settings.cache.mkdir(exist_ok=True)
                hint = "" if packages is None else packages.hex()
                (self.settings.cache / ENVIRONMENT_HINT).write_text(hint)

    def close(self) -> None:
        """Let go of the ledger and of a sandbox that waits."""
        self._leave_hint()
        self._engine = None
        self.images.close()
        if "tools" in self.__dict__:
            self.tools.close()
        for ledger in (self._ledger, self._reader):
            if ledger is not None:
                ledger.close()
        self._ledger = self._reader = None

    def report_defect(self, error: BaseException) -> str:
        """Keep the traceback for its maintainers, out of the user's sight."""
        import traceback  # noqa: PLC0415 — wanted once, if ever

        path = self.settings.caches / "defect.txt"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(traceback.format_exception(error)), "utf-8")
        except OSError:
            return f"a defect of os2: {type(error).__name__}: {error}"
        return f"a defect of os2: {type(error).__name__}: {error}; the traceback is in {path}"

    def _renew_key(self, ledger: TokenSignatureLedger) -> None:
        """Begin another epoch where the present one is older than the settings say.

        Witnesses must be told of a key before it signs, which nobody can do here: where a policy
        names some, their owner is reminded.
        """
        policy = self.settings.epoch_days
        age = epoch_age(ledger, now_ns())
        if age is None or not age.overdue(policy):
            return
        if os.path.lexists(self.settings.witnesses):
            say(
                f"{age.text(policy)}; witnesses must know the next key before it signs: "
                "docs/handbook.md, ledger-rotate, says how"
            )
            return
        try:
            ledger.rotate()
        except KeyProblem as problem:
            say(f"{age.text(policy)}; not rotated now: {problem}")
            return
        assert ledger.keys is not None
        self._keys.remember(ledger.keys.epochs)
        say(
            f"the ledger's key had signed for {age.days} days; it was rotated, and the old one gone"
        )

    def _open_for_writing(self) -> TokenSignatureLedger:
        if self._ledger is None:
            try:
                self._ledger = self._open_or_create()
            except OSError as error:
                raise CannotStart(
                    f"no ledger can be kept in {self.settings.state}: {error.strerror}",
                    expected="a workspace you may write",
                    remedy="choose another folder with -C",
                ) from None
            except LedgerError as error:
                told = from_ledger(error)
                raise CannotStart(told.found, remedy=told.remedy) from None
            except (Broken, Unreadable) as told:
                raise CannotStart(told.found, remedy=told.remedy) from None
        return self._ledger

    def _open_or_create(self) -> TokenSignatureLedger:
        """Under a lock on the state folder, so that two first commands make one ledger."""
        settings = self.settings
        settings.ledger.mkdir(parents=True, exist_ok=True)
        with locked_folder(settings.state):
            try:
                # Which key is all that is asked here: opening judges the ledger under it.
                signer = self._keys.signer(stated_origin(settings.ledger) or self._origin())
            except NothingToVerify as nothing:
                left = sorted(path.name for path in settings.ledger.iterdir())
                if left and left != ["segments"]:
                    raise CannotStart(
                        f"{settings.ledger} holds {', '.join(left)} and no log",
                        expected="a whole ledger, or none",
                        remedy="restore it from a copy, or move it away to begin another",
                    ) from nothing
                signer = self._keys.create(settings.node)
                (settings.state / ".gitignore").write_text("*\n", "ascii")
                say(f"new ledger in {settings.state}, signed by {signer.public.name}")
            return TokenSignatureLedger.open(
                settings.ledger,
                signer,
                clock=now_ns,
                node=settings.node,
                author=Author(BOOT_SESSION, self.identity.actor, str(self.identity.token)),
                kept=KeptHead(settings.heads / self._keys.file_name(signer.public.name, "head")),
                witnesses=self._witnesses(),
            )

    def _witnesses(self) -> "Witnesses | None":
        """Who must confirm heads before they count, where the user named anybody."""
        path = self.settings.witnesses
        if not os.path.lexists(path):  # a link that leads nowhere names somebody all the same
            return None
        from ledger import Witnesses, read_policy  # noqa: PLC0415 — few have witnesses

        try:
            return Witnesses(read_policy(path.read_bytes()))
        except (OSError, LedgerError) as problem:
            raise CannotStart(
                f"{path}: {problem}",
                expected="a policy that says which witnesses must confirm this ledger",
                remedy="mend the file; without it no witness is asked",
            ) from None

    def _origin(self) -> str:
        """The name of the workspace's ledger; raises ``NothingToVerify`` where there is none."""
        try:
            with TokenSignatureLedger.read_only(self.settings.ledger) as ledger:
                return ledger.origin
        except LedgerError as error:
            raise from_ledger(error) from None

    def reading(self) -> TokenSignatureLedger:
        """The ledger that is open for writing, else one opened for reading; up to date."""
        try:
            if self._ledger is None and self._reader is None:
                self._reader = TokenSignatureLedger.read_only(self.settings.ledger)
            ledger = self._ledger or self._reader
            assert ledger is not None
            ledger.refresh()
        except LedgerError as error:
            raise from_ledger(error) from None
        return ledger

    def _objects_for_looking(self) -> ObjectStore:
        folder = self.settings.ledger / "objects"
        lower = FileObjects(folder) if folder.is_dir() else MemoryObjects()
        return OverlayObjects(MemoryObjects(), lower)

    def remember_keys(self, epochs: Epochs) -> None:
        """Trust these epochs of the ledger's key from now on."""
        self._keys.remember(epochs)

    def trusted_key(self) -> Pin | None:
        """The key or the epochs this user trusts for the ledger, if any."""
        return self._keys.trusted(self._origin())

    def keyed(self, *, make: bool = False) -> Keyed:
        """What stands for secrets in the records of this ledger."""
        key = self._keys.network_key(self._origin(), make=make)
        return NO_KEY if key is None else Keyed(key)

    def _world(self, objects: ObjectStore) -> LiveWorld:
        """What a run needs at once; everything else is loaded when it is first asked for."""
        credentials = Credentials(self.settings.credentials, self.settings.workspace)
        broker = Broker(objects, self.manifest.authorities, credentials.read)
        runner = GuestRunner(
            objects, self.images, terminal.STDIN, broker, lambda: self.keyed(make=True)
        )
        return LiveWorld(
            {
                ReadClock: clock.perform,
                DrawEntropy: entropy.perform,
                ReadStdin: terminal.perform,
                CaptureWorkspace: Capturer(self.folder, objects, self.repository).perform,
                RunGuest: runner.perform,
                Exchange: broker.perform,
                Refusal: note_refusal,
                WriteBack: Writer(self.folder, objects, self.repository).perform,
                ReadLock: LockReader(objects).perform,
            },
            lambda kind: self._seldom(kind, objects, broker),
        )

    def _seldom(self, kind: str, objects: ObjectStore, broker: Broker) -> Executors:
        if kind.startswith("git."):
            from os2shell.wiring.git import git_executors  # noqa: PLC0415 — most starts need none

            return git_executors(objects, self.tools, broker, lambda: self.keyed(make=True))
        from os2shell.wiring.seldom import executors  # noqa: PLC0415 — most starts need none of it

        return executors(self)
