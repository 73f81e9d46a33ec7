"""Executors: one file for one kind of effect, and the only rooms that touch the world."""
