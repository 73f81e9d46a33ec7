"""Compiling the inner loop, when the package is installed or built; the standard library suffices.

Whoever builds the package runs this file by itself: nothing of the ledger can be imported there.
"""

import hashlib
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
LIBRARY: Final = "inner_loop.so"
COMPILERS: Final = ("cc", "gcc", "clang")
_FLAGS: Final = ("-O3", "-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-z,now", "-Wl,-z,relro")
_PLAIN: Final = "-DONE_PROCESSOR"  # for compilers that cannot make a function for each


def fingerprint() -> str:
    """What the sources are; a library made of others is not used."""
    found = hashlib.sha256()
    for path in sorted(HERE.glob("*.[ch]")):
        content = path.read_bytes()
        found.update(f"{path.name} {len(content)}\n".encode() + content)
    return found.hexdigest()[:16]


def compile_library() -> str:
    """Make the library beside its sources; returns why there is none, or the empty string."""
    import shutil  # noqa: PLC0415 - these two are needed here only
    import subprocess  # noqa: PLC0415, TID251 - the compiler, when the package is installed

    target, made = HERE / LIBRARY, HERE / f"{LIBRARY}.new"
    target.unlink(missing_ok=True)
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        return "there is no C compiler"
    said = ""
    for more in ((), (_PLAIN,)):
        names = sorted(path.name for path in HERE.glob("*.c"))
        named = f'-DFINGERPRINT="{fingerprint()}"'
        words = [compiler, *_FLAGS, *more, named, "-o", made.name, *names]
        run = subprocess.run(words, cwd=HERE, capture_output=True, text=True, check=False)  # noqa: S603
        if run.returncode == 0:
            made.replace(target)
            return ""
        said = said or run.stderr.strip()
    return f"{compiler} could not make it: {said[-200:]}"
