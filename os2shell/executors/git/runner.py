"""Performs ``RunGit``: a sandbox with git in it, filled; and what was left, judged."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import fields

from ledger import Json, ObjectStore
from os2shell.executors.clock import now_ns
from os2shell.executors.git.places import refusals
from os2shell.executors.git.question import RunGit
from os2shell.executors.git.state import repository_at, without_git
from os2shell.executors.git.tools import ToolSource
from os2shell.executors.guest import KeptStreams
from os2shell.executors.network.broker import Broker
from os2shell.executors.network.desk import Desk
from os2shell.executors.network.question import no_key
from os2shell.executors.network.secret import Keyed
from os2shell.executors.sandbox import EntryKind, GuestExit, Job, Sandbox, Tier, remedy_for
from os2shell.executors.sandbox.job import SEED_BYTES
from os2shell.executors.sandbox.native import LAYER, TRAPS
from os2shell.executors.workspace import (
    LEFT_BY_A_RUN,
    Capture,
    Entry,
    Ignore,
    Kind,
    capture,
    difference,
    populate,
    shown,
)
from os2shell.model.effect import Stream, Transcript
from os2shell.model.errors import CannotStart
from os2shell.model.plain import to_json

COMMIT = b"git.commit "
BELOW_PYTHON = frozenset({LAYER, TRAPS})
"""Layers that hold Python's clocks below Python; what git's result holds of time is given to it."""


class GitRunner:
    """Performs runs, one sandbox each."""

    def __init__(
        self,
        objects: ObjectStore,
        tools: ToolSource,
        broker: Broker | None = None,
        keyed: Callable[[], Keyed] = no_key,
    ) -> None:
        """As ``GuestRunner``: without ``broker`` every answer is there already."""
        self._objects = objects
        self._tools = tools
        self._broker = broker
        self._keyed = keyed

    def perform(self, effect: RunGit, transcript: Transcript) -> Json:
        """Fill a sandbox, run git, and judge what it left."""
        _refuse_layers(effect.layers)
        with ExitStack() as stack:
            sandbox = stack.enter_context(_started(self._tools, effect))
            with sandbox.writing():
                index = populate(
                    sandbox.workspace_fd, effect.tree, self._objects, owner=sandbox.owner
                )
            desk = Desk(transcript, self._objects, effect.network, self._broker, self._keyed)
            streams = stack.enter_context(_GitStreams(transcript, self._objects, desk, None))
            ended = sandbox.run(_job_of(effect), streams)
            desk.close()
            os.fchmod(sandbox.workspace_fd, 0o755)
            left = capture(
                sandbox.workspace_fd,
                self._objects,
                ignore=Ignore(defaults=()),
                index=index,
                limits=LEFT_BY_A_RUN,
                now_ns=now_ns(),
                unlock=True,
            )
            return {
                "result": self._result(effect, ended, left, streams, desk),
                "achieved": {
                    "image": bytes.fromhex(sandbox.image.digest),
                    "interpreter": sandbox.image.interpreter,
                    "layers": list(ended.layers),
                    "git": self._tools.tools.version,
                    "tool": self._tools.digest(),
                },
                "usage": {
                    each.name: getattr(ended.usage, each.name) for each in fields(ended.usage)
                },
            }

    def _result(
        self, effect: RunGit, ended: GuestExit, left: Capture, streams: "_GitStreams", desk: Desk
    ) -> Json:
        found = repository_at(left.tree, effect.folder, streams.commit, self._objects)
        changes = difference(effect.tree, left.tree, self._objects)
        root = Entry(b".", Kind.FOLDER, 0, left.tree)
        refused: list[Json] = list(refusals(changes, root, self._objects))
        return {
            "code": ended.code,
            "cause": ended.cause,
            "stdout": streams.content(Stream.STDOUT),
            "stderr": streams.content(Stream.STDERR),
            "tree": left.tree,
            "work": without_git(left.tree, self._objects),
            "repository": None if found is None else to_json(found),
            "refused": refused,
            "skipped": [f"{shown(item.path)} ({item.what})" for item in left.skipped],
            **desk.report(),
        }


class _GitStreams(KeptStreams):
    """Streams and questions of a run of git; also what it tells of its commit."""

    commit = b""

    def answer(self, request: bytes) -> bytes:  # type: ignore[explicit-override]  # typing.override needs 3.12
        """Keep a commit's object; ask the desk for everything else."""
        if request.startswith(COMMIT):
            told = request.removeprefix(COMMIT).partition(b"\0")[0]
            try:
                self.commit = bytes.fromhex(told.decode("ascii"))
            except ValueError:
                self.commit = b""  # proven to be none of HEAD's where it is read
            return b""
        return super().answer(request)


def _refuse_layers(layers: tuple[str, ...]) -> None:
    wanted = sorted(BELOW_PYTHON & set(layers))
    if wanted:
        raise CannotStart(
            f"the manifest requires {', '.join(wanted)}, under which git does not run",
            expected="a manifest that does not require it, for git",
            remedy="name another by --manifest; what git's result holds of time is recorded anyway",
        )


def _started(tools: ToolSource, effect: RunGit) -> Sandbox:
    sandbox = tools.take_sandbox(effect.limits)
    missing = sorted(set(effect.layers) - set(sandbox.layers))
    if missing:
        sandbox.close()
        raise CannotStart(
            f"this machine does not give {', '.join(missing)}",
            expected="every isolation layer that the manifest requires",
            remedy=remedy_for(missing),
        )
    return sandbox


def _job_of(effect: RunGit) -> Job:
    """What the boot is told; git draws no entropy that its result holds."""
    user = effect.user
    return Job(
        tier=Tier.NATIVE,
        entry=EntryKind.GIT,
        target=effect.folder,
        arguments=(user.name, user.email, user.branch, user.zone, *effect.arguments),
        seed=bytes(SEED_BYTES),
        clock_start_ns=effect.clock_start_ns,
        limits=effect.limits,
        token_budget=effect.token_budget,
    )
