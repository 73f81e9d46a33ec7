"""Environments: named sets of packages, each a lock and the tree that was installed from it."""
