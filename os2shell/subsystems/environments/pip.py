"""``pip``: what is installed is planned with the network, and installed without it.

Two runs. The first has the broker's network: pip resolves, and every wheel that is wanted is
fetched, hashed, and left with the lock; what the environment had already it takes from there. The
second has no network: pip unpacks these wheels by their hashes, and the tree that it leaves is the
environment from now on. Both are performed again at a replay, on the recorded answers. The
workspace is read (requirement files, wheels), never written. Everything else is a run that looks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice

from ledger import Digest, Json
from os2shell.executors.guest import RunGuest
from os2shell.executors.packages.lock import Lock, Package, ReadLock
from os2shell.model.capability import Capability
from os2shell.model.command import Context, Outcome
from os2shell.model.errors import Denied
from os2shell.model.fold import Event
from os2shell.model.guest import Tier
from os2shell.model.plain import from_json
from os2shell.model.shown import one_line
from os2shell.policy.checker import check_scope
from os2shell.policy.grants import POLICY
from os2shell.subsystems.environments.events import (
    ROWS_MOST,
    ArtifactsFetched,
    EnvironmentCreated,
    EnvironmentSelected,
    InstallCompleted,
    InstallPlanned,
)
from os2shell.subsystems.python_vm.environments import DEFAULT, ENVIRONMENTS
from os2shell.subsystems.python_vm.options import RunOptions
from os2shell.subsystems.python_vm.run import (
    GuestAnswer,
    capture_workspace,
    ending,
    events_of,
    in_force,
    run_of,
)

PROGRAM = "pip"
DRIVER = "os2_pip"
WHOLE = ("!*",)
"""Nothing of an environment is ignored."""
SHOWN_FAILURES = 4
NO_LOCK = Lock("", (), b"")


def run_pip(options: RunOptions, context: Context, *, plans: bool) -> Outcome:
    """Run pip with the arguments of ``options``; ``plans``: it changes the active environment."""
    if not plans:
        return _look(options, context)
    active = context.view(ENVIRONMENTS).active
    return change(active or DEFAULT, options, context, select=not active)


def change(name: str, options: RunOptions, context: Context, *, select: bool = False) -> Outcome:
    """Make the environment ``name`` what ``options`` say: a verb of the driver's ``plan``.

    Where there was none it is made, and, with ``select``, the one that runs have from now on.
    """
    check_scope(context.view(POLICY), context.token, Capability.PIP_INSTALL, name)
    planned, left = _plan(name, options, context)
    answer = planned.answer
    if answer.code or answer.cause != "exit" or not planned.changed:
        notes = [*ending(answer.cause, in_force(context)), *_not_had(answer)]
        return Outcome(
            notes=tuple(notes), code=answer.code, cause=answer.cause, events=planned.events
        )
    effect = replace(
        planned.effect,
        tree=answer.tree,
        arguments=("install",),
        network=None,
        token_budget=left,
    )
    installed = GuestAnswer.of(context.perform(effect))
    events = [*planned.events, *events_of(effect, installed, [])]
    if installed.code == 0 and installed.cause == "exit":
        lock = _lock(installed.tree, context)
        events += [EnvironmentCreated(name, None, None)] if planned.effect.packages is None else []
        events.append(InstallCompleted(name, lock.content, installed.tree, len(lock.packages)))
        events += [EnvironmentSelected(name)] if select else []
    return Outcome(
        notes=tuple(ending(installed.cause, in_force(context))),
        code=installed.code,
        cause=installed.cause,
        events=tuple(events),
    )


@dataclass(frozen=True, slots=True)
class _Planned:
    """A plan: its run, what came of it, and whether it asks for another environment."""

    effect: RunGuest
    answer: GuestAnswer
    events: tuple[Event, ...]
    changed: bool


def _plan(name: str, options: RunOptions, context: Context) -> tuple[_Planned, int | None]:
    """Resolve and fetch; beside it what is left of the token's budget."""
    known = context.view(ENVIRONMENTS).named.get(name)
    effect = replace(
        _run(_driven("plan", options), context),
        packages=known.tree if known else None,
    )
    answer = GuestAnswer.of(context.perform(effect))
    events = [*events_of(effect, answer, [])]
    changed = False
    if answer.code == 0 and answer.cause == "exit":
        before = NO_LOCK if effect.packages is None else _lock(effect.packages, context)
        after = _lock(answer.tree, context)
        changed = after.content != before.content
        if changed:
            events += _told(name, (options.target, *options.arguments), before, after)
    return _Planned(effect, answer, tuple(events), changed), _left(effect, answer)


def _driven(mode: str, options: RunOptions) -> RunOptions:
    """The driver's words for pip's: ``target`` is pip's verb."""
    return replace(options, target=DRIVER, arguments=(mode, options.target, *options.arguments))


def _run(options: RunOptions, context: Context) -> RunGuest:
    tree = capture_workspace(options, context)
    effect = run_of(options, PROGRAM, Tier.NATIVE, tree, context)
    return replace(effect, tool=PROGRAM, imports=(), unignored=WHOLE)


def _look(options: RunOptions, context: Context) -> Outcome:
    effect = _run(_driven("run", options), context)
    answer = GuestAnswer.of(context.perform(effect))
    return Outcome(
        notes=tuple(ending(answer.cause, in_force(context))),
        code=answer.code,
        cause=answer.cause,
        events=events_of(effect, answer, []),
    )


def _lock(tree: Digest, context: Context) -> Lock:
    return from_json(Lock, context.perform(ReadLock(tree)))


def _left(effect: RunGuest, answer: GuestAnswer) -> int | None:
    """What the plan left of its budget, at least the one token that lets a run begin."""
    match answer.usage:
        case {"tokens": int(spent)} if effect.token_budget is not None:
            return max(1, effect.token_budget - spent)
        case _:
            return effect.token_budget


def _told(name: str, arguments: tuple[str, ...], before: Lock, after: Lock) -> list[Event]:
    """The plan and what was fetched for it, as facts."""
    old, new = _by_name(before), _by_name(after)
    added = [package for key, package in new.items() if _version(old, key) != package.version]
    removed = [package for key, package in old.items() if _version(new, key) != package.version]
    had = {package.sha256 for package in before.packages}
    fetched = [package for package in after.packages if package.sha256 not in had]
    rows: list[Json] = [
        [each.file, each.sha256, each.size, each.content] for each in islice(fetched, ROWS_MOST)
    ]
    return [
        InstallPlanned(
            name, arguments, _versions(added), len(added), _versions(removed), len(removed)
        ),
        *([ArtifactsFetched(rows, len(fetched))] if fetched else []),
    ]


def _not_had(answer: GuestAnswer) -> list[str]:
    """What the network did not give: pip says only that it found nothing."""
    told: list[str] = []
    match answer.result.get("network"):
        case dict(report):
            for kind in ("denied", "failed"):
                match report.get(kind):
                    case {"rows": list(rows)}:
                        told += [" ".join(map(str, row)) for row in rows if isinstance(row, list)]
                    case _:
                        continue
        case _:
            pass
    return [f"not had: {one_line(each)}" for each in dict.fromkeys(told)][:SHOWN_FAILURES]


def _by_name(lock: Lock) -> Mapping[str, Package]:
    return {package.name: package for package in lock.packages}


def _version(packages: Mapping[str, Package], name: str) -> str | None:
    package = packages.get(name)
    return package.version if package else None


def _versions(packages: list[Package]) -> list[Json]:
    return [[each.name, each.version] for each in packages[:ROWS_MOST]]


def needs_network(context: Context) -> None:
    """Refuse early, with the way, where the token has no network at all."""
    if not context.allows(Capability.NET_CONNECT):
        raise Denied(
            f"token {context.token} does not hold net.connect, and wheels come from an index",
            rule=str(Capability.NET_CONNECT),
            remedy="`os2 --manifest packages pip …` grants pypi.org; "
            "--no-index with --find-links takes wheels of the workspace",
        )
