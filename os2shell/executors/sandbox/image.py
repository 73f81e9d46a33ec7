"""The image: a hermetic, content-addressed copy of an interpreter, the whole root of a sandbox.

Life of an image: absent → building (in a temporary folder beside it, under the cache's lock) →
present (one rename) → removed when a file of it was changed, and built again. A build that dies
leaves a temporary folder, which the next builder removes: only the holder of the lock builds, so
any temporary folder it finds is stale. Nothing is ever changed inside a present image.

``load_image`` trusts a present image after a stat walk against the list made at build time (size,
mtime, ctime, inode of every file and folder); it does not read contents again. That finds accidents
and ordinary tampering, not an owner of the disk who also rewrites the list. What goes into an image
is left to ``contents``.
"""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from blake3 import blake3

from os2shell.executors.sandbox.contents import Interpreter, build_root, guest_files
from os2shell.executors.sandbox.errors import ImageDamaged, ImageUnavailable
from os2shell.executors.sandbox.native import NET, compiler

Tell = Callable[[str], None]
_FORMAT = 4
_LIST = "manifest.json"
_STATS = "stats"
_TEMPORARY = "building-"


@dataclass(frozen=True, slots=True)
class Image:
    """A present image. ``digest`` is hex BLAKE3 over its files; ``root`` is bound as ``/``."""

    digest: str
    root: Path
    interpreter: str
    executable: str

    @property
    def has_net(self) -> bool:
        """Whether the net below Python could be compiled for it."""
        return (self.root / NET).exists()


def quiet(_line: str) -> None:
    """Say nothing while building."""


def load_image(cache: Path, *, interpreter: Path | None = None, tell: Tell = quiet) -> Image:
    """The image of ``interpreter`` (default: the one running now), built first if it must be.

    ``cache`` is made if absent, and must be reachable for the uid that sandboxes run as. ``tell``
    gets one line before a build. Raises ``ImageUnavailable``.
    """
    executable = _base_executable(interpreter)
    home = cache / _key(executable)
    try:
        return _opened(home)
    except FileNotFoundError:
        reason = "once"
    except ImageDamaged as error:
        reason = f"again, because {error.found}"
    with _locked(cache):
        try:
            return _opened(home)  # somebody else built it while we waited
        except (FileNotFoundError, ImageDamaged):
            tell(f"preparing the Python image, {reason}: {executable}")
            _build(cache, home, executable)
        return _opened(home)


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


def _walk(root: Path) -> Iterator[str]:
    """Every file and folder below ``root``, relative, sorted; the root itself is ``.``."""
    found = ["."]
    for folder, folders, files in os.walk(root):
        inside = os.path.relpath(folder, root)
        found += [os.path.normpath(os.path.join(inside, name)) for name in [*folders, *files]]  # noqa: PTH118 - thousands of paths, where pathlib costs a second
    return iter(sorted(found))


def _stats(root: Path, names: list[str]) -> bytes:
    """Size, mtime, ctime and inode of each name, as lines; read through one folder descriptor."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        statuses = [os.lstat(name, dir_fd=folder) for name in names]
    finally:
        os.close(folder)
    return b"\n".join(
        b"%d %d %d %d" % (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        for status in statuses
    )


def _opened(home: Path) -> Image:
    """The image at ``home``; FileNotFoundError when absent, ``ImageDamaged`` when changed."""
    about = json.loads((home / _LIST).read_bytes())
    root = home / "root"
    names = about["names"].split("\0")
    expected = (home / _STATS).read_bytes()
    try:
        found = _stats(root, names)
    except OSError as error:
        raise ImageDamaged(f"{error.filename} of the cached image is gone") from None
    if found != expected:
        pairs = zip(names, found.split(b"\n"), expected.split(b"\n"), strict=False)
        changed = next((name for name, now, then in pairs if now != then), "its list")
        raise ImageDamaged(f"{changed} of the cached image was changed")
    return Image(about["digest"], root, about["interpreter"], about["executable"])


def _build(cache: Path, home: Path, executable: Path) -> None:
    """Build beside ``home``, then put it there with one rename; the lock is held."""
    for stale in cache.glob(_TEMPORARY + "*"):
        shutil.rmtree(stale)
    temporary = cache / f"{_TEMPORARY}{home.name}"
    root = temporary / "root"
    try:
        root.mkdir(parents=True)
        interpreter: Interpreter = build_root(root, executable)
        names = list(_walk(root))
        about = {
            "digest": _digest(root, names),
            "executable": interpreter.inside,
            "interpreter": interpreter.version,
            "names": "\0".join(names),
        }
        (temporary / _LIST).write_text(json.dumps(about))
        (temporary / _STATS).write_bytes(_stats(root, names))
        if home.exists():
            # A crash between the two renames leaves no image and one stale folder: built again.
            home.rename(cache / f"{_TEMPORARY}damaged")
        temporary.rename(home)
    except OSError as error:
        raise ImageUnavailable(
            f"cannot write the image below {cache} ({error.strerror}: {error.filename})",
            expected="a writable cache folder with 200 MB free",
        ) from error
    finally:
        for leftover in cache.glob(_TEMPORARY + "*"):
            shutil.rmtree(leftover, ignore_errors=True)


def _digest(root: Path, names: list[str]) -> str:
    """Hex BLAKE3 over the sorted (path, mode, content digest) of every file and folder."""
    total = blake3()
    for name in names:
        path = root / name
        mode = path.lstat().st_mode
        content = blake3(path.read_bytes()).digest() if path.is_file() else b""
        total.update(f"{name}\0{mode:o}\0".encode() + content)
    return total.hexdigest()


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """Hold the cache: one builder at a time; the kernel lets go when the holder dies."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = os.open(cache / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ImageUnavailable(
            f"cannot use the image cache {cache} ({error.strerror})",
            expected="a writable folder",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
