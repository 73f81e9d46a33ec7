"""Every number of sysconf, confstr and pathconf, and the limits."""

import os
import resource

for name in sorted(os.sysconf_names):
    try:
        print(name, os.sysconf(name))
    except (OSError, ValueError) as error:
        print(name, error)
print([(name, os.confstr(name)) for name in sorted(os.confstr_names)][:4])
print([(name, os.pathconf("/w", name)) for name in ("PC_NAME_MAX", "PC_PATH_MAX")])
for name in sorted(dir(resource)):
    if name.startswith("RLIMIT_"):
        print(name, resource.getrlimit(getattr(resource, name)))
print(resource.getpagesize())
