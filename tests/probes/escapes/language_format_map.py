# class: language
# tier: restricted
# attack: the same by format_map, by methods taken from str, from subclasses of str, and by map over them
# success: a class is formatted
import functools
import operator


class Text(str):
    pass


text = "{x.__class__.__base__.__subclasses__}"
ways = (
    lambda: text.format_map({"x": 1}),
    lambda: str.format_map(text, {"x": 1}),
    lambda: Text(text).format_map({"x": 1}),
    lambda: Text("{0.__class__}").format(1),
    lambda: list(map("{0.__class__}".format, [1])),
    lambda: list(map(str.format, ["{0.__class__}"], [1])),
    lambda: sorted([1], key="{0.__class__}".format)[0].missing,
    lambda: functools.partial(str.format, "{0.__class__}")(1),
    lambda: functools.reduce(str.format, ["{0.__class__}", 1]),
    lambda: operator.methodcaller("format", 1)("{0.__class__}"),
    lambda: operator.attrgetter("format")("{0.__class__}")(1),
    lambda: getattr("{0.__class__}", "format")(1),
    lambda: super(Text, Text("{0.__class__}")).format(1),
)
for way in ways:
    try:
        print("escaped:", way())
    except (AttributeError, TypeError, ValueError, NameError) as error:
        last = error
print("held:", last)
