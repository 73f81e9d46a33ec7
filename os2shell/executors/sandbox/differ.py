"""How the image of this machine differs from one that a run was recorded in.

A recorded image is known by its digest alone. While it still lies in the cache both are compared
file by file; when it does not, only the digests can be told apart. Names are those inside.
"""

import filecmp
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from os2shell.executors.sandbox.folder_cache import LIST, ROOT
from os2shell.executors.sandbox.image import Image

SHOWN_PATHS = 20


@dataclass(frozen=True, slots=True)
class ImageDifference:
    """Files missing from, new in, and changed in the present image; each list cut, all counted.

    ``known`` is False where the recorded image is gone, so that nothing could be compared.
    """

    known: bool
    interpreter: str
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    total: int = 0


def image_difference(cache: Path, recorded: str, present: Image) -> ImageDifference:
    """Compare the image of hex digest ``recorded`` with ``present``."""
    home = _home_of(cache, recorded)
    if home is None:
        return ImageDifference(known=False, interpreter=present.interpreter)
    then, now = home / ROOT, present.root
    before, after = _names(home), _names(now.parent)
    missing, added = sorted(before - after), sorted(after - before)
    changed = [name for name in sorted(before & after) if not _same(then / name, now / name)]
    return ImageDifference(
        known=True,
        interpreter=present.interpreter,
        missing=tuple(missing[:SHOWN_PATHS]),
        added=tuple(added[:SHOWN_PATHS]),
        changed=tuple(changed[:SHOWN_PATHS]),
        total=len(missing) + len(added) + len(changed),
    )


def _home_of(cache: Path, digest: str) -> Path | None:
    for home in sorted(cache.glob(f"*/{LIST}")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            if json.loads(home.read_bytes())["digest"] == digest:
                return home.parent
    return None


def _names(home: Path) -> set[str]:
    """What the list names, but for compiled code, which only repeats its source."""
    names = str(json.loads((home / LIST).read_bytes())["names"]).split("\0")
    return {name for name in names if "__pycache__" not in name}


def _same(one: Path, other: Path) -> bool:
    if not one.is_file() or not other.is_file():
        return one.is_file() == other.is_file()
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
