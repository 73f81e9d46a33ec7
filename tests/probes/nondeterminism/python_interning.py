"""Introspection: loaded modules, frames, closures, dis and inspect."""

import dis
import inspect
import sys
import sysconfig

print(sorted(sys.modules), len(sys.builtin_module_names), sys.implementation)
print(inspect.getsource(inspect.getmodule), inspect.stack())
dis.dis(lambda value: value + 1)
print(sysconfig.get_platform(), sorted(sysconfig.get_paths().items()))
print(sys._current_frames(), sys.thread_info, sys.hash_info, sys.float_info, sys.maxsize)
