# class: files
# attack: make device nodes for disks and memory, and open those that may lie about
# success: a node is made, or a disk or memory device is opened
# layers: capabilities-dropped, user-namespace, landlock
import os
import stat

why = set()
numbers = ((stat.S_IFBLK, 8, 0), (stat.S_IFBLK, 254, 0), (stat.S_IFCHR, 1, 1), (stat.S_IFCHR, 1, 3))
for index, (kind, major, minor) in enumerate(numbers):
    for folder in ("/w", "/tmp", "/dev"):
        try:
            os.mknod(f"{folder}/node{index}", kind | 0o666, os.makedev(major, minor))
            print("escaped: a device node in", folder)
        except OSError as error:
            why.add(error.strerror)
for name in (
    "mem",
    "kmem",
    "port",
    "kmsg",
    "sda",
    "vda",
    "nvme0n1",
    "fuse",
    "net/tun",
    "kvm",
    "loop-control",
    "uinput",
):
    try:
        os.open("/dev/" + name, os.O_RDONLY)
        print("escaped: opened", name)
    except OSError as error:
        why.add(error.strerror)
print("held:", ", ".join(sorted(why)))
