"""What a record says in few words: the attributes that tell most, where its kind is known."""

from ledger import Json


def essence(attributes: Json) -> Json:
    """The attributes that tell most; all of them where the kind is not known."""
    match attributes:
        case {"command": str(command), "arguments": dict(arguments), "rule": rule}:
            return {"command": command, "rule": rule, **_given(arguments)}
        case {"command": str(command), "arguments": dict(arguments)}:
            return {"command": command, **_given(arguments)}
        case {"admitted": admitted, "code": code, "cause": cause}:
            return {"of": admitted, "code": code, "cause": cause}
        case {"name": str(name), "grants": dict(grants), "restricted_imports": _}:
            return {"name": name, "tokens": list(grants)}
        case other:
            return other


def _given(arguments: dict[str, Json]) -> dict[str, Json]:
    """The arguments that say something."""
    return {name: value for name, value in arguments.items() if value not in (None, False, [])}
