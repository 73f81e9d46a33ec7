"""The procedure of ``git``: for whom, capture with the repository, run, bring back or leave alone.

The order of effects is the order of the trace, as for Python. What git left is brought back only
where git ended by itself and nothing of it is refused: after Ctrl-C, a limit, a crash or a refusal
the workspace is as it was.
"""

from dataclasses import dataclass
from typing import cast

from ledger import Digest, Json
from os2shell.executors.capture import CaptureWorkspace
from os2shell.executors.clock import ReadClock
from os2shell.executors.git.question import PROGRAM, GitUser, ReadGitUser, RunGit
from os2shell.executors.writeback import WriteBack
from os2shell.model.capability import Capability
from os2shell.model.command import Context, Outcome
from os2shell.model.errors import Broken
from os2shell.model.plain import from_json
from os2shell.policy.budget import NOTHING, SPENT, allowance
from os2shell.policy.grants import POLICY
from os2shell.policy.manifest import Manifest
from os2shell.subsystems.git.events import GitCompleted, GitStarted
from os2shell.subsystems.git.words import GitWords, read_words
from os2shell.subsystems.python_vm.events import SandboxReleased
from os2shell.subsystems.python_vm.run import ending

NEEDS = frozenset({Capability.PROCESS_SPAWN, Capability.FS_READ, Capability.CLOCK_READ})
MAY = frozenset({Capability.FS_WRITE, Capability.NET_CONNECT})
REFUSED_CODE = 126
REFUSED = "refused"
MOVED = "moved"
FATAL = 128
"""Git's own code for what it cannot do at all."""
MAKING = frozenset({"clone", "init"})
UNCHANGED = "the workspace is as it was"


@dataclass(frozen=True, slots=True)
class _Brought:
    """What came of a run in the workspace; ``instead`` is the cause of an end of our own."""

    done: bool = False
    changes: Json = None
    notes: tuple[str, ...] = ()
    instead: str = ""


def run_git(words: tuple[str, ...], context: Context) -> Outcome:
    """Run git with ``words``; the outcome carries all."""
    manifest = context.view(POLICY)
    assert manifest is not None, "admission precedes every run"
    asked = read_words(words)
    user = from_json(GitUser, context.perform(ReadGitUser()))
    before = _capture(context)
    account = context.view(SPENT).get(context.token, NOTHING)
    effect = RunGit(
        arguments=asked.with_progress() if user.progress else asked.arguments,
        folder=asked.folder,
        tree=before,
        clock_start_ns=cast("int", context.perform(ReadClock())),
        user=user,
        limits=manifest.limits,
        layers=manifest.required_layers,
        token_budget=allowance(manifest, account, context.token),
        network=manifest.network(context.token),
    )
    match context.perform(effect):
        case {"result": dict(result), "achieved": dict(achieved), "usage": usage}:
            brought = _bring_back(before, result, manifest, context)
            notes = (*brought.notes, *_nowhere(asked, result))
        case _:
            raise Broken("a run's answer has no known form")
    code = REFUSED_CODE if brought.instead else int(str(result["code"]))
    return Outcome(
        notes=notes,
        code=code,
        cause=brought.instead or str(result["cause"]),
        events=(
            _started(effect, achieved),
            _completed(result, brought),
            SandboxReleased(usage),
        ),
    )


def _nowhere(asked: GitWords, result: dict[str, Json]) -> tuple[str, ...]:
    """Where the repository might be, for who meant one that lies elsewhere."""
    if result["code"] != FATAL or result["repository"] is not None or asked.verb in MAKING:
        return ()
    told = "git sees no repository but those inside the workspace; -C FOLDER names one of them"
    return (told,)


def _capture(context: Context) -> Digest:
    match context.perform(CaptureWorkspace(repository=True)):
        case {"tree": bytes(tree)}:
            return Digest(tree)
        case _:
            raise Broken("a capture's answer has no known form")


def _started(effect: RunGit, achieved: dict[str, Json]) -> GitStarted:
    return GitStarted(
        arguments=effect.arguments,
        folder=effect.folder,
        tree=effect.tree,
        clock_start_ns=effect.clock_start_ns,
        name=effect.user.name,
        email=effect.user.email,
        zone=effect.user.zone,
        git=str(achieved["git"]),
        tool=cast("bytes", achieved["tool"]),
        image=cast("bytes", achieved["image"]),
        layers=tuple(str(layer) for layer in cast("list[Json]", achieved["layers"])),
    )


def _completed(result: dict[str, Json], brought: _Brought) -> GitCompleted:
    return GitCompleted(
        code=int(str(result["code"])),
        cause=str(result["cause"]),
        repository=result["repository"],
        tree=cast("bytes", result["tree"]),
        brought=brought.done,
        changes=brought.changes if brought.done else [],
        refused=tuple(str(line) for line in cast("list[Json]", result["refused"])),
        network=result.get("network"),
        stdout=result["stdout"],
        stderr=result["stderr"],
    )


def _bring_back(
    before: Digest, result: dict[str, Json], manifest: Manifest, context: Context
) -> _Brought:
    """Bring what git left into the workspace, whole or not at all."""
    cause = str(result["cause"])
    if cause != "exit":
        return _Brought(notes=(_ending(cause, manifest),))
    after = cast("bytes", result["tree"])
    notes = tuple(f"not kept: {note}" for note in cast("list[str]", result["skipped"]))
    refused = [f"refused: {line}" for line in cast("list[str]", result["refused"])]
    if refused:
        last = f"{UNCHANGED}: your own git would trust what is refused above"
        return _Brought(notes=(*notes, *refused, last), instead=REFUSED)
    if after == before:
        return _Brought(notes=notes)
    if not context.allows(Capability.FS_WRITE):
        last = (
            f"{UNCHANGED}: manifest {manifest.name} does not grant fs.write; what git wrote is in "
            "the ledger"
        )
        return _Brought(notes=(*notes, last))
    match context.perform(WriteBack(before, Digest(after), repository=True)):
        case {"moved": str(path)}:
            last = f"{UNCHANGED}: {path} was changed while git ran; run it again"
            return _Brought(notes=(*notes, last), instead=MOVED)
        case {"changes": changes, "notes": list(told)}:
            notes = (*notes, *cast("list[str]", told))
            return _Brought(done=True, changes=changes, notes=notes)
        case _:
            raise Broken("a write-back's answer has no known form")


def _ending(cause: str, manifest: Manifest) -> str:
    """Why git did not end by itself."""
    told = ending(cause, manifest, PROGRAM) or [f"{PROGRAM} was ended: {cause}"]
    return f"{told[0]}; {UNCHANGED}"
