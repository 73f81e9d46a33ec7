"""Arguments that several commands take."""

import re
from pathlib import Path
from typing import Final

from ledger.errors import KeyFormatError
from ledger.trust.endorsement import Pin
from ledger.trust.epochs import MAX_TABLE_BYTES, Epochs
from ledger.trust.keys import PublicKey

_MAX_KEY_TEXT: Final = 4096
_TABLE: Final = re.compile(r"[^\n]+\nepoch 0 ")


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


def pin(given: str) -> Pin:
    """What a user trusts: a public key as ``public_key`` takes it, or a file of epochs.

    Such a file holds what ``keys export-public --epochs`` prints.
    """
    if given.count("+") < 2:  # noqa: PLR2004 - as above
        try:
            with Path(given).open("rb") as file:
                text = file.read(MAX_TABLE_BYTES + 1).decode()
        except (OSError, ValueError):
            text = ""  # public_key says what is wrong with it
        if _TABLE.match(text):
            return Epochs.parse(text)
    return public_key(given)
