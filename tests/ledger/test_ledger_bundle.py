"""Evidence that leaves the machine, and hostile files that claim to be such."""

import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    BundleError,
    Digest,
    LedgerError,
    MemoryStore,
    ObjectMissing,
    Signer,
    TokenSignatureLedger,
    digest,
    read_bundle,
    write_bundle,
)
from ledger.evidence.archive import ArchiveWriter, open_archive

GOLDEN = Path(__file__).parents[1] / "golden" / "session-v1.os2z"
PAYLOAD = b"the payload of record 3"


@pytest.fixture
def bundle(small: Path, tmp_path: Path) -> Path:
    path = tmp_path / "evidence.os2z"
    with TokenSignatureLedger.read_only(small) as ledger:
        write_bundle(path, ledger, [3, 1], [digest(PAYLOAD)], {"session": "s"})
    return path


def test_round_trip(bundle: Path, small: Path, signer: Signer, tmp_path: Path) -> None:
    with TokenSignatureLedger.read_only(small) as ledger:
        records = list(ledger.read())
        write_bundle(tmp_path / "again", ledger, [1, 3], [digest(PAYLOAD)], {"session": "s"})
        write_bundle(tmp_path / "all", ledger, range(6))
    assert (tmp_path / "again").read_bytes() == bundle.read_bytes()
    with read_bundle(bundle, signer.public) as found:
        assert found.trusted
        assert [record.body for record in found.records] == [records[1].body, records[3].body]
        assert found.objects.get(digest(PAYLOAD)) == PAYLOAD
        assert found.objects.put(PAYLOAD) == digest(PAYLOAD)
        assert found.metadata == {"session": "s"}
        assert found.checkpoint.size == 6
        with pytest.raises(ObjectMissing):
            found.objects.get(Digest(bytes(32)))
        with pytest.raises(BundleError):
            found.objects.put(b"new")
    with read_bundle(tmp_path / "all") as found:
        assert not found.trusted
        assert list(found.records) == records


def test_another_key_is_refused(bundle: Path) -> None:
    with pytest.raises(BundleError):
        read_bundle(bundle, Signer("test.example/log", bytes(32)).public)


def test_an_unsigned_ledger_gives_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        write_bundle(
            tmp_path / "x",
            TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n"),
            [],
        )
    assert not list(tmp_path.iterdir())


def refused(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    try:
        read_bundle(path).objects.close()
    except LedgerError:
        return True
    return False


def test_every_flipped_byte_is_refused(bundle: Path) -> None:
    """Contents, headers, directory, end: one bit of each byte, another at each."""
    data = bundle.read_bytes()
    flips = ((at, 1 << (at * 5 + at // 8) % 8) for at in range(len(data)))
    taken = [
        at
        for at, bit in flips
        if not refused(bundle, data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
    ]
    assert taken == []


@given(data=st.data())
def test_any_other_bytes_are_refused(data: st.DataObject, tmp_path_factory: object) -> None:
    """Bytes exchanged, put in or taken away anywhere."""
    path = Path(str(tmp_path_factory.getbasetemp())) / "other.os2z"  # type: ignore[attr-defined]
    good = GOLDEN.read_bytes()
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, min(len(good), start + 40)))
    other = good[:start] + data.draw(st.binary(max_size=40)) + good[stop:]
    assert other == good or refused(path, other)


def test_every_truncation_is_refused(bundle: Path) -> None:
    data = bundle.read_bytes()
    assert [cut for cut in range(len(data)) if not refused(bundle, data[:cut])] == []
    assert refused(bundle, data + b"\0")


def test_the_zip_is_the_one_that_zipfile_writes(bundle: Path, tmp_path: Path) -> None:
    """Common tools read it, and format 1, which zipfile wrote, keeps its bytes."""
    for path in (bundle, GOLDEN):
        entries = entries_of(path)
        again = tmp_path / "again.zip"
        with zipfile.ZipFile(again, "w") as archive:
            for name, content in entries.items():
                info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                info.external_attr, info.create_system = 0o100644 << 16, 3
                with archive.open(info, "w", force_zip64=name.startswith("objects/")) as entry:
                    entry.write(content)
        assert again.read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_more_entries_than_a_plain_zip_can_count(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine.zip", tmp_path / "theirs.zip"
    count = 2**16 + 10
    with mine.open("xb") as file, zipfile.ZipFile(theirs, "w") as archive:
        writer = ArchiveWriter(file)
        for number in range(count):
            info = zipfile.ZipInfo(f"records/{number}", (1980, 1, 1, 0, 0, 0))
            info.external_attr, info.create_system = 0o100644 << 16, 3
            archive.writestr(info, b"x")
            writer.add(info.filename, b"x")
        writer.finish()
    assert mine.read_bytes() == theirs.read_bytes()
    found = open_archive(mine, lambda _name: False)
    assert len(found.members) == count
    assert found.read("records/65540", 1) == b"x"
    found.close()


def test_a_bundle_of_format_1_is_read() -> None:
    with read_bundle(GOLDEN) as found:
        assert found.schema == "os2.evidence/1"
        assert found.records[0].kind == "ledger.created"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file"):
        read_bundle(tmp_path / "none")


def entries_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.pop("checkpoint"),
        lambda e: e.pop("manifest.json"),
        lambda e: e.pop("records/1.body"),
        lambda e: e.update({"../../etc/passwd": b"x"}),
        lambda e: e.update({"objects/zz": b"x"}),
        lambda e: e.update({"objects/" + bytes(32).hex(): b"x"}),
        lambda e: e.update({"records/2.body": e["records/1.body"]}),
        lambda e: e.update({"records/1.body": e["records/3.body"]}),
        lambda e: e.update({"manifest.json": b"[" * 100_000}),
        lambda e: e.update({"manifest.json": b"{}"}),
        lambda e: e.update({"manifest.json": e["manifest.json"].replace(b'"seq": 1', b'"seq": 2')}),
        lambda e: e.update({"public_key": b"junk"}),
        lambda e: e.update({"manifest.json": e["manifest.json"] + b" "}),
        lambda e: e.update(
            {"manifest.json": e["manifest.json"].replace(b'"seq": 1', b'"seq":  1')}
        ),
        lambda e: e.update(
            {"manifest.json": e["manifest.json"].replace(b'"first": 0', b'"first": 1')}
        ),
        lambda e: e.update(
            {"manifest.json": e["manifest.json"].replace(b"evidence/2", b"evidence/3")}
        ),
        lambda e: e.update(
            {"manifest.json": e["manifest.json"].replace(b"evidence/2", b"evidence/1")}
        ),
    ],
)
def test_other_shapes_are_refused(bundle: Path, change: object) -> None:
    entries = entries_of(bundle)
    change(entries)  # type: ignore[operator]
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    with pytest.raises(LedgerError):
        read_bundle(bundle)
    lay_out(bundle, entries.items())
    with pytest.raises(LedgerError):
        read_bundle(bundle)


def lay_out(path: Path, entries: Iterable[tuple[str, bytes]]) -> None:
    """An archive as the library lays it out, with whatever entries."""
    with path.open("wb") as file:
        writer = ArchiveWriter(file)
        for name, content in entries:
            if name.startswith("objects/"):
                writer.add_stream(name, io.BytesIO(content).read)
            else:
                writer.add(name, content)
        writer.finish()


def test_the_same_entries_laid_out_again_are_the_same(bundle: Path) -> None:
    data, entries = bundle.read_bytes(), entries_of(bundle)
    lay_out(bundle, entries.items())
    assert bundle.read_bytes() == data
    lay_out(bundle, reversed(entries.items()))
    with pytest.raises(BundleError, match="order"):
        read_bundle(bundle)


def test_compressed_and_repeated_entries_are_refused(bundle: Path) -> None:
    entries = entries_of(bundle)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        archive.writestr("objects/bomb", bytes(1_000_000))
    with pytest.raises(BundleError, match="header"):
        read_bundle(bundle)
    lay_out(bundle, [*entries.items(), ("checkpoint", entries["checkpoint"])])
    with pytest.raises(BundleError, match="twice"):
        read_bundle(bundle)
    assert json.loads(entries["manifest.json"])["schema"] == "os2.evidence/2"
