"""Subsystems: small houses on the kernel, independent of one another; they speak through events."""
