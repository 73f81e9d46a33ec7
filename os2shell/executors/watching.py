"""``guest.watch``: a run performed once more to learn where its guest stood at one place.

Asked for after a replay has found a difference, never while anything is recorded. The watched guest
keeps other objects than the replayed one did, so its answer is a pointer for people: a program that
differs each time may stand elsewhere. What can be checked is checked: a write is believed only
where the bytes that went before it were all the guest's own count.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from ledger import Digest, Json, ObjectStore
from os2shell.executors.guest import ImageSource, RunGuest, UnknownRequest, job_of
from os2shell.executors.network.desk import Desk
from os2shell.executors.network.question import no_key
from os2shell.executors.network.secret import Keyed
from os2shell.executors.terminal import ReadStdin
from os2shell.executors.workspace import populate
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.plain import to_json

EXTENSIONS_MOST = 8
NAME_CHARACTERS = 80


class Deed(StrEnum):
    """What the guest did at the place."""

    WROTE = "wrote"
    ENDED = "end"
    CHANGED = "path"


@dataclass(frozen=True, slots=True)
class WatchGuest:
    """Ask where ``run`` comes to ``place``: ``stdout N``, ``stderr N``, ``end`` or ``path NAME``.

    The answer is ``{"deed", "stack", "extensions"}``: the last that was told, the stack as
    ``Stack.of`` reads it, and the native modules the program had loaded beside the library's; or
    None where the run never came there.
    """

    kind: ClassVar[str] = "guest.watch"
    needs: ClassVar[Capability] = Capability.PROCESS_SPAWN
    determinism: ClassVar[Determinism] = Determinism.PURE
    run: RunGuest
    place: str

    def body(self) -> Json:
        """The run and the place."""
        return to_json(self)

    def scope(self) -> str:
        """The program's name, as grants of ``process.spawn`` list it."""
        return self.run.program


class GuestWatcher:
    """Performs ``WatchGuest``; what the run writes and leaves is thrown away."""

    def __init__(
        self,
        objects: ObjectStore,
        images: ImageSource,
        keyed: Callable[[], Keyed] = no_key,
    ) -> None:
        """Trees are read from ``objects``; ``keyed`` gives the key that stands for secrets."""
        self._objects = objects
        self._images = images
        self._keyed = keyed

    def perform(self, effect: WatchGuest, transcript: Transcript) -> Json:
        """Run until the place is reached, or to the end."""
        run = effect.run
        desk = Desk(transcript, self._objects, run.network, keyed=self._keyed)
        listener = _Listener(transcript, effect.place.partition(" ")[0], desk)
        image = self._images.furnished(run, self._objects)
        with self._images.take_sandbox(run.limits, run.layers, run.tier, image) as sandbox:
            with sandbox.writing():
                populate(sandbox.workspace_fd, Digest(run.tree), self._objects, owner=sandbox.owner)
            with suppress(_Reached):
                sandbox.run(replace(job_of(run), watch=effect.place, token_budget=None), listener)
        return listener.told


class _Reached(Exception):
    """The place was told; the rest of the run is of no use."""


class _Listener:
    """The run's way to us: streams are counted, the guest's word is kept."""

    def __init__(self, transcript: Transcript, stream: str, desk: Desk) -> None:
        self.told: dict[str, Json] | None = None
        self._transcript = transcript
        self._stream = stream
        self._desk = desk
        self._seen = 0

    def output(self, stream: str, chunk: bytes) -> None:
        """Count."""
        if stream == self._stream:
            self._seen += len(chunk)

    def data(self, piece: bytes) -> None:
        """Take a piece of a request's body."""
        self._desk.data(piece)

    def answer(self, request: bytes) -> bytes:
        """Answer what a run may ask; keep what a watched one tells."""
        if Desk.serves(request):
            self._desk.begin(request)
            return self._desk.answer()
        words, _, stack = request.partition(b"\0")
        match words.split(b" "):
            case [b"stdin.read", size] if size.isdigit():
                answer = self._transcript.perform(ReadStdin(int(size)))
                assert isinstance(answer, bytes)
                return answer
            case [b"watch.path", _, names]:
                self._keep(Deed.CHANGED, stack, names)
                return b""
            case [b"watch.end", _, names]:
                self._keep(Deed.ENDED, stack, names)
                raise _Reached
            case [b"watch.wrote", at, names]:
                if at == b"%d" % self._seen:
                    self._keep(Deed.WROTE, stack, names)
                raise _Reached
            case _:
                raise UnknownRequest(f"the watched guest asked {words[:80]!r}")

    def _keep(self, deed: Deed, stack: bytes, names: bytes) -> None:
        shown = [name[:NAME_CHARACTERS] for name in names.decode(errors="replace").split(",")]
        extensions: list[Json] = [name for name in shown[:EXTENSIONS_MOST] if name]
        self.told = {"deed": str(deed), "stack": stack, "extensions": extensions}
