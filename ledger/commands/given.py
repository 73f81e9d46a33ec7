"""Arguments that several commands take."""

from pathlib import Path
from typing import Final

from ledger.errors import KeyFormatError
from ledger.trust.keys import PublicKey

_MAX_KEY_TEXT: Final = 4096


def public_key(given: str) -> PublicKey:
    """A public key, given as text or as the name of a file that holds it."""
    if given.count("+") >= 2:  # noqa: PLR2004 - name, hash, key
        return PublicKey.parse(given)
    try:
        with Path(given).open("rb") as file:
            return PublicKey.parse(file.read(_MAX_KEY_TEXT).decode())
    except (OSError, ValueError) as problem:
        raise KeyFormatError(
            f"expected a public key or the file of one, found {given!r}: {problem}; "
            "pass <name>+<hash>+<base64>"
        ) from problem
