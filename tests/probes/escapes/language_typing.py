# class: language
# tier: restricted
# attack: classes that typing makes or forwards to: aliases, new types, dictionaries with odd keys, forward references
# success: a class is made past the guards, or text is evaluated
import dataclasses
import typing

last = None
attempts = (
    lambda: typing.Type[int]("X", (), {}),
    lambda: typing.Type.mro(typing.Type),
    lambda: typing.Annotated[typing.Type, 1]("X", (), {}),
    lambda: getattr(typing.NewType("N", int), "__supertype__"),
    lambda: getattr(typing.List["print('escaped')"], "__args__"),
    lambda: dataclasses.dataclass(typing.TypedDict("T", {'a=print("escaped")': int})),
    lambda: getattr(typing.TypedDict("T", {"a": int}), "__annotations__"),
    lambda: typing.NamedTuple("N", [("a", int), ("b=print('escaped')", int)]),
    lambda: getattr(typing.TypeVar("T", bound="print('escaped')"), "__bound__"),
    lambda: typing.ParamSpec("P").args.real,
)
for attempt in attempts:
    try:
        print("escaped:", attempt())
    except (AttributeError, TypeError, ValueError) as error:
        last = error
print("held:", last)
