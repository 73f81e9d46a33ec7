"""What a tree of processes uses right now, out of ``/proc``; who has just ended counts nothing."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_READ_BYTES = 1 << 14


@dataclass(frozen=True, slots=True)
class TreeUsage:
    """The sums over a tree. ``tasks`` counts threads too, as the kernel's own limit does.

    Behind a descriptor may stand as much of the kernel's memory as a full socket holds, which no
    size of a process shows.
    """

    cpu_ns: int
    memory_bytes: int
    tasks: int
    descriptors: int


def descendants(pid: int) -> Iterator[int]:
    """All processes below ``pid``, without itself."""
    pending = [pid]
    while pending:
        for child in _children(pending.pop()):
            pending.append(child)
            yield child


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 — every run waits for this
            found += [int(word) for word in _read(f"/proc/{pid}/task/{task}/children").split()]
    except OSError:
        return found  # it has just ended
    return found


def usage(pids: Iterator[int]) -> TreeUsage:
    """What these processes use: CPU with that of their ended children, resident memory, tasks."""
    cpu = memory = tasks = descriptors = 0
    for pid in pids:
        try:
            text = _read(f"/proc/{pid}/stat")
        except OSError:
            continue
        words = text.rpartition(b")")[2].split()  # the name before it may hold anything
        cpu += sum(int(word) for word in words[11:15]) * _TICK_NS
        tasks += int(words[17])
        memory += int(words[21]) * _PAGE_BYTES
        descriptors += _descriptors(pid)
    return TreeUsage(cpu, memory, tasks, descriptors)


def _descriptors(pid: int) -> int:
    """How many ``pid`` has open; the folder's size tells since Linux 6.2."""
    folder = f"/proc/{pid}/fd"
    try:
        return os.stat(folder).st_size or len(os.listdir(folder))  # noqa: PTH116, PTH208
    except OSError:
        return 0


def _read(path: str) -> bytes:
    """The whole file, without the layers of ``open``: their cost is most of a short run's end."""
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(number, _READ_BYTES):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(number)
