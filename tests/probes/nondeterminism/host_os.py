"""Names and numbers of the machine and the user."""

import getpass
import os
import platform
import pwd
import socket
import sys

print(os.getpid(), os.getppid(), os.getuid(), os.getgid(), os.geteuid(), os.getgroups())
print(os.getsid(0), os.getpgrp(), os.getpgid(0), os.getpriority(os.PRIO_PROCESS, 0))
print(os.uname(), platform.platform(), platform.processor(), platform.node(), platform.machine())
print(platform.uname(), platform.release(), platform.version(), platform.libc_ver())
print(socket.gethostname(), getpass.getuser(), pwd.getpwuid(os.getuid()), os.path.expanduser("~"))
try:
    print(os.getlogin())
except OSError as error:
    print(error)
print(os.cpu_count(), os.sched_getaffinity(0), os.getloadavg(), os.umask(0))
print(sys.version, sys.executable, sys.flags, sys.path, sys.argv, sys.getswitchinterval())
print(dict(os.environ), os.getcwd(), os.get_terminal_size, sys.orig_argv)
print(os.sched_getscheduler(0), os.nice(0), os.sched_getparam(0))
