"""``replay.verify``: the third question back. Recorded runs are performed again and compared.

The source is this workspace's ledger or an evidence bundle; both give records and objects, and
neither is written to: what a replay makes lives in memory beside what was recorded.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from ledger import Digest, Json, MemoryObjects, ObjectStore, OverlayObjects, Record
from os2shell.kernel.state import State
from os2shell.model.capability import Capability
from os2shell.model.command import Catalogue
from os2shell.model.effect import Determinism, Transcript, World
from os2shell.model.errors import NothingToVerify
from os2shell.model.fold import Fold
from os2shell.model.plain import to_json
from os2shell.replay.against import AgainstFinding, Present, replay_against, written_by
from os2shell.replay.engines import Differ, Equipment
from os2shell.replay.player import Finding, Workshop, replay_run
from os2shell.replay.runs import TIERS, RecordedRun, newest_session, recorded_runs, sessions
from os2shell.replay.verdict import RunVerdict


@dataclass(frozen=True, slots=True)
class VerifyRuns:
    """Ask for recorded runs to be performed again.

    ``limit`` takes the newest N, ``session`` one session (``last`` is the newest with a run),
    ``seq`` one run by its admission. ``bundle`` reads an evidence file instead of the ledger.
    ``against_workspace`` puts the workspace's present files in. ``stop_early`` ends at the first
    run that is not identical. The answer is a list of ``RunVerdict``.
    """

    kind: ClassVar[str] = "replay.verify"
    needs: ClassVar[Capability] = Capability.PROCESS_SPAWN
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    limit: int | None = None
    session: str | None = None
    bundle: str | None = None
    against_workspace: bool = False
    stop_early: bool = False

    def body(self) -> Json:
        """The selection."""
        return to_json(self)

    def scope(self) -> str:
        """Each run's own program was granted when it was recorded; replay writes nothing."""
        return ""


class Source(Protocol):
    """Where recorded runs come from."""

    @property
    def objects(self) -> ObjectStore:
        """The recorded content."""
        ...

    @property
    def first(self) -> int:
        """The first record that was not pruned; 0 where nothing was."""
        ...

    def records(self) -> Iterator[Record]:
        """The records, in ledger order; may be read more than once."""
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What ``__main__`` hands to the verifier: how to reach sources and how to perform."""

    commands: Catalogue
    folds: tuple[Fold[Any], ...]
    open_ledger: Callable[[], Source]
    open_bundle: Callable[[Path], Source]
    pure: Callable[[ObjectStore], World]
    equipment: Equipment
    present_tree: Callable[[ObjectStore], Digest]
    expect_many: Callable[[], None]
    differ: Differ | None = None


class RunVerifier:
    """Performs ``VerifyRuns``."""

    def __init__(self, means: Means) -> None:
        """Reach for nothing yet."""
        self._means = means

    def perform(self, effect: VerifyRuns, _transcript: Transcript) -> Json:
        """Replay what was selected, in ledger order."""
        means = self._means
        source = means.open_bundle(Path(effect.bundle)) if effect.bundle else means.open_ledger()
        objects = OverlayObjects(MemoryObjects(), source.objects)
        workshop = Workshop(
            means.commands, means.pure(objects), means.equipment, objects, means.differ
        )
        runs = self._select(effect, source)
        present = None
        if effect.against_workspace:
            every = tuple(runs_of(source, means.folds))
            present = Present(means.present_tree(objects), written_by(every, objects))
        if len(runs) > 1:
            means.expect_many()
        rows: list[Json] = []
        for run in runs:
            found = _replay(run, present, workshop)
            rows.append(to_json(_verdict(found)))
            if effect.stop_early and not found.same:
                break
        return rows

    def _select(self, effect: VerifyRuns, source: Source) -> Sequence[RecordedRun]:
        session = effect.session
        if session == "last":
            session = newest_session(source.records())
        elif session is not None and session not in sessions(source.records()):
            pruned = f", whose records 1 to {source.first - 1} were pruned" if source.first else ""
            raise NothingToVerify(
                f"no session {session!r} in the ledger{pruned}",
                remedy="`os2 ledger log --kind session.opened` lists them",
            )
        chosen = (
            run
            for run in runs_of(source, self._means.folds)
            if session in {None, run.admitted.session}
        )
        return tuple(deque(chosen, effect.limit))


def runs_of(source: Source, folds: tuple[Fold[Any], ...]) -> Iterator[RecordedRun]:
    """Every run of Python in ``source`` that has ended, with the state it was admitted in."""
    return recorded_runs(source.records(), State(folds), source.objects, first=source.first)


def _verdict(found: AgainstFinding) -> RunVerdict:
    run = found.finding.run
    return RunVerdict(
        session=run.admitted.session,
        seq=run.admitted.seq,
        command=run.command,
        arguments=run.arguments,
        tier=TIERS[run.command],
        verdict=found.finding.verdict,
        same=found.same,
        divergence=found.finding.divergence,
        inputs_changed=len(found.inputs),
        inputs=found.shown_inputs(),
    )


def _replay(run: RecordedRun, present: Present | None, workshop: Workshop) -> AgainstFinding:
    if present is not None:
        return replay_against(run, present, workshop)
    finding: Finding = replay_run(run, workshop)
    return AgainstFinding(finding, (), same=finding.divergence is None)
