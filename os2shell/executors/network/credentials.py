"""Credentials: secrets that the broker adds to requests, and that no program ever holds.

One file each below the user's configuration, outside every workspace, readable by its owner alone:
one line, the value of an Authorization header (``Bearer …``, ``Basic …``). A grant names the file;
the record names it too, and holds nothing of what is in it.
"""

import os
import re
import stat
from pathlib import Path

from ledger import KeyMisplaced, refuse_inside
from os2shell.executors.network.failure import ExchangeFailed, Failure

BYTES_MOST = 8192
HEADER = "Authorization"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_VALUE = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")


class Credentials:
    """Those of one user, seen from one workspace."""

    def __init__(self, folder: Path, workspace: Path) -> None:
        """Read nothing yet."""
        self._folder = folder
        self._workspace = workspace

    def read(self, name: str) -> str:
        """The header's value; raises ``ExchangeFailed``, which tells nothing of it."""
        path = self._folder / name
        try:
            refuse_inside(self._folder, self._workspace)
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                data = file.read(BYTES_MOST + 1)
        except KeyMisplaced:
            raise _unfit(f"{self._folder} lies inside the workspace, where programs read") from None
        except OSError as error:
            raise _unfit(
                f"the credential {name} cannot be read from {path}: {error.strerror}"
            ) from None
        if mode & _OTHERS:
            raise _unfit(f"{path} can be read by others: chmod 600 {path}")
        value = data.decode("latin-1").strip()
        if len(data) > BYTES_MOST or not _VALUE.fullmatch(value):
            raise _unfit(f"{path} is not one line such as `Bearer …`")
        return value


def _unfit(told: str) -> ExchangeFailed:
    return ExchangeFailed(Failure.CREDENTIAL, told)
