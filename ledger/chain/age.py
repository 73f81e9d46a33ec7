"""How long a log's key has been signing: what a policy of short epochs is held against.

An epoch begins with the record that rotated the key, the first with record 0; both survive every
pruning. Their hybrid time is that of the machine which wrote them, signed like all they say. A
policy is a number of days; who keeps it is the caller: the ledger rotates nothing by itself.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ledger.chain.log import TokenSignatureLedger

EPOCH_DAYS: Final = 30
"""The longest that a key should sign, unless a policy says otherwise."""
_DAY_MS: Final = 86_400_000
_MS: Final = 1_000_000
_COUNTER_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class EpochAge:
    """The current epoch and when it began, in milliseconds since 1970; ``days`` are whole ones."""

    number: int
    began_ms: int
    days: int

    def overdue(self, policy: int) -> bool:
        """Whether the epoch lasts longer than ``policy`` days; 0 sets no limit."""
        return 0 < policy <= self.days

    def text(self, policy: int = EPOCH_DAYS) -> str:
        """The age for people, with what to do where it is too great."""
        from datetime import UTC, datetime  # noqa: PLC0415 - starts do not pay for a reminder

        began = datetime.fromtimestamp(self.began_ms // 1000, UTC)
        plural = "" if self.days == 1 else "s"
        told = f"epoch {self.number} began {began:%Y-%m-%d}, {self.days} day{plural} ago"
        if not self.overdue(policy):
            return told
        return (
            f"{told}; a key should sign for less than {policy} days, because who steals it can "
            "forge all that it signed: rotate it (keys rotate)"
        )


def epoch_age(ledger: "TokenSignatureLedger", now_ns: int) -> EpochAge | None:
    """How old the current epoch is at ``now_ns`` (since 1970); None without keys.

    A clock that stands before the epoch's beginning gives 0 days.
    """
    if ledger.keys is None:
        return None
    current = ledger.keys.epochs.current
    began = ledger.record(max(current.first - 1, 0)).hlc >> _COUNTER_BITS
    return EpochAge(current.number, began, max(now_ns // _MS - began, 0) // _DAY_MS)
