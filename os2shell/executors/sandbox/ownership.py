"""Identity, personality and stack limit, changed for a moment and put back.

Linux keeps the first two per thread, so they disturb no other thread; the stack limit is the whole
process's, and no program but a sandbox may be started by it meanwhile. Needed because a sandbox's
private file system knows one kernel uid only: root itself cannot create a file in it (EOVERFLOW).
"""

import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from os2shell.executors.sandbox.errors import SandboxUnavailable

_ADDR_NO_RANDOMIZE = 0x0040000
_ASK_ONLY = 0xFFFFFFFF
_CAPABILITY_VERSION_3 = 0x20080522


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@contextmanager
def fixed_addresses() -> Iterator[None]:
    """Children started inside have no address-space randomisation (personality(2))."""
    libc = _libc()
    before = libc.personality(ctypes.c_ulong(_ASK_ONLY))
    if before < 0 or libc.personality(ctypes.c_ulong(before | _ADDR_NO_RANDOMIZE)) < 0:
        raise SandboxUnavailable(
            "the kernel refuses personality(ADDR_NO_RANDOMIZE)",
            expected="that addresses can be fixed, which replay needs",
            remedy="allow the personality system call (containers: another seccomp profile)",
        )
    try:
        yield
    finally:
        libc.personality(ctypes.c_ulong(before))


@contextmanager
def fixed_stack(size: int) -> Iterator[None]:
    """Children started inside may have ``size`` bytes of stack, by which memory is laid out.

    It is this whole process's limit meanwhile: one thread at a time, while a start takes place.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = size if hard == resource.RLIM_INFINITY else min(size, hard)
    if soft == wanted:
        yield
        return
    resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))


@contextmanager
def files_as(identity: int | None) -> Iterator[None]:
    """Files made inside belong to uid and gid ``identity``; None changes nothing.

    Only for root. The thread keeps its right to read and to give away files, so what it copies
    from may stay root's own.
    """
    if identity is None:
        yield
        return
    libc = _libc()
    before_uid, before_gid = os.geteuid(), os.getegid()
    effective = _effective_capabilities()
    libc.setfsgid(identity)
    libc.setfsuid(identity)
    try:
        _raise_capabilities(effective)
        yield
    finally:
        libc.setfsuid(before_uid)
        libc.setfsgid(before_gid)


def _effective_capabilities() -> tuple[int, ...]:
    header, data = _capability_structures()
    _checked(_libc().capget(header, data))
    return tuple(data)


def _raise_capabilities(effective: tuple[int, ...]) -> None:
    """Take back the effective set that leaving fsuid 0 has reduced (capabilities(7))."""
    header, data = _capability_structures()
    data[:] = list(effective)
    _checked(_libc().capset(header, data))


def _capability_structures() -> tuple[ctypes.Array[ctypes.c_uint32], ctypes.Array[ctypes.c_uint32]]:
    """The header (version, this thread) and the two blocks of effective, permitted, inheritable."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    return header, (ctypes.c_uint32 * 6)()


def _checked(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
