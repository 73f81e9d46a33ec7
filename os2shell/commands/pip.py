"""``pip``: packages of the active environment; installed offline from wheels that are on record."""

import re
from collections.abc import Sequence

from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome
from os2shell.model.errors import UsageError
from os2shell.model.guest import EntryKind
from os2shell.subsystems.environments.events import EVENTS as ENVIRONMENT_EVENTS
from os2shell.subsystems.environments.pip import needs_network, run_pip
from os2shell.subsystems.python_vm.events import EVENTS
from os2shell.subsystems.python_vm.options import RunOptions
from os2shell.subsystems.python_vm.run import MAY, NEEDS

NAME = "pip"
USAGE = "pip (install | uninstall | list | freeze | show | check | inspect | …) [ARGUMENTS…]"

CHANGING = ("install", "uninstall")
LOOKING = ("list", "freeze", "show", "check", "inspect", "index", "debug", "help")
_ELSEWHERE = (
    "--target", "-t", "--prefix", "--root", "--user", "--python", "--src", "--editable", "-e",
    "--no-binary", "--report", "--log", "--cache-dir", "--build-option", "--config-settings", "-C",
    "--global-option", "--break-system-packages", "--compile",
)  # fmt: skip
_BROKERS = ("--cert", "--client-cert", "--proxy", "--trusted-host", "--keyring-provider")
DRY = "--dry-run"
_REPOSITORIES = re.compile(r"(?:.*@\s*)?(?:git|hg|svn|bzr)\+")
_CREDENTIALS = re.compile(r"[a-z+]+://[^/\s@]+@")


def parse(words: Sequence[str]) -> RunOptions:
    """Pip's own words; what cannot hold here is refused by name."""
    if not words or words[0] in ("--help", "-h"):
        words = ("help",)
    verb = words[0]
    if verb not in (*CHANGING, *LOOKING):
        raise UsageError(
            f"pip {verb}",
            expected="one of " + ", ".join((*CHANGING, *LOOKING)),
            remedy="what builds or fetches without installing is left to pip outside",
        )
    for word in words:
        _judge(word)
    rest = [word for word in words[1:] if word not in ("-y", "--yes")]
    if verb == "uninstall" and (not rest or any(word.startswith("-") for word in rest)):
        raise UsageError("pip uninstall", expected="names of packages", remedy=USAGE)
    given = rest if verb == "uninstall" else words[1:]
    return RunOptions(EntryKind.MODULE, verb, tuple(given))


def _judge(word: str) -> None:
    option = word.partition("=")[0]
    if option in _ELSEWHERE:
        raise UsageError(
            f"pip option {option}",
            expected="options that choose packages: an environment is installed from wheels, whole",
        )
    if option in _BROKERS:
        raise UsageError(
            f"pip option {option}",
            expected="connections as the manifest grants them (net.connect: ca, credential)",
        )
    if _REPOSITORIES.match(word):
        raise UsageError(
            "a requirement in a repository",
            expected="one that has a wheel: nothing is built here",
            remedy="build it outside, put the wheel into the workspace, and install that file",
        )
    if _CREDENTIALS.search(word):
        raise UsageError(
            "credentials in a URL, which would be recorded",
            expected="a URL without them",
            remedy='grant the host with credential = "NAME", which no program sees',
        )


def run(options: RunOptions, context: Context) -> Outcome:
    """Change or look at the active environment."""
    if options.target == "install" and "--no-index" not in options.arguments:
        needs_network(context)
    plans = options.target in CHANGING and DRY not in options.arguments
    return run_pip(options, context, plans=plans)


COMMAND = Command(
    name=NAME,
    summary="install packages into the active environment, and look at them",
    usage=USAGE,
    arguments=RunOptions,
    needs=NEEDS,
    may=MAY | {Capability.PIP_INSTALL},
    emits=(*EVENTS, *ENVIRONMENT_EVENTS),
    parse=parse,
    run=run,
)
