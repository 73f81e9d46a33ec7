"""Chain digests that this process knows for certain, at some sizes of one log.

In unsigned memory they are where reading begins. In a signed log they confirm what lies in former
epochs, where a signature proves nothing any more: the key may be stolen. ``since`` says for
each former epoch from which size on its digests are known.
"""

from ledger.form.canonical import Digest
from ledger.trust.epochs import Epochs


class Anchors:
    """Sizes and digests, growing."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.digests: dict[int, Digest] = {}
        self._since: dict[int, int] = {}

    def knows(self, epoch: int, size: int) -> bool:
        """Whether ``epoch`` is known from ``size`` on."""
        return epoch in self._since and self._since[epoch] <= size

    def add(self, epoch: int, since: int, digests: dict[int, Digest]) -> None:
        """Take digests of ``epoch``, from ``since`` to its end."""
        self.digests.update(digests)
        self._since[epoch] = min(since, self._since.get(epoch, since))

    def followed(self, start: int, epochs: Epochs) -> None:
        """Note that the log was followed from ``start`` on, through ``epochs``, to its head."""
        for row, after in zip(epochs.rows, epochs.rows[1:], strict=False):
            if after.first > start:
                since = max(start, row.first)
                self.add(row.number, since, {after.first: after.chain})
