# class: language
# tier: restricted
# attack: frames by the traceback that a context manager's end is given
# success: a frame is reached
import contextlib
import operator


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for name in ("tb_frame", "tb_next"):
            for read in (getattr, lambda value, name: operator.attrgetter(name)(value)):
                try:
                    print("escaped:", read(trace, name))
                except (AttributeError, TypeError) as refused:
                    self.told = refused
        return True


with Manager() as manager:
    1 / 0
print("held:", manager.told)
