"""Modules of the workspace run from their sources: no bytecode beside them is ever loaded.

A file in ``__pycache__`` may say something else than the source that a reader of the record sees, and be
marked so that Python never compares the two. Bytecode of the image and of an environment is made by us, of
their own sources, and cannot be written.
Where bytecode belongs is still told to programs that ask (``importlib.util.cache_from_source``).
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,method-assign"

from types import FunctionType

_OURS = ("/py/", "/os2/", "/env/", "/tools/")


def install() -> None:
    """Make the source loader look for bytecode where it is ours only."""
    import _frozen_importlib_external as machinery

    real = machinery.cache_from_source

    def cache_from_source(path):
        if not path.startswith(_OURS):
            raise NotImplementedError  # which the loader takes for: there is none
        return real(path)

    loader = machinery.SourceLoader
    own = {**vars(machinery), "cache_from_source": cache_from_source}
    loader.get_code = FunctionType(loader.get_code.__code__, own, "get_code")
