"""Capabilities: the named powers that a manifest grants to a token."""

from enum import StrEnum
from typing import NewType

TokenId = NewType("TokenId", str)
"""Who acts. Until tokens are minted there is one, ``local``: whoever sits at this shell."""

LOCAL = TokenId("local")


class Capability(StrEnum):
    """A power; the scope of a grant says over what (paths, programs, hosts)."""

    ADMIN = "admin"
    CLOCK_READ = "clock.read"
    ENTROPY_DRAW = "entropy.draw"
    FS_READ = "fs.read"
    FS_WRITE = "fs.write"
    LEDGER_READ = "ledger.read"
    MACHINE_PROBE = "machine.probe"
    NET_CONNECT = "net.connect"
    PIP_INSTALL = "pip.install"
    PROCESS_SPAWN = "process.spawn"
    TERMINAL_READ = "terminal.read"
