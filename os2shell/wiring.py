"""Wiring: which executor performs which effect, over which ledger, and how the engine is opened.

Called by ``__main__`` alone. Everything here is construction; what is constructed lives elsewhere.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ledger import (
    DamagedError,
    LedgerError,
    ObjectStore,
    PublicKey,
    Record,
    Signer,
    TokenSignatureLedger,
)
from os2shell.commands import COMMANDS
from os2shell.executors import clock, entropy, terminal
from os2shell.executors.audit import AuditLedger, Auditor
from os2shell.executors.capture import CaptureWorkspace, Capturer, WorkspaceFolder
from os2shell.executors.clock import ReadClock, now_ns
from os2shell.executors.entropy import DrawEntropy
from os2shell.executors.evidence import EvidenceExporter, ExportEvidence
from os2shell.executors.files import FileReader, ReadFile
from os2shell.executors.guest import GuestRunner, RunGuest
from os2shell.executors.history import HistoryReader, ReadHistory
from os2shell.executors.keys import KeyRing
from os2shell.executors.live import LiveWorld
from os2shell.executors.machine import MachineProber, ProbeMachine
from os2shell.executors.tamper import DemonstrateTampering, TamperDemonstrator
from os2shell.executors.terminal import ReadStdin
from os2shell.executors.writeback import WriteBack, Writer
from os2shell.kernel.dispatch import End, Request
from os2shell.kernel.engine import FOLDS, Engine, look
from os2shell.kernel.images import IMAGE_EVERY, open_state, take_image
from os2shell.kernel.invocation import Identity
from os2shell.kernel.recovery import recover
from os2shell.kernel.state import State
from os2shell.model.capability import LOCAL
from os2shell.model.errors import Broken, CannotStart, NothingToVerify, Os2Error, Unreadable
from os2shell.policy.grants import POLICY
from os2shell.policy.manifest import Manifest, load_manifest
from os2shell.repl.display import TerminalDisplay, say
from os2shell.repl.shell import Shell
from os2shell.replay.verify_runs import Means, RunVerifier, VerifyRuns
from os2shell.settings import Settings
