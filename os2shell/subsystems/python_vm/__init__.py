"""Running Python: the options, the procedure that every Python command follows, and its events."""
