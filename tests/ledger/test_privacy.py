"""Sealed content: its form, its keys, and everything that must not open."""

import hmac
import io
import json
import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger import (
    DurabilityError,
    Entry,
    KeyExposed,
    KeyFormatError,
    KeyMisplaced,
    MemoryStore,
    NotSealed,
    ObjectDamaged,
    Record,
    SealedDamaged,
    ShreddedError,
    SubjectKeyMissing,
    SubjectRefused,
    Subjects,
    TokenSignatureLedger,
    UnreadableError,
    decode,
    encode,
    verify,
)
from ledger.privacy import sealed
from ledger.privacy.sealed import CHUNK_BYTES, HEADER, TAG_BYTES, Binding, Sealing
from ledger.privacy.subject_keys import SubjectKey, SubjectKeys

ROOT = Path(__file__).parent.parent.parent
VECTORS = ROOT / "tests" / "vectors" / "C2SP_wycheproof"
PAGE = ROOT / "docs" / "ledger-format.md"
KEY, SALT = bytes(range(32)), bytes(range(32, 64))
BOUND = Binding("test.example/log", "ab" * 16, "letter")
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]

Opener = Callable[[], TokenSignatureLedger]


def seal(content: bytes, key: bytes = KEY, bound: Binding = BOUND) -> tuple[bytes, bytes]:
    sealing = Sealing(key, bound, io.BytesIO(content).read, SALT)
    data = b"".join(iter(lambda: sealing(1), b""))
    return data, sealing.commitment


def unseal(
    data: bytes, commitment: bytes, key: bytes = KEY, bound: Binding = BOUND, step: int = 1 << 30
) -> bytes:
    file = io.BytesIO(data)
    source = lambda count: file.read(min(count, step))  # noqa: E731 - a reader that gives little
    return b"".join(sealed.opened(key, bound, source, commitment))


@pytest.fixture
def subjects(tmp_path: Path) -> Subjects:
    return Subjects(tmp_path / "keys")


@pytest.mark.parametrize("size", SIZES)
def test_content_of_every_size_comes_back(size: int) -> None:
    content = os.urandom(size)
    data, commitment = seal(content)
    chunks = max(1, -(-size // CHUNK_BYTES))
    assert len(data) == HEADER.size + size + chunks * TAG_BYTES
    assert unseal(data, commitment) == content
    assert unseal(data, commitment, step=1000) == content


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(min_value=0), st.integers(1, 255))
def test_each_changed_byte_is_noticed(content: bytes, place: int, change: int) -> None:
    data, commitment = seal(content)
    spoiled = bytearray(data)
    spoiled[place % len(data)] ^= change
    with pytest.raises(SealedDamaged):
        unseal(bytes(spoiled), commitment)


def test_every_cut_is_noticed() -> None:
    data, commitment = seal(os.urandom(2 * CHUNK_BYTES + 100))
    whole = CHUNK_BYTES + TAG_BYTES
    cuts = {*range(HEADER.size + 20), HEADER.size + whole, HEADER.size + 2 * whole, len(data) - 1}
    for cut in cuts:
        with pytest.raises(SealedDamaged):
            unseal(data[:cut], commitment)
    for longer in (data + b"\0", data + data[HEADER.size :]):
        with pytest.raises(SealedDamaged):
            unseal(longer, commitment)


def test_chunks_cannot_be_exchanged_or_repeated() -> None:
    data, commitment = seal(os.urandom(3 * CHUNK_BYTES))
    whole = CHUNK_BYTES + TAG_BYTES
    head, *chunks = (
        data[: HEADER.size],
        *(data[HEADER.size + n * whole :][:whole] for n in (0, 1, 2)),
    )
    assert unseal(head + b"".join(chunks), commitment)
    for order in ([1, 0, 2], [0, 0, 1, 2], [0, 2], [2], [0, 1, 2, 2]):
        with pytest.raises(SealedDamaged):
            unseal(head + b"".join(chunks[n] for n in order), commitment)


def test_an_empty_last_chunk_after_others_is_no_second_spelling() -> None:
    keys = sealed.content_keys(KEY, SALT)
    cipher, bound = ChaCha20Poly1305(keys.cipher), BOUND.encoded()
    content = bytes(CHUNK_BYTES)
    data = (
        HEADER.pack(sealed.MAGIC, sealed.FORMAT, SALT, keys.check)
        + cipher.encrypt(bytes(12), content, bound)
        + cipher.encrypt(bytes(10) + b"\x01\x01", b"", bound)
    )
    with pytest.raises(SealedDamaged, match="last chunk 1"):
        unseal(data, blake3(content, key=keys.commitment).digest())


@pytest.mark.parametrize(
    "other",
    [
        Binding("test.example/other", BOUND.pseudonym, BOUND.kind),
        Binding(BOUND.origin, "cd" * 16, BOUND.kind),
        Binding(BOUND.origin, BOUND.pseudonym, "other"),
    ],
)
def test_content_is_bound_to_its_place(other: Binding) -> None:
    data, commitment = seal(b"bound")
    with pytest.raises(SealedDamaged, match="another kind or ledger"):
        unseal(data, commitment, bound=other)


def test_other_keys_other_forms_and_other_records() -> None:
    data, commitment = seal(b"content")
    with pytest.raises(SealedDamaged, match="another key"):
        unseal(data, commitment, key=bytes(32))
    with pytest.raises(SealedDamaged, match="another form"):
        unseal(b"plain" * 50, commitment)
    newer = data[:8] + b"\0\0\0\2" + data[12:]
    with pytest.raises(SealedDamaged, match="found 2"):
        unseal(newer, commitment)
    with pytest.raises(SealedDamaged, match="another record"):
        unseal(data, bytes(32))


def test_nothing_sealed_twice_looks_alike(subjects: Subjects) -> None:
    ledger = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n", origin="a.example")
    one, two = (subjects.seal(ledger, "Ada", b"yes", kind="vote") for _ in range(2))
    assert one.attributes == two.attributes
    assert one.payload != two.payload
    assert one.commitment != two.commitment
    assert blake3(b"yes").digest() not in (one.commitment, two.commitment)


def test_sealed_content_in_a_ledger(
    open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    with open_ledger() as ledger:
        letter = subjects.append(ledger, "Ada", b"Dear Bob", Entry("letter", {"pages": 1}))
        large = os.urandom(3 * CHUNK_BYTES)
        stream = subjects.append(ledger, "Bob", io.BytesIO(large), Entry("file", {}, actor="me"))
        plain = ledger.append(Entry("plain", {}))[0]
        assert letter.attributes["pages"] == 1
        assert letter.attributes["sealed_for"] != stream.attributes["sealed_for"]
        assert "Ada" not in repr(letter)
        assert subjects.open(ledger, letter) == b"Dear Bob"
        assert b"".join(subjects.chunks(ledger, stream)) == large
        with pytest.raises(NotSealed):
            subjects.open(ledger, plain)
        half = ledger.append(Entry("letter", {"sealed_for": letter.attributes["sealed_for"]}))[0]
        with pytest.raises(NotSealed, match="payload and commitment"):
            subjects.open(ledger, half)
    assert verify(tmp_path / "log", objects=True).status == "ok"
    with TokenSignatureLedger.read_only(tmp_path / "log") as reader:
        assert subjects.open(reader, reader.record(letter.seq)) == b"Dear Bob"
        assert [(s.name, s.origin) for s in subjects.known()] == [
            ("Ada", "test.example/log"),
            ("Bob", "test.example/log"),
        ]


def test_a_record_copied_to_another_kind_does_not_open(
    open_ledger: Opener, subjects: Subjects
) -> None:
    with open_ledger() as ledger:
        whole = subjects.seal(ledger, "Ada", b"I accept", kind="offer")
        moved = ledger.append(whole.within(Entry("contract", {})))[0]
        with pytest.raises(SealedDamaged):
            subjects.open(ledger, moved)


def test_a_damaged_object_is_noticed_before_any_plain_text(
    open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    with open_ledger() as ledger:
        record = subjects.append(ledger, "Ada", b"x" * 100_000, Entry("letter", {}))
        assert record.payload is not None
        path = tmp_path / "log" / "objects" / record.payload.hex()[:2] / record.payload.hex()[2:]
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.chmod(0o600)
        path.write_bytes(data)
        with pytest.raises(ObjectDamaged):
            next(subjects.chunks(ledger, record))


def test_keys_must_lie_apart(open_ledger: Opener, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "log")
    with open_ledger() as ledger:
        for place in ("log", "log/keys", "log/objects/../keys", "link/keys"):
            inside = Subjects(tmp_path / place)
            with pytest.raises(KeyMisplaced):
                inside.seal(ledger, "Ada", b"x", kind="k")
            with pytest.raises(KeyMisplaced):
                inside.shred(ledger, "Ada", "asked")
            assert not (tmp_path / "log" / "keys").exists()
    with pytest.raises(KeyMisplaced):
        Subjects(tmp_path / "backups" / "keys", apart_from=[tmp_path / "backups"])


def test_modes_of_keys(open_ledger: Opener, subjects: Subjects, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    with open_ledger() as ledger:
        record = subjects.append(ledger, "Ada", b"x", Entry("k", {}))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
        (key,) = folder.glob("*.key")
        key.chmod(0o640)
        for use in (lambda: subjects.open(ledger, record), subjects.known):
            with pytest.raises(KeyExposed):
                use()
        key.chmod(0o600)
        folder.chmod(0o750)
        with pytest.raises(KeyExposed):
            subjects.open(ledger, record)
        folder.chmod(0o700)
        assert subjects.open(ledger, record) == b"x"


def test_what_is_no_key(open_ledger: Opener, subjects: Subjects, tmp_path: Path) -> None:
    with open_ledger() as ledger:
        record = subjects.append(ledger, "Ada", b"x", Entry("k", {}))
        (path,) = (tmp_path / "keys").glob("*.key")
        data = path.read_bytes()
        for wrong in (b"foreign secret", data[:-1], data + b"\0", b"\xc0"):
            path.write_bytes(wrong)
            with pytest.raises(KeyFormatError) as refused:
                subjects.open(ledger, record)
            assert "foreign secret" not in str(refused.value)
        path.write_bytes(data)
        other = subjects.append(ledger, "Bob", b"y", Entry("k", {}))
        names = [
            tmp_path / "keys" / f"{r.attributes['sealed_for']}.subject" for r in (record, other)
        ]
        names[0].unlink()
        names[1].rename(names[0])
        with pytest.raises(KeyFormatError, match="renamed"):
            subjects.open(ledger, record)


def test_what_is_no_folder_of_keys(open_ledger: Opener, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "else")
    locked = tmp_path / "locked"
    locked.mkdir(0o700)
    (locked / "lock").mkdir()
    with open_ledger() as ledger:
        for name, problem in (
            ("file", KeyFormatError),
            ("file/below", UnreadableError),
            ("dangling", DurabilityError),
            ("locked", UnreadableError),
        ):
            with pytest.raises(problem):
                Subjects(tmp_path / name).seal(ledger, "Ada", b"", kind="k")
        (locked / "lock").rmdir()
        key = locked / SubjectKeys(locked)._path("test.example/log", "Ada").name
        key.mkdir()
        with pytest.raises(KeyFormatError, match="something else"):
            Subjects(locked).seal(ledger, "Ada", b"", kind="k")
        key.rmdir()
        key.symlink_to(tmp_path / "file")
        with pytest.raises(UnreadableError):
            Subjects(locked).seal(ledger, "Ada", b"", kind="k")


def test_without_the_key(open_ledger: Opener, subjects: Subjects, tmp_path: Path) -> None:
    with open_ledger() as ledger:
        record = subjects.append(ledger, "Ada", b"x", Entry("k", {}))
        with pytest.raises(SubjectKeyMissing, match="no record of its destruction"):
            Subjects(tmp_path / "elsewhere").open(ledger, record)
        assert not (tmp_path / "elsewhere").exists()
        forged = ledger.append(
            Entry("k", {"sealed_for": "../../etc"}, payload=record.payload, commitment=bytes(32))
        )[0]
        with pytest.raises(SubjectKeyMissing, match="pseudonym"):
            subjects.open(ledger, forged)


@pytest.mark.parametrize("name", ["", " Ada", "Ada\n", "A\0da", "\x1b[2J", "x" * 1025, "\udc80"])
def test_names_that_no_subject_has(name: str, open_ledger: Opener, subjects: Subjects) -> None:
    with open_ledger() as ledger, pytest.raises(SubjectRefused):
        subjects.seal(ledger, name, b"", kind="k")


def test_one_subject_whatever_the_spelling_and_one_key_for_each_ledger(
    open_ledger: Opener, subjects: Subjects
) -> None:
    other = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n", origin="other.example")
    with open_ledger() as ledger:
        composed = subjects.seal(ledger, "Zo\u00eb", b"", kind="k")
        assert subjects.seal(ledger, "Zoe\u0308", b"", kind="k").attributes == composed.attributes
        assert subjects.seal(other, "Zo\u00eb", b"", kind="k").attributes != composed.attributes
    assert len(subjects.known()) == 2


def test_secrets_show_nowhere(open_ledger: Opener, subjects: Subjects, tmp_path: Path) -> None:
    with open_ledger() as ledger:
        found = subjects.seal(ledger, "Ada Lovelace", b"plain text", kind="k")
    key = next(SubjectKeys(tmp_path / "keys").all())
    keys = sealed.content_keys(key.secret, SALT)
    for shown in (repr(found), repr(key), str(key), repr(keys), repr(subjects)):
        assert "Lovelace" not in shown
        assert repr(key.secret) not in shown
        assert repr(keys.cipher) not in shown
        assert "plain text" not in shown


def test_a_spare_file_of_a_crash_is_swept_away(
    open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    with open_ledger() as ledger:
        subjects.seal(ledger, "Ada", b"", kind="k")
        spare = tmp_path / "keys" / ".new-1-00000000"
        spare.write_bytes(os.urandom(60))
        subjects.seal(ledger, "Bob", b"", kind="k")
        assert not spare.exists()


def test_a_key_whose_second_name_a_crash_prevented_gets_it(
    open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    with open_ledger() as ledger:
        first = subjects.seal(ledger, "Ada", b"", kind="k")
        (alias,) = (tmp_path / "keys").glob("*.subject")
        alias.unlink()
        record = subjects.append(ledger, "Ada", b"again", Entry("k", {}))
        assert record.attributes == first.attributes
        assert subjects.open(ledger, record) == b"again"


def _make(folder: Path, start: Any, found: Any) -> None:
    keys = SubjectKeys(folder)
    start.wait()
    if not keys.exists():
        keys.create_folder()
    with keys.exclusive():
        found.put(keys.make("origin", "Ada").secret)


def test_racing_processes_make_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, found = context.Barrier(4), context.Queue()
    racers = [
        context.Process(target=_make, args=(tmp_path / "keys", start, found)) for _ in range(4)
    ]
    for racer in racers:
        racer.start()
    secrets = {found.get(timeout=30) for _ in racers}
    for racer in racers:
        racer.join()
        assert racer.exitcode == 0
    assert len(secrets) == 1
    assert len(list((tmp_path / "keys").glob("*.key"))) == 1


def test_without_locks_the_link_still_decides(tmp_path: Path) -> None:
    keys = SubjectKeys(tmp_path / "keys")
    keys.create_folder()
    first = keys.make("origin", "Ada")
    path = keys._path("origin", "Ada")
    late = keys._create(path, SubjectKey("origin", "Ada", bytes(32)))
    assert late.secret == first.secret
    assert not list((tmp_path / "keys").glob(".new-*"))


NAMES = st.sampled_from(["Ada", "Bob", "Zo\u00eb"])


class Keeping(RuleBasedStateMachine):
    """Whatever is sealed and shredded in whatever order, what opens is what should."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.ledger = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n", origin="a.b")
        self.subjects = Subjects(Path(self.folder.name, "keys"))
        self.sealed: list[tuple[Record, str, bytes]] = []
        self.shredded: dict[int, int] = {}

    @rule(name=NAMES, content=st.binary(max_size=40))
    def append(self, name: str, content: bytes) -> None:
        record = self.subjects.append(self.ledger, name, content, Entry("k", {}))
        self.sealed.append((record, name, content))

    @rule(name=NAMES)
    def shred(self, name: str) -> None:
        open_ones = [r.seq for r, n, _ in self.sealed if n == name and r.seq not in self.shredded]
        assert self.subjects.count(self.ledger, name) == (len(open_ones) or None)
        done = self.subjects.shred(self.ledger, name, "asked to")
        assert done.records == len(open_ones)
        for seq in open_ones:
            assert done.record is not None
            self.shredded[seq] = done.record.seq

    @rule()
    def settle(self) -> None:
        assert self.subjects.settle(self.ledger) == ()

    @invariant()
    def what_opens_is_what_should(self) -> None:
        for record, _, content in self.sealed:
            if record.seq in self.shredded:
                with pytest.raises(ShreddedError) as told:
                    self.subjects.open(self.ledger, record)
                assert told.value.seq == self.shredded[record.seq]
            else:
                assert self.subjects.open(self.ledger, record) == content
        living = {name for record, name, _ in self.sealed if record.seq not in self.shredded}
        assert {subject.name for subject in self.subjects.known()} == living

    def teardown(self) -> None:
        self.folder.cleanup()


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400), fitting=st.booleans())
def test_whatever_else_lies_there_is_refused(data: bytes, *, fitting: bool) -> None:
    if fitting:
        keys = sealed.content_keys(KEY, SALT)
        data = HEADER.pack(sealed.MAGIC, sealed.FORMAT, SALT, keys.check) + data
    with pytest.raises(SealedDamaged):
        unseal(data, bytes(32))


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))["testGroups"]


def test_wycheproof_hkdf() -> None:
    checked = 0
    for group in load("hkdf_sha256_test.json"):
        for case in group["tests"]:
            given = [bytes.fromhex(case[name]) for name in ("ikm", "salt", "info")]
            checked += 1
            if case["result"] == "valid":
                assert sealed.derived(*given, case["size"]).hex() == case["okm"], case["tcId"]
            else:
                with pytest.raises(ValueError, match="larger than 8160"):
                    sealed.derived(*given, case["size"])
    assert checked == 86


def test_wycheproof_chacha20_poly1305() -> None:
    checked = 0
    for group in load("chacha20_poly1305_test.json"):
        for case in group["tests"]:
            nonce, bound, plain = (bytes.fromhex(case[name]) for name in ("iv", "aad", "msg"))
            whole = bytes.fromhex(case["ct"] + case["tag"])
            cipher = ChaCha20Poly1305(bytes.fromhex(case["key"]))
            checked += 1
            if case["result"] == "valid":
                assert cipher.encrypt(nonce, plain, bound) == whole, case["tcId"]
                assert cipher.decrypt(nonce, whole, bound) == plain
            else:
                with pytest.raises((InvalidTag, ValueError)):
                    cipher.decrypt(nonce, whole, bound)
    assert checked == 325


def test_the_page_shows_these_sealed_bytes() -> None:
    page = PAGE.read_text("utf-8")
    bound = Binding("test.example/log", sealed.pseudonym(KEY, "test.example/log"), "letter")
    data, commitment = seal(b"Dear Bob", bound=bound)
    keys = sealed.content_keys(KEY, SALT)
    for name, value in (
        ("subject key ", KEY.hex()),
        ("pseudonym   ", bound.pseudonym),
        ("salt        ", SALT.hex()),
        ("cipher key  ", keys.cipher.hex()),
        ("check       ", keys.check.hex()),
        ("commit key  ", keys.commitment.hex()),
        ("bound to    ", bound.encoded().hex(" ")),
        ("chunk 0     ", data[HEADER.size :].hex()),
        ("object      ", blake3(data).hexdigest()),
        ("commitment  ", commitment.hex()),
        ("key file    ", SubjectKeys(Path())._path(bound.origin, "Ada").name),
    ):
        assert f"    {name}{value}\n" in page, name
    assert unseal(data, commitment, bound=bound) == b"Dear Bob"


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869, section 2, by nothing but HMAC."""
    extracted, found, block = hmac.digest(salt or bytes(32), key, "sha256"), b"", b""
    while len(found) < length:
        counter = bytes([len(found) // 32 + 1])
        block = hmac.digest(extracted, block + info + counter, "sha256")
        found += block
    return found[:length]


@pytest.mark.parametrize("size", SIZES)
def test_who_knows_only_the_page_can_open_it(
    size: int, open_ledger: Opener, subjects: Subjects, tmp_path: Path
) -> None:
    content = os.urandom(size)
    with open_ledger() as ledger:
        record = subjects.append(ledger, "Ada", content, Entry("letter", {}))
        assert record.payload is not None
        data = ledger.objects.get(record.payload)
    name = blake3(derive_key_context="os2shell ledger v1 2026 file name of subject key")
    name.update(encode(["test.example/log", "Ada"]))
    form, origin, subject, key = cast(
        "list[Any]", decode((tmp_path / f"keys/{name.hexdigest()}.key").read_bytes())
    )
    assert (form, origin, subject) == (1, "test.example/log", "Ada")
    info = b"os2shell ledger v1 2026 pseudonym of subject" + origin.encode()
    pseudonym = hkdf(key, b"", info, 16).hex()
    assert record.attributes == {"sealed_for": pseudonym}
    assert data[:12] == bytes.fromhex("4f 53 32 53 42 4a 0d 0a 00 00 00 01")
    derived = hkdf(key, data[12:44], b"os2shell ledger v1 2026 content of subject", 96)
    assert data[44:76] == derived[32:64]
    plain, chunks = b"", [data[at : at + 65_552] for at in range(76, len(data), 65_552)]
    for number, chunk in enumerate(chunks):
        last = number == len(chunks) - 1
        nonce = bytes(3) + number.to_bytes(8, "big") + bytes([last])
        bound = encode(["test.example/log", pseudonym, "letter"])
        plain += ChaCha20Poly1305(derived[:32]).decrypt(nonce, chunk, bound)
    assert plain == content
    assert record.commitment == blake3(plain, key=derived[64:]).digest()


def test_the_page_names_what_a_shredding_records(open_ledger: Opener, subjects: Subjects) -> None:
    with open_ledger() as ledger:
        subjects.append(ledger, "Ada", b"x", Entry("letter", {}))
        done: Record | None = subjects.shred(ledger, "Ada", "asked to").record
    assert done is not None
    assert done.kind == "ledger.shredded"
    for name in done.attributes:
        assert f"`{name}`" in PAGE.read_text("utf-8")
