"""What the kernel tells of its machine in ``/proc``, made up: the same on every machine.

``files`` go into an image below ``/os2/proc``; ``binds`` says which of them cover what of the real
``/proc``. Numbers agree with ``guest/host.py``: two processors, four gibibytes.
"""

from functools import cache
from pathlib import Path

FOLDER = "os2/proc"
_CPU = """processor\t: {0}
vendor_id\t: os2
model name\t: os2 virtual processor
cpu MHz\t\t: 1000.000
cache size\t: 1024 KB
physical id\t: 0
siblings\t: 2
core id\t\t: {0}
cpu cores\t: 2
flags\t\t:
bogomips\t: 2000.00

"""
_MEMORY = """MemTotal:        4194304 kB
MemFree:         4194304 kB
MemAvailable:    4194304 kB
Buffers:               0 kB
Cached:                0 kB
SwapCached:            0 kB
SwapTotal:             0 kB
SwapFree:              0 kB
"""
_STAT = """cpu  0 0 0 0 0 0 0 0 0 0
cpu0 0 0 0 0 0 0 0 0 0 0
cpu1 0 0 0 0 0 0 0 0 0 0
intr 0
ctxt 0
btime 1704067200
processes 1
procs_running 1
procs_blocked 0
"""
_FILES = {
    "cpuinfo": _CPU.format(0) + _CPU.format(1),
    "loadavg": "0.00 0.00 0.00 1/1 2\n",
    "meminfo": _MEMORY,
    "random/boot_id": "6f733273-6865-4c6c-a000-000000000001\n",
    "random/entropy_avail": "256\n",
    "random/poolsize": "256\n",
    "random/urandom_min_reseed_secs": "60\n",
    "random/uuid": "6f733273-6865-4c6c-a000-000000000002\n",
    "random/write_wakeup_threshold": "256\n",
    "stat": _STAT,
    "uptime": "1000.00 2000.00\n",
    "version": "Linux version 6.1.0-os2 (os2) #1 SMP os2\n",
    "osrelease": "6.1.0-os2\n",
    "osversion": "#1 SMP os2\n",
    "nothing": "",
}
_HIDDEN = (
    "buddyinfo cgroups cmdline devices diskstats filesystems interrupts modules pagetypeinfo "
    "partitions schedstat slabinfo softirqs swaps vmstat zoneinfo"
)
_COVERS = {
    "cpuinfo": "cpuinfo",
    "loadavg": "loadavg",
    "meminfo": "meminfo",
    "sys/kernel/random": "random",
    "sys/kernel/osrelease": "osrelease",
    "sys/kernel/version": "osversion",
    "stat": "stat",
    "uptime": "uptime",
    "version": "version",
    **dict.fromkeys(_HIDDEN.split(), "nothing"),
}


def write_files(root: Path) -> None:
    """Put the files into the image at ``root``."""
    for name, text in _FILES.items():
        target = root / FOLDER / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


@cache
def binds() -> tuple[tuple[str, str], ...]:
    """(name below ``FOLDER``, path in ``/proc``) of everything that this kernel has."""
    return tuple(
        (ours, f"/proc/{name}")
        for name, ours in sorted(_COVERS.items())
        if Path("/proc", name).exists()
    )
