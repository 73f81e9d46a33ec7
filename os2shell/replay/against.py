"""CI's other question: whether the code as it is now still gives the recorded result.

The recorded input is taken and every file that a recorded run did not write itself is replaced by
the workspace's present version; files that are new are added. Where that changes nothing, the run
is simply replayed. Where it does, the verdict is ``input_changed``, with each path and both
digests, and the program is run on the changed input and its result compared: output, ending, and
the files it wrote.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from ledger import Digest, Json, ObjectStore
from os2shell.executors.guest import RunGuest
from os2shell.executors.workspace import (
    Change,
    Entry,
    Kind,
    difference,
    list_tree,
    make_tree,
    shown,
)
from os2shell.kernel.invocation import Dark, Invocation
from os2shell.model.capability import TokenId
from os2shell.model.plain import from_json
from os2shell.replay.causes import of_changed_input
from os2shell.replay.compare import Difference, compare_ends, compare_entries
from os2shell.replay.compare import shown as shown_body
from os2shell.replay.heard import Heard, NotHeard
from os2shell.replay.locate import Located, Locator
from os2shell.replay.player import Finding, Workshop, replay_run, trace_of
from os2shell.replay.runs import RecordedRun
from os2shell.replay.steps import Step, between, stack_of
from os2shell.replay.verdict import ChangedInput, Divergence, Verdict

SHOWN_PATHS = 20

Writes = Mapping[bytes, Entry | None]


@dataclass(frozen=True, slots=True)
class Present:
    """The workspace as it is now, and the paths that recorded runs wrote."""

    tree: Digest
    written: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class AgainstFinding:
    """A finding, the inputs that changed, and whether the result is still the recorded one."""

    finding: Finding
    inputs: tuple[Change, ...]
    same: bool

    def shown_inputs(self) -> tuple[ChangedInput, ...]:
        """The changed inputs by path and digests; cut at ``SHOWN_PATHS``."""
        return tuple(
            ChangedInput(
                shown(change.path),
                change.before.digest if change.before else None,
                change.after.digest if change.after else None,
            )
            for change in self.inputs[:SHOWN_PATHS]
        )


def written_by(runs: Sequence[RecordedRun], objects: ObjectStore) -> frozenset[bytes]:
    """Every path that one of ``runs`` changed."""
    paths: set[bytes] = set()
    for run in runs:
        found = _run_step(trace_of(run, objects))
        if found:
            before, after = _trees(found)
            paths |= {change.path for change in difference(before, after, objects)}
    return frozenset(paths)


def replay_against(run: RecordedRun, present: Present, workshop: Workshop) -> AgainstFinding:
    """Replay ``run`` on the workspace as it is now."""
    found = _run_step(trace_of(run, workshop.objects))
    # Where no program ever ran there is no result that inputs could change; and a tool's input is
    # what its arguments say, not the workspace.
    if found is None or run.state is None or _uses_tool(found):
        finding = replay_run(run, workshop)
        return AgainstFinding(finding, (), same=finding.verdict is Verdict.IDENTICAL)
    before, _ = _trees(found)
    tree = _substitute(before, present, workshop.objects)
    inputs = difference(before, tree, workshop.objects)
    if not inputs or _image(found) != workshop.equipment():
        finding = replay_run(run, workshop)
        return AgainstFinding(finding, inputs, same=finding.verdict is Verdict.IDENTICAL)
    divergence = _perform(run, found, tree, workshop)
    finding = Finding(run, Verdict.INPUT_CHANGED, divergence)
    return AgainstFinding(finding, inputs, same=divergence is None)


def _substitute(recorded: Digest, present: Present, objects: ObjectStore) -> Digest:
    before = list_tree(recorded, objects)
    now = list_tree(present.tree, objects)
    merged: dict[bytes, Entry] = {}
    for path in {*before, *now}:
        entry = before.get(path) if path in present.written else now.get(path)
        if entry is not None:
            merged[path] = entry
    return make_tree(merged, objects)


def _perform(run: RecordedRun, step: Step, tree: Digest, workshop: Workshop) -> Divergence | None:
    """Run the recorded question on ``tree``; the first difference of its result, or None."""
    assert run.state is not None
    effect = replace(from_json(RunGuest, step.question), tree=tree)
    command = workshop.commands.find(run.command)
    world = Heard(step.nested)
    invocation = Invocation(command, TokenId(run.admitted.token), run.state, world, Dark())
    locator = Locator(workshop.pure, workshop.objects)
    try:
        answer = cast("dict[str, dict[str, Json]]", workshop.pure.perform(effect, invocation))
    except NotHeard as other:
        return _asked_otherwise(other, locator.asked(effect, stack_of(other.effect)))
    recorded = cast("dict[str, dict[str, Json]]", step.answer)["result"]
    result = answer["result"]
    found = compare_ends(recorded, result, workshop.objects) or _compare_writes(
        _writes(*_trees(step), workshop.objects),
        _writes(tree, Digest(cast("bytes", result["tree"])), workshop.objects),
        workshop.objects,
    )
    if found is None:
        return None
    located = locator.find(effect, step.nested, found.place)
    return Divergence(
        0,
        RunGuest.kind,
        found.what,
        found.expected,
        found.got,
        "none",
        of_changed_input(found),
        found.byte,
        found.line,
        located.site,
        located.unlocated,
    )


def _asked_otherwise(other: NotHeard, located: Located) -> Divergence:
    """The program asks the network another question; there is no answer to run it on."""
    kind, question = other.effect.kind, other.effect.body()
    if other.step is None:
        found = Difference(
            "a question that was not recorded", "no more questions", shown_body(question)
        )
    else:
        found = between(other.step, kind, question)
    return Divergence(
        0,
        kind,
        found.what,
        found.expected,
        found.got,
        "none",
        of_changed_input(found),
        site=located.site,
        unlocated=located.unlocated,
    )


def _compare_writes(one: Writes, other: Writes, objects: ObjectStore) -> Difference | None:
    """The first path that the two runs did not leave alike."""
    for path in sorted({*one, *other}):
        before, after = one.get(path), other.get(path)
        if before != after:
            return compare_entries(path, before, after, objects)
    return None


def _run_step(steps: tuple[Step, ...]) -> Step | None:
    return next((step for step in steps if step.kind == RunGuest.kind), None)


def _uses_tool(step: Step) -> bool:
    question = cast("Mapping[str, Json]", step.question)
    return question.get("tool") is not None


def _image(step: Step) -> Json:
    answer = cast("Mapping[str, Mapping[str, Json]]", step.answer)
    return answer["achieved"]["image"]


def _trees(step: Step) -> tuple[Digest, Digest]:
    question = cast("Mapping[str, Json]", step.question)
    answer = cast("Mapping[str, Mapping[str, Json]]", step.answer)
    return (
        Digest(cast("bytes", question["tree"])),
        Digest(cast("bytes", answer["result"]["tree"])),
    )


def _writes(before: Digest, after: Digest, objects: ObjectStore) -> Writes:
    """What a run left at each path that it changed; None where it left nothing."""
    changes = difference(before, after, objects)
    return {
        change.path: change.after
        for change in changes
        if not (change.after and change.after.kind is Kind.FOLDER)
    }
