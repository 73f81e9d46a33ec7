"""``select.poll`` and ``select.epoll`` in virtual time: a wait that only time could end is a jump."""

# Stand-ins for untyped C types: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc,union-attr"

from . import waiting


_MILLI = 1000


class Poll:
    """``select.poll()``; its timeouts are milliseconds."""

    def __init__(self, real) -> None:
        self._real = real
        for name in ("register", "modify", "unregister"):
            setattr(self, name, getattr(real, name))

    def poll(self, timeout=None, /):
        """As select.poll."""
        return _wait(self._real.poll, timeout, _MILLI, ())


class Epoll:
    """``select.epoll()``; its timeouts are seconds."""

    def __init__(self, real) -> None:
        self._real = real
        for name in ("register", "modify", "unregister", "fileno", "close"):
            setattr(self, name, getattr(real, name))

    @property
    def closed(self):
        """As select.epoll."""
        return self._real.closed

    def poll(self, timeout=None, maxevents=-1):
        """As select.epoll."""
        return _wait(self._real.poll, timeout, 1, (maxevents,))

    def __enter__(self):
        self._real.__enter__()
        return self

    def __exit__(self, *_):
        self._real.close()


def _wait(poll, timeout, scale, more):
    if timeout is not None and timeout <= 0:
        waiting.looked()
        return poll(timeout, *more)

    def ask(seconds):
        return poll(seconds if seconds is None else seconds * scale, *more)

    return waiting._wait(ask, None if timeout is None else timeout / scale)


def install(module) -> None:
    """Put both behind ``module``, which is ``select``."""
    real_poll = module.poll
    real_epoll = getattr(module, "epoll", None)

    class poll(Poll):
        """A polling object."""

        def __init__(self) -> None:
            super().__init__(real_poll())

    poll.__module__, poll.__qualname__ = "select", "poll"
    module.poll = poll
    if real_epoll is None:
        return

    class epoll(Epoll):
        """select.epoll(sizehint=-1, flags=0)"""

        def __init__(self, sizehint=-1, flags=0) -> None:
            super().__init__(real_epoll(sizehint, flags))

        @classmethod
        def fromfd(cls, fd):
            """As select.epoll."""
            made = cls.__new__(cls)
            Epoll.__init__(made, real_epoll.fromfd(fd))
            return made

    epoll.__module__, epoll.__qualname__ = "select", "epoll"
    module.epoll = epoll
