"""The key ring: one log key per ledger, outside every workspace, and the keys this user trusts.

A log key signs checkpoints unattended. It is made with its ledger, named by the last part of the
ledger's origin, and never leaves this folder. Whoever copies a workspace copies no power to sign.

A key can be rotated: the new one takes the old one's place, and beside it the table of epochs is
kept. That table says which past belongs to which key; so not even who steals the new key can
put another past before it, in this user's eyes.

Beside them lies, once it was wanted, the key under which secrets of network requests stand in the
ledger as digests (``network/secret.py``); it is never rotated, or replays could not compare them.
"""

import os
from contextlib import suppress
from pathlib import Path

from ledger import Epochs, KeyFile, KeyMisplaced, Pin, load_or_create_key, refuse_inside
from os2shell.executors.network.secret import KEY_BYTES
from os2shell.model.errors import CannotStart

ORIGIN_PREFIX = "os2shell"
ID_BYTES = 8


class KeyRing:
    """Keys below one folder."""

    def __init__(self, folder: Path, workspace: Path) -> None:
        """Nothing is made before it is needed."""
        self._folder = folder
        self._workspace = workspace

    def create(self, node: str) -> KeyFile:
        """A new key for a new ledger on ``node``; its origin is drawn from the kernel's entropy."""
        safe = "".join(char for char in node if char.isalnum() or char in "-.") or "node"
        self._require_outside()
        origin = f"{ORIGIN_PREFIX}/{safe}/{os.urandom(ID_BYTES).hex()}"
        return KeyFile.create(self._path(origin), origin)

    def signer(self, origin: str) -> KeyFile:
        """The key of the ledger ``origin``; raises ``CannotStart`` where this user has none."""
        self._require_outside()
        path = self._path(origin)
        if not path.exists():
            raise CannotStart(
                f"the key of this ledger ({origin}) is not in {self._folder}",
                expected="the key it was made with",
                remedy="work where it was made, or begin a ledger in another workspace; "
                "`os2 ledger verify` and `os2 python-verify` work without the key",
            )
        return KeyFile.create(path, origin)

    def trusted(self, origin: str) -> Pin | None:
        """What this user trusts for ``origin``: the epochs seen, or the own key's public half."""
        epochs = self._folder / self.file_name(origin, "epochs")
        path = self._path(origin)
        if epochs.exists():
            return Epochs.parse(epochs.read_text("utf-8"))
        return load_or_create_key(path, origin).public if path.exists() else None

    def remember(self, epochs: Epochs) -> None:
        """Trust ``epochs`` from now on; a crash leaves the table before, which still holds."""
        target = self._folder / self.file_name(epochs.origin, "epochs")
        spare = target.with_name(f".{target.name}.{os.getpid()}")
        with spare.open("w", encoding="utf-8") as file:
            file.write(epochs.text())
            file.flush()
            os.fsync(file.fileno())
        spare.rename(target)

    def network_key(self, origin: str, *, make: bool) -> bytes | None:
        """The key that stands for secrets in the ledger ``origin``; None where there is none.

        Made once, whole or not at all: written aside and linked to its name, which the first wins.
        """
        path = self._folder / self.file_name(origin, "network")
        if not path.exists() and make:
            self._require_outside()
            spare = path.with_name(f".{path.name}.{os.getpid()}")
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(spare, flags, 0o600), "wb") as file:
                file.write(os.urandom(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                path.hardlink_to(spare)
            spare.unlink()
        key = path.read_bytes() if path.exists() else None
        if key is not None and len(key) != KEY_BYTES:
            raise CannotStart(f"{path} has {len(key)} bytes", expected=f"{KEY_BYTES}")
        return key

    def _require_outside(self) -> None:
        """What runs in a workspace sees its files; a key among them would be anybody's."""
        try:
            refuse_inside(self._folder, self._workspace)
        except KeyMisplaced:
            raise CannotStart(
                f"the keys in {self._folder} lie inside the workspace {self._workspace}",
                expected="keys that no program in the workspace can read",
                remedy="work in a folder below, or set XDG_DATA_HOME to a folder outside",
            ) from None

    def _path(self, origin: str) -> Path:
        return self._folder / self.file_name(origin, "key")

    @staticmethod
    def file_name(origin: str, kind: str) -> str:
        """The name of a file that belongs to the ledger ``origin``."""
        name = "".join(char if char.isalnum() or char in "-." else "_" for char in origin)
        return f"{name}.{kind}"
