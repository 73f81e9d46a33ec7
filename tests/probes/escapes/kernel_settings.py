# class: kernel
# attack: write the kernel's settings: /proc/sys, /proc/sysrq-trigger, core_pattern, oom_score_adj, /sys
# success: any of these files is opened for writing
# layers: mount-namespace, landlock
import os

why = set()
count = 0
paths = ["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/sys/kernel/uevent_helper",
    "/proc/self/oom_score_adj", "/proc/1/oom_score_adj", "/proc/self/uid_map", "/proc/self/setgroups",
    "/proc/self/loginuid", "/proc/mtrr", "/proc/bus/pci", "/proc/irq/default_smp_affinity", "/proc/self/attr/exec"]  # fmt: skip
for folder, _, names in os.walk("/proc/sys"):
    paths += [folder + "/" + name for name in names]
for path in paths:
    count += 1
    try:
        os.close(os.open(path, os.O_WRONLY))
        print("escaped: may write", path)
    except OSError as error:
        why.add(error.strerror)
print(f"held: {count > 100 and 'hundreds' or count} of settings:", ", ".join(sorted(why)))
