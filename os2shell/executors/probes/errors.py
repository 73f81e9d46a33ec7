"""Why attack programs cannot be run.

::

    ProbeError
    ├── ProbesMissing       the programs did not come with this installation
    └── ProgramUnreadable   one of them has not the header that it must have
"""

from pathlib import Path

from os2shell.model.errors import CannotStart


class ProbeError(CannotStart):
    """Attack programs cannot be run."""


class ProbesMissing(ProbeError):
    """The programs did not come with this installation."""

    def __init__(self, folder: Path) -> None:
        """None lie in ``folder``."""
        super().__init__(
            f"no attack programs in {folder}",
            expected="those that come with os2shell",
            remedy="install os2shell from a wheel, or run it from a checkout",
        )


class ProgramUnreadable(ProbeError):
    """One program has not the header that it must have."""

    def __init__(self, path: Path, found: str) -> None:
        """``path`` has ``found`` instead."""
        super().__init__(
            f"{path}: {found}",
            expected="lines `# class: …`, `# attack: …`, `# success: …` at the top",
            remedy="mend its header, or install os2shell again",
        )
