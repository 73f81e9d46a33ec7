# class: terminal
# attack: push characters into the terminal's input: TIOCSTI, TIOCLINUX, with odd high bits too
# success: the kernel accepts one
# layers: seccomp
import errno
import fcntl
import os

why = set()
places = [0, 1, 2]
for path in ("/dev/tty", "/dev/console", "/dev/ptmx", "/dev/tty0", "/dev/pts/0"):
    try:
        places.append(os.open(path, os.O_RDWR | os.O_NOCTTY))
    except OSError as error:
        why.add("open: " + errno.errorcode[error.errno])
for place in places:
    for request in (0x5412, 0x541C, 0x100005412, 0x540E):
        try:
            fcntl.ioctl(place, request & 0xFFFFFFFF if request < 1 << 32 else request, b"i")
            print("escaped: ioctl", hex(request))
        except (OSError, OverflowError) as error:
            why.add(errno.errorcode.get(getattr(error, "errno", 0), "too large"))
print("held:", ", ".join(sorted(why)))
