"""Comparing a run's result with the recorded one: which part differs first, told for people."""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger import Digest, Json, ObjectStore, encode
from os2shell.executors.workspace import difference
from os2shell.executors.workspace import shown as shown_path
from os2shell.model.content import fetch
from os2shell.model.shown import one_line

SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of a result that differs, with both sides and a likely cause."""

    what: str
    expected: str
    got: str
    cause: str


def compare_results(
    recorded: Mapping[str, Json], present: Mapping[str, Json], objects: ObjectStore
) -> Difference | None:
    """The first difference in the order a reader would look: output, ending, files."""
    for stream in ("stdout", "stderr"):
        found = compare_text(stream, recorded[stream], present[stream], objects)
        if found:
            return found
    for part in ("code", "cause"):
        if recorded[part] != present[part]:
            return Difference(
                f"the exit {part}",
                shown(recorded[part]),
                shown(present[part]),
                "the program ended otherwise",
            )
    if recorded["tree"] != present["tree"]:
        return _compare_trees(recorded["tree"], present["tree"], objects)
    if encode(dict(recorded)) != encode(dict(present)):
        return Difference(
            "the result",
            shown(dict(recorded)),
            shown(dict(present)),
            "files were skipped otherwise than when recorded",
        )
    return None


def compare_text(
    stream: str, recorded: Json, present: Json, objects: ObjectStore
) -> Difference | None:
    """The first line of ``stream`` that differs."""
    if _digest(recorded) == _digest(present):
        return None
    one, other = fetch(objects, recorded), fetch(objects, present)
    at = _first_difference(one, other)
    line = one.count(b"\n", 0, at) + 1
    return Difference(
        f"{stream}, line {line} (byte {at})",
        _line(one, at),
        _line(other, at),
        "the program computed something else, or took it from a source that is not recorded",
    )


def shown(value: Json) -> str:
    """``value`` on one line, digests in hex, cut at ``SHOWN_CHARACTERS``."""
    text = one_line(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _compare_trees(recorded: Json, present: Json, objects: ObjectStore) -> Difference:
    assert isinstance(recorded, bytes)
    assert isinstance(present, bytes)
    changes = difference(Digest(recorded), Digest(present), objects)
    change = changes[0]
    path = shown_path(change.path)
    more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
    return Difference(
        f"the file {path}{more}",
        change.before.digest.hex() if change.before else "absent",
        change.after.digest.hex() if change.after else "absent",
        "the program wrote something else",
    )


def _digest(content: Json) -> Json:
    return content.get("digest") if isinstance(content, dict) else None


def _first_difference(one: bytes, other: bytes) -> int:
    """Offset of the first byte that differs; the shorter's length where one begins the other."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # slices compare at C speed, so halving beats walking
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _line(data: bytes, at: int) -> str:
    start = data.rfind(b"\n", 0, at) + 1
    end = data.find(b"\n", at)
    text = data[start : end if end >= 0 else len(data)][:SHOWN_CHARACTERS]
    return ascii(text.decode("utf-8", "backslashreplace")) if text else "nothing"
