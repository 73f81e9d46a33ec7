"""Faces of the terminal: they read state, submit commands, show what comes, and nothing else."""
