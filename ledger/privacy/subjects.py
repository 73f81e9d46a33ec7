"""Subjects of a ledger: their content is sealed, opened, and one day shredded.

Sealing puts ciphertext into the ledger's objects; the record refers to it, commits to a salted
digest of the plain text, and names the subject by a pseudonym. Shredding first records that the
key is destroyed, durably, then destroys it. A crash between leaves the record and the key; the
next ``shred``, ``settle`` or reading of that subject sees the mark beside the key, finds the record
and finishes. Nothing in the ledger changes: every record, proof, checkpoint and object stays as it
was, only that nobody can open the content any more.

What one must know: a process that has opened content has seen it. Plain text never touches a
disk here, but Python cannot wipe its memory. A subject that comes back after its shredding gets
a new key and a new pseudonym.
"""

import io
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

from ledger.chain.log import TokenSignatureLedger
from ledger.errors import (
    KeyMisplaced,
    NotSealed,
    ShreddedError,
    SubjectKeyMissing,
    SubjectRefused,
)
from ledger.form.canonical import Digest, Json
from ledger.form.record import Author, Entry, Record
from ledger.privacy import sealed
from ledger.privacy.subject_keys import SubjectKey, SubjectKeys

SHREDDED: Final = "ledger.shredded"
SEALED_FOR: Final = "sealed_for"
MAX_SUBJECT_BYTES: Final = 1024
MAX_REASON_BYTES: Final = 4096
_NOBODY: Final = Author()


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a record needs to hold sealed content; none of it is secret."""

    payload: Digest
    commitment: bytes
    attributes: dict[str, Json]

    def within(self, entry: Entry) -> Entry:
        """``entry`` with this as its content; the kind must be the one it was sealed for."""
        return replace(
            entry,
            attributes={**entry.attributes, **self.attributes},
            payload=self.payload,
            commitment=self.commitment,
        )


@dataclass(frozen=True, slots=True)
class Shredding:
    """What a shredding did; ``record`` is None when there was no key to destroy."""

    pseudonym: str | None
    record: Record | None
    records: int


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject whose key is here, for its keeper's eyes."""

    name: str
    pseudonym: str
    origin: str
    shredding: bool


class Subjects:
    """The subjects whose keys rest in one folder, apart from every ledger and its backups.

    >>> import tempfile
    >>> from ledger import Entry, MemoryStore, Subjects, TokenSignatureLedger
    >>> folder = tempfile.TemporaryDirectory()
    >>> subjects = Subjects(Path(folder.name, "keys"))
    >>> ledger = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="here")
    >>> record = subjects.append(ledger, "Ada", b"a secret", Entry("letter", {}))
    >>> subjects.open(ledger, record)
    b'a secret'
    >>> folder.cleanup()
    """

    def __init__(self, folder: Path, *, apart_from: Iterable[Path] = ()) -> None:
        """Use the keys in ``folder``, which must lie outside ``apart_from`` (such as backups)."""
        self._keys = SubjectKeys(folder.absolute())
        for place in apart_from:
            self._require_apart(place)

    def seal(
        self, ledger: TokenSignatureLedger, subject: str, content: bytes | BinaryIO, *, kind: str
    ) -> Sealed:
        """Encrypt ``content`` into the objects of ``ledger``, for a record of ``kind``.

        A shredding can fall between this and the append, and then nobody can read it any more;
        ``append`` does both at once.
        """
        name = subject_name(subject)
        self._require_outside(ledger)
        return self._seal(ledger, self._key(ledger.origin, name), content, kind)

    def append(
        self, ledger: TokenSignatureLedger, subject: str, content: bytes | BinaryIO, entry: Entry
    ) -> Record:
        """Seal ``content`` and append it with ``entry``; no shredding falls between."""
        name = subject_name(subject)
        self._require_outside(ledger)
        while True:
            self._key(ledger.origin, name)
            with self._keys.shared():
                key = self._keys.find(ledger.origin, name)
                if key is not None:
                    found = self._seal(ledger, key, content, entry.kind)
                    return ledger.append(found.within(entry))[0]

    def open(self, ledger: TokenSignatureLedger, record: Record) -> bytes:
        """The plain text of ``record``; ``ShreddedError`` when its key was destroyed."""
        return b"".join(self.chunks(ledger, record))

    def chunks(self, ledger: TokenSignatureLedger, record: Record) -> Iterator[bytes]:
        """The plain text in pieces of 64 KiB, each authentic; the last may reveal a defect."""
        pseudonym = pseudonym_of(record)
        payload, commitment = record.payload, record.commitment
        if payload is None or commitment is None:
            raise NotSealed(
                f"expected payload and commitment in record {record.seq}, found one missing"
            )
        key = self._open_key(ledger, pseudonym, record.seq)
        binding = sealed.Binding(ledger.origin, pseudonym, record.kind)
        with ledger.objects.open(payload) as file:
            yield from sealed.opened(key.secret, binding, file.read, commitment)

    def shred(
        self,
        ledger: TokenSignatureLedger,
        subject: str,
        reason: str,
        author: Author = _NOBODY,
    ) -> Shredding:
        """Record that the key of ``subject`` is destroyed, then destroy it; again is harmless."""
        name = subject_name(subject)
        require_reason(reason, name)
        self._require_outside(ledger)
        if not self._keys.exists():
            return Shredding(None, None, 0)
        with self._keys.exclusive():
            if self._keys.find(ledger.origin, name) is None:
                return Shredding(None, None, 0)
            key = self._keys.make(ledger.origin, name)  # completes one that a crash left
            self._keys.mark(key)
            # Crash from here to the record: the mark stands, nothing is shredded, all opens.
            record, count = _search(ledger, key.pseudonym)
            if record is None:
                attributes: dict[str, Json] = {
                    "subject": key.pseudonym,
                    "reason": reason,
                    "records": count,
                }
                record = ledger.append_own(author.entry(SHREDDED, attributes))[0]
            # Crash from here: the record says so, the mark sends the next one here again.
            self._keys.destroy(key)
            return Shredding(key.pseudonym, record, count)

    def settle(self, ledger: TokenSignatureLedger) -> tuple[Shredding, ...]:
        """Destroy each key here whose shredding is on record, such as one that a backup brought."""
        if not self._keys.exists():
            return ()
        ledger.refresh()
        done: list[Shredding] = []
        with self._keys.exclusive():
            for record in ledger.read(ledger.first):
                if record.kind == SHREDDED:
                    pseudonym = str(record.attributes.get("subject"))
                    key = self._keys.named(pseudonym)
                    if key is not None and key.origin == ledger.origin:
                        self._keys.destroy(key)
                        done.append(Shredding(pseudonym, record, _count(record)))
        return tuple(done)

    def count(self, ledger: TokenSignatureLedger, subject: str) -> int | None:
        """How many records a shredding of ``subject`` would close; None without a key."""
        if not self._keys.exists():
            return None
        key = self._keys.find(ledger.origin, subject_name(subject))
        return None if key is None else _search(ledger, key.pseudonym)[1]

    def known(self) -> tuple[Subject, ...]:
        """The subjects whose keys are here, by ledger and name."""
        if not self._keys.exists():
            return ()
        found = (
            Subject(key.subject, key.pseudonym, key.origin, self._keys.marked(key.pseudonym))
            for key in self._keys.all()
        )
        return tuple(sorted(found, key=lambda subject: (subject.origin, subject.name)))

    def _key(self, origin: str, name: str) -> SubjectKey:
        if not self._keys.exists():
            self._keys.create_folder()
        with self._keys.shared():
            key = self._keys.find(origin, name)
            if key is not None and self._keys.complete(key):
                return key
        with self._keys.exclusive():
            return self._keys.make(origin, name)

    def _seal(
        self,
        ledger: TokenSignatureLedger,
        key: SubjectKey,
        content: bytes | BinaryIO,
        kind: str,
    ) -> Sealed:
        source = io.BytesIO(content) if isinstance(content, bytes) else content
        binding = sealed.Binding(ledger.origin, key.pseudonym, kind)
        sealing = sealed.Sealing(key.secret, binding, source.read, os.urandom(sealed.SALT_BYTES))
        payload = ledger.objects.put_stream(sealing)
        return Sealed(payload, sealing.commitment, {SEALED_FOR: key.pseudonym})

    def _open_key(self, ledger: TokenSignatureLedger, pseudonym: str, seq: int) -> SubjectKey:
        here = self._keys.exists()
        key = self._keys.named(pseudonym) if here else None
        if key is not None and not self._keys.marked(pseudonym):
            return key
        record, _ = _search(ledger, pseudonym, seq)
        if record is None and key is not None:
            return key  # the shredding that began was never recorded, so nothing was shredded
        if record is None:
            raise SubjectKeyMissing(
                f"expected the key of subject {pseudonym} in {self._keys.folder}, found none, and "
                "no record of its destruction; name the folder where this ledger's keys are kept"
            )
        if here and self._keys.marked(pseudonym):
            with self._keys.exclusive():
                if key is not None:
                    self._keys.destroy(key)
        reason = str(record.attributes.get("reason", ""))
        raise ShreddedError(pseudonym, record.seq, record.actor, record.hlc, reason)

    def _require_outside(self, ledger: TokenSignatureLedger) -> None:
        if ledger.directory is not None:
            self._require_apart(ledger.directory)

    def _require_apart(self, place: Path) -> None:
        if self._keys.folder.resolve().is_relative_to(place.resolve()):
            raise KeyMisplaced(
                f"expected keys of subjects outside {place}, found {self._keys.folder}; whoever "
                "copies the one would copy the other, and shredding would be in vain"
            )


def subject_name(text: str) -> str:
    """The one spelling of a subject's name: Unicode form C, printable, no blanks around."""
    name = unicodedata.normalize("NFC", text)
    if not name or name != name.strip() or not name.isprintable():
        raise SubjectRefused(
            "expected a subject's name of printable characters without blanks around it, found "
            "another text; use the identifier by which you know this person"
        )
    if len(name.encode()) > MAX_SUBJECT_BYTES:
        raise SubjectRefused(
            f"expected a subject's name of at most {MAX_SUBJECT_BYTES} bytes, found a longer one"
        )
    return name


def require_reason(reason: str, subject: str) -> None:
    """Refuse a reason that names the subject: it stays in the ledger for ever."""
    if len(reason.encode(errors="replace")) > MAX_REASON_BYTES:
        raise SubjectRefused(f"expected a reason of at most {MAX_REASON_BYTES} bytes, found more")
    plain = unicodedata.normalize("NFC", reason).casefold()
    if re.search(rf"(?<!\w){re.escape(subject.casefold())}(?!\w)", plain):
        raise SubjectRefused(
            "expected a reason that does not name the subject, found one that does; the reason "
            "stays in the ledger for ever"
        )


def pseudonym_of(record: Record) -> str:
    """Whom the content of ``record`` belongs to."""
    found = record.attributes.get(SEALED_FOR)
    if not isinstance(found, str):
        raise NotSealed(
            f"expected sealed content in record {record.seq}, found none; its payload, if there is "
            "one, can be read as it is"
        )
    return found


def _search(
    ledger: TokenSignatureLedger, pseudonym: str, start: int = 0
) -> tuple[Record | None, int]:
    """The record of a shredding, if there is one, and how many records were sealed before it."""
    ledger.refresh()
    count = 0
    for record in ledger.read(max(start, ledger.first)):
        if record.kind == SHREDDED and record.attributes.get("subject") == pseudonym:
            return record, count
        count += record.attributes.get(SEALED_FOR) == pseudonym
    return None, count


def _count(record: Record) -> int:
    found = record.attributes.get("records")
    return found if isinstance(found, int) else 0
