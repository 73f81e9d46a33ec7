"""The file for strangers: it runs without us, and says what we say."""

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from struct import pack
from typing import Any

import blake3 as blake3_package
import cryptography
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger import (
    BundleError,
    LedgerError,
    Signer,
    TokenSignatureLedger,
    digest,
    read_bundle,
    write_bundle,
)
from ledger.evidence import archive, verify_os2
from ledger.evidence.bundle import MAX_MANIFEST_BYTES
from ledger.form import canonical
from ledger.trust.note import Note, Signature, encode64
from tests.ledger.forged_bundles import ORIGIN, SIGNER, Forgery, body, nested, packed, raw, second

SCRIPT = Path(verify_os2.__file__)
GOLDEN = Path(__file__).parents[1] / "golden" / "session-v1.os2z"
NEEDED = ("cryptography", "blake3", "cffi", "_cffi_backend*", "pycparser")
START = """
import runpy, sys
sys.path.insert(0, {folder!r})
for name in ("ledger", "os2shell", "msgpack"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(99)
runpy.run_path({script!r}, run_name="__main__")
"""


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder from which the two packages can be imported, and nothing else."""
    folder = tmp_path_factory.mktemp("packages")
    for module in (cryptography, blake3_package):
        site = Path(str(module.__file__)).parents[1]
        for pattern in NEEDED:
            for found in site.glob(pattern):
                if not (folder / found.name).exists():
                    (folder / found.name).symlink_to(found)
    return folder


@pytest.fixture
def stranger(packages: Path, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Runs a copy of the file in a process that knows nothing of us."""
    script = tmp_path / "elsewhere" / "verify_os2.py"
    script.parent.mkdir()
    script.write_bytes(SCRIPT.read_bytes())
    start = START.format(folder=str(packages), script=str(script))

    def run(*arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "-I", "-S", "-c", start, *arguments]
        ran = subprocess.run(
            command, cwd=script.parent, capture_output=True, text=True, check=False
        )
        assert ran.returncode != 99, "the process could import what it must not"
        return ran.returncode, ran.stdout, ran.stderr

    return run


@pytest.fixture
def bundle(small: Path, tmp_path: Path) -> Path:
    path = tmp_path / "evidence.os2z"
    with TokenSignatureLedger.read_only(small) as ledger:
        objects = [digest(b"the payload of record 3")]
        write_bundle(path, ledger, [0, 1, 3], objects, {"session": "s"})
    return path


def test_it_speaks_python_3_9_and_is_short() -> None:
    source = SCRIPT.read_text()
    ast.parse(source, feature_version=(3, 9))
    assert source.count("\n") < 500


def test_evidence_that_holds(bundle: Path, stranger: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = stranger(str(bundle), "--pubkey", str(SIGNER.public))
    assert (code, err) == (0, "")
    assert "status    ok\n" in out
    assert "trusted   by the key you gave" in out
    code, out, _ = stranger(str(bundle), "--json")
    found = json.loads(out)
    assert code == 0
    with read_bundle(bundle) as ours:
        assert found["root"] == ours.checkpoint.root.hex()
        assert found["signer"] == str(ours.signer)
        assert found["records"] == [record.seq for record in ours.records]
    assert (found["trusted"], found["objects"], found["complete"]) == (False, 1, False)
    assert stranger(str(GOLDEN))[0] == 0


def test_evidence_that_does_not_hold(
    bundle: Path, stranger: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    data = bundle.read_bytes()
    bundle.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    code, out, _ = stranger(str(bundle))
    assert code == 1
    assert "status    broken\n" in out
    bundle.write_bytes(data)
    other = Signer(ORIGIN, bytes(32)).public
    (tmp_path / "key").write_text(f"{other}\n")
    assert stranger(str(bundle), "--pubkey", str(tmp_path / "key"))[0] == 1
    assert stranger(str(tmp_path / "none.os2z"))[0] == 4
    assert stranger(str(bundle), "--pubkey", "a+b+c")[0] == 2
    assert stranger(str(bundle), "--pubkey", str(tmp_path / "none"))[0] == 2
    assert stranger()[0] == 2


def test_it_says_which_packages_it_lacks(bundle: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), str(bundle)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert "pip install cryptography blake3" in ran.stderr


def verdicts(path: Path) -> tuple[str, str]:
    """What we say of a file, and what the file for strangers says: nothing is fine."""
    ours = ""
    try:
        read_bundle(path).objects.close()
    except LedgerError as problem:
        ours = f"{type(problem).__name__}: {problem}"
    _, report = verify_os2.verdict(str(path), None)
    return ours, str(report.get("reason", ""))


def agreed(path: Path) -> bool:
    """Whether a file holds; both must say the same."""
    ours, theirs = verdicts(path)
    assert bool(ours) == bool(theirs), f"we: {ours or 'holds'}; the stranger: {theirs or 'holds'}"
    return not ours


def test_flips_and_cuts_are_judged_alike(bundle: Path) -> None:
    data = bundle.read_bytes()
    for at in range(0, len(data), 3):
        bundle.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        assert not agreed(bundle)
        bundle.write_bytes(data[:at])
        assert not agreed(bundle)
    bundle.write_bytes(data)
    assert agreed(bundle)


SIGNATURE_OF_ANOTHER = Signature("other", b"1234", b"5").line().encode()


HOLDING = {
    "all": Forgery(),
    "some": Forgery(seqs=[1, 3]),
    "none": Forgery(seqs=[]),
    "objects": Forgery(objects=[b"", b"x", bytes(3_000_000)]),
    "deepest": second(packed([1, 1, 65537, "", "", "", "", "a", nested(32), None, None])),
    "longest": second(body(1, attributes={"a": "x" * (65_535 - len(body(1)) - 5)})),
    "extremes": second(
        body(1, attributes={"n": [2**64 - 1, -(2**63), -1, -32, -33, 127, 128, 2**31, 2**32]})
    ),
    "texts": second(body(1, actor="é" * 40, token="x" * 300, attributes={"": "\U0010ffff"})),
    "digests": second(body(1, payload=bytes(32), commitment=bytes(range(32)))),
    "another signature": Forgery(note=lambda note: note + SIGNATURE_OF_ANOTHER),
    "an extension": Forgery(text=lambda text: text + "more of it\n"),
    "metadata": Forgery(manifest=lambda m: {**m, "metadata": {"é": ["\u2028", None, 1.5]}}),
}
BROKEN: dict[str, Forgery] = {
    "too deep": second(packed([1, 1, 65537, "", "", "", "", "a", [nested(32)], None, None])),
    "deeper": raw(b"\x81\xa1a" * 32 + b"\x80"),
    "too long": second(body(1, attributes={"a": "x" * (65_536 - len(body(1)) - 5)})),
    "a float": raw(b"\x81\xa1a\xcb" + bytes(8)),
    "an extension type": raw(b"\x81\xa1a\xd4\x01\x00"),
    "a timestamp": raw(b"\x81\xa1a\xd6\xff" + bytes(4)),
    "a long integer": raw(b"\x81\xa1a\xcc\x01"),
    "a long negative": raw(b"\x81\xa1a\xd0\xff"),
    "a positive as signed": raw(b"\x81\xa1a\xd1\x01\x00"),
    "a long text": raw(b"\x81\xd9\x01a\xc0"),
    "a long map": raw(b"\xde\x00\x00"),
    "a long binary": raw(b"\x81\xa1a\xc5\x00\x01a"),
    "keys out of order": raw(b"\x82\xa1b\xc0\xa1a\xc0"),
    "keys repeated": raw(b"\x82\xa1a\xc0\xa1a\xc0"),
    "a key that is none": raw(b"\x81\x01\xc0"),
    "no UTF-8": raw(b"\x81\xa1\xff\xc0"),
    "a surrogate": raw(b"\x81\xa3\xed\xa0\x80\xc0"),
    "an unused type": raw(b"\x81\xa1a\xc1"),
    "attributes that are none": raw(b"\x90"),
    "bytes behind it": second(body(1) + b"\xc0"),
    "a body cut off": second(body(1)[:-1]),
    "an empty body": second(b""),
    "version 2": second(body(1, version=2)),
    "version true": second(body(1, version=True)),
    "another seq": second(body(2)),
    "a seq of text": second(body(1, seq="1")),
    "a negative time": second(body(1, hlc=-1)),
    "no kind": second(body(1, kind="")),
    "a node that is none": second(body(1, node=None)),
    "a short payload": second(body(1, payload=bytes(31))),
    "a payload of text": second(body(1, payload="x" * 32)),
    "a commitment of text": second(body(1, commitment="x" * 32)),
    "twelve fields": second(packed([1, 1, 65537, "", "", "", "", "a", {}, None, None, None])),
    "time that stands": second(body(1, hlc=65536)),
    "time beyond the head": Forgery(hlc=65536 + 2),
    "another chain": Forgery(chain=bytes(32)),
    "record 0 of another": Forgery([body(0, attributes={}), *(body(n) for n in range(1, 4))]),
    "record 0 of a kind": Forgery([body(0, kind="a"), *(body(n) for n in range(1, 4))]),
    "records out of order": Forgery(manifest=lambda m: {**m, "records": m["records"][::-1]}),
    "a record left out": Forgery(manifest=lambda m: {**m, "records": m["records"][1:]}),
    "a record twice": Forgery(manifest=lambda m: {**m, "records": m["records"][:1] * 2}),
    "another proof": Forgery(
        manifest=lambda m: {**m, "records": [{"seq": 0, "proof": ["00" * 32] * 2}]}
    ),
    "a short proof": Forgery(manifest=lambda m: {**m, "records": [{"seq": 0, "proof": []}]}),
    "a proof in capitals": Forgery(
        manifest=lambda m: json.loads(json.dumps(m).replace("a", "A").replace("metAdAtA", "metadata"))
    ),
    "a proof of numbers": Forgery(manifest=lambda m: {**m, "records": [{"seq": 0, "proof": [1]}]}),
    "a seq true": Forgery(manifest=lambda m: {**m, "records": [{"seq": True, "proof": []}]}),
    "rows of text": Forgery(manifest=lambda m: {**m, "records": ["x"]}),
    "records as text": Forgery(manifest=lambda m: {**m, "records": "x"}),
    "records as map": Forgery(manifest=lambda m: {**m, "records": {}}),
    "metadata as text": Forgery(manifest=lambda m: {**m, "metadata": "x"}),
    "another field": Forgery(manifest=lambda m: {**m, "more": 1}),
    "schema 3": Forgery(manifest=lambda m: {**m, "schema": "os2.evidence/3"}),
    "schema of a list": Forgery(manifest=lambda m: {**m, "schema": []}),
    "schema 1": Forgery(manifest=lambda m: {**m, "schema": "os2.evidence/1"}),
    "no keys": Forgery(manifest=lambda m: {**m, "keys": []}),
    "keys of text": Forgery(manifest=lambda m: {**m, "keys": ["x"]}),
    "keys as map": Forgery(manifest=lambda m: {**m, "keys": {}}),
    "a key with more": Forgery(manifest=lambda m: {**m, "keys": [{**m["keys"][0], "x": 1}]}),
    "a key with space": Forgery(
        manifest=lambda m: {**m, "keys": [{"first": 0, "public_key": f" {SIGNER.public}"}]}
    ),
    "a key from later on": Forgery(
        manifest=lambda m: {**m, "keys": [{**m["keys"][0], "first": 1}]}
    ),
    "the key of another": Forgery(
        manifest=lambda m: {
            **m,
            "keys": [{"first": 0, "public_key": str(Signer(ORIGIN, bytes(32)).public)}],
        }
    ),
    "a manifest as list": Forgery(manifest=lambda _m: [1]),
    "a note of no key": Forgery(note=lambda note: note.replace(b"\xe2\x80\x94 test", b"\xe2\x80\x94 toast")),
    "two signatures": Forgery(note=lambda note: note + note.rpartition(b"\n\n")[2]),
    "a note with a tab": Forgery(text=lambda text: text + "more\tof it\n"),
    "a note of Windows": Forgery(note=lambda note: note.replace(b"\n", b"\r\n")),
    "a note without end": Forgery(note=lambda note: note[:-1]),
    "a signature of spaces": Forgery(note=lambda note: note + "— a  b\n".encode()),
    "a signature cut short": Forgery(note=lambda note: note + "— a AAAA\n".encode()),
    "too many signatures": Forgery(note=lambda note: note + SIGNATURE_OF_ANOTHER * 100),
    "a note too long": Forgery(text=lambda text: text + "x" * 65_536 + "\n"),
    "an empty line": Forgery(text=lambda text: text + "\nmore\n"),
    "two lines": Forgery(text=lambda text: "\n".join(text.split("\n")[:2]) + "\n"),
    "an extension twice": Forgery(text=lambda text: text + "hlc 1\n"),
    "no hlc": Forgery(text=lambda text: text.replace("hlc ", "hlcs ")),
    "a size with zero": Forgery(text=lambda text: text.replace("\n4\n", "\n04\n")),
    "another size": Forgery(text=lambda text: text.replace("\n4\n", "\n5\n")),
    "a size in Arabic": Forgery(text=lambda text: text.replace("\n4\n", "\n٤\n")),
    "another origin": Forgery(text=lambda text: text.replace(ORIGIN, "toast.example/log")),
    "a root with spare bits": Forgery(
        text=lambda text: text.replace(text.split("\n")[2], text.split("\n")[2][:-2] + "B=")
    ),
    "a short root": Forgery(text=lambda text: text.replace(text.split("\n")[2], "AAAA")),
    "a foreign entry": Forgery(entries=lambda e: [*e, ("x", b"")]),
    "entries out of order": Forgery(entries=lambda e: e[::-1]),
    "no checkpoint": Forgery(entries=lambda e: [e[0], *e[2:]]),
    "no entries": Forgery(entries=lambda _e: []),
    "a record not there": Forgery(entries=lambda e: e[:-1]),
    "an object of another": Forgery(entries=lambda e: [*e, (f"objects/{'00' * 32}", b"x")]),
    "an object without name": Forgery(entries=lambda e: [*e, ("objects/", b"")]),
    "an object in capitals": Forgery(
        objects=[b"\0"],
        entries=lambda e: [(n.upper().replace("OBJECTS", "objects") if n[:1] == "o" else n, d) for n, d in e],
    ),
    "a manifest in full": Forgery(
        entries=lambda e: [(e[0][0], json.dumps(json.loads(e[0][1])).encode()), *e[1:]]
    ),
    "a manifest of brackets": Forgery(entries=lambda e: [(e[0][0], b"[" * 100_000), *e[1:]]),
    "a note of zeros without end": Forgery(entries=lambda e: [e[0], (e[1][0], bytes(65_537)), *e[2:]]),
    "a manifest of no text": Forgery(entries=lambda e: [(e[0][0], b"\xff"), *e[1:]]),
    "a manifest of infinity": Forgery(
        entries=lambda e: [(e[0][0], e[0][1].replace(b"{}", b"{\n  \"x\": NaN\n }")), *e[1:]]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLDING)
def test_both_accept(name: str, tmp_path: Path) -> None:
    assert agreed(HOLDING[name].write(tmp_path / "x.os2z")), verdicts(tmp_path / "x.os2z")


@pytest.mark.parametrize("name", BROKEN)
def test_both_refuse(name: str, tmp_path: Path) -> None:
    assert not agreed(BROKEN[name].write(tmp_path / "x.os2z"))


@pytest.mark.parametrize("name", ["manifest.json", "checkpoint", "records/0.body"])
def test_an_entry_is_not_taken_into_memory_before_its_size_is_judged(
    name: str, tmp_path: Path
) -> None:
    """A sparse file of 3 GB is small when it is sent, and would take the reader's memory."""
    size, path = 3_000_000_000, tmp_path / "x.os2z"
    header = pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, size, size, len(name), 0)
    with path.open("wb") as file:
        file.write(header + name.encode())
        file.truncate(len(header) + len(name) + size)
    assert (
        verify_os2.verdict(str(path), None)[1]["reason"] == f"entry {name.encode()!r} is too long"
    )
    with pytest.raises(BundleError):
        read_bundle(path)


def test_entries_are_counted_while_they_are_read(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_os2, "MAX_ENTRIES", 5)
    assert verify_os2.verdict(str(bundle), None)[1]["reason"] == "more than 5 entries"
    monkeypatch.setattr(verify_os2, "MAX_ENTRIES", 6)
    assert verify_os2.verdict(str(bundle), None)[0] == 0
    monkeypatch.undo()
    assert verify_os2.MAX_ENTRIES == archive.MAX_ENTRIES
    assert verify_os2.MOST[b"manifest"] == MAX_MANIFEST_BYTES


@pytest.mark.parametrize(
    "point", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**255 - 1, 2**255, 2**255 + 1]
)
def test_weak_keys_are_refused_by_both(point: int, tmp_path: Path) -> None:
    """A key of small order vouches for whatever one likes: R and S of zero verify."""
    key = point.to_bytes(32, "little")
    short = sha256(ORIGIN.encode() + b"\n\x01" + key).digest()[:4]
    typed = b"\x01" + key
    text = f"{ORIGIN}+{short.hex()}+{encode64(typed)}"

    def note(data: bytes) -> bytes:
        own = data.decode().rpartition("\n\n")[0] + "\n"
        return Note(own, (Signature(ORIGIN, short, b"\x01" + bytes(63)),)).encode()

    forged = Forgery(
        seqs=[1], note=note, manifest=lambda m: {**m, "keys": [{"first": 0, "public_key": text}]}
    )
    assert not agreed(forged.write(tmp_path / "x.os2z"))
    assert "weak" in verdicts(tmp_path / "x.os2z")[1]


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forged") / "x.os2z"


@given(data=st.data())
def test_any_body_is_judged_alike(data: st.DataObject, scratch: Path) -> None:
    good = body(1, attributes={"a": [1, -200, "text", b"bytes", None, {"b": 2**40}], "z": True})
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, min(len(good), start + 6)))
    changed = good[:start] + data.draw(st.binary(max_size=6)) + good[stop:]
    agreed(second(changed).write(scratch))


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.text(max_size=40),
        st.binary(max_size=300),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=20), st.dictionaries(st.text(max_size=8), inner, max_size=20)
    ),
    max_leaves=30,
)


@settings(max_examples=40)
@given(attributes=st.dictionaries(st.text(max_size=8), VALUES, max_size=20))
def test_whatever_we_write_a_stranger_reads(attributes: dict[str, Any], scratch: Path) -> None:
    assert agreed(second(body(1, attributes=canonical.ordered(attributes))).write(scratch))


@settings(max_examples=50)
@example(note=b"\n\n\n")
@given(note=st.binary(max_size=60))
def test_any_note_is_judged_alike(note: bytes, scratch: Path) -> None:
    """Bytes put before, into or behind a signed note."""
    for at in (0, 20, -1, -5, -100):
        agreed(Forgery(note=lambda good, at=at: good[:at] + note + good[at:]).write(scratch))  # type: ignore[misc]
