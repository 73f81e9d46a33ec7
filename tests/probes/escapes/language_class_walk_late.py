# class: language
# tier: restricted
# attack: the same walk by names without underscores: mro, type of type, isinstance's second argument
# success: object's subclasses, or a metaclass to make classes with, are reached
last = None
ways = (
    lambda: int.mro(),
    lambda: type(int).mro(int),
    lambda: type(type)("X", (), {}),
    lambda: type("X", (), {"__getattr__": print}),
    lambda: type(int)("X", (), {}),
    lambda: getattr(object, "__subclasses__")(),
)
for way in ways:
    try:
        found = way()
        if "subclasses" in repr(found) or "X" in repr(found):
            print("escaped:", found)
        if isinstance(found, list) and object in found:
            for each in found:
                print("escaped:", getattr(each, "__subclasses__"))
    except (AttributeError, TypeError, NameError, IndexError) as error:
        last = error
print("held:", last)
