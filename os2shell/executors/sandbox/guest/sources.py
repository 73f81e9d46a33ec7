"""Modules of the workspace run from their sources: no bytecode beside them is ever loaded.

A file in ``__pycache__`` may say something else than the source that a reader of the record sees, and be
marked so that Python never compares the two. The image's own bytecode is made by us, and cannot be written.
Where bytecode belongs is still told to programs that ask (``importlib.util.cache_from_source``).
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,method-assign"

from types import FunctionType

_IMAGE = ("/py/", "/os2/")


def install() -> None:
    """Make the source loader look for bytecode in the image only."""
    import _frozen_importlib_external as machinery

    real = machinery.cache_from_source

    def cache_from_source(path):
        if not path.startswith(_IMAGE):
            raise NotImplementedError  # which the loader takes for: there is none
        return real(path)

    loader = machinery.SourceLoader
    own = {**vars(machinery), "cache_from_source": cache_from_source}
    loader.get_code = FunctionType(loader.get_code.__code__, own, "get_code")
