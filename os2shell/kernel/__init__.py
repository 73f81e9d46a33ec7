"""Kernel: the one path from a command to its records, and what boot and recovery do around it."""
