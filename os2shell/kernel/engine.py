"""The engine: a ledger, the state folded from it, the commands, and a world to perform in.

Opening one goes: the ledger verifies, the folds are folded, the dead are recovered; then it is
ready until it is closed. Where the ledger does not hold or cannot be written there is no engine,
and the shell is halted: it performs audits and looks, and records none. State moves only by records
that were appended, in ledger order: mutate-then-log cannot happen. Other shells may append to the
same ledger; every decision is taken on a state that was caught up, and its record is appended by
compare-and-swap, so a revocation cannot be overtaken.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from ledger import BodyTooLarge, ConflictError, Entry, Head, ObjectStore, Record
from os2shell.kernel import dispatch
from os2shell.kernel.dispatch import End, Request
from os2shell.kernel.intents import INTENTS, SESSION_OPENED
from os2shell.kernel.invocation import Dark, Display, Invocation
from os2shell.kernel.spool import SessionLock, Spool
from os2shell.kernel.state import State
from os2shell.model.effect import World
from os2shell.model.errors import Denied
from os2shell.model.fold import Fold
from os2shell.policy.budget import SPENT
from os2shell.policy.checker import admit
from os2shell.policy.grants import MANIFEST_LOADED, POLICY
from os2shell.policy.manifest import Manifest


class Chronicle(Protocol):
    """What the engine needs of a ledger; replay gives it a window onto a recorded one."""

    @property
    def head(self) -> Head:
        """Position after the last record."""
        ...

    @property
    def first(self) -> int:
        """The first record that was not pruned, but for record 0; 0 where nothing was."""
        ...

    @property
    def objects(self) -> ObjectStore:
        """Where large content rests."""
        ...

    def append(self, *entries: Entry, expected: int | None = None) -> Sequence[Record]:
        """Record one durable group; ``ConflictError`` if the head is not ``expected``."""
        ...

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        """Records from ``start``."""
        ...

    def refresh(self) -> Head:
        """Notice what other processes appended."""
        ...


SESSION_RETRY_S = 0.002

KERNEL_FOLDS: tuple[Fold[Any], ...] = (POLICY, INTENTS, SPENT)
"""The folds that the kernel itself needs."""


class Engine:
    """Submits requests: admits, performs, records, folds."""

    def __init__(
        self,
        chronicle: Chronicle,
        state: State,
        world: World,
        spool: Path | None = None,
        reopen: Callable[[], State] | None = None,
    ) -> None:
        """Stand on ``state``, which must not be ahead of the chronicle.

        ``reopen`` folds the state anew, as at opening: records that this engine had yet to fold may
        be pruned by another process.
        """
        self.state = state
        self._reopen = reopen
        self.session = ""
        self._chronicle = chronicle
        self._world = world
        self._spool = spool
        self._lock: SessionLock | None = None
        self._manifest: Manifest | None = None

    @property
    def objects(self) -> ObjectStore:
        """The chronicle's object store."""
        return self._chronicle.objects

    def catch_up(self) -> None:
        """Fold whatever was appended since, by this shell or another."""
        if self._chronicle.refresh().size > self.state.position:
            if self._reopen is not None and self._chronicle.first > self.state.position:
                self.state = self._reopen()
            for record in self._chronicle.read(self.state.position):
                self.state.apply(record)

    def plan_session(self, manifest: Manifest) -> None:
        """Open a session with the first recorded request, in the same append."""
        self._manifest = manifest

    def join_session(self, session: str) -> None:
        """Act in a session that is already open: how replay begins."""
        self.session = session

    def submit(self, request: Request, display: Display | None = None) -> End:
        """Admit, perform and record ``request``; raises ``Denied`` once the denial is recorded."""
        seq = self._admit(request)
        try:
            spool = Spool(self._spool, self.session, seq) if self._spool else None
        except OSError as error:  # nothing was performed yet, and without a spool nothing is
            end = dispatch.without_spool(seq, error)
            self._end(request, end)
            return end
        invocation = Invocation(
            request.command,
            request.identity.token,
            self.state,
            self._world,
            display or Dark(),
            spool,
        )
        end = self._end(request, dispatch.perform(request, seq, invocation, self.objects))
        if spool:
            spool.close()
        return end

    def record(self, build: Callable[[State], Sequence[Entry]]) -> Sequence[Record]:
        """Append what ``build`` makes of the caught-up state; built anew when others came first."""
        while True:
            self.catch_up()
            try:
                entries = build(self.state)
                if not entries:
                    return ()
                records = self._chronicle.append(*entries, expected=self.state.position)
            except ConflictError:
                continue
            for record in records:
                self.state.apply(record)
            return records

    def close(self) -> None:
        """Stop taking requests and give the session up."""
        if self._lock:
            self._lock.release()
            self._lock = None

    def _admit(self, request: Request) -> int:
        denials: list[Denied] = []

        def build(state: State) -> list[Entry]:
            denials.clear()
            opening = self._opening(request, state)
            session = self.session
            policy = self._manifest if opening else state.view(POLICY)
            try:
                admit(policy, request.identity.token, request.command.name, request.command.needs)
            except Denied as denial:
                denials.append(denial)
                return [*opening, dispatch.denied(request, session, denial)]
            return [*opening, dispatch.admitted(request, session)]

        seq = self.record(build)[-1].seq
        self._manifest = None
        if denials:
            raise denials[0]
        return seq

    def _opening(self, request: Request, state: State) -> list[Entry]:
        """The records that open the session: named after their own place in the ledger."""
        manifest = self._manifest
        if manifest is None:
            return []
        loaded = state.view(POLICY)
        changed = loaded is None or loaded.digest != manifest.digest
        self._take_session(state.position + changed)
        entries = [request.entry(self.session, MANIFEST_LOADED, manifest.body())] if changed else []
        opened = request.entry(self.session, SESSION_OPENED, {"manifest": manifest.digest})
        return [*entries, opened]

    def _take_session(self, seq: int) -> None:
        """Hold the lock of session ``s<seq>`` before it is recorded, so no boot mistakes it."""
        name = f"s{seq}"
        if self._spool is None or (self._lock and self.session == name):
            self.session = name
            return
        if self._lock:
            self._lock.release()
            self._lock = None
        while (lock := SessionLock.take(self._spool, name)) is None:
            # Another shell is about to append this very name. If it did, ours is the next one; if
            # it lost to a third, it lets go of the lock within a moment.
            if self._chronicle.refresh().size > self.state.position:
                raise ConflictError(f"session {name} was opened by another shell")
            time.sleep(SESSION_RETRY_S)
        self._lock = lock
        self.session = name

    def _end(self, request: Request, end: End) -> End:
        """Record ``end``; what was done ends on record even where its events are too many."""
        try:
            self._append(request.entry(self.session, end.kind, end.attributes))
        except BodyTooLarge as error:
            end = dispatch.without_room(end, error)
            self._append(request.entry(self.session, end.kind, end.attributes))
        return end

    def _append(self, entry: Entry) -> None:
        records = self._chronicle.append(entry)
        if records[0].seq == self.state.position:
            self.state.apply(records[0])
        else:
            self.catch_up()


def look(
    request: Request, state: State, world: World, display: Display, objects: ObjectStore
) -> End:
    """Run a command that appends nothing; its power is checked all the same."""
    command, identity = request.command, request.identity
    admit(state.view(POLICY), identity.token, command.name, command.needs)
    invocation = Invocation(command, identity.token, state, world, display)
    return dispatch.perform(request, 0, invocation, objects)
