"""The command line of the library, one file a command: ``python -m ledger COMMAND …``.

A module here named after its command (``-`` as ``_``, ``import`` as ``import_``) has
``configure(parser)``, which declares arguments, and ``run(options) -> int``, which returns the
exit code. Errors of the ledger are raised; the caller turns them into one line.

Exit codes: 0 holds or done, 1 broken, 2 usage, 3 internal error, 4 unreadable or unwritable,
5 nothing (also: pruned, shredded), 130 interrupted.
"""

from typing import Final

NAMES: Final = (
    "verify",
    "log",
    "show",
    "grep",
    "tail",
    "checkpoint",
    "prove",
    "tiles",
    "equivocation",
    "keys",
    "witness",
    "fleet",
    "export",
    "import",
    "subjects",
    "shred",
    "prune",
)
"""All commands, in the order in which help lists them."""
EXITS: Final = (
    "exit codes: 0 holds or done, 1 broken, 2 usage, 3 internal error, 4 unreadable or "
    "unwritable, 5 nothing, 130 interrupted"
)
OK: Final = 0
BROKEN: Final = 1
USAGE: Final = 2
INTERNAL: Final = 3
UNREADABLE: Final = 4
EMPTY: Final = 5
INTERRUPTED: Final = 130
