"""The attack programs that come with the shell: where they lie, and what their headers say.

A header is the run of ``# key: value`` lines at the top. ``class``, ``attack`` and ``success`` are
asked of every program; ``layers`` names what should hold it, ``ends`` the cause by which the
sandbox may end it, ``runs`` how often it runs in one workspace. An unknown key is an error.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import os2shell
from os2shell.executors.probes.errors import ProbesMissing, ProgramUnreadable
from os2shell.model.guest import Tier


class AttackClass(StrEnum):
    """What an attack is after."""

    FILES = "files"
    LEDGER = "ledger"
    NETWORK = "network"
    PROCESSES = "processes"
    NAMESPACES = "namespaces"
    KERNEL = "kernel"
    EXHAUSTION = "exhaustion"
    SURVIVAL = "survival"
    TERMINAL = "terminal"
    SECRETS = "secrets"
    RECORDER = "recorder"
    IMPORTS = "imports"
    ARCHIVES = "archives"
    LANGUAGE = "language"


@dataclass(frozen=True, slots=True)
class Program:
    """One attack. ``ends`` are causes of an end by the sandbox that count as held."""

    name: str
    source: str
    kind: AttackClass
    attack: str
    success: str
    tier: Tier = Tier.NATIVE
    layers: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    runs: int = 1


_ASKED = frozenset({"class", "attack", "success"})
_KNOWN = _ASKED | {"tier", "layers", "ends", "runs"}


def shipped() -> tuple[Program, ...]:
    """All programs, by class and name; raises ``ProbesMissing`` where they were not installed."""
    package = Path(os2shell.__file__).parent
    installed = package / "escapes"  # a wheel carries them inside the package
    folder = installed if installed.is_dir() else package.parent / "tests" / "probes" / "escapes"
    return read_programs(folder)


def read_programs(folder: Path) -> tuple[Program, ...]:
    """The programs in ``folder``, by class and name."""
    programs = [read_program(path) for path in sorted(folder.glob("*.py"))]
    if not programs:
        raise ProbesMissing(folder)
    order = list(AttackClass)
    return tuple(sorted(programs, key=lambda each: order.index(each.kind)))


def read_program(path: Path) -> Program:
    """Read one program; raises ``ProgramUnreadable`` where its header is not as it must be."""
    source = path.read_text("utf-8")
    header = dict(_header(source))
    if not header.keys() >= _ASKED or not header.keys() <= _KNOWN:
        raise ProgramUnreadable(path, f"header keys {', '.join(header) or 'none'}")
    try:
        return Program(
            name=path.stem,
            source=source,
            kind=AttackClass(header["class"]),
            attack=header["attack"],
            success=header["success"],
            tier=Tier(header.get("tier", Tier.NATIVE)),
            layers=_words(header.get("layers", "")),
            ends=_words(header.get("ends", "")),
            runs=int(header.get("runs", "1")),
        )
    except ValueError as error:
        raise ProgramUnreadable(path, str(error)) from None


def _header(source: str) -> Iterator[tuple[str, str]]:
    for line in source.splitlines():
        if not line.startswith("# "):
            return
        key, _, value = line.removeprefix("# ").partition(": ")
        yield key, value.strip()


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
