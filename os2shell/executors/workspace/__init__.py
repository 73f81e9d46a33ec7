"""The workspace: a folder as a tree in the object store, and back.

``capture`` stores a folder, ``populate`` writes a tree into the sandbox, ``difference`` compares
two trees, ``apply`` brings a program's changes back to the user. Ignored files are never
captured, so they are neither recorded nor visible inside. Everything works on directory
descriptors; opening the folder, locking it and mounting it are left to the sandbox executor.
"""

from os2shell.executors.workspace.apply import Applied, Conflict, apply
from os2shell.executors.workspace.capture import Capture, Skipped, capture
from os2shell.executors.workspace.difference import Change, What, difference
from os2shell.executors.workspace.errors import (
    CannotApply,
    CannotCapture,
    CannotPopulate,
    IgnoreInvalid,
    TooDeep,
    TooLarge,
    TreeInvalid,
    UnreadableEntry,
    WorkspaceError,
    shown,
)
from os2shell.executors.workspace.ignore import (
    BESIDE_GIT,
    DEFAULTS,
    IGNORE_NAME,
    Ignore,
    read_ignore,
)
from os2shell.executors.workspace.index import Index, load_index, save_index
from os2shell.executors.workspace.limits import LEFT_BY_A_RUN, WorkspaceLimits
from os2shell.executors.workspace.listing import Listing, list_tree, make_tree
from os2shell.executors.workspace.populate import populate
from os2shell.executors.workspace.tree import Entry, Kind, decode_tree, encode_tree, read_tree

__all__ = [
    "BESIDE_GIT",
    "DEFAULTS",
    "IGNORE_NAME",
    "LEFT_BY_A_RUN",
    "Applied",
    "CannotApply",
    "CannotCapture",
    "CannotPopulate",
    "Capture",
    "Change",
    "Conflict",
    "Entry",
    "Ignore",
    "IgnoreInvalid",
    "Index",
    "Kind",
    "Listing",
    "Skipped",
    "TooDeep",
    "TooLarge",
    "TreeInvalid",
    "UnreadableEntry",
    "What",
    "WorkspaceError",
    "WorkspaceLimits",
    "apply",
    "capture",
    "decode_tree",
    "difference",
    "encode_tree",
    "list_tree",
    "load_index",
    "make_tree",
    "populate",
    "read_ignore",
    "read_tree",
    "save_index",
    "shown",
]
