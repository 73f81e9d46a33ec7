"""The net below Python, compiled for an image: ``guest/net.c``, for all the guest's processes.

The machine's own C compiler makes it when the image is built; the image's digest holds the result.
Without a compiler an image has none: its records lack the layer ``native-net``, and the guest
refuses by name what would draw time or entropy below Python (``guest/extensions.py``).
"""

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("guest") / "net.c"
NET = "os2/net.so"
"""Its place in an image."""
LAYER = "native-net"
NO_COMPILER = "install a C compiler (apt install gcc libc6-dev); the image is then built again"
_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-O2", "-shared", "-fPIC", "-Wl,--build-id=none", "-Wl,-z,now", "-Wl,-z,relro")


@cache
def compiler() -> str:
    """The path of a C compiler, or the empty string."""
    return next(filter(None, map(shutil.which, _COMPILERS)), "")


def compile_net(root: Path) -> bool:
    """Put the net into the image at ``root``; False where nothing can compile it."""
    if not compiler():
        return False
    target = root / NET
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        # Named the same wherever it is made: the object carries the name of its source.
        shutil.copyfile(SOURCE, Path(folder) / "net.c")
        said = subprocess.run(
            [compiler(), *_FLAGS, "-o", "net.so", "net.c"],
            cwd=folder,
            capture_output=True,
            check=False,
        )
        if said.returncode:
            return False  # a compiler without the C library's headers is none
        shutil.copyfile(Path(folder) / "net.so", target)
    target.chmod(0o755)
    return True
