"""Byte-compiles what will be seen inside: ``bytecode.py ROOT PLACE FOLDER…``, by its interpreter.

Each file is compiled in its own fork of one fresh process: marshal writes references by reference
counts, so a process that compiled other files before would give other bytes.
"""

import os
import py_compile
import sys


def sources(root: str, place: str, tops: "list[str]") -> "list[tuple[str, str]]":
    """Every source file below ``tops``: its path outside, and the one seen inside, below ``place``."""
    found = []
    for top in tops:
        for folder, folders, files in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(files):
                if name.endswith(".py"):
                    path = os.path.join(folder, name)
                    found.append((path, os.path.join(place, os.path.relpath(path, root))))
    return found


def compiled(path: str, inside: str) -> None:
    """Write one .pyc; a file that is no Python of this version (a template) is left without."""
    name = os.path.basename(path)[:-3] + "." + str(sys.implementation.cache_tag) + ".pyc"
    target = os.path.join(os.path.dirname(path), "__pycache__", name)
    try:
        py_compile.compile(
            path,
            target,
            inside,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
    except py_compile.PyCompileError:
        pass


def main(root: str, place: str, *tops: str) -> int:
    """Compile all, as many at once as there are cores; 1 when a child failed."""
    failed = False
    running = 0
    for path, inside in sources(root, place, list(tops)):
        if running == (os.cpu_count() or 1):
            failed |= os.wait()[1] != 0
            running -= 1
        child = os.fork()
        if child == 0:
            code = 1
            try:
                compiled(path, inside)
                code = 0
            finally:
                os._exit(code)
        running += 1
    while running:
        failed |= os.wait()[1] != 0
        running -= 1
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
