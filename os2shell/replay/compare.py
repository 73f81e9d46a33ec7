"""Comparing a run's result with the recorded one: which part differs first, told for people."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ledger import Digest, Json, ObjectStore, encode
from os2shell.executors.workspace import Entry, Kind, difference
from os2shell.executors.workspace import shown as shown_path
from os2shell.model.content import fetch
from os2shell.model.shown import one_line

SHOWN_CHARACTERS = 200
BEFORE_BYTES = 60
"""How much of a long line is shown before the byte that differs."""
TEXT_BYTES_MOST = 1 << 24
"""Files beyond this are told apart by their digests."""
NOTHING = "nothing"
END = "end"
"""The place to look for when a program ended otherwise."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of a result that differs, with both sides.

    ``place`` is where in the run to look for its line, as ``WatchGuest`` takes it. Where bytes
    differ, ``byte`` and ``line`` count them, and ``recorded`` and ``present`` hold all of both.
    ``errors`` are both runs' standard errors, which often tell why another part differs.
    """

    what: str
    expected: str
    got: str
    place: str = ""
    byte: int | None = None
    line: int | None = None
    recorded: bytes = b""
    present: bytes = b""
    errors: tuple[bytes, bytes] = (b"", b"")


def compare_results(
    recorded: Mapping[str, Json], present: Mapping[str, Json], objects: ObjectStore
) -> Difference | None:
    """The first difference in the order a reader would look: output, ending, files."""
    found = compare_ends(recorded, present, objects)
    if found:
        return found
    if recorded["tree"] != present["tree"]:
        return compare_trees(recorded["tree"], present["tree"], objects)
    if encode(dict(recorded)) != encode(dict(present)):
        return Difference("the result", shown(dict(recorded)), shown(dict(present)))
    return None


def compare_ends(
    recorded: Mapping[str, Json], present: Mapping[str, Json], objects: ObjectStore
) -> Difference | None:
    """The first difference in what was written to the streams, or in how the run ended."""
    found = None
    for stream in ("stdout", "stderr"):
        found = found or compare_text(stream, recorded[stream], present[stream], objects)
    for part in ("code", "cause"):
        if found is None and recorded[part] != present[part]:
            one, other = shown(recorded[part]), shown(present[part])
            found = Difference(f"the exit {part}", one, other, END)
    if found is None:
        return None
    errors = (fetch(objects, recorded["stderr"]), fetch(objects, present["stderr"]))
    return replace(found, errors=errors)


def compare_text(
    stream: str, recorded: Json, present: Json, objects: ObjectStore
) -> Difference | None:
    """The first line of ``stream`` that differs."""
    if _digest(recorded) == _digest(present):
        return None
    one, other = fetch(objects, recorded), fetch(objects, present)
    return _of_bytes(stream, stream, one, other)


def compare_entries(
    path: bytes, recorded: Entry | None, present: Entry | None, objects: ObjectStore
) -> Difference:
    """How what two runs left at ``path`` differs: by line where both left a file to read."""
    place = f"path {path.decode(errors='surrogateescape')}"
    name = f"the file {shown_path(path)}"
    if recorded and present and recorded.kind is present.kind and _readable(recorded, present):
        one, other = objects.get(recorded.digest), objects.get(present.digest)
        return _of_bytes(name, place, one, other)
    return Difference(name, _entry_text(recorded), _entry_text(present), place)


def shown(value: Json) -> str:
    """``value`` on one line, digests in hex, cut at ``SHOWN_CHARACTERS``."""
    return cut(one_line(value))


def cut(text: str) -> str:
    """``text``, at most ``SHOWN_CHARACTERS`` of it."""
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def compare_trees(recorded: Json, present: Json, objects: ObjectStore) -> Difference:
    """The first path at which two trees, which are not equal, differ."""
    assert isinstance(recorded, bytes)
    assert isinstance(present, bytes)
    changes = difference(Digest(recorded), Digest(present), objects)
    first = changes[0]
    found = compare_entries(first.path, first.before, first.after, objects)
    if len(changes) == 1:
        return found
    return replace(found, what=f"{found.what} and {len(changes) - 1} more")


def _of_bytes(name: str, place: str, one: bytes, other: bytes) -> Difference:
    at = _first_difference(one, other)
    line = one.count(b"\n", 0, at) + 1
    if place == name:  # a stream is looked for by its byte, a file by its name
        place = f"{place} {at}"
    what = f"{name}, line {line} (byte {at})"
    return Difference(what, _line(one, at), _line(other, at), place, at, line, one, other)


def _readable(one: Entry, other: Entry) -> bool:
    files = one.kind in {Kind.FILE, Kind.PROGRAM}
    return files and one.digest != other.digest and max(one.size, other.size) <= TEXT_BYTES_MOST


def _entry_text(entry: Entry | None) -> str:
    match entry:
        case None:
            return "absent"
        case Entry(kind=Kind.FOLDER):
            return "a folder"
        case Entry(kind=Kind.LINK, content=target):
            return f"a link to {shown_path(target)}"
        case Entry(kind=Kind.PROGRAM):
            return f"executable {entry.digest.hex()}"
        case _:
            return entry.digest.hex()


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
    """The line around ``at`` as an ASCII literal; cut so that the byte itself is in sight."""
    start = data.rfind(b"\n", 0, at) + 1
    end = data.find(b"\n", at)
    end = end if end >= 0 else len(data)
    before = ""
    if at - start > SHOWN_CHARACTERS // 2:
        start, before = at - BEFORE_BYTES, "… "
    text = before + ascii(data[start:end][:SHOWN_CHARACTERS].decode("utf-8", "backslashreplace"))
    if start >= len(data) or start == end == len(data):
        return NOTHING
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
