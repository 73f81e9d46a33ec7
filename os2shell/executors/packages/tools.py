"""Tools: programs beside Python's own library that some runs bring along, at ``/tools``.

A tool is copied from this machine into the cache, content-addressed as an image is; its digest is
in the record, and another one at replay is another engine. ``pip`` comes from the Python that runs
this shell, with the program that drives it inside.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

from os2shell.executors.sandbox import CachedFolder, FolderCache, Image, ImageUnavailable
from os2shell.executors.sandbox.contents import TOOLS, compile_all, copy, pin_times

PIP = "pip"
DRIVER = Path(__file__).with_name("inside") / "os2_pip.py"
_KEPT_SUFFIXES = frozenset({".py", ".pem", ".txt", ".json"})
_FORMAT = 1


def load_tool(cache: Path, name: str, image: Image, tell: Callable[[str], None]) -> CachedFolder:
    """The folder of the tool ``name`` for ``image``'s interpreter; raises ``ImageUnavailable``."""
    key, fill = _TOOLS[name](image)

    def told(reason: str) -> None:
        tell(f"preparing {name} for the sandbox, {reason}")

    return FolderCache(cache / "tools", name).load(key, fill, told)


def _pip(image: Image) -> tuple[str, Callable[[Path], Mapping[str, str]]]:
    spec = find_spec(PIP)
    if spec is None or spec.origin is None:
        raise ImageUnavailable(
            "pip is not installed beside this shell",
            expected="pip 23.2 or newer",
            remedy="python3 -m ensurepip, or apt install python3-pip",
        )
    from importlib import metadata  # noqa: PLC0415 — an eighth of every start, and few install

    version = metadata.version(PIP)
    home = Path(spec.origin).parent
    key = blake2b(DRIVER.read_bytes(), digest_size=16)
    key.update(f"{_FORMAT}\0{home}\0{version}\0{image.digest}".encode())

    def fill(root: Path) -> Mapping[str, str]:
        for path in sorted(home.rglob("*")):
            if path.is_file() and path.suffix in _KEPT_SUFFIXES:
                copy(path, root / PIP / path.relative_to(home), 0o644)
        copy(DRIVER, root / DRIVER.name, 0o644)
        compile_all(image.outside, root, TOOLS, ".")
        pin_times(root)
        return {"version": version}

    return key.hexdigest(), fill


_TOOLS: Mapping[str, Callable[[Image], tuple[str, Callable[[Path], Mapping[str, str]]]]] = {
    PIP: _pip
}
