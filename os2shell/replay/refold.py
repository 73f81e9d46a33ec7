"""``ledger.refold``: the second question back, whether the folds reach the recorded states.

Every state image is held against a fold of everything before it. An image that differs would have
given some shell another policy than the ledger says. Where the beginning was pruned, the first
image that can be loaded is taken at its word, and those behind it are held against it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from ledger import STATE_IMAGED, Json, Record
from os2shell.kernel.images import image_digest, load_image
from os2shell.kernel.state import State
from os2shell.model.capability import Capability
from os2shell.model.effect import Inquiry, Transcript
from os2shell.model.fold import Fold
from os2shell.model.plain import to_json
from os2shell.replay.verify_runs import Source


@dataclass(frozen=True, slots=True)
class Refolded:
    """How many images were checked, and the record of the first that does not hold, if any."""

    images: int
    bad_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Refold(Inquiry):
    """Ask for every image to be checked; the answer is a ``Refolded``."""

    kind: ClassVar[str] = "ledger.refold"
    needs: ClassVar[Capability] = Capability.LEDGER_READ


class Refolder:
    """Folds one ledger from its first record."""

    def __init__(self, open_ledger: Callable[[], Source], folds: tuple[Fold[Any], ...]) -> None:
        """Fold with ``folds``."""
        self._open_ledger = open_ledger
        self._folds = folds

    def perform(self, _effect: Refold, _transcript: Transcript) -> Json:
        """Fold, and compare at each image; images of older fold versions say nothing."""
        state = State(self._folds)
        versions: Json = {fold.name: fold.version for fold in self._folds}
        images = 0
        for record in _foldable(self._open_ledger(), state):
            if record.kind == STATE_IMAGED and record.attributes.get("folds") == versions:
                images += 1
                if record.attributes.get("image") != image_digest(state):
                    return to_json(Refolded(images, record.seq))
            state.apply(record)
        return to_json(Refolded(images))


def _foldable(source: Source, state: State) -> Iterator[Record]:
    """The records of ``source``; in a pruned one, from the first image that can be loaded."""
    known = not source.first
    for record in source.records():
        known = known or load_image(state, record, source.objects)
        if known:
            yield record
