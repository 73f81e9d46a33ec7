"""Replay: the live engine with another world, and what to say when the two differ."""
