"""CARv1: what is written is read by a reader that knows nothing of the writer."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from ledger import (
    BundleError,
    Digest,
    DurabilityError,
    Entry,
    MemoryStore,
    ObjectMissing,
    TokenSignatureLedger,
    write_car,
)
from ledger.evidence.car import varint
from ledger.trust.merkle import leaf_hash, root

Opener = Callable[[], TokenSignatureLedger]


def number(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def cbor(data: bytes, at: int) -> tuple[object, int]:
    """As much DAG-CBOR as the header of a CAR file may hold."""
    major, size = data[at] >> 5, data[at] & 31
    at += 1
    if size in (24, 25):
        width = size - 23
        size, at = int.from_bytes(data[at : at + width], "big"), at + width
    match major:
        case 0:
            return size, at
        case 2:
            return data[at : at + size], at + size
        case 3:
            return data[at : at + size].decode(), at + size
        case 4:
            items = []
            for _ in range(size):
                item, at = cbor(data, at)
                items.append(item)
            return items, at
        case 5:
            found = {}
            for _ in range(size):
                key, at = cbor(data, at)
                found[key], at = cbor(data, at)
            return found, at
        case 6:
            assert size == 42
            return cbor(data, at)
    raise AssertionError(major)


def read_car(data: bytes) -> tuple[list[bytes], list[tuple[bytes, bytes]]]:
    """The roots, and each block with its address, every block hashed."""
    size, at = number(data, 0)
    header, end = cbor(data, at)
    assert end == at + size
    assert isinstance(header, dict)
    assert header["version"] == 1
    assert list(header) == ["roots", "version"]
    return [link[1:] for link in header["roots"]], list(blocks(data, end))


def blocks(data: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    while at < len(data):
        size, at = number(data, at)
        section, at = data[at : at + size], at + size
        assert len(section) == size
        version, rest = number(section, 0)
        codec, rest = number(section, rest)
        kind, rest = number(section, rest)
        length, rest = number(section, rest)
        assert (version, codec, kind, length) == (1, 0x55, 0x1E, 32)
        name, content = section[rest : rest + 32], section[rest + 32 :]
        assert blake3(content).digest() == name
        yield section[: rest + 32], content


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**63 - 1])
def test_varints(value: int) -> None:
    assert number(varint(value), 0) == (value, len(varint(value)))
    assert varint(300) == b"\xac\x02"


def test_a_whole_ledger(open_ledger: Opener, tmp_path: Path) -> None:
    large = os.urandom(3_000_000)
    with open_ledger() as ledger:
        name = ledger.objects.put(large)
        for n in range(20):
            ledger.append(Entry("k", {"n": n, "text": "x" * n * 20}, payload=name if n else None))
        found = write_car(tmp_path / "all.car", ledger, range(21), [name, name])
        roots, held = read_car((tmp_path / "all.car").read_bytes())
        assert ledger.checkpoint is not None
        assert held[0] == (roots[0], ledger.checkpoint.note)
        assert roots == [b"\x01\x55\x1e\x20" + found]
        bodies = [content for _, content in held[1:-1]]
        assert bodies == [record.body for record in ledger.read()]
        assert root([leaf_hash(body) for body in bodies]) == ledger.head.root
        assert held[-1] == (b"\x01\x55\x1e\x20" + name, large)
        write_car(tmp_path / "again.car", ledger, range(21), [name])
        again = (tmp_path / "again.car").read_bytes()
    assert again == (tmp_path / "all.car").read_bytes()


def test_some_records(open_ledger: Opener, tmp_path: Path) -> None:
    with open_ledger() as ledger:
        ledger.append(*(Entry("k", {"n": n}) for n in range(9)))
        write_car(tmp_path / "some.car", ledger, [7, 2, 3, 2])
        _, held = read_car((tmp_path / "some.car").read_bytes())
        assert [content for _, content in held[1:]] == [ledger.record(n).body for n in (2, 3, 7)]
        write_car(tmp_path / "none.car", ledger, [])
        assert len(read_car((tmp_path / "none.car").read_bytes())[1]) == 1


def test_what_cannot_be_written_leaves_nothing(open_ledger: Opener, tmp_path: Path) -> None:
    target = tmp_path / "out" / "some.car"
    with open_ledger() as ledger:
        ledger.append(Entry("k", {}))
        with pytest.raises(DurabilityError):
            write_car(target, ledger, [0])
        target.parent.mkdir()
        for seqs in ([2], [-1], [0, 99]):
            with pytest.raises(BundleError):
                write_car(target, ledger, seqs)
        with pytest.raises(ObjectMissing):
            write_car(target, ledger, [0], [Digest(bytes(32))])
    unsigned = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n")
    with pytest.raises(BundleError):
        write_car(target, unsigned, [])
    assert list(target.parent.iterdir()) == []


def test_the_page_shows_these_bytes(tmp_path: Path) -> None:
    here = Path(__file__).parent
    page = (here.parent.parent / "docs" / "ledger-format.md").read_text("utf-8")
    with TokenSignatureLedger.read_only(here / "golden" / "v1") as reader:
        write_car(tmp_path / "one.car", reader, [1])
        record, checkpoint = reader.record(1), reader.checkpoint
    data = (tmp_path / "one.car").read_bytes()
    assert checkpoint is not None
    header, section = data[:59], data[59 + 2 + 36 + len(checkpoint.note) :]
    assert section[1 + 36 :] == record.body
    assert f"    header   {header.hex(' ')}\n" in page
    assert f"    record 1 {section.hex(' ')}\n" in page
