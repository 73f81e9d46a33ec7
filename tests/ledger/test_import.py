"""A ledger comes back from its JSON Lines byte for byte, or not at all; foreign evidence is kept."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    Entry,
    EntryError,
    FileStore,
    KeyFile,
    LedgerError,
    Signer,
    Status,
    TokenSignatureLedger,
    digest,
    read_bundle,
    verify,
    write_bundle,
)
from ledger.__main__ import main
from ledger.evidence import jsonl
from ledger.evidence.importing import admit, rebuild
from ledger.form.record import genesis, link, unsealed

SEED = bytes(32)
GOLDEN = Path(__file__).parent / "golden" / "v1"
LARGE = bytes(range(256)) * 4096 * 2 + b"and a part"


@pytest.fixture
def long(tmp_path: Path, signer: Signer, clock: Callable[[], int]) -> Path:
    """A ledger of several small segments, with contents of several sizes."""
    folder = tmp_path / "long"
    store = FileStore(folder)
    with TokenSignatureLedger(store, signer, clock=clock, node="n1", segment_bytes=4096) as ledger:
        for number, content in enumerate((b"", LARGE, b"x" * 1024 * 1024, b"small", b"small")):
            name = ledger.objects.put(content)
            stream = {"size": len(content), "digest": name}
            ledger.append(
                Entry("payload", {"n": number}, payload=name),
                Entry("content", {"deep": [{"stdout": stream}]}),
            )
        for number in range(40):
            ledger.append(*(Entry("k", {"n": number, "bytes": b"\xff"}) for _ in range(5)))
    assert len(list((folder / "segments").iterdir())) > 3
    return folder


def lines_of(folder: Path, *, objects: bool = True) -> bytes:
    return b"".join(jsonl.full_lines(folder, objects=objects))


def files_of(folder: Path) -> dict[str, bytes]:
    """What a ledger is: not its caches, lock or seals, which the next open makes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and path.relative_to(folder).parts[0] in {"segments", "checkpoint", "objects"}
    }


@pytest.mark.parametrize("name", ["long", "golden"])
def test_there_and_back(name: str, long: Path, tmp_path: Path, signer: Signer) -> None:
    folder = long if name == "long" else GOLDEN
    made = rebuild(io.BytesIO(lines_of(folder)), tmp_path / "made", signer.public)
    assert made.status is Status.OK
    assert made.trusted
    assert files_of(tmp_path / "made") == files_of(folder)
    assert lines_of(tmp_path / "made") == lines_of(folder)
    assert verify(tmp_path / "made", signer.public, objects=True).status is Status.OK


def test_what_came_back_goes_on(
    long: Path, tmp_path: Path, signer: Signer, clock: Callable[[], int]
) -> None:
    rebuild(io.BytesIO(lines_of(long)), tmp_path / "made")
    with TokenSignatureLedger.open(tmp_path / "made", signer, clock=clock, node="n2") as ledger:
        size = ledger.head.size
        ledger.append(Entry("more", {}))
        assert ledger.record(size).kind == "more"
    assert verify(tmp_path / "made", signer.public).status is Status.OK


def test_a_ledger_of_several_keys(tmp_path: Path, clock: Callable[[], int]) -> None:
    key = KeyFile.create(tmp_path / "keys" / "log", "test.example/log")
    first = key.public
    with TokenSignatureLedger.open(tmp_path / "turned", key, clock=clock, node="n") as ledger:
        ledger.append(Entry("a", {}))
        ledger.rotate()
        ledger.append(Entry("b", {}))
    data = lines_of(tmp_path / "turned")
    made = rebuild(io.BytesIO(data), tmp_path / "made", first)
    assert made.trusted
    assert files_of(tmp_path / "made") == files_of(tmp_path / "turned")
    with pytest.raises(LedgerError):
        rebuild(io.BytesIO(data), tmp_path / "again", Signer("test.example/log", SEED).public)
    assert not (tmp_path / "again").exists()


def test_without_objects(long: Path, tmp_path: Path) -> None:
    rebuild(io.BytesIO(lines_of(long, objects=False)), tmp_path / "made")
    assert files_of(tmp_path / "made").keys() == {
        name for name in files_of(long) if not name.startswith("objects")
    }


def refused(data: bytes, tmp_path: Path) -> bool:
    try:
        rebuild(io.BytesIO(data), tmp_path / "made")
    except LedgerError:
        assert not (tmp_path / "made").exists()
        assert not list(tmp_path.glob(".made*"))
        return True
    return False


def test_every_altered_byte_is_refused(tmp_path: Path) -> None:
    data = lines_of(GOLDEN)
    for at in range(0, len(data), 11):
        other = data[:at] + bytes([data[at] ^ 1 << at % 7]) + data[at + 1 :]
        assert refused(other, tmp_path), at


def test_every_cut_is_refused(tmp_path: Path) -> None:
    rows = lines_of(GOLDEN).splitlines(keepends=True)
    for count in range(len(rows)):
        assert refused(b"".join(rows[:count]), tmp_path)
        assert refused(b"".join(rows[:count] + rows[count + 1 :]), tmp_path)
        assert refused(b"".join(rows[: count + 1] + rows[count:]), tmp_path)
    assert refused(b"".join(rows)[:-1], tmp_path)
    assert refused(b"".join(rows) + b"\n", tmp_path)
    for count in range(len(rows) - 1):
        exchanged = [*rows[:count], rows[count + 1], rows[count], *rows[count + 2 :]]
        assert refused(b"".join(exchanged), tmp_path)


def change(type_: str, **fields: Any) -> Callable[[dict[str, Any]], None]:
    def changed(row: dict[str, Any]) -> None:
        if row["type"] == type_:
            row.update(fields)

    return changed


@pytest.mark.parametrize(
    "changed",
    [
        change("ledger", origin="other"),
        change("ledger", public_key="other"),
        change("ledger", schema="os2.ledger.jsonl/2"),
        change("ledger", full=False),
        change("ledger", more=1),
        change("segment", number=1),
        change("record", kind="other"),
        change("record", attributes={}),
        change("record", time="2023-11-14T22:13:21.000Z"),
        change("record", body=""),
        change("record", body="AAAA"),
        change("record", body="A"),
        change("record", body=1),
        change("record", chain="00" * 32),
        change("record", more=1),
        change("checkpoint", size=1),
        change("checkpoint", note=""),
        change("checkpoint", note="x" * 70_000),
        change("checkpoint", note="\ud800"),
        change("object", digest="00" * 32),
        change("object", data=""),
        change("object", more=True),
        change("object", more=1),
        change("end", lines=5),
        change("end", blake3="00" * 32),
        change("end", type="other"),
        change("end", more=True),
    ],
)
def test_words_that_the_ledger_does_not_bear_out(
    changed: Callable[[Any], None], tmp_path: Path
) -> None:
    rows = [json.loads(row) for row in lines_of(GOLDEN).splitlines()]
    for row in rows:
        changed(row)
    spelled = [json.dumps(row, sort_keys=True, separators=(",", ":")) for row in rows]
    assert refused("".join(f"{row}\n" for row in spelled).encode(), tmp_path)


def test_another_spelling_is_refused(tmp_path: Path) -> None:
    data = lines_of(GOLDEN)
    assert refused(data.replace(b",", b", "), tmp_path)
    assert refused(data.replace(b"\n", b"\r\n"), tmp_path)
    assert refused(data.replace(b"\\u00e9", "é".encode()), tmp_path)
    assert refused(b"[" * 100_000, tmp_path)
    assert refused(b"{" * 5_000_000, tmp_path)
    assert refused(b"", tmp_path)
    assert refused(b"\n" + data, tmp_path)
    assert refused(b"null\n" + data, tmp_path)


def test_parts_of_an_object_have_one_size(long: Path, tmp_path: Path) -> None:
    """An object split otherwise has the same content, but it is not what was exported."""
    rows = lines_of(long).splitlines(keepends=True)
    at = next(n for n, row in enumerate(rows) if b'"more":true' in row)
    whole = json.loads(rows[at])
    content = base64.b64decode(whole["data"])
    halves = [
        jsonl.object_line(whole["digest"], content[:1000], more=True),
        jsonl.object_line(whole["digest"], content[1000:], more=True),
    ]
    assert refused(b"".join([*rows[:at], *halves, *rows[at + 1 :]]), tmp_path)
    gap = jsonl.object_line(whole["digest"], b"", more=True)
    assert refused(b"".join([*rows[:at], gap, *rows[at:]]), tmp_path)


@given(st.data())
def test_any_other_bytes_are_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    good = lines_of(GOLDEN)
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, min(len(good), start + 30)))
    other = good[:start] + data.draw(st.binary(max_size=30)) + good[stop:]
    if other != good:
        assert refused(other, tmp_path_factory.getbasetemp())


def test_never_over_anything(tmp_path: Path, small: Path) -> None:
    before = files_of(small)
    data = lines_of(GOLDEN)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("log", "empty", "link"):
        with pytest.raises(EntryError, match="new folder"):
            rebuild(io.BytesIO(data), tmp_path / name)
    assert files_of(small) == before
    with pytest.raises(LedgerError):
        rebuild(io.BytesIO(data), tmp_path / "no" / "such" / "folder")


def test_another_key_than_the_one_demanded(tmp_path: Path) -> None:
    with pytest.raises(LedgerError):
        rebuild(io.BytesIO(lines_of(GOLDEN)), tmp_path / "made", Signer("o", bytes(32)).public)
    assert not list(tmp_path.iterdir())


def test_a_forged_ledger_is_refused(tmp_path: Path, small: Path) -> None:
    """Whoever changes a record and computes the chain anew lacks the signature."""
    rows = [json.loads(row) for row in lines_of(small).splitlines()]
    chain = genesis("test.example/log")
    forged = []
    for row in rows:
        if row["type"] == "record":
            body = base64.b64decode(row["body"])
            if row["seq"] == 1:
                body = body.replace(b"\xa1n\x01", b"\xa1n\x02")
                assert body != base64.b64decode(row["body"])
            chain = link(chain, body)
            forged.append(jsonl.record_line(unsealed(body, chain)))
        else:
            forged.append(jsonl.line(row))
    assert refused(b"".join(forged), tmp_path)


# --- foreign evidence -------------------------------------------------------------------------


@pytest.fixture
def foreign(tmp_path: Path, clock: Callable[[], int]) -> Path:
    """A bundle of another ledger."""
    signer = Signer("other.example/log", bytes(range(1, 33)))
    with TokenSignatureLedger.open(tmp_path / "other", signer, clock=clock, node="n9") as ledger:
        name = ledger.objects.put(b"content")
        ledger.append(Entry("a", {}), Entry("b", {}, payload=name))
        write_bundle(tmp_path / "foreign.os2z", ledger, [0, 2], [name], {"case": "7"})
    return tmp_path / "foreign.os2z"


def test_evidence_is_kept_and_recorded(
    foreign: Path, small: Path, open_ledger: Callable[[], TokenSignatureLedger], signer: Signer
) -> None:
    key = Signer("other.example/log", bytes(range(1, 33))).public
    with open_ledger() as ledger:
        before = ledger.head.size
        record = admit(foreign, ledger, key)
        assert ledger.head.size == before + 1
        assert record.kind == "ledger.imported"
        with read_bundle(foreign) as bundle:
            assert record.attributes == {
                "origin": "other.example/log",
                "size": 3,
                "root": bundle.checkpoint.root,
                "signer": str(key),
                "trusted": True,
                "records": 2,
                "schema": "os2.evidence/2",
            }
        assert record.payload == digest(foreign.read_bytes())
        assert ledger.objects.get(record.payload) == foreign.read_bytes()
        again = admit(foreign, ledger)
        assert again.attributes["trusted"] is False
    assert verify(small, signer.public, objects=True).status is Status.OK


def test_tampered_evidence_leaves_no_trace(
    foreign: Path, small: Path, open_ledger: Callable[[], TokenSignatureLedger]
) -> None:
    with open_ledger():
        pass
    before = files_of(small)
    data = foreign.read_bytes()
    foreign.write_bytes(data[:300] + bytes([data[300] ^ 1]) + data[301:])
    with open_ledger() as ledger, pytest.raises(LedgerError):
        admit(foreign, ledger)
    foreign.write_bytes(data)
    with open_ledger() as ledger, pytest.raises(LedgerError):
        admit(foreign, ledger, Signer("other.example/log", bytes(32)).public)
    assert files_of(small) == before


# --- the command ------------------------------------------------------------------------------


def test_the_command(
    long: Path, foreign: Path, small: Path, key_file: Path, tmp_path: Path, capsys: Any
) -> None:
    source, made = tmp_path / "x.jsonl", tmp_path / "made"
    source.write_bytes(lines_of(long))
    assert main(["import", str(source), "--into", str(made), "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert (body["size"], body["trusted"]) == (211, False)
    assert files_of(made) == files_of(long)
    assert main(["import", str(source), "--into", str(made)]) == 2
    into = ["--ledger", str(small), "--key", str(key_file), "--actor", "me"]
    assert main(["import", str(foreign), *into]) == 0
    assert "other.example/log" in capsys.readouterr().out
    with TokenSignatureLedger.read_only(small) as ledger:
        record = ledger.record(ledger.head.size - 1)
        assert (record.kind, record.actor) == ("ledger.imported", "me")


def test_misuse_of_the_command(small: Path, foreign: Path, key_file: Path, tmp_path: Path) -> None:
    none, to = str(tmp_path / "none"), ["--ledger", str(small), "--key", str(key_file)]
    assert main(["import", str(foreign), "--ledger", str(small)]) == 2
    assert main(["import", none, "--into", str(tmp_path / "made")]) == 4
    assert main(["import", none, *to]) == 4
    assert main(["import", str(key_file), *to]) == 1
    assert main(["import", str(key_file), "--into", str(tmp_path / "made")]) == 1
    with pytest.raises(SystemExit, match="2"):
        main(["import", str(foreign)])
    assert not (tmp_path / "made").exists()


def test_an_export_of_format_1_is_read_and_written_again(tmp_path: Path) -> None:
    golden = (GOLDEN.parent / "ledger-v1.jsonl").read_bytes()
    assert lines_of(GOLDEN) == golden
    rebuild(io.BytesIO(golden), tmp_path / "made")
    assert files_of(tmp_path / "made") == files_of(GOLDEN)
