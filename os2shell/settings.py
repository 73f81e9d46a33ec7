"""Settings: the one reader of the environment, and the places everything else is told of.

Order of authority: command-line option, then environment variable, then default. Paths follow the
XDG base directory specification. Keys lie outside every workspace, so that handing a workspace on
does not hand on the power to sign.
"""

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

from ledger import EPOCH_DAYS
from os2shell.model.errors import UsageError

STATE_FOLDER = ".os2"
ACTOR_CHARACTERS = 128
MAX_EPOCH_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said before the command's name."""

    workspace: str | None = None
    actor: str | None = None
    manifest: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment decides; built once in ``__main__``."""

    workspace: Path
    actor: str
    node: str
    manifest: Path
    keys: Path
    heads: Path
    witnesses: Path
    credentials: Path
    history: Path
    images: Path
    caches: Path
    epoch_days: int
    colour: bool

    @property
    def state(self) -> Path:
        """The workspace's own folder for ledger, spool and caches."""
        return self.workspace / STATE_FOLDER

    @property
    def ledger(self) -> Path:
        """The ledger's folder."""
        return self.state / "ledger"

    @property
    def spool(self) -> Path:
        """Where running commands keep what they have shown so far."""
        return self.state / "spool"

    @property
    def cache(self) -> Path:
        """Files that may be deleted at any time."""
        return self.state / "cache"


def read_settings(options: Options) -> Settings:
    """Combine ``options`` with the environment and defaults."""
    home = Path(os.environ.get("HOME") or "/")
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "os2shell"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "os2shell"
    state = Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state") / "os2shell"
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "os2shell"
    workspace = Path(options.workspace or Path.cwd()).absolute()
    if not workspace.is_dir():
        raise UsageError(f"no folder {workspace}", expected="an existing folder after -C")
    actor = options.actor or os.environ.get("OS2_ACTOR") or _user()
    if len(actor) > ACTOR_CHARACTERS or not actor.isprintable():
        raise UsageError(
            f"the actor {actor[:ACTOR_CHARACTERS]!r}",
            expected=f"at most {ACTOR_CHARACTERS} printable characters",
        )
    return Settings(
        workspace=workspace,
        actor=actor,
        node=os.uname().nodename,
        manifest=_manifest(options.manifest or os.environ.get("OS2_MANIFEST") or "default"),
        keys=data / "keys",
        heads=state / "heads",
        witnesses=config / "witnesses",
        credentials=config / "credentials",
        history=data / "history",
        images=_images(cache),
        caches=cache,
        epoch_days=_epoch_days(os.environ.get("OS2_EPOCH_DAYS")),
        colour=not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",  # no-color.org
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run a uid that has no name
        return f"uid-{os.getuid()}"


def _epoch_days(text: str | None) -> int:
    """After how many days the ledger's key is rotated; 0 leaves that to its owner."""
    if text is None:
        return EPOCH_DAYS
    if not (text.isascii() and text.isdigit() and int(text[:9]) <= MAX_EPOCH_DAYS):
        raise UsageError(
            f"OS2_EPOCH_DAYS={text[:40]!r}",
            expected=f"whole days from 1 to {MAX_EPOCH_DAYS}, or 0 to rotate by hand only",
        )
    return int(text)


def _manifest(name: str) -> Path:
    """A path when it looks like one, else one of the manifests that come with the shell."""
    if "/" in name or name.endswith(".toml"):
        return Path(name).absolute()
    package = Path(__file__).parent
    installed = package / "manifests"  # a wheel carries them inside the package
    folder = installed if installed.is_dir() else package.parent / "manifests"
    return folder / f"{name}.toml"


def _images(cache: Path) -> Path:
    """Interpreter images must be readable by the sandbox's own uid, which root's home is not."""
    override = os.environ.get("OS2_IMAGES")
    if override:
        return Path(override)
    return Path("/var/cache/os2shell/images") if os.getuid() == 0 else cache / "images"
