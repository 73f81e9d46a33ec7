# class: language
# tier: restricted
# attack: tracebacks that the library hands to callbacks: exit stacks, context managers, generators that are thrown into
# success: a frame is read out of one
import contextlib
import functools
import operator
import textwrap

last = None


def opened(kind, error, trace):
    for way in (
        lambda: getattr(trace, "tb_frame"),
        lambda: operator.attrgetter("tb_frame.f_globals")(trace),
        lambda: "{0.tb_frame}".format(trace),
        lambda: functools.reduce(getattr, ["tb_next", "tb_frame"], trace),
        lambda: type(trace)(None, trace, 0, 1),
        lambda: error.with_traceback(trace).add_note(operator.attrgetter("__traceback__")(error)),
    ):
        try:
            print("escaped:", way())
        except (AttributeError, TypeError) as refused:
            global last
            last = refused
    return True


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *three):
        return opened(*three)


@contextlib.contextmanager
def suspended():
    try:
        yield
    except ValueError as error:
        for name in ("__traceback__", "__context__", "__cause__", "__notes__"):
            try:
                print("escaped:", getattr(error, name))
            except AttributeError as refused:
                global last
                last = refused


with contextlib.ExitStack() as stack:
    stack.push(opened)
    textwrap.dedent(1)
with Manager():
    textwrap.dedent(1)
with suspended():
    raise ValueError("a")
print("held:", last)
