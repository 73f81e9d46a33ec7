# class: language
# tier: restricted
# attack: match reads what a class calls its fields, of whatever says to be an instance: by registration, by protocol
# success: a frame is bound
import abc
import collections
import dataclasses
import typing

last = None
generator = (x for x in "a")


def attempt_dataclass():
    @dataclasses.dataclass
    class Has(abc.ABC):
        gi_frame: object

    Has.register(type(generator))
    return Has


def attempt_later():
    class Has(abc.ABC):
        gi_frame: object

    getattr(Has, "register")(type(generator))
    return dataclasses.dataclass(Has)


def attempt_tuple():
    class Has(collections.namedtuple("Has", "gi_frame"), abc.ABC):
        pass

    Has.register(type(generator))
    return Has


def attempt_typed_tuple():
    class Has(typing.NamedTuple):
        gi_frame: object

    return Has


def attempt_functional():
    return typing.NamedTuple("Has", iter([("gi_frame", object)]))


def attempt_protocol():
    @dataclasses.dataclass
    @typing.runtime_checkable
    class Has(typing.Protocol):
        gi_frame: object

    return Has


attempts = (
    attempt_dataclass,
    attempt_later,
    attempt_tuple,
    attempt_typed_tuple,
    attempt_functional,
    attempt_protocol,
)
for attempt in attempts:
    try:
        has = attempt()
        match generator:
            case has(frame):
                print("escaped:", frame)
        print("escaped: a class whose field is a frame", has)
    except (AttributeError, TypeError) as error:
        last = error
print("held:", last)
