"""Wiring: which executor performs which effect, over which ledger. Called by ``__main__`` alone."""

from os2shell.wiring.house import open_shell as open_shell
