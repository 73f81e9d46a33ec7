# class: imports
# attack: have the dynamic linker load a library of ours into the next run: LD_PRELOAD, ld.so.preload, rpath
# success: a file of that name is read, or the variable reaches another run
# runs: 2
import os

if os.path.exists("libc.so.6"):
    own = {line.split()[-1] for line in open("/proc/self/maps") if "/w/" in line}
    print("escaped:" if own else "held: nothing of the workspace is mapped", *own)
else:
    for name in ("libc.so.6", "libpython3.so", "ld.so.preload", "libffi.so.8"):
        with open(name, "wb") as file:
            file.write(b"\x7fELF")
    os.environ["LD_PRELOAD"] = "/w/libc.so.6"
    refused = []
    for path in ("/etc/ld.so.preload", "/etc/ld.so.cache"):
        try:
            open(path, "a").close()
            print("escaped: may write", path)
        except OSError as error:
            refused.append(error.strerror)
    print("held:", ", ".join(sorted(set(refused))))
