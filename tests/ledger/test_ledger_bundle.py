"""Evidence that leaves the machine, and hostile files that claim to be such."""

import json
import zipfile
from pathlib import Path

import pytest

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


def test_flipped_content_is_found(bundle: Path) -> None:
    """Every byte of every entry's content; the zip's own fields carry no evidence."""
    data = bundle.read_bytes()
    for content in entries_of(bundle).values():
        start = data.index(content)
        for at in range(start, start + len(content)):
            bundle.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
            with pytest.raises(LedgerError):
                read_bundle(bundle).objects.close()


def test_truncated_files(bundle: Path) -> None:
    data = bundle.read_bytes()
    for cut in range(0, len(data), 7):
        bundle.write_bytes(data[:cut])
        with pytest.raises(LedgerError):
            read_bundle(bundle).objects.close()


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


def test_compressed_and_repeated_entries_are_refused(bundle: Path) -> None:
    entries = entries_of(bundle)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        archive.writestr("objects/bomb", bytes(1_000_000))
    with pytest.raises(BundleError, match="stored"):
        read_bundle(bundle)
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("checkpoint", entries["checkpoint"])
    with pytest.raises(BundleError, match="twice"):
        read_bundle(bundle)
    assert json.loads(entries["manifest.json"])["schema"] == "os2.evidence/1"
