# class: secrets
# attack: read what tells of the machine and its users: its command line, its keys, its disks, its kernel's settings
# success: any of these files tells something
import os

told = []
for name in (
    "cmdline keys key-users partitions diskstats swaps modules devices kallsyms config.gz iomem ioports "
    "locks timer_list vmallocinfo kcore kmsg slabinfo sys/kernel/random/boot_id sys/kernel/core_pattern "
    "sys/kernel/modprobe sys/fs/binfmt_misc/status net/route pressure/cpu crypto misc"
).split():
    try:
        with open("/proc/" + name, "rb") as file:
            text = file.read(4096)
    except OSError:
        continue
    if text and not text.startswith(b"6f733273-"):
        told.append(name)
for path in (
    "/sys",
    "/run",
    "/var",
    "/home",
    "/root",
    "/dev/kmsg",
    "/dev/mem",
    "/dev/kvm",
    "/dev/fuse",
):
    if os.path.exists(path):
        told.append(path)
print("escaped:" if told else "held: nothing is told", *told)
