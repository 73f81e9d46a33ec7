"""The shared libraries that an interpreter and its extensions need, as the loader finds them.

The loader itself is asked (``ld.so --list``), so the answer is what would be loaded and no guess.
The one thing read from ELF files is PT_INTERP, the path of that loader.
"""

import re
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

from os2shell.executors.sandbox.errors import ImageUnavailable

_PT_INTERP = 3
_FOUND = re.compile(r"^\s*(?P<name>\S+) => (?P<path>/\S+) \(0x", re.MULTILINE)
_LIBC = "libc.so.6"


def loader_of(executable: Path) -> Path:
    """The path in PT_INTERP of a 64-bit little-endian ELF file (System V ABI, program header)."""
    with executable.open("rb") as file:
        head = file.read(64)
        if head[:6] != b"\x7fELF\x02\x01":
            raise ImageUnavailable(
                f"{executable} is no 64-bit little-endian ELF program",
                expected="a CPython for this machine",
            )
        offset = struct.unpack_from("<Q", head, 32)[0]
        entry_size, count = struct.unpack_from("<HH", head, 54)
        for index in range(count):
            file.seek(offset + index * entry_size)
            header = file.read(entry_size)
            if struct.unpack_from("<I", header)[0] == _PT_INTERP:
                file.seek(struct.unpack_from("<Q", header, 8)[0])
                size = struct.unpack_from("<Q", header, 32)[0]
                return Path(file.read(size).rstrip(b"\0").decode())
    raise ImageUnavailable(
        f"{executable} is statically linked", expected="an interpreter with a dynamic loader"
    )


def _listed(loader: Path, file: Path) -> dict[str, Path] | None:
    """What ``file`` needs, by library name; None when something of it is not on this machine."""
    said = subprocess.run(
        [str(loader), "--list", str(file)], capture_output=True, text=True, check=False, env={}
    )
    if said.returncode:
        return None
    return {match["name"]: Path(match["path"]) for match in _FOUND.finditer(said.stdout)}


def libraries_of(
    loader: Path, executable: Path, extensions: Iterable[Path]
) -> tuple[dict[str, Path], tuple[Path, ...]]:
    """All libraries by name, and those extensions that cannot be loaded on this machine anyway."""
    found = _listed(loader, executable)
    if found is None or _LIBC not in found:
        raise ImageUnavailable(
            f"the loader does not find the libraries of {executable}",
            expected="an interpreter on the GNU C library that runs on this machine",
        )
    files = sorted(extensions)
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 — only a build needs it

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda file: _listed(loader, file), files))
    broken = tuple(file for file, needs in zip(files, answers, strict=True) if needs is None)
    for needs in answers:
        for name, path in (needs or {}).items():
            found.setdefault(name, path)
    home = found[_LIBC].parent
    for name in ("libnss_files.so.2", "libnss_dns.so.2", "libgcc_s.so.1"):
        # Opened by name at run time (user names; thread cancellation), so in no list of needs.
        if name not in found and (home / name).exists():
            found[name] = home / name
    return found, broken
