"""``machine.escapes``: the attack programs, each in a sandbox of its own, and what came of each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from ledger import Json
from os2shell.executors.probes.attack import LIMITS, Attacked, Sandboxes, Verdict, attack
from os2shell.executors.probes.program import Program, shipped
from os2shell.executors.probes.surroundings import Surroundings
from os2shell.model.capability import Capability
from os2shell.model.effect import Inquiry, Stream, Transcript
from os2shell.model.plain import to_json


@dataclass(frozen=True, slots=True)
class ProbeEscapes(Inquiry):
    """Ask for every attack; the answer is a list of ``Attacked``. Progress goes to stderr."""

    kind: ClassVar[str] = "machine.escapes"
    needs: ClassVar[Capability] = Capability.MACHINE_PROBE


class EscapeProber:
    """Attacks the sandbox that runs here get, with the layers that the manifest requires."""

    def __init__(
        self,
        sandboxes: Sandboxes,
        required: tuple[str, ...],
        programs: Callable[[], Iterable[Program]] = shipped,
    ) -> None:
        """Attack ``sandboxes`` with ``programs``, read when they are wanted."""
        self._sandboxes = sandboxes
        self._required = required
        self._programs = programs

    def perform(self, _effect: ProbeEscapes, transcript: Transcript) -> Json:
        """Run them all, class by class; what was outside is made once, and removed."""
        programs = tuple(self._programs())
        found: list[Attacked] = []
        self._sandboxes.start_ahead(LIMITS, always=True)
        with Surroundings() as around:
            for kind, group in groupby(programs, key=lambda each: each.kind):
                made = [
                    attack(program, self._sandboxes, around, self._required) for program in group
                ]
                found += made
                held = sum(each.verdict == Verdict.HELD for each in made)
                line = f"[{len(found)}/{len(programs)}] {kind}: {held} of {len(made)} held\n"
                transcript.output(Stream.STDERR, line.encode(), raw=False)
        return [to_json(each) for each in found]
