"""Where bytes rest: segments and objects, on disk and in memory. Moves bytes and never judges."""
