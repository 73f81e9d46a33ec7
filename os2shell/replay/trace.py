"""The trace world: answers effects from what was recorded, and performs the pure ones again.

Matching is strict: the next step must be the very question that was recorded, in its place. A
different question, a missing one and a superfluous one each end the replay at once; nothing is ever
answered live. What ended it is then located in the guest's source, which may run the guest once
more, on the recorded answers and into nowhere.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn, cast

from ledger import Json, LedgerError, ObjectStore, encode, referred
from os2shell.executors.git.question import RunGit
from os2shell.executors.guest import RunGuest
from os2shell.executors.network.question import Exchange, same_question
from os2shell.executors.workspace import list_tree
from os2shell.executors.workspace import shown as shown_path
from os2shell.model.effect import Determinism, Effect, Transcript, World
from os2shell.model.errors import Broken
from os2shell.replay.causes import OTHERWISE, likely
from os2shell.replay.compare import END, Difference, compare_results, shown
from os2shell.replay.compare_git import compare_runs_of_git
from os2shell.replay.engines import Differ, Equipment, engine_finding
from os2shell.replay.locate import NOT_SOUGHT, Located, Locator
from os2shell.replay.steps import Step, between, stack_of, told
from os2shell.replay.verdict import Divergence, ReplayImpossible, ReplayStopped, Verdict

REPEATABLE_LIMITS = frozenset({"limit.output", "limit.requests"})
"""Limits that fall at the same byte or request every time; the others depend on the pace."""
_ENDED_FROM_OUTSIDE = frozenset({"interrupted", "killed", "protocol", "token_budget.unmetered"})


class TraceWorld:
    """Answers from ``steps``; ``pure`` performs again what can be."""

    def __init__(
        self,
        steps: Sequence[Step],
        pure: World,
        equipment: Equipment,
        objects: ObjectStore,
        differ: Differ | None = None,
    ) -> None:
        """Begin before the first step; ``equipment`` names what this machine performs runs with.

        ``differ`` tells how a recorded image differs from it; without it only that it does.
        """
        self._level: list[Step] = list(steps)
        self._matched = 0
        self._last = "none"
        self._pure = pure
        self._equipment = equipment
        self._objects = objects
        self._differ = differ
        self._locator = Locator(pure, objects)
        self._running: RunGuest | None = None

    def perform(self, effect: Effect, transcript: Transcript) -> Json:
        """Give the recorded answer to the recorded question."""
        step = self._next(effect)
        if effect.determinism is Determinism.PURE:
            try:
                if isinstance(effect, RunGuest | RunGit):
                    self._again(effect, step, transcript)
                else:
                    self._derived(effect, step, transcript)
            except (Broken, LedgerError) as error:
                self._stop(
                    step.kind,
                    Difference(
                        "an object of the recording",
                        self._owner(effect, step, str(error)),
                        str(error),
                    ),
                    "somebody removed or changed it; nothing can be performed without it",
                    verdict=Verdict.TAMPERED,
                )
        self._matched += 1
        self._last = f"{told(step.kind, step.question)}{_asked_at(effect)}"
        return step.answer

    def finish(self) -> None:
        """The command is done: nothing recorded may be left unasked."""
        if self._level:
            self._stop(
                self._level[0].kind,
                Difference(
                    "a recorded question was not asked",
                    shown(self._level[0].question),
                    "the end of the command",
                ),
            )

    def _next(self, effect: Effect) -> Step:
        question = effect.body()
        if not self._level:
            self._stop(
                effect.kind,
                Difference(
                    "a question that was not recorded", "no more questions", shown(question)
                ),
                located=self._located(effect),
            )
        step = self._level.pop(0)
        if step.kind != effect.kind or not same_question(step.question, question):
            self._stop(
                effect.kind,
                between(step, effect.kind, question),
                located=self._located(effect),
            )
        if isinstance(effect, Exchange):
            effect.adopt(step.question)
        return step

    def _again(self, effect: RunGuest | RunGit, step: Step, transcript: Transcript) -> None:
        recorded = cast("dict[str, dict[str, Json]]", step.answer)
        self._refuse_unrepeatable(step.kind, str(recorded["result"]["cause"]))
        self._running = effect if isinstance(effect, RunGuest) else None
        self._same_image(effect.tool, step.kind, recorded["achieved"])
        outer, self._level = self._level, list(step.nested)
        answer = self._performed(effect, transcript)
        left, self._level = self._level, outer
        self._same_pace(step.kind, recorded["result"], answer["result"])
        compare = compare_runs_of_git if isinstance(effect, RunGit) else compare_results
        difference = compare(recorded["result"], answer["result"], self._objects)
        if difference:
            self._stop_at(step, difference)
        if left:
            self._stop(
                left[0].kind,
                Difference(
                    "the program asked less than was recorded",
                    shown(left[0].question),
                    "the end of the program",
                ),
                located=self._find(step, END),
            )
        self._running = None

    def _derived(self, effect: Effect, step: Step, transcript: Transcript) -> None:
        """What follows from objects alone, with no guest: the answer must be the very same."""
        with _machine_failures():
            answer = self._pure.perform(effect, transcript)
        if encode(answer) != encode(step.answer):
            found = Difference("the answer", shown(step.answer), shown(answer))
            self._stop(step.kind, found)

    def _owner(self, effect: Effect, step: Step, error: str) -> str:
        """What of the recording the object named in ``error`` is; its file where that is known."""
        for asked in step.nested:
            if any(name.hex() in error for name in referred(asked.answer)):
                return f"the recorded answer to {told(asked.kind, asked.question)}"
        if isinstance(effect, RunGuest | RunGit):
            with suppress(Broken, LedgerError):
                for path, entry in list_tree(effect.tree, self._objects).items():
                    if entry.digest.hex() in error:
                        return f"the recorded content of {shown_path(path)}"
        return "the recorded content"

    def _stop_at(self, step: Step, found: Difference) -> NoReturn:
        located = self._find(step, found.place)
        self._stop(step.kind, found, likely(found, located.site), located=located)

    def _find(self, step: Step, place: str) -> Located:
        """Run the guest once more for its line; what it heard is what was recorded."""
        if self._running is None:
            return Located()
        with _machine_failures():
            return self._locator.find(self._running, step.nested, place)

    def _located(self, effect: Effect) -> Located:
        """Where a nested question came from; the command's own have no line of a guest."""
        if self._running is None:
            return Located()
        return self._locator.asked(self._running, stack_of(effect))

    def _performed(self, effect: Effect, transcript: Transcript) -> dict[str, dict[str, Json]]:
        with _machine_failures():
            answer = cast("dict[str, dict[str, Json]]", self._pure.perform(effect, transcript))
        if answer["result"]["cause"] == "interrupted":
            raise ReplayImpossible(KeyboardInterrupt())
        return answer

    def _refuse_unrepeatable(self, kind: str, cause: str) -> None:
        if _by_pace(cause) or cause in _ENDED_FROM_OUTSIDE:
            self._stop(
                kind,
                Difference(f"the run was ended by {cause}", "a run that ended by itself", cause),
                "when it was ended depended on the machine's pace, which no replay repeats",
                verdict=Verdict.RECORDED_ONLY,
            )

    def _same_pace(self, kind: str, recorded: dict[str, Json], present: dict[str, Json]) -> None:
        """A replay that this machine cut short says nothing about what it wrote until then."""
        if _by_pace(str(present["cause"])):
            self._stop(
                kind,
                Difference("the exit cause", shown(recorded["cause"]), shown(present["cause"])),
                "this machine gave the replay less than the recording had, or the program hangs",
            )

    def _same_image(self, tool: str | None, kind: str, achieved: dict[str, Json]) -> None:
        recorded = cast("bytes", achieved["image"])
        with _machine_failures():
            present = self._equipment()
        if present == recorded:
            self._same_tool(tool, kind, achieved)
            return
        with _machine_failures():
            found = engine_finding(recorded, str(achieved["interpreter"]), present, self._differ)
        self._stop(
            kind,
            Difference("another interpreter image", found.expected, found.got),
            found.cause,
            verdict=Verdict.ENGINE_MISMATCH,
        )

    def _same_tool(self, name: str | None, kind: str, achieved: dict[str, Json]) -> None:
        if not name:
            return
        recorded = cast("bytes", achieved["tool"])
        with _machine_failures():
            present = self._equipment(name)
        if present != recorded:
            self._stop(
                kind,
                Difference(f"another {name}", recorded.hex(), present.hex()),
                f"this machine's {name} is not the one of the recording",
                verdict=Verdict.ENGINE_MISMATCH,
            )

    def _stop(
        self,
        kind: str,
        found: Difference,
        cause: str = OTHERWISE,
        *,
        verdict: Verdict = Verdict.DIVERGED,
        located: Located = NOT_SOUGHT,
    ) -> NoReturn:
        raise ReplayStopped(
            verdict,
            Divergence(
                self._matched,
                kind,
                found.what,
                found.expected,
                found.got,
                self._last,
                cause,
                found.byte,
                found.line,
                located.site,
                located.unlocated,
            ),
        )


def _by_pace(cause: str) -> bool:
    return cause.startswith("limit.") and cause not in REPEATABLE_LIMITS


def _asked_at(effect: Effect) -> str:
    place = stack_of(effect).place
    return f" ({shown(place.path or place.file)}, line {place.line})" if place else ""


@contextmanager
def _machine_failures() -> Iterator[None]:
    """Let everything but what speaks of the recording pass the engine as the machine's failure."""
    try:
        yield
    except (Broken, LedgerError):
        raise
    except (Exception, KeyboardInterrupt) as error:
        raise ReplayImpossible(error) from error
