"""The clock that datetime reads below Python."""

import datetime

print(datetime.datetime.now(), datetime.datetime.today(), datetime.date.today())
print(datetime.datetime.now(datetime.timezone.utc), datetime.datetime.now().astimezone())
print(datetime.datetime.now().timestamp(), datetime.date.fromtimestamp(0))


class Own(datetime.datetime):
    """A subclass reads the same clock."""


print(Own.now(), Own.today(), datetime.datetime.fromtimestamp(1))
