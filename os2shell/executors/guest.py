"""``guest.run``: a program in the sandbox, on a tree, in a world of recorded seed and clock.

The effect is pure: image, tree, seed, clock, arguments and the answers to the program's own
requests decide its result, so replay performs it again and compares. What cannot repeat (the time
it took) is kept apart in the answer, under ``usage``.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import ClassVar, Self

from ledger import Digest, Json, ObjectStore
from os2shell.executors.clock import now_ns
from os2shell.executors.network.broker import Broker
from os2shell.executors.network.desk import Desk
from os2shell.executors.network.question import no_key
from os2shell.executors.network.secret import Keyed
from os2shell.executors.packages.environment import environment_folder, present_environment
from os2shell.executors.packages.tools import load_tool
from os2shell.executors.sandbox import (
    CachedFolder,
    Image,
    Job,
    Sandbox,
    load_image,
    prime,
    remedy_for,
)
from os2shell.executors.sandbox.contents import ENVIRONMENT, TOOLS
from os2shell.executors.standby import Standby
from os2shell.executors.terminal import ReadStdin
from os2shell.executors.workspace import LEFT_BY_A_RUN, capture, populate, read_ignore, shown
from os2shell.model.capability import Capability
from os2shell.model.content import INLINE_BYTES, keep
from os2shell.model.effect import Determinism, Stream, Transcript
from os2shell.model.errors import CannotStart
from os2shell.model.guest import EntryKind, Limits, Tier
from os2shell.model.plain import ADDED, to_json
from os2shell.policy.network import Network

KEPT_IN_MEMORY_BYTES = 1 << 20
AHEAD = 2
"""Sandboxes that start while one runs, where many runs follow each other: a start takes longer."""


@dataclass(frozen=True, slots=True)
class RunGuest:
    """Ask for one run. The answer is ``{"result", "achieved", "usage"}``.

    ``result`` is compared at replay: code, cause, stdout, stderr (content), tree, skipped, imports,
    and ``network`` where the program asked for any (``Desk.report``).
    ``achieved`` says in what it ran: image digest, interpreter, isolation layers, and the tool's
    digest. ``packages`` is the tree of the run's environment, ``tool`` what it brings along beside
    it; ``unignored`` are lines that end the ``.os2ignore`` of the workspace it leaves.
    """

    kind: ClassVar[str] = "guest.run"
    needs: ClassVar[Capability] = Capability.PROCESS_SPAWN
    determinism: ClassVar[Determinism] = Determinism.PURE
    program: str
    tier: Tier
    entry: EntryKind
    target: str
    arguments: tuple[str, ...]
    tree: Digest
    seed: bytes
    clock_start_ns: int
    limits: Limits
    imports: tuple[str, ...]
    layers: tuple[str, ...]
    raw: bool
    token_budget: int | None = field(default=None, metadata=ADDED)
    network: Network | None = field(default=None, metadata=ADDED)
    packages: Digest | None = field(default=None, metadata=ADDED)
    tool: str | None = field(default=None, metadata=ADDED)
    unignored: tuple[str, ...] = field(default=(), metadata=ADDED)

    def body(self) -> Json:
        """Everything that decides the result."""
        return to_json(self)

    def scope(self) -> str:
        """The program's name, as grants of ``process.spawn`` list it."""
        return self.program


class ImageSource:
    """The interpreter image, looked up once, and sandboxes made of it."""

    def __init__(self, cache: Path, tell: Callable[[str], None]) -> None:
        """``tell`` gets one line when an image must be built first."""
        self._cache = cache
        self._tell = tell
        self._standby = Standby()
        self._keep_ahead = False
        self._native: Image | None = None

    @cached_property
    def image(self) -> Image:
        """The image, with nothing beside it; built at first use."""
        prime()  # what its sandboxes will wait for goes on while the image is looked through
        return load_image(self._cache, tell=self._tell)

    def furnished(self, effect: RunGuest, objects: ObjectStore) -> Image:
        """The image with all that ``effect`` brings along."""
        image = self.image
        if effect.packages is not None:
            packages = Digest(effect.packages)
            image = self.with_packages(environment_folder(self._cache, packages, objects))
        return self.with_tool(image, effect.tool) if effect.tool else image

    def with_packages(self, folder: CachedFolder) -> Image:
        """The image with an environment; what is started ahead from now on has it too."""
        self._native = self.image.with_mount(ENVIRONMENT, folder)
        return self._native

    def with_tool(self, image: Image, name: str) -> Image:
        """``image`` with the tool ``name``."""
        return image.with_mount(TOOLS, load_tool(self._cache, name, self.image, self._tell))

    def expect(self, packages: Digest | None) -> None:
        """Start what is started ahead with this environment, where its folder is there already."""
        if packages is None:
            self._native = None
            return
        folder = present_environment(self._cache, packages)
        if folder is not None:
            self.with_packages(folder)

    def digest(self, tool: str = "") -> Digest:
        """The digest of the image, or of ``tool``."""
        if not tool:
            return Digest(bytes.fromhex(self.image.digest))
        mount = self.with_tool(self.image, tool).mounted(TOOLS)
        assert mount is not None
        return Digest(bytes.fromhex(mount.digest))

    def start_ahead(
        self, limits: Limits, *, tiers: Iterable[Tier] = (Tier.NATIVE,), always: bool = False
    ) -> None:
        """Start a sandbox for each of ``tiers``; the next run then finds it waiting.

        ``always`` starts others whenever one is taken: for who has many runs before them.
        """
        self._keep_ahead = self._keep_ahead or always
        for tier in tiers:
            image = self._native if tier is Tier.NATIVE else None
            self._standby.start(image or self.image, limits, tier)

    def take_sandbox(
        self,
        limits: Limits,
        layers: tuple[str, ...],
        tier: Tier = Tier.NATIVE,
        image: Image | None = None,
    ) -> Sandbox:
        """A started sandbox for one run; raises ``CannotStart`` where a layer is missing."""
        image = image or self.image
        sandbox = self._standby.take(image, limits, tier)
        missing = sorted(set(layers) - set(sandbox.layers))
        if missing:
            sandbox.close()
            raise CannotStart(
                f"this machine does not give {', '.join(missing)}",
                expected="every isolation layer that the manifest requires",
                remedy=remedy_for(missing),
            )
        if self._keep_ahead:
            self._standby.start(image, limits, tier, AHEAD)
        return sandbox

    def close(self) -> None:
        """Let a sandbox that waits go."""
        self._keep_ahead = False
        self._standby.close()


class GuestRunner:
    """Performs runs, one sandbox each; keeps one started ahead when asked to."""

    def __init__(
        self,
        objects: ObjectStore,
        images: ImageSource,
        stdin: int | None = None,
        broker: Broker | None = None,
        keyed: Callable[[], Keyed] = no_key,
    ) -> None:
        """Trees and streams live in ``objects``.

        ``stdin`` is the descriptor that an answer to the guest's reads may have to wait for, and
        ``broker`` who exchanges for the guest; None where every answer is there already, as it is
        at replay. ``keyed`` gives the key that stands for secrets.
        """
        self._objects = objects
        self._images = images
        self._stdin = stdin
        self._broker = broker
        self._keyed = keyed

    def perform(self, effect: RunGuest, transcript: Transcript) -> Json:
        """Fill a sandbox, run, and take what it left."""
        with ExitStack() as stack:
            image = self._images.furnished(effect, self._objects)
            sandbox = stack.enter_context(
                self._images.take_sandbox(effect.limits, effect.layers, effect.tier, image)
            )
            with sandbox.writing():
                index = populate(
                    sandbox.workspace_fd, effect.tree, self._objects, owner=sandbox.owner
                )
            ignore = read_ignore(sandbox.workspace_fd, effect.unignored)
            desk = Desk(transcript, self._objects, effect.network, self._broker, self._keyed)
            streams = stack.enter_context(
                KeptStreams(transcript, self._objects, desk, self._stdin, raw=effect.raw)
            )
            ended = sandbox.run(job_of(effect), streams)
            desk.close()
            os.fchmod(sandbox.workspace_fd, 0o755)  # a guest may have locked even that
            left = capture(
                sandbox.workspace_fd,
                self._objects,
                ignore=ignore,
                index=index,
                limits=LEFT_BY_A_RUN,
                now_ns=now_ns(),
                unlock=True,
            )
            return {
                "result": {
                    "code": ended.code,
                    "cause": ended.cause,
                    "stdout": streams.content(Stream.STDOUT),
                    "stderr": streams.content(Stream.STDERR),
                    "tree": left.tree,
                    "skipped": [f"{shown(item.path)} ({item.what})" for item in left.skipped],
                    "imports": to_json(ended.imports),
                    **desk.report(),
                },
                "achieved": _achieved(image, ended.layers),
                "usage": {
                    each.name: getattr(ended.usage, each.name) for each in fields(ended.usage)
                },
            }


def _achieved(image: Image, layers: tuple[str, ...]) -> dict[str, Json]:
    tool = image.mounted(TOOLS)
    return {
        "image": bytes.fromhex(image.digest),
        "interpreter": image.interpreter,
        "layers": list(layers),
        **({} if tool is None else {"tool": bytes.fromhex(tool.digest)}),
    }


class KeptStreams:
    """The sandbox's way to us: output is spooled, shown and kept; requests become effects."""

    def __init__(
        self,
        transcript: Transcript,
        objects: ObjectStore,
        desk: Desk,
        stdin: int | None,
        *,
        raw: bool = False,
    ) -> None:
        """Keep both streams, on disk once they are long."""
        self._transcript = transcript
        self._desk = desk
        self._objects = objects
        self._raw = raw
        self._stdin = stdin
        self._kept = {
            stream: SpooledTemporaryFile(KEPT_IN_MEMORY_BYTES)  # noqa: SIM115 — outlives this call
            for stream in Stream
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._desk.close()
        for file in self._kept.values():
            file.close()

    def output(self, stream: str, chunk: bytes) -> None:
        """Take ``chunk``."""
        name = Stream(stream)
        self._kept[name].write(chunk)
        self._transcript.output(name, chunk, raw=self._raw)

    def data(self, piece: bytes) -> None:
        """Take a piece of the next request's body."""
        self._desk.data(piece)

    def waits_for(self, request: bytes) -> int | None:
        """What must be readable before ``answer`` can be given without blocking."""
        return self._desk.begin(request) if Desk.serves(request) else self._stdin

    def answer(self, request: bytes) -> bytes:
        """Answer one request of the guest, as an effect in the trace; ``waits_for`` was asked."""
        if Desk.serves(request):
            return self._desk.answer()
        words, _, stack = request.partition(b"\0")
        match words.split(b" "):
            case [b"stdin.read", size] if size.isdigit():
                answer = self._transcript.perform(ReadStdin(int(size), stack))
            case _:
                raise UnknownRequest(f"the guest asked {words[:80]!r}")
        assert isinstance(answer, bytes)
        return answer

    def content(self, stream: Stream) -> Json:
        """The whole stream, as content."""
        file = self._kept[stream]
        size = file.tell()
        file.seek(0)
        if size <= INLINE_BYTES:
            return keep(self._objects, file.read())
        return {"size": size, "digest": self._objects.put_stream(file.read)}


class UnknownRequest(CannotStart):
    """The guest asked for something nobody answers."""


def job_of(effect: RunGuest) -> Job:
    """What the sandbox is told of ``effect``."""
    return Job(
        tier=effect.tier,
        entry=effect.entry,
        target=effect.target,
        arguments=effect.arguments,
        seed=effect.seed,
        clock_start_ns=effect.clock_start_ns,
        limits=effect.limits,
        imports=effect.imports,
        token_budget=effect.token_budget,
    )
