"""Where an image has no net below Python: refuses by name what would draw time or entropy there.

Of an extension that is not the standard library's the names are read that it takes from other
libraries. What its own libraries call is not looked at, nor what enters the kernel by no name. With
a net nothing is installed.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,import-not-found,assignment"

import _imp
import sys

from . import net

REMEDY = "install a C compiler outside, so that the image gets its net"
DRAWING = (
    "arc4random arc4random_buf arc4random_uniform clock clock_gettime getentropy getrandom getrusage "
    "gettimeofday syscall time timespec_get times _ZNSt13random_device9_M_getvalEv "
    "_ZNSt6chrono3_V212system_clock3nowEv _ZNSt6chrono3_V212steady_clock3nowEv"
).split()
_DYNAMIC_SYMBOLS, _SYMBOL_BYTES = 11, 24
STANDARD = {
    "_ctypes": "calls any function of the C library",
    "_lsprof": "reads the clock",
    "_sqlite3": "draws time and entropy",
}
"""Of the standard library; the others draw nothing, or what they draw is drawn by Python for them."""


class NetMissing(ImportError):
    """An extension that only a net could hold."""


def install() -> None:
    """Watch every extension that is loaded from here on."""
    if net.NET.present:
        return
    real = _imp.create_dynamic

    def create_dynamic(spec, file=None):
        name, path = spec.name, str(spec.origin)
        if path.startswith("/py/"):
            reason = STANDARD.get(name)
        else:
            reason = _drawn(path)
        if reason is not None:
            raise NetMissing(f"{name} {reason} below Python: {REMEDY}", name=name, path=path)
        return real(spec, file)

    _imp.create_dynamic = create_dynamic
    for (
        name,
        reason,
    ) in STANDARD.items():  # one may be loaded already, and must be as if it were not
        if name in sys.modules:
            sys.modules[name] = _Refusing(name, reason)


class _Refusing:
    """A module whose every name is refused."""

    def __init__(self, name: str, reason: str) -> None:
        self.__dict__["_told"] = f"{name} {reason} below Python: {REMEDY}"

    def __getattr__(self, name: str):
        if name == "__spec__":
            return None
        raise NetMissing(self.__dict__["_told"])


def _drawn(path: str) -> "str | None":
    """What the extension at ``path`` takes from the C library and would not get from the world."""
    with open(path, "rb") as file:
        content = file.read()
    taken = _undefined(content)
    if taken is None:
        return "has no table of names to judge it by, and may draw time or entropy"
    found = [name for name in DRAWING if name.encode() in taken]
    return f"calls {', '.join(found)}" if found else None


def _undefined(content: bytes) -> "set[bytes] | None":
    """The names that an ELF64 file takes from others (its dynamic symbols); None without a table."""

    def number(at: int, size: int) -> int:
        return int.from_bytes(content[at : at + size], "little")

    if content[:6] != b"\x7fELF\x02\x01":
        return None
    first, size, count = number(0x28, 8), number(0x3A, 2), number(0x3C, 2)
    for section in range(first, first + size * count, size):
        if number(section + 4, 4) == _DYNAMIC_SYMBOLS:
            start, length = number(section + 0x18, 8), number(section + 0x20, 8)
            texts = number(first + size * number(section + 0x28, 4) + 0x18, 8)
            names = set()
            for symbol in range(start, start + length, _SYMBOL_BYTES):
                if not number(symbol + 6, 2):  # in no section of its own
                    at = texts + number(symbol, 4)
                    names.add(content[at : content.index(b"\0", at)])
            return names
    return None
