"""The image: a hermetic, content-addressed copy of an interpreter, the whole root of a sandbox.

What goes into an image is left to ``contents``, how it is kept to ``folder_cache``. A run may have
more folders of the same kind beside it, read-only at places that every image has for them.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from os2shell.executors.sandbox.contents import build_root, guest_files
from os2shell.executors.sandbox.errors import ImageUnavailable
from os2shell.executors.sandbox.folder_cache import CachedFolder, FolderCache, Tell
from os2shell.executors.sandbox.native import NET, compiler

_FORMAT = 5


@dataclass(frozen=True, slots=True)
class Mount:
    """``folder`` is seen at ``place``, an absolute path inside, and cannot be written.

    ``digest`` is hex, over its files.
    """

    place: str
    folder: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Image:
    """A present image. ``digest`` is hex BLAKE3 over its files; ``root`` is bound as ``/``.

    ``executable`` is the interpreter inside, ``outside`` the one it was copied from.
    """

    digest: str
    root: Path
    interpreter: str
    executable: str
    outside: Path = Path()
    mounts: tuple[Mount, ...] = ()
    bare: bool = False

    @property
    def has_net(self) -> bool:
        """Whether the net below Python could be compiled for it, and is wanted."""
        return not self.bare and (self.root / NET).exists()

    def without_net(self) -> "Image":
        """For programs that are not Python's: the net would end them, and nobody fills devices."""
        return replace(self, bare=True)

    def mounted(self, place: str) -> Mount | None:
        """What is at ``place``."""
        return next((mount for mount in self.mounts if mount.place == place), None)

    def with_mount(self, place: str, folder: CachedFolder) -> "Image":
        """Have ``folder`` at ``place``, one of ``contents.PLACES``."""
        return replace(self, mounts=(*self.mounts, Mount(place, folder.root, folder.digest)))


def quiet(_line: str) -> None:
    """Say nothing while building."""


def load_image(cache: Path, *, interpreter: Path | None = None, tell: Tell = quiet) -> Image:
    """The image of ``interpreter`` (default: the one running now), built first if it must be.

    ``tell`` gets one line before a build. Raises ``ImageUnavailable``.
    """
    executable = _base_executable(interpreter)

    def fill(root: Path) -> Mapping[str, str]:
        copied = build_root(root, executable)
        return {"executable": copied.inside, "interpreter": copied.version}

    kept = FolderCache(cache, "image").load(
        _key(executable),
        fill,
        lambda reason: tell(f"preparing the Python image, {reason}: {executable}"),
    )
    about = kept.about
    return Image(kept.digest, kept.root, about["interpreter"], about["executable"], executable)


def _base_executable(interpreter: Path | None) -> Path:
    """The real program behind a virtual environment's link."""
    if interpreter is None:
        base = getattr(sys, "_base_executable", sys.executable)
        interpreter = Path(base)
    try:
        return interpreter.resolve(strict=True)
    except OSError as error:
        raise ImageUnavailable(
            f"no interpreter at {interpreter} ({error.strerror})",
            expected="a CPython 3.11 or newer",
        ) from None


def _key(executable: Path) -> str:
    """The name of an image's folder: the interpreter's identity, and our own guest files."""
    status = executable.stat()
    key = blake2b(digest_size=16)
    key.update(f"{_FORMAT}\0{executable}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    key.update(f"{bool(compiler())}\0".encode())
    for name, path in guest_files():
        key.update(f"{name}\0".encode() + blake2b(path.read_bytes()).digest())
    return key.hexdigest()
