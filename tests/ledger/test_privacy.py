"""Sealed content in a ledger: what opens, what was shredded, and what the page says of it."""

import hmac
import io
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger import (
    Entry,
    MemoryStore,
    NotSealed,
    ObjectDamaged,
    Record,
    SealedDamaged,
    ShreddedError,
    SubjectKeyMissing,
    Subjects,
    TokenSignatureLedger,
    decode,
    encode,
    verify,
)
from ledger.privacy import sealed
from ledger.privacy.sealed import CHUNK_BYTES, HEADER, Binding
from ledger.privacy.subject_keys import SubjectKeys
from tests.ledger.sealing import KEY, SALT, SIZES, seal, unseal

PAGE = Path(__file__).parents[2] / "docs" / "ledger-format.md"
Opener = Callable[[], TokenSignatureLedger]


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


NAMES = st.sampled_from(["Ada", "Bob", "Zo\u00eb"])


class Keeping(RuleBasedStateMachine):
    """Whatever is sealed and shredded in whatever order, what opens is what should."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
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
