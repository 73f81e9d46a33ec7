"""A package with parts that import one another."""
