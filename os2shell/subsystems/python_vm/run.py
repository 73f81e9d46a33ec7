"""The procedure of every Python command: capture, draw a world, run, write back.

The order of effects is the order of the trace. Only the run itself is pure, so replay performs it
again; everything before it is answered from the trace, everything after it follows from its answer.
"""

from dataclasses import dataclass
from typing import cast

from ledger import Digest, Json, digest
from os2shell.executors.capture import CaptureWorkspace
from os2shell.executors.clock import ReadClock
from os2shell.executors.entropy import DrawEntropy
from os2shell.executors.guest import RunGuest
from os2shell.executors.writeback import WriteBack
from os2shell.model.capability import Capability
from os2shell.model.command import Context, Outcome
from os2shell.model.errors import Broken, UsageError
from os2shell.model.fold import Event
from os2shell.model.guest import REQUESTS_MOST, EntryKind, Tier
from os2shell.policy.budget import NOTHING, SPENT, allowance
from os2shell.policy.grants import POLICY
from os2shell.policy.manifest import Manifest, limit_of
from os2shell.subsystems.python_vm.environments import ENVIRONMENTS
from os2shell.subsystems.python_vm.events import (
    Completed,
    SandboxCreated,
    SandboxReleased,
    Started,
    Streamed,
)
from os2shell.subsystems.python_vm.exchanges import exchanges_of
from os2shell.subsystems.python_vm.imports import imports_of
from os2shell.subsystems.python_vm.options import SECOND_NS, RunOptions

NEEDS = frozenset(
    {
        Capability.PROCESS_SPAWN,
        Capability.FS_READ,
        Capability.CLOCK_READ,
        Capability.ENTROPY_DRAW,
        Capability.TERMINAL_READ,
    }
)
MAY = frozenset({Capability.FS_WRITE, Capability.NET_CONNECT})

SEED_BYTES = 32
SEEDED_EPOCH_NS = 1_704_067_200 * SECOND_NS  # 2024-01-01T00:00:00Z
SEEDED_SPAN_SECONDS = 366 * 86_400


@dataclass(frozen=True, slots=True)
class GuestAnswer:
    """The answer of a run, with its parts named."""

    result: dict[str, Json]
    achieved: dict[str, Json]
    usage: Json

    @property
    def code(self) -> int:
        """The exit code."""
        return int(str(self.result["code"]))

    @property
    def cause(self) -> str:
        """What ended it."""
        return str(self.result["cause"])

    @property
    def tree(self) -> Digest:
        """The workspace it left."""
        return Digest(cast("bytes", self.result["tree"]))

    @classmethod
    def of(cls, answer: Json) -> "GuestAnswer":
        """Take an executor's answer apart."""
        match answer:
            case {"result": dict(result), "achieved": dict(achieved), "usage": usage}:
                return cls(result, achieved, usage)
            case _:
                raise Broken("a run's answer has no known form")


def run_python(options: RunOptions, program: str, tier: Tier, context: Context) -> Outcome:
    """Run ``options`` as ``program`` (the command's name) in ``tier``; the outcome carries all."""
    manifest = in_force(context)
    before = capture_workspace(options, context)
    effect = run_of(options, program, tier, before, context)
    answer = GuestAnswer.of(context.perform(effect))
    changes, notes = _write_back(before, answer, manifest, context)
    return Outcome(
        notes=notes,
        code=answer.code,
        cause=answer.cause,
        events=events_of(effect, answer, changes),
    )


def in_force(context: Context) -> Manifest:
    """The manifest that admitted the command."""
    manifest = context.view(POLICY)
    assert manifest is not None, "admission precedes every run"
    return manifest


def run_of(
    options: RunOptions, program: str, tier: Tier, before: Digest, context: Context
) -> RunGuest:
    """The run that ``options`` ask for, on the tree ``before``; draws its seed and its clock."""
    manifest = in_force(context)
    return RunGuest(
        program=program,
        tier=tier,
        entry=options.entry,
        target=options.target,
        arguments=options.arguments,
        tree=before,
        seed=_seed(options, context),
        clock_start_ns=_clock_start(options, context),
        limits=manifest.limits,
        imports=manifest.imports(tier),
        layers=manifest.required_layers,
        raw=options.raw,
        token_budget=_budget(options, manifest, context),
        network=manifest.network(context.token),
        packages=context.view(ENVIRONMENTS).packages if tier is Tier.NATIVE else None,
    )


def events_of(effect: RunGuest, answer: GuestAnswer, changes: Json) -> tuple[Event, ...]:
    """What a run leaves in the ledger."""
    return (
        SandboxCreated(
            str(effect.tier),
            cast("bytes", answer.achieved["image"]),
            str(answer.achieved["interpreter"]),
            tuple(str(layer) for layer in cast("list[Json]", answer.achieved["layers"])),
            effect.packages,
        ),
        Started(
            str(effect.entry),
            effect.target,
            effect.arguments,
            effect.tree,
            effect.seed,
            effect.clock_start_ns,
        ),
        *imports_of(answer.result.get("imports"), effect.imports),
        *exchanges_of(answer.result.get("network")),
        Streamed("stdout", answer.result["stdout"]),
        Streamed("stderr", answer.result["stderr"]),
        Completed(answer.code, answer.cause, answer.tree, changes),
        SandboxReleased(answer.usage),
    )


def capture_workspace(options: RunOptions, context: Context) -> Digest:
    """The workspace as the run will find it; refuses a script that is none."""
    script = options.target if options.entry is EntryKind.SCRIPT else None
    match context.perform(CaptureWorkspace(script)):
        case {"tree": bytes(tree), "wanted": "file" | None}:
            return Digest(tree)
        case {"wanted": str(found)}:
            raise UsageError(
                f"{options.target} {_SCRIPT_FOUND[found]}",
                expected="a Python script inside the workspace",
            )
        case _:
            raise Broken("a capture's answer has no known form")


_SCRIPT_FOUND = {
    "missing": "does not exist in the workspace",
    "folder": "is a folder (a package is run with -m)",
    "ignored": "is left out by .os2ignore or the default rules, so no program can see it",
    "outside": "lies outside the workspace",
    "other": "is neither a file nor a folder",
}


def _seed(options: RunOptions, context: Context) -> bytes:
    if options.seed is None:
        return cast("bytes", context.perform(DrawEntropy(SEED_BYTES)))
    return digest(b"os2 seed " + str(options.seed).encode())


def _clock_start(options: RunOptions, context: Context) -> int:
    if options.clock_ns is not None:
        return options.clock_ns
    if options.seed is None or options.clock_now:
        return cast("int", context.perform(ReadClock()))
    spread = int.from_bytes(digest(b"os2 clock " + str(options.seed).encode())[:8], "big")
    return SEEDED_EPOCH_NS + spread % SEEDED_SPAN_SECONDS * SECOND_NS


def _budget(options: RunOptions, manifest: Manifest, context: Context) -> int | None:
    """What this run may spend: the lesser of its own budget and what is left of its token's."""
    account = context.view(SPENT).get(context.token, NOTHING)
    return allowance(manifest, account, context.token, options.token_budget)


def ending(cause: str, manifest: Manifest, what: str = "the run") -> list[str]:
    """Why ``what`` did not end by itself, and how to let it."""
    if cause == "limit.requests":
        told = f"it asked {REQUESTS_MOST} times for input or the network"
        return [f"{what} was ended: {cause}, {told}; read in larger pieces"]
    if cause.startswith("limit."):
        key, value = limit_of(manifest.limits, cause.removeprefix("limit."))
        told = f"{what} was ended: {cause}, {key} = {value} in manifest {manifest.name}"
        return [f"{told}; a manifest of your own may allow more"]
    if cause.startswith("token_budget"):
        return [f"{what} was ended: {cause}; --token-budget or the manifest may allow more"]
    if cause == "killed":
        return [f"{what} was ended: {cause} from outside, by somebody on this machine"]
    return [f"{what} was ended: {cause}"] if cause in {"interrupted", "protocol"} else []


def _write_back(
    before: Digest, answer: GuestAnswer, manifest: Manifest, context: Context
) -> tuple[Json, tuple[str, ...]]:
    """Bring the changed files back where the token may; the changes and what to tell."""
    after, cause = answer.tree, answer.cause
    notes = ending(cause, manifest)
    notes += [f"not kept: {note}" for note in cast("list[str]", answer.result["skipped"])]
    if after == before:
        return [], tuple(notes)
    if not context.allows(Capability.FS_WRITE):
        notes.append(
            f"the workspace was not changed: manifest {manifest.name} does not grant fs.write; "
            "what the program wrote is in the ledger"
        )
        return [], tuple(notes)
    if cause == "limit.files":
        # Brought back, they would end every later run here at its start.
        notes.append(
            "the workspace was not changed: it would have more files than a run may have; "
            "what the program wrote is in the ledger"
        )
        return [], tuple(notes)
    match context.perform(WriteBack(before, after)):
        case {"changes": changes, "notes": list(told)}:
            return changes, (*notes, *cast("list[str]", told))
        case _:
            raise Broken("a write-back's answer has no known form")
