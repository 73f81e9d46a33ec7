"""Executors that runs of git need, and no other start."""

from collections.abc import Callable

from ledger import ObjectStore
from os2shell.executors.git import user
from os2shell.executors.git.question import ReadGitUser, RunGit
from os2shell.executors.git.runner import GitRunner
from os2shell.executors.git.tools import ToolSource
from os2shell.executors.live import Executors
from os2shell.executors.network.broker import Broker
from os2shell.executors.network.secret import Keyed


def git_executors(
    objects: ObjectStore, tools: ToolSource, broker: Broker, keyed: Callable[[], Keyed]
) -> Executors:
    """The table; ``objects`` and ``broker`` are those of the world it belongs to."""
    return {
        ReadGitUser: user.perform,
        RunGit: GitRunner(objects, tools, broker, keyed).perform,
    }
