"""A C extension that lists folders, and reads the kernel's own files: what Python shows is shown."""
# extension: listing
# machine: x86_64

import os

import listing

for name in (
    "/",
    "/etc",
    "/dev",
    "/py/lib",
    "/proc",
    "/proc/self",
    "/proc/self/fd",
    "/proc/sys/kernel",
):
    rows = listing.listed(name)
    print(name, rows)
    assert [os.fsdecode(row[3]) for row in rows][2:] == os.listdir(name)
    assert listing.listed_bare(name, 400) == rows

os.mkdir("folder")
for number in (3, 1, 2, 10, 0):
    open(f"folder/{number}", "w").close()
os.unlink("folder/2")
os.mkfifo("folder/é")
os.symlink("/", b"folder/\xff")
rows = listing.listed("folder")
print(rows)
for inode, _, kind, name in rows[2:]:
    found = os.lstat(b"folder/" + name)
    assert (found.st_ino, found.st_mode >> 12) == (inode, kind)

for name in (
    "stat status maps limits auxv io sched mountinfo fdinfo/0 ../uptime ../kallsyms pagemap".split()
):
    ways = listing.contents("/proc/self/" + name)
    assert all(type(way) is type(ways[0]) for way in ways)
    print(name, ways[0] if type(ways[0]) is int or name == "auxv" else ways[0].splitlines()[:40])
os.symlink("/proc/self/io", "link")
print(listing.contents("link"))
reading, writing = os.pipe()
print(listing.link_of(f"/proc/self/fd/{reading}"), listing.link_of("/proc/self/ns/pid"))
print(listing.link_of("/proc/self/exe"), listing.rewrite())
