"""The live world: routes each effect to the executor that performs it for real."""

from collections.abc import Callable, Mapping
from typing import Any

from ledger import Json
from os2shell.model.effect import Effect, Transcript

Executors = Mapping[type[Any], Callable[[Any, Transcript], Json]]


class LiveWorld:
    """Performs effects by a table that ``__main__`` lays out."""

    def __init__(self, executors: Executors) -> None:
        """Know one executor per kind of effect."""
        self._executors = executors

    def perform(self, effect: Effect, transcript: Transcript) -> Json:
        """Carry out ``effect``."""
        return self._executors[type(effect)](effect, transcript)
