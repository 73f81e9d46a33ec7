"""The sandbox: a hermetic image of the interpreter, a locked process, a deterministic world.

``load_image`` gives the image, ``Sandbox.start`` a waiting guest with an empty workspace (filled
inside its ``writing()``), its ``run`` one run. What is recorded of a run, and where its files come
from, is left to the caller.
"""

from os2shell.executors.sandbox.bubblewrap import Probe, probe
from os2shell.executors.sandbox.cgroup import prime
from os2shell.executors.sandbox.errors import (
    ImageDamaged,
    ImageUnavailable,
    ProtocolBroken,
    SandboxError,
    SandboxUnavailable,
)
from os2shell.executors.sandbox.folder_cache import CachedFolder, FolderCache
from os2shell.executors.sandbox.image import Image, load_image
from os2shell.executors.sandbox.job import GuestExit, GuestIo, Job, Stream, Usage
from os2shell.executors.sandbox.layers import REQUIRED as REQUIRED_LAYERS
from os2shell.executors.sandbox.layers import remedy_for
from os2shell.executors.sandbox.start import Sandbox, Starting
from os2shell.executors.sandbox.supervise import WaitingIo
from os2shell.model.guest import EntryKind, Limits, Tier

__all__ = [
    "REQUIRED_LAYERS",
    "CachedFolder",
    "EntryKind",
    "FolderCache",
    "GuestExit",
    "GuestIo",
    "Image",
    "ImageDamaged",
    "ImageUnavailable",
    "Job",
    "Limits",
    "Probe",
    "ProtocolBroken",
    "Sandbox",
    "SandboxError",
    "SandboxUnavailable",
    "Starting",
    "Stream",
    "Tier",
    "Usage",
    "WaitingIo",
    "load_image",
    "prime",
    "probe",
    "remedy_for",
]
