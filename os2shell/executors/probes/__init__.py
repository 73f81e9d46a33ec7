"""Escape probes: programs that attack the sandbox for real, and a judge who stands outside it.

``program`` reads the programs, ``surroundings`` are what an escape would reach, ``attack`` runs one
program and judges, ``escapes`` is the effect that a command asks for.
"""
