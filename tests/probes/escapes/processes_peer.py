# class: processes
# attack: from the recorder's socket to its process: peer credentials, a pidfd of the peer, pidfds that come with messages
# success: the supervisor's number is learned, or a signal or its descriptors are got through a pidfd
# layers: pid-namespace, seccomp
import ctypes
import os
import signal
import socket
import stat
import struct

SO_PASSPIDFD, SO_PEERPIDFD, SCM_PIDFD = 76, 77, 4
libc = ctypes.CDLL(None, use_errno=True)
why = set()
for number in range(3, 1024):
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            continue
    except OSError:
        continue
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, number)
    pid, _, _ = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    why.add(f"peer {pid}")
    if pid > 0:
        print("escaped: the supervisor is", pid)
    for option in (SO_PEERPIDFD, SO_PASSPIDFD):
        try:
            if option == SO_PASSPIDFD:
                line.setsockopt(socket.SOL_SOCKET, option, 1)
                continue
            peer = struct.unpack("i", line.getsockopt(socket.SOL_SOCKET, option, 4))[0]
        except OSError as error:
            why.add(error.strerror)
            continue
        for name in ("SIGCONT", "SIGTERM"):
            try:
                signal.pidfd_send_signal(peer, getattr(signal, name))
                print("escaped: signalled the supervisor")
            except OSError as error:
                why.add(error.strerror)
        for call in (438, 308):  # pidfd_getfd, setns
            if libc.syscall(call, peer, 0, 0) >= 0:
                print("escaped: by a pidfd", call)
        if libc.ioctl(peer, ctypes.c_ulong(0xC000FF0B), 0) >= 0:
            print("escaped: asked the pidfd")
    line.detach()
print("held:", *sorted(why))
