"""Asking a log: a projection of it in SQLite, queries that trust only the log, and a tail."""
