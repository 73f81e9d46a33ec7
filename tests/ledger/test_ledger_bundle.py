"""Evidence that leaves the machine, and hostile files that claim to be such."""

import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    BundleError,
    Digest,
    Entry,
    FileStore,
    KeyFile,
    LedgerError,
    MemoryStore,
    ObjectMissing,
    PrunedError,
    PublicKey,
    Signer,
    TokenSignatureLedger,
    digest,
    export_lines,
    read_bundle,
    write_bundle,
)
from ledger.evidence import archive, verify_os2
from ledger.evidence.archive import ArchiveWriter, open_archive
from ledger.trust.endorsement import endorse

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "session-v1.os2z"
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


@pytest.mark.skipif(sys.version_info < (3, 11, 4), reason="zipfile wrote other zip64 headers")
def test_the_zip_is_the_one_that_zipfile_writes(bundle: Path, tmp_path: Path) -> None:
    """Common tools read it, and format 1, which zipfile wrote, keeps its bytes."""
    for path in (bundle, GOLDEN):
        entries = entries_of(path)
        again = tmp_path / "again.zip"
        with zipfile.ZipFile(again, "w") as zipped:
            for name, content in entries.items():
                info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                info.external_attr, info.create_system = 0o100644 << 16, 3
                with zipped.open(info, "w", force_zip64=name.startswith("objects/")) as entry:
                    entry.write(content)
        assert again.read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_more_entries_than_a_plain_zip_can_count(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine.zip", tmp_path / "theirs.zip"
    count = 2**16 + 10
    with mine.open("xb") as file, zipfile.ZipFile(theirs, "w") as zipped:
        writer = ArchiveWriter(file)
        for number in range(count):
            info = zipfile.ZipInfo(f"records/{number}", (1980, 1, 1, 0, 0, 0))
            info.external_attr, info.create_system = 0o100644 << 16, 3
            zipped.writestr(info, b"x")
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
    with zipfile.ZipFile(path) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


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
    with zipfile.ZipFile(bundle, "w") as zipped:
        for name, content in entries.items():
            zipped.writestr(name, content)
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
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in entries.items():
            zipped.writestr(name, content)
        zipped.writestr("objects/bomb", bytes(1_000_000))
    with pytest.raises(BundleError, match="header"):
        read_bundle(bundle)
    lay_out(bundle, [*entries.items(), ("checkpoint", entries["checkpoint"])])
    with pytest.raises(BundleError, match="twice"):
        read_bundle(bundle)
    assert json.loads(entries["manifest.json"])["schema"] == "os2.evidence/2"


@pytest.fixture
def rotated(tmp_path: Path, clock: Callable[[], int]) -> tuple[Path, list[PublicKey]]:
    """A closed ledger whose key was rotated twice, and its keys."""
    key = KeyFile.create(tmp_path / "keys" / "log", "test.example/log")
    keys = [key.public]
    with TokenSignatureLedger.open(tmp_path / "turned", key, clock=clock, node="n") as ledger:
        ledger.append(Entry("a", {}), Entry("b", {}))
        for number in range(2):
            ledger.rotate()
            ledger.append(Entry("c", {"n": number}))
            assert ledger.public_key is not None
            keys.append(ledger.public_key)
    return tmp_path / "turned", keys


def test_evidence_of_any_epoch_s_key(rotated: tuple[Path, list[PublicKey]], tmp_path: Path) -> None:
    """Whoever knows one key of the log, the first or the newest, can trust its evidence."""
    folder, keys = rotated
    path = tmp_path / "x.os2z"
    with TokenSignatureLedger.read_only(folder) as ledger:
        records = list(ledger.read())
        write_bundle(path, ledger, [1, len(records) - 1])
    for key in keys:
        with read_bundle(path, key) as found:
            assert found.trusted
            assert found.signer == keys[-1]
            assert [row.key for row in found.epochs] == keys
            assert [record.seq for record in found.records] == [1, len(records) - 1]
        theirs = verify_os2.Key.parse(str(key))
        assert verify_os2.verdict(str(path), theirs)[0] == 0
    other = Signer("test.example/log", bytes(32)).public
    with pytest.raises(BundleError):
        read_bundle(path, other)
    assert verify_os2.verdict(str(path), verify_os2.Key.parse(str(other)))[0] == 1


def test_every_byte_of_a_lineage_counts(
    rotated: tuple[Path, list[PublicKey]], tmp_path: Path
) -> None:
    path = tmp_path / "x.os2z"
    with TokenSignatureLedger.read_only(rotated[0]) as ledger:
        write_bundle(path, ledger, [1])
    entries = entries_of(path)
    assert [name for name in entries if name.startswith("keys/")] == [
        "keys/1.checkpoint",
        "keys/1.body",
        "keys/2.checkpoint",
        "keys/2.body",
    ]
    for name, content in entries.items():
        if name.startswith("keys/") or name == "manifest.json":
            for at in range(0, len(content), 7):
                other = content[:at] + bytes([content[at] ^ 1 << at % 7]) + content[at + 1 :]
                lay_out(path, {**entries, name: other}.items())
                with pytest.raises(LedgerError):
                    read_bundle(path).objects.close()
                assert verify_os2.verdict(str(path), None)[0] == 1, (name, at)


def test_evidence_of_a_pruned_ledger(tmp_path: Path, clock: Callable[[], int]) -> None:
    """What went cannot be shown; how the present key came to be the log's still can."""
    key = KeyFile.create(tmp_path / "keys" / "log", "test.example/log")
    first, path = key.public, tmp_path / "x.os2z"
    store = FileStore(tmp_path / "log")
    with TokenSignatureLedger(store, key, clock=clock, node="n", segment_bytes=2048) as ledger:
        for number in range(30):
            ledger.append(Entry("k", {"n": number}))
        ledger.rotate()
        for number in range(30):
            ledger.append(Entry("k", {"n": number}))
        ledger.prune(50)
        assert ledger.first > 32
        last = ledger.head.size - 1
        write_bundle(path, ledger, [0, 31, last])
        with read_bundle(path, first) as found:
            assert [record.seq for record in found.records] == [0, 31, last]
        assert verify_os2.verdict(str(path), verify_os2.Key.parse(str(first)))[0] == 0
        with pytest.raises(PrunedError):
            write_bundle(tmp_path / "y.os2z", ledger, [1])
        with pytest.raises(PrunedError):
            list(export_lines("jsonl", ledger))
    assert not (tmp_path / "y.os2z").exists()


def swap_keys(manifest: Any) -> None:
    manifest["keys"][1:] = manifest["keys"][:0:-1]


@pytest.mark.parametrize(
    "change",
    [
        swap_keys,
        lambda m: m["keys"].pop(),
        lambda m: m["keys"].pop(0),
        lambda m: m["keys"].append(m["keys"][-1]),
        lambda m: m["keys"][1].update(first=True),
        lambda m: m["keys"][1].update(first=m["keys"][1]["first"] + 1),
        lambda m: m["keys"][1].update(proof=[]),
        lambda m: m["keys"][1].update(proof="x"),
        lambda m: m["keys"][1].update(more=1),
        lambda m: m["keys"][1].pop("proof"),
        lambda m: m["keys"][1].update(public_key=m["keys"][2]["public_key"]),
        lambda m: m["keys"][0].update(proof=[]),
        lambda m: m["keys"][0].update(first=False),
    ],
)
def test_other_lineages_are_refused(
    change: Callable[[Any], None], rotated: tuple[Path, list[PublicKey]], tmp_path: Path
) -> None:
    path = tmp_path / "x.os2z"
    with TokenSignatureLedger.read_only(rotated[0]) as ledger:
        write_bundle(path, ledger, [1])
    entries = entries_of(path)
    manifest = json.loads(entries["manifest.json"])
    change(manifest)
    entries["manifest.json"] = json.dumps(manifest, sort_keys=True, indent=1).encode()
    lay_out(path, entries.items())
    with pytest.raises(LedgerError):
        read_bundle(path)
    assert verify_os2.verdict(str(path), None)[0] == 1


def test_evidence_by_the_root(tmp_path: Path, clock: Callable[[], int]) -> None:
    """A root's key is enough when the bundle holds its endorsement of every epoch."""
    root = Signer("root.example", bytes(range(2, 34)))
    key = KeyFile.create(tmp_path / "keys" / "log", "test.example/log")
    path = tmp_path / "x.os2z"
    with TokenSignatureLedger.open(
        tmp_path / "turned", key, clock=clock, node="n", root=root.public
    ) as ledger:
        ledger.rotate()
        ledger.append(Entry("a", {}))
        assert ledger.keys is not None
        ledger.endorse(endorse(root, ledger.keys.epochs).note)
        size = ledger.head.size
        write_bundle(path, ledger, range(size))
        with read_bundle(path, root.public) as found:
            assert found.trusted
        write_bundle(path, ledger, range(size - 1))
        with pytest.raises(BundleError, match="in epoch 0, which is not"):
            read_bundle(path, root.public)


def test_large_objects_are_streamed(small: Path, tmp_path: Path, signer: Signer) -> None:
    content = bytes(range(256)) * 8192 + b"the end"
    with TokenSignatureLedger.open(small, signer, clock=lambda: 0, node="n") as ledger:
        name = ledger.objects.put(content)
        write_bundle(tmp_path / "x.os2z", ledger, [1], [name])
    with read_bundle(tmp_path / "x.os2z") as found:
        with found.objects.open(name) as file:
            assert file.read(10) == content[:10]
            assert file.seek(-7, io.SEEK_END) == len(content) - 7
            assert file.read() == b"the end"
            assert file.seek(0) == 0
            assert file.read() == content
        assert found.objects.get(name) == content
        assert found.objects.has(name)
        assert found.objects.put_stream(io.BytesIO(content).read) == name
        with pytest.raises(BundleError, match="no new object"):
            found.objects.put_stream(io.BytesIO(b"new").read)
        found.objects.flush()


def test_sizes_and_places_beyond_32_bits(tmp_path: Path) -> None:
    """Sparse entries of 3 and 5 GiB, and one behind them, laid out as zipfile would."""
    path, theirs = tmp_path / "x.zip", tmp_path / "theirs.zip"
    members, at = [], 0
    for name, size in (("objects/aa", 3 << 30), ("objects/bb", 5 << 30), ("last", 1)):
        members.append(archive._member(name, at, size, 7, streamed=name != "last"))
        at = members[-1].stop
    with path.open("wb") as file, zipfile.ZipFile(theirs, "w") as other:
        for member in members:
            file.seek(member.start)
            file.write(archive._local_header(member))
            info = zipfile.ZipInfo(member.name, (1980, 1, 1, 0, 0, 0))
            info.external_attr, info.create_system = 0o100644 << 16, 3
            info.file_size = info.compress_size = member.size
            info.header_offset, info.CRC = member.start, member.crc
            info.create_version = info.extract_version = 45 if member.streamed else 20
            other.filelist.append(info)
        file.seek(at)
        file.writelines(archive._directory(members))
        other.start_dir, other._didModify = at, True  # type: ignore[attr-defined]
    with path.open("rb") as mine, theirs.open("rb") as file:
        mine.seek(at)
        file.seek(at)
        assert mine.read() == file.read()
        mine.seek(0)
        assert len(verify_os2.Zip(mine).entries) == 3
    found = open_archive(path, lambda name: name.startswith("objects/"))
    assert found.members == {member.name: member for member in members}
    found.close()


def test_a_bundle_that_cannot_be_written(small: Path, tmp_path: Path) -> None:
    with TokenSignatureLedger.read_only(small) as ledger:
        with pytest.raises(LedgerError):
            write_bundle(tmp_path / "none" / "x.os2z", ledger, [1])
        with pytest.raises(BundleError, match="choose fewer"):
            write_bundle(tmp_path / "x.os2z", ledger, range(180_001))
        with pytest.raises(BundleError, match="JSON"):
            write_bundle(tmp_path / "x.os2z", ledger, [1], metadata={"x": b"bytes"})
        with pytest.raises(ObjectMissing):
            write_bundle(tmp_path / "x.os2z", ledger, [1], [Digest(bytes(32))])
    assert not list(tmp_path.glob("*x.os2z*"))


@pytest.mark.parametrize("name", ["evidence-v2.os2z", "evidence-v2-keys.os2z"])
def test_bundles_of_format_2_are_read(name: str) -> None:
    with read_bundle(HERE / "golden" / name) as found:
        assert found.schema == "os2.evidence/2"
        key = found.epochs.rows[0].key
        assert len(found.epochs) == (3 if "keys" in name else 1)
        assert [record.seq for record in found.records][:2] == [0, 1]
    read_bundle(HERE / "golden" / name, key).objects.close()
    mine = verify_os2.Key.parse(str(key))
    assert verify_os2.verdict(str(HERE / "golden" / name), mine)[0] == 0


def test_writing_the_same_evidence_again_gives_the_same_bytes(tmp_path: Path) -> None:
    with TokenSignatureLedger.read_only(HERE / "golden" / "v1") as ledger:
        write_bundle(tmp_path / "x", ledger, [0, 1, 3], [digest(PAYLOAD)], {"case": "7"})
    assert (tmp_path / "x").read_bytes() == (HERE / "golden" / "evidence-v2.os2z").read_bytes()
