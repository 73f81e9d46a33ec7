"""The machine's git, copied with its libraries: a folder of the cache, seen inside at ``/tools``.

Only runs of git have it. There is no shell in it, no Perl and no helper of git's own but ours:
``git-remote-http`` and ``git-remote-https`` are the guest runtime's ``remote``, and where git wants
an editor it gets a program that says that there is none.
"""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from ledger import Digest
from os2shell.executors.git.question import PROGRAM
from os2shell.executors.sandbox import Image, Limits, Sandbox, Tier
from os2shell.executors.sandbox.closure import libraries_of, loader_of
from os2shell.executors.sandbox.contents import TOOLS, copy
from os2shell.executors.sandbox.folder_cache import CachedFolder, FolderCache
from os2shell.executors.standby import Standby
from os2shell.model.errors import CannotStart

_FORMAT = 1
_HOME = "libexec/git-core"
_LIBC = "libc.so.6"
_PYTHON = "#!/py/bin/python3 -SsPB\n"
_HELPER = f"""{_PYTHON}import sys
sys.path.insert(0, "/os2")
from os2guest import remote
sys.exit(remote.main())
"""
_NO_EDITOR = f"""{_PYTHON}import sys
sys.stderr.write("os2: there is no editor here; give the message by -m or -F FILE\\n")
sys.exit(1)
"""
_SCRIPTS = {
    f"{_HOME}/git-remote-http": _HELPER,
    f"{_HOME}/git-remote-https": _HELPER,
    "bin/no-editor": _NO_EDITOR,
}
NO_GIT = "install it: apt install git"
OLDEST = (2, 30)
"""The first that takes its configuration from the environment is 2.31; Debian 11 has 2.30."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run of git needs: the image with git in it, git's version, and the folder's digest."""

    image: Image
    version: str
    digest: Digest


class ToolSource:
    """The folder, looked up once."""

    def __init__(
        self, cache: Path, image: Callable[[], Image], tell: Callable[[str], None]
    ) -> None:
        """``image`` is asked for when git first runs; ``tell`` gets one line before a copy."""
        self._cache = cache
        self._image = image
        self._tell = tell
        self._standby = Standby()

    @cached_property
    def tools(self) -> Tools:
        """Image and tools; raises ``CannotStart`` where there is no git that could run there."""
        program = _program()
        image = self._image()
        loader = loader_of(program)
        if not (image.root / str(loader).lstrip("/")).exists():
            raise CannotStart(
                f"{program} starts by {loader}, which the image of the interpreter does not have",
                expected="a git and a Python of one C library",
                remedy="run os2 with the system's own Python",
            )
        kept = FolderCache(self._cache / "tools", PROGRAM).load(
            _key(program),
            lambda root: _fill(root, program),
            lambda reason: self._tell(f"copying git, {reason}: {program}"),
        )
        return Tools(_inside(image, kept), kept.about["version"], _digest(kept))

    def digest(self) -> Digest:
        """The digest of git's folder."""
        return self.tools.digest

    def start_ahead(self, limits: Limits) -> None:
        """Start a sandbox that the next run finds waiting."""
        self._standby.start(self.tools.image, limits, Tier.NATIVE)

    def take_sandbox(self, limits: Limits) -> Sandbox:
        """A started sandbox for one run."""
        return self._standby.take(self.tools.image, limits, Tier.NATIVE)

    def close(self) -> None:
        """Let a sandbox that waits go."""
        self._standby.close()


def find_git() -> str:
    """The path of ``git``; raises ``CannotStart``."""
    found = shutil.which("git")
    if found is None:
        raise CannotStart("no git on this machine", expected="git 2.31 or newer", remedy=NO_GIT)
    return found


def git_version() -> str:
    """The version of the machine's git; raises ``CannotStart`` where it cannot run inside."""
    return _version(_program())


def _program() -> Path:
    """The real program behind ``git``, which may be a wrapper; raises ``CannotStart``."""
    found = find_git()
    said = subprocess.run([found, "--exec-path"], capture_output=True, text=True, check=False)
    program = Path(said.stdout.strip() or "/", "git")
    if said.returncode or not program.is_file():
        program = Path(found)
    return program.resolve()


def _inside(image: Image, kept: CachedFolder) -> Image:
    """No net below Python: its filter of system calls would end git at its first clock."""
    return image.without_net().with_mount(TOOLS, kept)


def _digest(kept: CachedFolder) -> Digest:
    return Digest(bytes.fromhex(kept.digest))


def _key(program: Path) -> str:
    status = program.stat()
    key = blake2b(digest_size=16)
    key.update(f"git\0{_FORMAT}\0{program}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    for name, text in sorted(_SCRIPTS.items()):
        key.update(f"{name}\0{text}\0".encode())
    return key.hexdigest()


def _fill(root: Path, program: Path) -> Mapping[str, str]:
    version = _version(program)
    loader = loader_of(program)
    found, _ = libraries_of(loader, program, ())
    target = root / _HOME / "git"
    copy(program, target, 0o755)
    for name, path in sorted(found.items()):
        if name not in {_LIBC, loader.name}:  # of one build with the loader, which is the image's
            copy(path, root / "lib" / name, 0o755)
    for name, text in _SCRIPTS.items():
        script = root / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(text)
        script.chmod(0o755)
    (root / "templates").mkdir()
    return {"version": version}


def _version(program: Path) -> str:
    said = subprocess.run([program, "version"], capture_output=True, text=True, check=False)
    version = said.stdout.strip().removeprefix("git version ")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if said.returncode or numbers <= OLDEST:
        raise CannotStart(
            f"{program} is {version or 'no git that runs'}",
            expected="git 2.31 or newer",
            remedy=NO_GIT,
        )
    return version
