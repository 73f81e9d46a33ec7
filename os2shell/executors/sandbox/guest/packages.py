"""What a run brings along beside its image: its environment's packages, and the tool it was started for."""

# mypy: disable-error-code="no-untyped-def"

import os
import sys

PACKAGES = "/env/lib"
TOOLS = "/tools"
_PUNCTUATION = str.maketrans("", "", "-_.")


def install() -> None:
    """Put what is there behind the standard library; nothing of it runs by being there.

    No ``.pth`` file is read, as none of the image's is.
    """
    sys.path += [path for path in (PACKAGES, TOOLS) if os.path.isdir(path) and os.listdir(path)]


def console_script(name: str):
    """The entry point of the environment's script ``name`` (entry points specification); None: no such."""
    if not name.translate(_PUNCTUATION).isalnum() or not os.path.isdir(PACKAGES):
        return None
    from importlib import metadata

    for distribution in metadata.distributions(path=[PACKAGES]):
        for point in distribution.entry_points:
            if point.group == "console_scripts" and point.name == name:
                return point
    return None
