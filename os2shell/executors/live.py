"""The live world: routes each effect to the executor that performs it for real."""

from collections.abc import Callable, Mapping
from typing import Any

from ledger import Json
from os2shell.model.effect import Effect, Transcript

Executors = Mapping[type[Any], Callable[[Any, Transcript], Json]]


class LiveWorld:
    """Performs effects by a table that the wiring lays out."""

    def __init__(
        self, executors: Executors, seldom: Callable[[str], Executors] | None = None
    ) -> None:
        """Know one executor per kind of effect; ``seldom`` gives those worth loading late.

        It is asked by the kind of an effect that is not known yet.
        """
        self._executors = dict(executors)
        self._seldom = seldom

    def perform(self, effect: Effect, transcript: Transcript) -> Json:
        """Carry out ``effect``."""
        if type(effect) not in self._executors and self._seldom is not None:
            self._executors.update(self._seldom(effect.kind))
        return self._executors[type(effect)](effect, transcript)
