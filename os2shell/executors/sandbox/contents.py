"""What lies in an image, and where: interpreter, standard library, libraries, our guest runtime.

``build_root`` fills an empty folder; the names inside do not depend on where the interpreter lies
outside. Times are pinned, and the ``.pyc`` files carry unchecked hashes and the paths that are seen
inside, so that an image is a function of interpreter and runtime. Locking, renaming and listing are
left to ``image``.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from os2shell.executors.sandbox.closure import libraries_of, loader_of
from os2shell.executors.sandbox.errors import ImageUnavailable
from os2shell.executors.sandbox.native import SOURCES, compile_net, sources
from os2shell.executors.sandbox.synthetic import write_files

EPOCH = 315_532_800
"""Modification time of everything in an image: 1980-01-01, the first that a zip file holds."""

_SKIPPED_FOLDERS = frozenset(
    {
        "__pycache__",
        "dist-packages",
        "ensurepip",
        "idlelib",
        "site-packages",
        "test",
        "tests",
        "tkinter",
        "turtledemo",
    }
)
_SKIPPED_FILES = frozenset({"sitecustomize.py", "turtle.py", "usercustomize.py"})
_KEPT_SUFFIXES = frozenset({".py", ".so", ".txt", ".pem", ".css", ".cfg"})
_PYC_HEADER_BYTES = 16
"""Magic number, flags, and the hash of the source (PEP 552)."""
_ASK = """
import json, sys, sysconfig
free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
print(json.dumps([list(sys.version_info[:3]), sys.implementation.name, sys.platlibdir,
                  sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), free]))
"""
_COMPILE = Path(__file__).with_name("guest") / "bytecode.py"
_GUEST = Path(__file__).with_name("guest")
_SYNTHETIC = {
    "etc/passwd": "os2:x:1000:1000:os2:/tmp:/nonexistent\n",
    "etc/group": "os2:x:1000:\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 os2\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "etc/os-release": 'NAME="os2"\nID=os2\nPRETTY_NAME="os2"\n',
}
_PROMISED = (
    "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1",
    "libstdc++.so.6", "libutil.so.1", "libz.so.1",
)  # fmt: skip
"""What wheels do not bring along, for every Linux has it (PEP 600); copied where this one has."""
ENVIRONMENT, TOOLS = "/env", "/tools"
"""Where a run finds the packages of its environment, and programs that are not Python's."""
PLACES = (ENVIRONMENT, TOOLS)
_MOUNT_POINTS = ("proc", "dev", "tmp", "w", *(place.lstrip("/") for place in PLACES))


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What was copied: its version, and its path inside the image."""

    version: str
    inside: str


def guest_files() -> Iterator[tuple[str, Path]]:
    """Our runtime and the language policy, by their names below ``/os2``; sorted."""
    for path in sorted(_GUEST.glob("*.py")):
        yield f"os2guest/{path.name}", path
    for path in sources():
        yield f"os2guest/{SOURCES.name}/{path.name}", path
    spec = find_spec("RestrictedPython")
    if spec is None or spec.origin is None:
        raise ImageUnavailable(
            "RestrictedPython is not installed", expected="RestrictedPython 9 or newer"
        )
    for path in sorted(Path(spec.origin).parent.glob("*.py")):
        yield f"RestrictedPython/{path.name}", path


def build_root(root: Path, executable: Path) -> Interpreter:
    """Fill ``root`` with an image of ``executable``. Raises ``ImageUnavailable`` or OSError."""
    version, platlibdir, stdlib, dynload = _ask(executable)
    short = ".".join(version.split(".")[:2])
    inside = f"py/bin/python{short}"
    library = f"py/lib/python{short}"
    copy(executable, root / inside, 0o755)
    (root / "py/bin/python3").symlink_to(f"python{short}")
    _copy_library(stdlib, root / library)
    extensions = root / (library if platlibdir == "lib" else f"py/{platlibdir}/python{short}")
    if not (extensions / "lib-dynload").is_dir() and dynload.is_dir():
        for path in sorted(dynload.glob("*.so")):
            copy(path, extensions / "lib-dynload" / path.name, 0o644)
    _copy_libraries(root, executable, extensions / "lib-dynload", dynload)
    for name, path in guest_files():
        copy(path, root / "os2" / name, 0o644)
    compile_net(root)
    write_files(root)
    compile_all(executable, root, "/", "py/lib", "os2")
    _bundle(root / "os2/os2guest")
    _surroundings(root)
    pin_times(root)
    return Interpreter(version, f"/{inside}")


def _ask(executable: Path) -> tuple[str, str, Path, Path]:
    """Version, name of the platform's library folder, standard library and its extensions."""
    said = subprocess.run(
        [str(executable), "-I", "-S", "-c", _ASK], capture_output=True, text=True, check=False
    )
    if said.returncode:
        raise ImageUnavailable(f"{executable} does not run", expected="a CPython 3.11 or newer")
    numbers, name, platlibdir, stdlib, platstdlib, free = json.loads(said.stdout)
    version = ".".join(str(number) for number in numbers)
    if name != "cpython" or numbers < [3, 11]:
        raise ImageUnavailable(
            f"{executable} is {name} {version}", expected="CPython 3.11 or newer"
        )
    if free:
        raise ImageUnavailable(
            f"{executable} is free-threaded: its threads run in no order that could be recorded",
            expected="a CPython with its global interpreter lock",
        )
    return version, platlibdir, Path(stdlib), Path(platstdlib) / "lib-dynload"


def copy(source: Path, target: Path, mode: int) -> None:
    """Copy content only: owner, times and links of the host are none of the image's."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def _copy_library(stdlib: Path, target: Path) -> None:
    """The standard library without tests, graphics, installers and installed packages."""
    for folder, folders, files in os.walk(stdlib):
        folders[:] = sorted(
            name
            for name in folders
            if name not in _SKIPPED_FOLDERS and not name.startswith("config-")
        )
        for name in sorted(files):
            source = Path(folder) / name
            wanted = source.suffix in _KEPT_SUFFIXES and name not in _SKIPPED_FILES
            if wanted and not name.startswith("_tkinter") and source.is_file():
                copy(source, target / source.relative_to(stdlib), 0o644)


def _copy_libraries(root: Path, executable: Path, extensions: Path, origin: Path) -> None:
    """The loader at its own path, and every library in the folder where libc lies."""
    loader = loader_of(executable)
    # Extensions are asked about where they came from: a relative search path must still hold.
    copied = {path.name for path in extensions.glob("*.so")}
    needed = [path for path in origin.glob("*.so") if path.name in copied]
    found, broken = libraries_of(loader, executable, needed)
    for path in broken:
        (extensions / path.name).unlink(missing_ok=True)
    home = found["libc.so.6"].parent
    for name, path in sorted(found.items()):
        copy(path, root / str(home / name).lstrip("/"), 0o755)
    for name in _PROMISED:
        for folder in (home, Path("/usr", *home.parts[1:])):
            if name not in found and (folder / name).is_file():
                copy(folder / name, root / str(home / name).lstrip("/"), 0o755)
                break
    copy(loader, root / str(loader).lstrip("/"), 0o755)


def compile_all(executable: Path, root: Path, place: str, *folders: str) -> None:
    """Byte-compile ``folders`` of ``root``, seen inside at ``place``, by who will run them."""
    said = subprocess.run(
        [str(executable), "-S", "-s", "-P", "-B", str(_COMPILE), str(root), place, *folders],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
    )
    if said.returncode:
        raise ImageUnavailable(
            f"{executable} cannot compile its library ({said.stderr.strip()[-200:]})",
            expected="a complete installation",
        )


def _bundle(package: Path) -> None:
    """Our runtime's bytecode in one file, in the form that its ``__init__`` reads."""
    codes = {
        path.name.partition(".")[0]: path.read_bytes()[_PYC_HEADER_BYTES:]
        for path in sorted((package / "__pycache__").glob("*.pyc"))
    }
    line = " ".join(f"{name} {len(code)}" for name, code in codes.items())
    (package / "modules.bundle").write_bytes(line.encode() + b"\n" + b"".join(codes.values()))


def _surroundings(root: Path) -> None:
    """Accounts, names, time zones and the places where bubblewrap mounts."""
    for name, text in _SYNTHETIC.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    zones = Path("/usr/share/zoneinfo")
    for source in sorted(zones.rglob("*")) if zones.is_dir() else ():
        inside = source.relative_to(zones)
        if inside.parts[0] not in {"posix", "right"} and source.is_file():
            copy(source, root / "usr/share/zoneinfo" / inside, 0o644)
    utc = root / "usr/share/zoneinfo/UTC"
    if utc.is_file():
        copy(utc, root / "etc/localtime", 0o644)
    for name in _MOUNT_POINTS:
        (root / name).mkdir()


def pin_times(root: Path) -> None:
    """One time and plain modes for all; folders last, as filling them moves their times."""
    for folder, _, files in os.walk(root, topdown=False):
        for name in files:
            os.utime(Path(folder) / name, (EPOCH, EPOCH), follow_symlinks=False)
        Path(folder).chmod(0o755)
        os.utime(folder, (EPOCH, EPOCH))
    for path in root.rglob("*.pyc"):
        path.chmod(0o644)
        os.utime(path, (EPOCH, EPOCH))
