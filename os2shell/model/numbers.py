"""Numbers as people type them."""

from os2shell.model.errors import UsageError

MOST = (1 << 63) - 1


def whole_number(name: str, text: str, *, least: int = 0, most: int = MOST) -> int:
    """``text`` as a whole number in ``[least, most]``; raises ``UsageError`` naming ``name``."""
    plain = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not plain or not least <= int(text) <= most:
        shown = text if len(text) <= len(str(most)) else f"{len(text)} characters"
        raise UsageError(f"{name} {shown!r}", expected=f"a whole number from {least} to {most}")
    return int(text)
