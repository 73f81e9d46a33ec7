"""Following a log while it grows, whoever appends to it.

Waiting is asking ``refresh`` again and again: one fstat and one stat. Fifty looks a second cost
less than a hundredth of a core, and a record is seen some 10 ms after its sync, seldom 25. The
kernel's notifications would need a library or a foreign call.

Where a look takes long (a dead writer left a tail that every look must follow), the pause grows
with it: looking never takes more than a tenth of a core.

Only records under a signed head are given, in order, each once; a segment that is full or a tail
set aside needs nothing from whoever follows. A log that was cut, damaged or closed meanwhile ends
the following with its error.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final

from ledger.chain.log import TokenSignatureLedger
from ledger.form.record import Record
from ledger.query.question import Query, predicate

POLL_S: Final = 0.02
_SHARE: Final = 10


def tail(
    ledger: TokenSignatureLedger,
    start: int | None = None,
    *,
    follow: bool = True,
    query: Query | None = None,
    poll_s: float = POLL_S,
    wait: Callable[[float], object] = time.sleep,
) -> Iterator[Record]:
    """The records from ``start`` on (None: from the present end), and those yet to come.

    Of ``query`` its conditions count; not its order. ``limit`` and ``stop`` end the following.
    ``wait`` is called with the seconds to pause and may raise to end it.
    """
    query = query or Query()
    meant = predicate(query)
    at = max(ledger.refresh().size if start is None else start, query.start)
    given = 0
    pause = poll_s
    while query.limit is None or given < query.limit:
        began = time.monotonic()
        size = ledger.refresh().size
        pause = max(poll_s, _SHARE * (time.monotonic() - began))
        stop = size if query.stop is None else min(size, query.stop)
        for record in filter(meant, ledger.read(at, stop)):
            yield record
            given += 1
            if given == query.limit:
                return
        at = max(at, stop)
        if not follow or (query.stop is not None and at >= query.stop):
            return
        wait(pause)
