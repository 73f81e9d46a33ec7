"""What a run may spend, counted outside: requests answered and bytes of output taken.

The guest's runtime counts the same and ends the program itself at the very byte or request that
would be too much (``guest/meter.py``), so that the end is the same at every replay. What reaches us
beyond the budget was written past that runtime, by a child process or native code; it is cut here,
and since where such a program then stood depends on its pace, the cause has a name of its own.
"""

from os2shell.model.guest import BYTES_PER_TOKEN, REQUESTS_MOST

SPENT = "token_budget"
"""The guest's runtime ended the program where its budget ended."""
OVERDRAWN = "token_budget.unmetered"
"""We ended it, because output passed by the guest's runtime."""

FLOODED = "limit.requests"
"""It asked oftener than any run may."""


class Meter:
    """Counts one run."""

    def __init__(self, budget: int | None) -> None:
        """``budget`` None counts without a limit."""
        self.budget = budget
        self.requests = 0
        self.output_bytes = 0

    @property
    def tokens(self) -> int:
        """What was spent: one per request, one per started four bytes of both streams."""
        return self.requests - (-self.output_bytes // BYTES_PER_TOKEN)

    @property
    def spent(self) -> bool:
        """Whether the budget is used up."""
        return self.budget is not None and self.tokens >= self.budget

    def room(self, most: int) -> int:
        """How many more bytes of output there may be, of ``most``."""
        if self.budget is None:
            return most
        paid = (self.budget - self.requests) * BYTES_PER_TOKEN
        return min(most, max(0, paid - self.output_bytes))

    def ask(self) -> str | None:
        """Count one request; the cause to end by where it is one too many to be answered."""
        if self.spent:
            return OVERDRAWN
        if self.requests >= REQUESTS_MOST:
            return FLOODED
        self.requests += 1
        return None
