"""Every way the sandbox refuses.

SandboxError                 base; found, expected, next step
├── SandboxUnavailable       the machine cannot give the isolation that was asked for; nothing ran
├── ImageUnavailable         the interpreter cannot be turned into an image
├── ImageDamaged             the image in the cache is not the one that was built
└── ProtocolBroken           the guest's end of the control socket said what no guest may say
"""

from os2shell.model.errors import CannotStart


class SandboxError(CannotStart):
    """Base of the sandbox's errors: found, expected, next step, in one line."""


class SandboxUnavailable(SandboxError):
    """The machine cannot give the isolation that was asked for; no guest code ran."""


class ImageUnavailable(SandboxError):
    """The interpreter cannot be copied into an image."""


class ImageDamaged(SandboxError):
    """A file of the cached image is not the one that was built."""


class ProtocolBroken(SandboxError):
    """A message on the control socket is malformed; its guest is killed."""
