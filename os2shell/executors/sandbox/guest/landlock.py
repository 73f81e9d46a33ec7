"""Landlock: the guest may read what is in the image, and write /w, /tmp and the empty devices only.

Taken on by the boot, once, before the job is known; never to be taken off, and inherited by all
that is started. Nothing that the guest can write can be executed. The kernel shows nobody outside
whether a process is held by it, so the boot proves it: a program in /tmp must be refused for the
reason that only Landlock gives. The constants are those of linux/landlock.h.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined"

import errno
import os

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_BENEATH = 1
_CLOSE_ON_EXEC = os.O_PATH | os.O_CLOEXEC

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FIRST_RIGHTS = (1 << 13) - 1
_READABLE = _READ_FILE | _READ_DIR
_TCP = 3
"""LANDLOCK_ACCESS_NET_BIND_TCP and CONNECT_TCP: handled, and nowhere allowed."""
_SCOPES = 3
"""Abstract unix sockets, and signals."""
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
_WRITABLE = ("/w", "/tmp")
_NO_PROGRAMS = frozenset({"w", "tmp", "dev", "proc", "etc", "os2", "env"})
"""Rules add up along a path: a right to execute given at / would hold in /tmp too."""
_PROBE = "/tmp/.os2-probe"


def restrict() -> int:
    """Take it on; the kernel's ABI version, or 0 where there is none. Raises when it does not hold."""
    try:
        import _ctypes
    except ImportError:
        return 0
    call = _system_calls(_ctypes)
    version = call(_CREATE, None, 0, _VERSION)
    if version < 1:
        return 0
    handled = _handled(version)
    attributes = handled.to_bytes(8, "little")
    if version >= 4:
        attributes += _TCP.to_bytes(8, "little")
    if version >= 6:
        attributes += _SCOPES.to_bytes(8, "little")
    ruleset = call(_CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        raise OSError(errno.EPERM, "the kernel has Landlock and refuses a ruleset")
    own = handled & ~(_EXECUTE | _MAKE_CHAR | _MAKE_BLOCK)
    device = handled & (_READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV)
    rules = [("/", handled & _READABLE)]
    rules += [("/" + name, _EXECUTE) for name in os.listdir("/") if name not in _NO_PROGRAMS]
    rules += [(path, own) for path in _WRITABLE]
    rules += [(path, device) for path in _DEVICES]
    for path, rights in rules:
        _allow(call, ruleset, path, rights)
    if call(_RESTRICT, ruleset, 0) != 0:
        raise OSError(errno.EPERM, "the kernel has Landlock and refuses to take it on")
    os.close(ruleset)
    _prove()
    return int(version)


def _system_calls(ctypes_c):
    """``syscall(2)``, without the ctypes package, whose import costs milliseconds."""
    library = ctypes_c.dlopen(None, 0)
    address = ctypes_c.dlsym(library, "syscall")

    def call(*words):
        return ctypes_c.call_function(address, words)

    return call


def _handled(version: int) -> int:
    """Every right this version knows."""
    rights = _FIRST_RIGHTS
    if version >= 2:
        rights |= _REFER
    if version >= 3:
        rights |= _TRUNCATE
    if version >= 5:
        rights |= _IOCTL_DEV
    return rights


def _allow(call, ruleset: int, path: str, rights: int) -> None:
    """Allow ``rights`` at and below ``path``."""
    place = os.open(path, _CLOSE_ON_EXEC)
    attributes = rights.to_bytes(8, "little") + place.to_bytes(4, "little")
    if call(_ADD, ruleset, _BENEATH, attributes, 0) != 0:
        raise OSError(errno.EPERM, f"Landlock refuses the rule for {path}")
    os.close(place)


def _prove() -> None:
    """An empty program in /tmp is ENOEXEC to a kernel that would run it, EACCES to Landlock."""
    os.close(os.open(_PROBE, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o755))
    try:
        os.execve(_PROBE, [_PROBE], {})
    except OSError as error:
        if error.errno != errno.EACCES:
            raise OSError(error.errno, "Landlock was taken on, and does not hold") from None
    finally:
        os.unlink(_PROBE)
