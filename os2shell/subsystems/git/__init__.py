"""Running git: what its words ask for, the procedure, and its events."""
