"""``packages.lock``: what an environment's lock says, read from its tree.

The lock is written inside the sandbox, so it is data of a guest: its form is checked, and every
wheel it names is held against its SHA-256 before the answer is given.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from ledger import Digest, Json, ObjectStore
from os2shell.executors.workspace import Entry, Kind, read_tree
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.errors import Broken
from os2shell.model.plain import to_json

LOCK_NAME = b"lock.json"
WHEELS_NAME = b"wheels"
LOCK_BYTES_MOST = 4 << 20
SCHEMA = "os2.environment-lock/1"
_FILE = re.compile(r"[A-Za-z0-9._+!-]{1,255}")
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Package:
    """One locked package. ``content`` is the object with the wheel, ``size`` its bytes."""

    name: str
    version: str
    file: str
    sha256: str
    size: int
    requested: bool
    content: bytes


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock: the Python it is for (``3.11``), its packages by name, and its own object."""

    python: str
    packages: tuple[Package, ...]
    content: bytes


@dataclass(frozen=True, slots=True)
class ReadLock:
    """Ask what is locked in the environment ``tree``; the answer is a ``Lock``."""

    kind: ClassVar[str] = "packages.lock"
    needs: ClassVar[Capability] = Capability.FS_READ
    determinism: ClassVar[Determinism] = Determinism.PURE
    tree: Digest

    def body(self) -> Json:
        """The tree."""
        return to_json(self)

    def scope(self) -> str:
        """A tree that was made for the ledger; no file of the workspace."""
        return ""


class LockReader:
    """Performs ``ReadLock``."""

    def __init__(self, objects: ObjectStore) -> None:
        """Trees and wheels lie in ``objects``."""
        self._objects = objects

    def perform(self, effect: ReadLock, _transcript: Transcript) -> Json:
        """Read and check; raises ``Broken`` where the lock and the wheels do not agree."""
        top = {entry.name: entry for entry in read_tree(self._objects, Digest(effect.tree))}
        lock = top.get(LOCK_NAME)
        if lock is None or lock.kind is not Kind.FILE or lock.size > LOCK_BYTES_MOST:
            raise _unfit("no lock.json")
        folder = top.get(WHEELS_NAME)
        wheels: dict[str, Entry] = {}
        if folder is not None and folder.kind is Kind.FOLDER:
            entries = read_tree(self._objects, folder.digest)
            wheels = {entry.name.decode("ascii", "replace"): entry for entry in entries}
        python, rows = _read(self._objects.get(lock.digest))
        packages = tuple(self._package(row, wheels) for row in rows)
        return to_json(Lock(python, packages, lock.digest))

    def _package(self, row: dict[str, Any], wheels: dict[str, Entry]) -> Package:
        entry = wheels.get(row["file"])
        if entry is None or entry.kind is not Kind.FILE:
            raise _unfit(f"no wheel {row['file']}")
        found = hashlib.sha256()
        with self._objects.open(entry.digest) as source:
            while part := source.read(1 << 20):
                found.update(part)
        if found.hexdigest() != row["sha256"]:
            raise _unfit(f"{row['file']} with sha256 {found.hexdigest()}, not {row['sha256']}")
        return Package(
            row["name"],
            row["version"],
            row["file"],
            row["sha256"],
            entry.size,
            row["requested"],
            entry.digest,
        )


def _read(data: bytes) -> tuple[str, list[dict[str, Any]]]:
    try:
        lock = json.loads(data)
    except ValueError:
        raise _unfit("a lock.json that is no JSON") from None
    match lock:
        case {"schema": str(schema), "python": str(python), "packages": list(rows)}:
            if schema == SCHEMA and all(map(_is_row, rows)):
                return python, rows
        case _:
            pass
    raise _unfit(f"a lock.json that is not of the form {SCHEMA}")


def _is_row(row: object) -> bool:
    match row:
        case {
            "name": str(),
            "version": str(),
            "file": str(file),
            "sha256": str(sha256),
            "requested": bool(),
        }:
            return bool(_FILE.fullmatch(file) and _HEX.fullmatch(sha256))
        case _:
            return False


def _unfit(found: str) -> Broken:
    return Broken(f"the environment has {found}", expected="what os2 pip left")
