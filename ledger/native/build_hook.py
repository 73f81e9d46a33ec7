"""Called by hatchling when the package is built or installed: compiles the inner loop, if it can.

Without a compiler the package is complete as well; it is then one for every machine.
"""

import runpy
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import (  # type: ignore[import-not-found]  # there when building
    BuildHookInterface,
)

_COMPILING = runpy.run_path(str(Path(__file__).with_name("compiling.py")))


class InnerLoopHook(BuildHookInterface):  # type: ignore[misc]  # a base without types
    """Adds the compiled library to a wheel, or to the sources where they are installed in place."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the files are gathered."""
        del version
        if self.target_name != "wheel":
            return
        why_not = _COMPILING["compile_library"]()
        if why_not:
            sys.stderr.write(f"the ledger's inner loop stays in Python: {why_not}\n")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(f"ledger/native/{_COMPILING['LIBRARY']}")
