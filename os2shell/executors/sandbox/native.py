"""The net below Python, compiled for an image: ``guest/below``, for all the guest's processes.

The machine's own C compiler makes it when the image is built; the image's digest holds the result.
Without a compiler an image has none: its records lack the layer ``native-net``, and the guest
refuses by name what would draw time or entropy below Python (``guest/extensions.py``). On x86-64
it also traps what does not ask the C library; that the traps hold is ``native-traps``.
"""

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).with_name("guest") / "below"
NET = "os2/net.so"
"""Its place in an image."""
LAYER = "native-net"
TRAPS = "native-traps"
NO_COMPILER = "install a C compiler (apt install gcc libc6-dev); the image is then built again"
NO_TRAPS = "x86-64, a C compiler, and a kernel that lets a process write its own vDSO (no mseal)"
_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-D_GNU_SOURCE")
_LINKING = ("-Wl,--build-id=none", "-Wl,-z,now", "-Wl,-z,relro")


@cache
def compiler() -> str:
    """The path of a C compiler, or the empty string."""
    return next(filter(None, map(shutil.which, _COMPILERS)), "")


def sources() -> list[Path]:
    """Every file that the net is made of; sorted."""
    return sorted(SOURCES.glob("*.[ch]"))


def compile_net(root: Path) -> bool:
    """Put the net into the image at ``root``; False where nothing can compile it."""
    if not compiler():
        return False
    target = root / NET
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        # Named the same wherever it is made: the object carries the names of its sources.
        names = [path.name for path in sources() if path.suffix == ".c"]
        for path in sources():
            shutil.copyfile(path, Path(folder) / path.name)
        said = subprocess.run(
            [compiler(), *_FLAGS, *_LINKING, "-o", "net.so", *names],
            cwd=folder,
            capture_output=True,
            check=False,
        )
        if said.returncode:
            return False  # a compiler without the C library's headers is none
        shutil.copyfile(Path(folder) / "net.so", target)
    target.chmod(0o755)
    return True
