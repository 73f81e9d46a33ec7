# class: language
# tier: restricted
# attack: the same frames by getattr, hasattr, attrgetter and names built at run time
# success: a frame or a code object is reached
import operator


def steps():
    yield 1


made = steps()
ways = (
    lambda: getattr(made, "gi_" + "frame"),
    lambda: getattr(steps, "__globals__"),
    lambda: getattr(steps, "__code__", None) or missing,
    lambda: operator.attrgetter("gi_frame")(made),
    lambda: operator.attrgetter("gi_frame.f_back.f_globals")(made),
    lambda: getattr(made, "gi_code"),
    lambda: list(map(getattr, [made], ["gi_frame"])),
    lambda: hasattr(made, "gi_frame") and "hasattr says yes" or missing,
)
for way in ways:
    try:
        print("escaped:", way())
    except (AttributeError, TypeError, NameError) as error:
        last = error
print("held:", last)
