"""There is no shell here, and the refusal is the same each time."""

import os
import subprocess

try:
    print(subprocess.run("date", shell=True))
except OSError as error:
    print(error)
print(os.system("date"))
