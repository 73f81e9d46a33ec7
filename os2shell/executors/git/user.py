"""Reads for whom git acts: the user's global configuration, by their own git, outside.

Only these values are asked for, in a folder that is no repository, so nothing of the workspace is
read and nothing that a configuration names is started.
"""

import os
import subprocess
import time

from ledger import Json
from os2shell.executors.git.question import GitUser, ReadGitUser
from os2shell.executors.git.tools import find_git
from os2shell.executors.terminal import STDERR
from os2shell.model.effect import Transcript
from os2shell.model.plain import to_json

VALUE_CHARACTERS = 200
_SECONDS = 10
_WANTED = r"^(user\.name|user\.email|init\.defaultbranch)$"


def perform(_effect: ReadGitUser, _transcript: Transcript) -> Json:
    """Ask git; raises ``CannotStart`` without a git."""
    found = _values(find_git())
    time.tzset()  # a process that was forked may have another TZ than it began with
    return to_json(
        GitUser(
            name=found.get("user.name", ""),
            email=found.get("user.email", ""),
            branch=found.get("init.defaultbranch", ""),
            zone=_zone(time.localtime().tm_gmtoff),
            progress=os.isatty(STDERR),
        )
    )


def _values(program: str) -> dict[str, str]:
    """The wanted values of the global configuration, the last of each that fits on a line."""
    try:
        said = subprocess.run(
            [program, "config", "--global", "--includes", "-z", "--get-regexp", _WANTED],
            cwd="/",
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    rows = [row.partition("\n") for row in said.stdout.decode("utf-8", "replace").split("\0")]
    return {
        name: value
        for name, _, value in rows
        if value.isprintable() and len(value) <= VALUE_CHARACTERS
    }


def _zone(seconds: int) -> str:
    """An offset as git writes it."""
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02}{minutes % 60:02}"
