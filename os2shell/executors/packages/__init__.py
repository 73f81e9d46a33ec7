"""What a run brings along beside its image: the packages of an environment, and tools.

``environment`` writes an environment's tree into the cache, ``tools`` copies a tool of this machine
there, with the program ``inside`` the sandbox that drives it. Which environment a run has, and what
is installed into one, is left to ``subsystems.environments``.
"""
