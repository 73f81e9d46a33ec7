"""What /proc tells of the machine and of the process."""

import os

NAMES = (
    "cpuinfo meminfo stat uptime loadavg version vmstat diskstats interrupts cmdline filesystems "
    "mounts swaps partitions modules devices buddyinfo slabinfo zoneinfo softirqs schedstat "
    "self/stat self/statm self/status self/maps self/smaps_rollup self/limits self/cmdline self/environ "
    "self/mountinfo self/cgroup self/io self/sched self/schedstat self/oom_score self/comm self/wchan "
    "self/auxv self/limits self/uid_map self/sessionid self/loginuid self/timens_offsets "
    "sys/kernel/hostname sys/kernel/osrelease sys/kernel/version sys/kernel/pid_max "
    "sys/kernel/threads-max sys/kernel/ns_last_pid sys/fs/file-nr sys/fs/inode-nr sys/vm/overcommit_memory "
    "config.gz kallsyms iomem misc crypto irq/default_smp_affinity tty/drivers fs/nothing absent "
    "sys/kernel/tainted sys/vm/max_map_count "
    "net/dev net/tcp net/unix net/sockstat pressure/cpu key-users locks keys sys/kernel/random/entropy_avail"
)
for name in NAMES.split():
    try:
        with open("/proc/" + name, "rb") as file:
            print(name, file.read())
    except OSError as error:
        print(name, type(error).__name__)
print(sorted(os.listdir("/proc/self")), sorted(os.listdir("/proc/self/fd")))
print([os.readlink(f"/proc/self/{name}") for name in ("exe", "cwd", "root")])
for name in sorted(os.listdir("/proc/self/ns")):
    try:
        print(name, os.readlink("/proc/self/ns/" + name))
    except OSError as error:
        print(name, error)
print(sorted(name for name in os.listdir("/proc") if name.isdigit()))
