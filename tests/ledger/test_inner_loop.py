"""The compiled inner loop does what Python does, byte for byte and verdict for verdict."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger.native
from ledger import Entry, Signer, TokenSignatureLedger, body_of, verify
from ledger.form.record import genesis
from ledger.native import State, compiling, inner_loop, library
from ledger.native.library import InnerLoop
from ledger.storage.run import AROUND, Run
from ledger.trust.merkle import Frontier, leaf_hashes
from tests.ledger.both_ways import judge_both_ways, python_run
from tests.ledger.test_ledger_batch import ATTRIBUTES, DIGESTS, TEXT

VECTORS = Path(__file__).parents[1] / "vectors" / "BLAKE3-team_BLAKE3" / "test_vectors.json"
MOST = 2**64 - 1
SIGNER = Signer("loop.example/log", bytes(range(32)))
BODIES = st.lists(st.binary(min_size=1, max_size=300) | st.binary(min_size=1020, max_size=1030))


@pytest.fixture(scope="module")
def loop() -> InnerLoop:
    found = inner_loop()
    if found is None and not any(map(shutil.which, compiling.COMPILERS)):
        pytest.skip("without a C compiler there is no inner loop to compare")
    assert found is not None, "expected the inner loop, which installing compiles"
    return found


@contextmanager
def in_python() -> Iterator[None]:
    """As on a machine where nothing was compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger.native, "inner_loop", lambda: None)
        yield


@pytest.mark.parametrize(
    "case", [each for each in json.loads(VECTORS.read_text())["cases"] if each["input_len"]]
)
def test_the_published_vectors(loop: InnerLoop, case: dict[str, object]) -> None:
    length, expected = case["input_len"], str(case["keyed_hash"])
    assert isinstance(length, int)
    if length >= 64 * 1024:
        pytest.skip("longer than any body")
    key = json.loads(VECTORS.read_text())["key"].encode()
    data = bytes(at % 251 for at in range(length))
    assert loop.seal(key, [data])[-32:].hex() == expected[:64]


@given(BODIES, st.binary(min_size=32, max_size=32), st.integers(0, 2000))
def test_frames_and_trees_are_the_same(
    loop: InnerLoop, bodies: list[bytes], chain: bytes, size: int
) -> None:
    run = python_run(bodies, chain)
    frames = loop.seal(chain, bodies)
    assert frames == run.data
    assert loop.span(frames, 0) == (len(frames), len(bodies))
    tree = Frontier(size, [bytes([each]) * 32 for each in range(size.bit_count())])
    edge = loop.grow(size, tree.hashes, frames)
    tree.extend(leaf_hashes(bodies))
    assert edge == tree.hashes


@given(BODIES, st.binary(max_size=80), st.integers(0, 40))
def test_runs_end_where_python_ends_them(
    loop: InnerLoop, bodies: list[bytes], rest: bytes, before: int
) -> None:
    data = bytes(before) + loop.seal(bytes(32), bodies) + rest
    end, count = loop.span(data, before)
    with in_python():
        run = Run.found(data, before, 7)
    assert (run.end, run.count) == (end, count)
    found = Run(data, before, end, count, 7)
    assert (found.bodies, found.digests) == (run.bodies, run.digests)
    assert (found.start, found.stop) == (run.start, run.stop) == (before + 7, end + 7)
    for cut in range(before, len(data) + 1):
        stop, _ = loop.span(data[:cut], before)
        assert stop <= cut


@given(ATTRIBUTES, TEXT, DIGESTS, DIGESTS, st.integers(0, MOST), st.integers(0, MOST))
def test_every_good_body_is_taken(  # noqa: PLR0913, PLR0917 - the fields of a record
    loop: InnerLoop,
    attributes: dict[str, object],
    text: str,
    payload: bytes | None,
    commitment: bytes | None,
    seq: int,
    hlc: int,
) -> None:
    entry = Entry(text + "k", attributes, text, text, text, payload, commitment)  # type: ignore[arg-type]
    judge_both_ways(loop, body_of(entry, seq, hlc, text))


@given(ATTRIBUTES, TEXT, DIGESTS, st.data())
def test_an_altered_body_is_taken_only_where_python_takes_it(
    loop: InnerLoop,
    attributes: dict[str, object],
    text: str,
    digest: bytes | None,
    data: st.DataObject,
) -> None:
    entry = Entry("k", attributes, text, payload=digest)  # type: ignore[arg-type]
    body = bytearray(body_of(entry, 5, 9, "n"))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        cut = data.draw(st.integers(0, 2))
        body[at : at + cut] = data.draw(st.binary(max_size=3))
        if not body:
            return
    judge_both_ways(loop, bytes(body))


def record(attributes: bytes, *, kind: bytes = b"\xa1k", after: bytes = b"\xc0\xc0") -> bytes:
    return b"\x9b\x01\x05\x09\xa1n\xa0\xa0\xa0" + kind + attributes + after


NESTED = [
    b"\x81\xa1a" + inner * depth + b"\xc0"
    for inner in (b"\x91", b"\x81\xa1a")
    for depth in (30, 31, 32, 33)
]
VALUES = [
    b"\x92\xa1\xc2\x80 \x92\xa2\xe2\x82\x80 \x92\xa1\xf0\x90",
    b"\x00 \x7f \xcc\x7f \xcc\x80 \xcd\x00\xff \xcd\x01\x00 \xce\x00\x00\xff\xff \xce\x00\x01\x00\x00",
    b"\xcf\x00\x00\x00\x00\xff\xff\xff\xff \xcf\x00\x00\x00\x01\x00\x00\x00\x00 \xcf" + b"\xff" * 8,
    b"\xe0 \xff \xd0\xe0 \xd0\xdf \xd0\x80 \xd0\x01 \xd1\xff\x80 \xd1\xff\x7f \xd1\x80\x00 \xd1\x00\x01",
    b"\xd2\xff\xff\x80\x00 \xd2\xff\xff\x7f\xff \xd2\x80\x00\x00\x00 \xd2\x00\x00\x00\x01",
    b"\xd3\xff\xff\xff\xff\x80\x00\x00\x00 \xd3\xff\xff\xff\xff\x7f\xff\xff\xff",
    b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00 \xd3\x00\x00\x00\x00\x00\x00\x00\x01",
    b"\xc0 \xc1 \xc2 \xc3 \xca\x00\x00\x00\x00 \xcb\x00\x00\x00\x00\x00\x00\x00\x00 \xd4\x01\x01 \xc7\x01\x01\x01",
    b"\xa1\x00 \xa1\x80 \xa2\xc2\x80 \xa2\xc1\xbf \xa2\xc2 \xa2\xdf\xbf \xa3\xe0\xa0\x80 \xa3\xe0\x9f\xbf",
    b"\xa3\xed\x9f\xbf \xa3\xed\xa0\x80 \xa4\xf0\x90\x80\x80 \xa4\xf0\x8f\xbf\xbf \xa4\xf4\x8f\xbf\xbf",
    b"\xa4\xf4\x90\x80\x80 \xa1\xff \xa3\xe2\x82\x28 \xa4\xf5\x80\x80\x80 \xa3\xee\x80\x80",
    b"\xd9\x1f" + b"x" * 31 + b" \xd9\x21" + b"x" * 33 + b" \xda\x00\xff" + b"x" * 255,
    b"\xda\x01\x00" + b"x" * 256 + b" \xdb\x00\x00\x01\x00" + b"x" * 256,
    b"\xc4\x00 \xc5\x00\x01x \xc5\x01\x00" + b"x" * 256 + b" \xc6\x00\x00\x00\x01x \xc4\x05x",
    b"\x90 \xdc\x00\x0f"
    + b"\xc0" * 15
    + b" \xdc\x00\x10"
    + b"\xc0" * 16
    + b" \xdd\x00\x00\x00\x10"
    + b"\xc0" * 16,
    b"\x80 \xde\x00\x00 \x81\xa1a\xc0 \x82\xa1a\xc0\xa1b\xc0 \x82\xa1b\xc0\xa1a\xc0 \x82\xa1a\xc0\xa1a\xc0",
    b"\x82\xa1a\xc0\xa2aa\xc0 \x82\xa2aa\xc0\xa1a\xc0 \x82\xa0\xc0\xa1a\xc0 \x82\xa1z\xc0\xa2\xc3\xa9\xc0 \x81\x01\xc0",
]


@pytest.mark.parametrize("value", [each for row in VALUES for each in row.split(b" ")])
def test_each_rule_of_the_form(loop: InnerLoop, value: bytes) -> None:
    judge_both_ways(loop, record(b"\x81\xa1a" + value))
    judge_both_ways(loop, record(b"\x81\xa1a\x92\xc0" + value))
    judge_both_ways(loop, record(value))


@pytest.mark.parametrize(
    "body",
    [
        *map(record, NESTED),
        record(b"\xde\x00\x10" + b"".join(b"\xa1" + bytes([65 + n]) + b"\xc0" for n in range(16))),
        record(b"\xde\x00\x0f" + b"".join(b"\xa1" + bytes([65 + n]) + b"\xc0" for n in range(15))),
        record(b"\x80", kind=b"\xa0"),
        record(b"\x80", kind=b"\xa7ledger."),
        record(b"\x80", kind=b"\xa7ledger_"),
        record(b"\x80", kind=b"\xa6ledger"),
        record(b"\xc0"),
        record(b"\x80", after=b"\xc0"),
        record(b"\x80", after=b"\xc0\xc0\xc0"),
        record(b"\x80", after=b"\xc4\x20" + bytes(32) + b"\xc0"),
        record(b"\x80", after=b"\xc0\xc4\x1f" + bytes(31)),
        record(b"\x80", after=b"\xc0\xc4\x20" + bytes(31)),
        record(b"\x80", after=b"\xc4\x1f" + bytes(31) + b"\xc0\xc0"),
        record(b"\x80", after=b"\xd9\x20" + bytes(32) + b"\xc0"),
        record(b"\x80")[:-3],
        b"\x9b",
        b"\x9a" + record(b"\x80")[1:],
        b"\x9b\x02" + record(b"\x80")[2:],
    ],
)
def test_each_rule_of_a_record(loop: InnerLoop, body: bytes) -> None:
    judge_both_ways(loop, body)


def log_of(path: Path, groups: int = 3) -> Path:
    with TokenSignatureLedger.open(
        path, SIGNER, clock=iter(range(10**9, 2**60)).__next__, node="n"
    ) as log:
        for number in range(groups):
            log.append(
                *(Entry("k", {"n": each, "g": number, "t": "x" * 40}) for each in range(300))
            )
    return path


def bytes_of(path: Path) -> dict[str, bytes]:
    found = (each for each in sorted(path.rglob("*")) if each.is_file())
    return {str(each.relative_to(path)): each.read_bytes() for each in found}


def test_a_log_is_written_the_same(loop: InnerLoop, tmp_path: Path) -> None:
    with in_python():
        slow = bytes_of(log_of(tmp_path / "slow"))
    assert bytes_of(log_of(tmp_path / "fast")) == slow


@pytest.mark.slow
def test_a_tampered_log_gets_the_same_verdict(loop: InnerLoop, tmp_path: Path) -> None:
    path = log_of(tmp_path / "log", groups=1)
    (segment,) = (path / "segments").iterdir()
    whole = segment.read_bytes()
    told = 0
    for at in range(0, len(whole), 97):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        segment.write_bytes(changed)
        fast = verify(path, SIGNER.public)
        with in_python():
            assert verify(path, SIGNER.public) == fast
        told += fast.status == "broken"
    assert told == len(range(0, len(whole), 97))


def test_what_does_not_follow_is_left_to_python(loop: InnerLoop) -> None:
    bodies = [body_of(Entry("k", {}), n, n + 1, "n") for n in range(10)]
    begin, chain = State(0, genesis("o"), 0, []), genesis("o")
    frames = python_run(bodies, chain).data
    frame = len(bodies[0]) + AROUND
    assert loop.follow(begin, frames, 0, len(frames))[1] == len(frames)
    assert loop.follow(begin, frames, 0, len(frames) - 1)[1] == 9 * frame
    assert loop.follow(begin._replace(size=1, edge=[bytes(32)]), frames, 0, len(frames))[1] == 0
    assert loop.follow(begin._replace(hlc=1), frames, 0, len(frames))[1] == 0
    assert loop.follow(begin._replace(chain=bytes(32)), frames, 0, len(frames))[1] == 0
    swapped = [*bodies[:4], bodies[5], bodies[4], *bodies[6:]]
    after, end = loop.follow(begin, python_run(swapped, chain).data, 0, len(frames))
    assert (end, after.size, after.hlc) == (4 * frame, 4, 4)


def test_a_library_of_other_sources_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(library, "fingerprint", lambda: "0" * 16)
    assert library.load() is None
    monkeypatch.setattr(library, "HERE", tmp_path)
    assert library.load() is None


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("keyed.c", "0x6a09e667", "0x6a09e668"),
        ("tree.c", "hashed(hash, 1, both", "hashed(hash, 2, both"),
        ("record.c", "VERSION = 1", "VERSION = 2"),
        ("loop.c", "at += length + AROUND", "at += length"),
    ],
)
def test_a_library_that_disagrees_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, old: str, new: str
) -> None:
    """As if a compiler had a defect: the sources are the right ones, and what it made is not."""
    if not any(map(shutil.which, compiling.COMPILERS)):
        pytest.skip("without a C compiler nothing is made")
    right = compiling.fingerprint()
    for source in compiling.HERE.glob("*.[ch]"):
        shutil.copy(source, tmp_path)
    path = tmp_path / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    monkeypatch.setattr(compiling, "HERE", tmp_path)
    monkeypatch.setattr(compiling, "fingerprint", lambda: right)
    assert compiling.compile_library() == ""
    monkeypatch.setattr(library, "HERE", tmp_path)
    assert library.load() is None


def test_without_a_compiler_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compiling, "HERE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiling.compile_library() == "there is no C compiler"
    (tmp_path / "cc").write_text("#!/bin/sh\necho no headers >&2\nexit 1\n")
    (tmp_path / "cc").chmod(0o755)
    assert compiling.compile_library().endswith("no headers")
    assert not (tmp_path / compiling.LIBRARY).exists()


@pytest.mark.slow
def test_no_input_makes_it_read_or_write_elsewhere(loop: InnerLoop, tmp_path: Path) -> None:
    """Frames whole, cut and altered, under the compiler's own watch."""
    compiler = next(filter(None, map(shutil.which, compiling.COMPILERS)))
    words = [compiler, "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    words += ['-DFINGERPRINT=""', f"-I{compiling.HERE}", "-o", str(tmp_path / "watched")]
    words += [str(each) for each in compiling.HERE.glob("*.c")]
    words += [str(Path(__file__).with_name("watched_loop.c"))]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"this compiler has no sanitizers: {made.stderr[-120:]}")
    values = [each for row in VALUES for each in row.split(b" ")]
    bodies = [b"x", *NESTED, *(record(b"\x81\xa1a" + each) for each in values)]
    (tmp_path / "frames").write_bytes(loop.seal(bytes(32), bodies))
    run = [str(tmp_path / "watched"), str(tmp_path / "frames"), "300000"]
    subprocess.run(run, check=True, timeout=100)
