"""Import rules of a manifest as words, which is how they are recorded and reach the sandbox.

``name`` allows a module, ``!name`` denies it with all below it, ``!*`` denies whatever no word
allows, ``name=blake3:…`` pins a module of the workspace by its digest. Sorted, so that two
manifests that say the same are the same policy. The restricted tier knows only what is allowed or
pinned; the native tier gets everything unless a word says otherwise.
"""

import re
from collections.abc import Iterable, Mapping

MODULE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
PIN = re.compile(r"blake3:[0-9a-f]{64}")


def restricted_words(allowed: Iterable[str], pinned: Mapping[str, str]) -> tuple[str, ...]:
    """The words of the restricted tier; ``pinned`` maps module to digest."""
    return tuple(sorted({*allowed, *(f"{name}={pin}" for name, pin in pinned.items())}))


def native_words(allowed: Iterable[str] | None, denied: Iterable[str]) -> tuple[str, ...]:
    """The words of the native tier; ``allowed`` is None where there is no allow-list."""
    words = {f"!{name}" for name in denied}
    if allowed is not None:
        words |= {"!*", *allowed}
    return tuple(sorted(words))
