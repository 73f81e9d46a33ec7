# class: language
# tier: restricted
# attack: a text with fields: what matching, astuple and replace read by a field's name is the bare str.format
# success: the bare format is found
import dataclasses
import enum
import typing

last = None
TEXT = "{0.__class__}"


@dataclasses.dataclass(init=False)
class Fields:
    format: object


@dataclasses.dataclass(init=False, match_args=False)
class Hidden:
    format_map: object


def attempt_after():
    class Text(Fields, str):
        pass

    return dataclasses.astuple(Text(TEXT))


def attempt_before():
    class Text(str, Hidden):
        pass

    return dataclasses.asdict(Text(TEXT))


def attempt_enum():
    class Text(Fields, str, enum.Enum):
        ONE = TEXT

    match Text.ONE:
        case Text(bare):
            return bare


def attempt_mixed():
    return enum.Enum("Text", {"ONE": TEXT}, type=type("", (Fields, str), {}))


def attempt_protocol():
    @dataclasses.dataclass
    @typing.runtime_checkable
    class Formats(typing.Protocol):
        format: object

    match TEXT:
        case Formats(bare):
            return bare


for attempt in (attempt_after, attempt_before, attempt_enum, attempt_mixed, attempt_protocol):
    try:
        print("escaped:", attempt())
    except (AttributeError, TypeError) as error:
        last = error
print("held:", last)
