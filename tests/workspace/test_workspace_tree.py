"""The tree codec: what is written comes back, and what no capture writes is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import MemoryObjects, encode
from os2shell.executors.workspace import (
    Entry,
    Kind,
    TreeInvalid,
    What,
    decode_tree,
    difference,
    encode_tree,
    list_tree,
    make_tree,
)

DIGEST = bytes(range(32))
names = st.binary(min_size=1, max_size=20).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."}
)
contents = st.binary(min_size=32, max_size=32)
entries = st.one_of(
    st.builds(
        Entry, names, st.sampled_from([Kind.FILE, Kind.PROGRAM]), st.integers(0, 2**60), contents
    ),
    st.builds(Entry, names, st.just(Kind.FOLDER), st.just(0), contents),
    st.builds(
        lambda name, target: Entry(name, Kind.LINK, len(target), target),
        names,
        st.binary(min_size=1, max_size=40).filter(lambda target: b"\0" not in target),
    ),
)
folders = st.lists(entries, max_size=8, unique_by=lambda entry: entry.name)


@given(folders)
def test_a_tree_comes_back_sorted_whatever_order_it_had(folder: list[Entry]) -> None:
    expected = tuple(sorted(folder, key=lambda entry: entry.name))
    assert decode_tree(encode_tree(folder)) == expected
    assert encode_tree(reversed(folder)) == encode_tree(folder)


@pytest.mark.parametrize(
    "rows",
    [
        [[b"", "f", 0, DIGEST]],
        [[b".", "f", 0, DIGEST]],
        [[b"..", "d", 0, DIGEST]],
        [[b"a/b", "f", 0, DIGEST]],
        [[b"a\0b", "f", 0, DIGEST]],
        [[b"a" * 256, "f", 0, DIGEST]],
        [["a", "f", 0, DIGEST]],
        [[b"a", "p", 0, DIGEST]],
        [[b"a", "f", -1, DIGEST]],
        [[b"a", "f", 0, DIGEST[:31]]],
        [[b"a", "d", 1, DIGEST]],
        [[b"a", "l", 0, b""]],
        [[b"a", "l", 3, b"to"]],
        [[b"a", "l", 2, b"t\0"]],
        [[b"a", "f", 0, DIGEST], [b"a", "f", 0, DIGEST]],
        [[b"b", "f", 0, DIGEST], [b"a", "f", 0, DIGEST]],
        [[b"a", "f", 0]],
        [b"a"],
    ],
)
def test_rows_that_no_capture_writes_are_refused(rows: list[object]) -> None:
    with pytest.raises(TreeInvalid, match=r"os2\.tree/1"):
        decode_tree(encode(["os2.tree/1", rows]))  # type: ignore[list-item]


@given(st.binary(max_size=60))
def test_other_bytes_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(TreeInvalid):
        decode_tree(data)


@given(st.dictionaries(names, st.binary(max_size=5), max_size=5))
def test_listing_and_making_are_opposites(files: dict[bytes, bytes]) -> None:
    objects = MemoryObjects()
    listing = {
        b"top/" + name: Entry(name, Kind.FILE, len(data), objects.put(data))
        for name, data in files.items()
    }
    tree = make_tree(listing, objects)
    assert dict(list_tree(tree, objects)) == listing
    assert make_tree(list_tree(tree, objects), objects) == tree


@given(
    st.dictionaries(names, st.binary(max_size=3), max_size=6),
    st.dictionaries(names, st.binary(max_size=3), max_size=6),
)
def test_difference_names_exactly_the_paths_that_differ(
    one: dict[bytes, bytes], other: dict[bytes, bytes]
) -> None:
    objects = MemoryObjects()

    def tree(files: dict[bytes, bytes]) -> bytes:
        return make_tree(
            {n: Entry(n, Kind.FILE, len(d), objects.put(d)) for n, d in files.items()}, objects
        )

    found = {change.path: change.what for change in difference(tree(one), tree(other), objects)}
    expected = {
        name: What.ADDED if name not in one else What.REMOVED if name not in other else What.CHANGED
        for name in one.keys() | other.keys()
        if one.get(name) != other.get(name)
    }
    assert found == expected
