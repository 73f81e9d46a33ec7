"""The key ring: one log key per ledger, outside every workspace, and the keys this user trusts.

A log key signs checkpoints unattended. It is made with its ledger, named by the last part of the
ledger's origin, and never leaves this folder. Whoever copies a workspace copies no power to sign.
"""

import os
from pathlib import Path

from ledger import PublicKey, Signer, load_or_create_key
from os2shell.model.errors import CannotStart

ORIGIN_PREFIX = "os2shell"
ID_BYTES = 8


class KeyRing:
    """Keys below one folder."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made before it is needed."""
        self._folder = folder

    def create(self, node: str) -> Signer:
        """A new key for a new ledger on ``node``; its origin is drawn from the kernel's entropy."""
        safe = "".join(char for char in node if char.isalnum() or char in "-.") or "node"
        origin = f"{ORIGIN_PREFIX}/{safe}/{os.urandom(ID_BYTES).hex()}"
        return load_or_create_key(self._path(origin), origin)

    def signer(self, origin: str) -> Signer:
        """The key of the ledger ``origin``; raises ``CannotStart`` where this user has none."""
        path = self._path(origin)
        if not path.exists():
            raise CannotStart(
                f"the key of this ledger ({origin}) is not in {self._folder}",
                expected="the key it was made with",
                remedy="work where it was made, or begin a ledger in another workspace; "
                "`os2 ledger verify` and `os2 python-verify` work without the key",
            )
        return load_or_create_key(path, origin)

    def trusted(self, origin: str) -> PublicKey | None:
        """The public key this user trusts for ``origin``: that of the own secret key, or none."""
        path = self._path(origin)
        return load_or_create_key(path, origin).public if path.exists() else None

    def _path(self, origin: str) -> Path:
        return self._folder / self.file_name(origin, "key")

    @staticmethod
    def file_name(origin: str, kind: str) -> str:
        """The name of a file that belongs to the ledger ``origin``."""
        name = "".join(char if char.isalnum() or char in "-." else "_" for char in origin)
        return f"{name}.{kind}"
