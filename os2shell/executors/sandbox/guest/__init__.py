"""What runs inside the sandbox, around the guest's program; on the image's Python, stdlib only.

Lean on purpose: every import here is paid at each start. Modules are patched when the guest imports
them (``hooks``), not before. An image holds the bytecode of all of these modules in one file too
(``contents`` writes it): it is read at once, where thirty modules would be looked for one by one.
"""

# A finder and loader by what it does, without importlib.abc; untyped as its callers are.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,arg-type"

import marshal
import sys
from _frozen_importlib import ModuleSpec
from _io import FileIO

_BUNDLE = "/modules.bundle"


class Bundle:
    """Finds and loads the modules of this package; made once, by the package itself."""

    def __init__(self, folder: str, data: bytes) -> None:
        """``data``: a line of names, each followed by its size, and the bytecode in that order."""
        line, _, rest = data.partition(b"\n")
        words = line.split()
        self._folder = folder
        self._codes = {}
        begin = 0
        for name, size in zip(words[::2], words[1::2]):
            end = begin + int(size)
            self._codes[name.decode()] = rest[begin:end]
            begin = end

    def find_spec(self, fullname, target=None):
        """As importers ask who is in charge of a folder (``importlib.abc.PathEntryFinder``)."""
        name = fullname.rpartition(".")[2]
        return ModuleSpec(fullname, self) if name in self._codes else None

    def create_module(self, spec):
        """The usual one."""
        return None

    def exec_module(self, module):
        """Run its code."""
        name = module.__name__.rpartition(".")[2]
        module.__file__ = f"{self._folder}/{name}.py"
        exec(marshal.loads(self._codes[name]), module.__dict__)


def _install(folder: str) -> None:
    try:
        with FileIO(folder + _BUNDLE) as file:
            sys.path_importer_cache[folder] = Bundle(folder, file.readall())
    except FileNotFoundError:
        pass  # outside an image, as in tests and tools


_install(__path__[0])
