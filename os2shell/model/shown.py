"""Values as people and JSON readers see them: digests in hex, nothing on more than one line."""

from ledger import Json


def jsonable(value: Json) -> object:
    """``value`` with bytes as hexadecimal strings, for ``json.dumps``."""
    match value:
        case bytes():
            return value.hex()
        case list():
            return [jsonable(item) for item in value]
        case dict():
            return {key: jsonable(item) for key, item in value.items()}
        case _:
            return value


def one_line(value: Json) -> str:
    """``value`` on one line of ASCII: mappings as ``key=value``, bytes as hex."""
    match value:
        case bytes():
            return value.hex()
        case str():
            return value if value.isascii() and value.isprintable() else ascii(value)
        case list():
            return "[" + " ".join(one_line(item) for item in value) + "]"
        case dict():
            return " ".join(f"{key}={one_line(item)}" for key, item in value.items())
        case _:
            return str(value)


def question_told(asked: Json) -> str:
    """A question, ``[kind, body]``, in few words: of an exchange its method and URL."""
    match asked:
        case [str(kind), {"method": str(method), "url": str(url)}]:
            return f"{kind} {method} {one_line(url)}"
        case [str(kind), None]:
            return kind
        case [str(kind), body]:
            return f"{kind} {one_line(body)}"
        case _:
            return one_line(asked)
