"""Secrets in a repository's configuration: such a ``.git`` is not captured, and so not kept.

What git is given is recorded whole, for good. So a configuration with a password in a URL, an
``extraHeader`` or a key that is called like a secret refuses the run, before any of it is read into
the ledger. Read leniently: whatever looks like one is one.
"""

import os
import re

from os2shell.executors.git.state import GIT_FOLDER
from os2shell.executors.workspace import Ignore, shown
from os2shell.executors.workspace.errors import CannotCapture

_MOST = 1 << 20
_NAMES = frozenset({b"config", b"config.worktree"})
_IN_URL = re.compile(rb"https?://[^\s/\"]*@", re.IGNORECASE)
_KEY = re.compile(
    rb"^\s*(?:\[[^\]\n]*\])?\s*(?P<key>[a-z0-9-]*(?:extraheader|passw|token|secret|cookie)[a-z0-9-]*)"
    rb"\s*=",
    re.IGNORECASE | re.MULTILINE,
)


class RepositoryIgnore(Ignore):
    """The rules of ``base``, and a look into each configuration before it is captured."""

    def __init__(self, base: Ignore, root_fd: int) -> None:
        """Look below ``root_fd``."""
        self._base = base
        self._root_fd = root_fd

    def rejects(self, prefix: bytes, name: bytes, *, folder: bool) -> bool:  # type: ignore[explicit-override]  # typing.override needs 3.12
        """As the base says; raises ``CannotCapture`` where a configuration holds a secret."""
        if name in _NAMES and not folder and GIT_FOLDER in prefix.split(b"/"):
            self._look_into(prefix + name)
        return self._base.rejects(prefix, name, folder=folder)

    def _look_into(self, path: bytes) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            number = os.open(path, flags, dir_fd=self._root_fd)
        except OSError:
            return  # the capture itself says what is wrong with it
        with os.fdopen(number, "rb") as file:
            found = secret_in(file.read(_MOST))
        if found is not None:
            raise CannotCapture(
                f"{shown(path)} holds {found}, which would be recorded",
                expected="a configuration without secrets",
                remedy=(
                    "take it out; a grant of net.connect may name a credential that the shell "
                    "adds: docs/handbook.md, Network of a program"
                ),
            )


def secret_in(data: bytes) -> str | None:
    """What of a configuration looks like a secret, without the secret."""
    if _IN_URL.search(data):
        return "a URL with a user or a secret in it"
    found = _KEY.search(data)
    return None if found is None else f"the setting {found['key'].decode()}"
