"""Errors, their frames, warnings and logs."""

import logging
import sys
import traceback
import warnings

logging.basicConfig(format="%(asctime)s %(process)d %(thread)d %(relativeCreated)d %(message)s")
logging.warning("hello")
warnings.warn("careful", stacklevel=1)
try:
    {}["missing"]
except KeyError:
    traceback.print_exc()
traceback.print_stack()


class Broken:
    def __repr__(self) -> str:
        return f"<broken at {id(self):x}>"


print(sys.exc_info(), sys.getrecursionlimit(), sys.getswitchinterval())
raise ValueError(Broken())
