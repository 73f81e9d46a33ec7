"""Taking in what another ledger gave out: a whole ledger from JSON Lines, or foreign evidence.

``rebuild`` makes a ledger again from a full export. The result is audited, and exported again: the
lines must come out as they went in, so no word in them is taken that the ledger does not bear
out. Only then it gets its name, by a rename: there is a whole ledger or none, and never one over
another. What a crash leaves is ``.<name>.<number>.new``, which means nothing.

``admit`` keeps a bundle as an object of this ledger and records that it was verified, and by which
key. The foreign records stay in the bundle: they are never linked into this chain.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from ledger.chain.verifying import Status, Verification, verify
from ledger.disk import sync_directory
from ledger.errors import DamagedError, DurabilityError, EntryError, FormatError, NoteError
from ledger.evidence import jsonl
from ledger.evidence.bundle import read_bundle
from ledger.form.canonical import Digest, Json
from ledger.form.record import Author, Entry, Record, genesis, link
from ledger.storage import segment
from ledger.storage.file_objects import FileObjects
from ledger.storage.objects import CHUNK_BYTES
from ledger.storage.segment_files import segment_name
from ledger.trust.keys import PublicKey
from ledger.trust.note import decode64

if TYPE_CHECKING:
    from ledger.chain.log import TokenSignatureLedger

IMPORTED: Final = "ledger.imported"
Line = dict[str, object]


def rebuild(source: BinaryIO, into: Path, public_key: PublicKey | None = None) -> Verification:
    """Make the ledger in ``into``, which must not exist, from the lines of ``source``."""
    if os.path.lexists(into):
        raise EntryError(f"expected a new folder, found {into}; name one that does not exist")
    spare = into.with_name(f".{into.name}.{os.getpid()}.new")
    try:
        spare.mkdir(mode=0o755)
        try:
            verdict = _rebuilt(source, spare, public_key)
            spare.rename(into)
        except BaseException:
            shutil.rmtree(spare, ignore_errors=True)
            raise
        sync_directory(into.parent)
    except OSError as problem:
        raise DurabilityError(
            f"expected to make a ledger in {into}, found: {problem.strerror}; make room, or name "
            "another folder"
        ) from problem
    return verdict


def admit(
    path: Path,
    ledger: "TokenSignatureLedger",
    public_key: PublicKey | None = None,
    author: Author | None = None,
) -> Record:
    """Verify the bundle at ``path``, keep it as an object, and record that; returns the record."""
    read_bundle(path, public_key).objects.close()
    with path.open("rb") as file:
        name = ledger.objects.put_stream(file.read)
    stored = path
    if isinstance(ledger.objects, FileObjects):
        stored = ledger.objects.path(name)  # what was kept counts, were the file to change
    with read_bundle(stored, public_key) as bundle:
        attributes: dict[str, Json] = {
            "origin": bundle.checkpoint.origin,
            "size": bundle.checkpoint.size,
            "root": bundle.checkpoint.root,
            "signer": str(bundle.signer),
            "trusted": bundle.trusted,
            "records": len(bundle.records),
            "schema": bundle.schema,
        }
    who = author or Author()
    entry = Entry(IMPORTED, attributes, who.session, who.actor, who.token, payload=name)
    (record,) = ledger.append_own(entry)
    return record


def _rebuilt(source: BinaryIO, folder: Path, public_key: PublicKey | None) -> Verification:
    building = _Building(folder)
    try:
        building.run(source)
    finally:
        building.close()
    verdict = verify(folder, public_key, objects=building.has_objects)
    if verdict.status is not Status.OK:
        bad = verdict.first_bad
        raise DamagedError(
            bad.seq if bad is not None else 0,
            "expected lines that make a ledger which holds, found: "
            f"{bad.reason if bad else verdict.status}; nothing was made: take the lines again",
        )
    source.seek(0)
    again = jsonl.full_lines(folder, public_key, objects=building.has_objects)
    for number, line in enumerate(again, 1):
        if source.read(len(line)) != line:
            raise FormatError(
                f"line {number}: expected what its record, checkpoint or object says, found other "
                "words around it; export it again"
            )
    return verdict


class _Building:
    """Lines in, files out. It writes what lines say, and judges only what it needs to go on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._objects = FileObjects(folder / "objects")
        self._file: BinaryIO | None = None
        self._segments = 0
        self._chain = Digest(b"")
        self._note = b""
        self._at = 0
        self.has_objects = False
        (folder / "segments").mkdir()

    def run(self, source: BinaryIO) -> None:
        """Take all lines, then make everything durable."""
        try:
            self._run(source)
        except UnicodeEncodeError as problem:
            raise self._refused("text, and no halves of characters") from problem

    def _run(self, source: BinaryIO) -> None:
        lines = self._lines(source)
        self._begin(next(lines, {}))
        for value in lines:
            match value:
                case {"type": "record", "body": str(body)}:
                    self._record(self._bytes(body))
                case {"type": "checkpoint", "note": str(note)}:
                    self._note = note.encode()
                    self._write(segment.checkpoint_frame(self._note))
                case {"type": "segment"}:
                    self._begin_segment()
                case {"type": "object"}:
                    self._objects.put_stream(_Parts(self, value, lines))
                    self.has_objects = True
                case {"type": "end"} if self._file is not None and not source.read(1):
                    self._settle()
                    self._publish()
                    return
                case _:
                    raise self._refused("a line of a full export in its place")
        raise self._refused("a line of type end; the export was cut")

    def close(self) -> None:
        """Release the file that is written."""
        if self._file is not None:
            self._file.close()

    def part(self, value: Line) -> tuple[bytes, bool]:
        """The bytes of an object line, and whether more lines of the object follow."""
        match value:
            case {"type": "object", "data": str(text), "more": bool(more)}:
                data = self._bytes(text)
                if not more or len(data) == CHUNK_BYTES:
                    return data, more
            case _:
                pass
        raise self._refused("the next part of an object")

    def _lines(self, source: BinaryIO) -> Iterator[Line]:
        while data := source.readline(jsonl.MAX_LINE_BYTES):
            self._at += 1
            try:
                value = json.loads(data)
            except (ValueError, RecursionError) as problem:
                raise self._refused("a JSON object in one line of at most 4 MiB") from problem
            if not isinstance(value, dict):
                raise self._refused("a JSON object")
            yield value

    def _begin(self, value: Line) -> None:
        match value:
            case {"type": "ledger", "schema": jsonl.SCHEMA, "full": True, "origin": str(origin)}:
                self._chain = genesis(origin)
            case {"type": "ledger", "schema": jsonl.SCHEMA, "full": False}:
                raise self._refused("a full export; a part of a ledger is for reading only")
            case _:
                raise self._refused(f"the head of an export, schema {jsonl.SCHEMA}")

    def _begin_segment(self) -> None:
        if self._file is not None:
            self._settle()
        number = self._segments
        self._file = (self._folder / "segments" / segment_name(number)).open("xb")
        self._write(segment.header(number))
        if number:
            self._write(segment.checkpoint_frame(self._note))
        self._segments += 1

    def _record(self, body: bytes) -> None:
        self._chain = link(self._chain, body)
        self._write(segment.record_frame(body, self._chain))

    def _write(self, data: bytes) -> None:
        if self._file is None:
            raise self._refused("a segment to begin")
        self._file.write(data)

    def _settle(self) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._file = None

    def _publish(self) -> None:
        self._objects.flush()
        with (self._folder / "checkpoint").open("xb") as file:
            file.write(self._note)
        sync_directory(self._folder / "segments")
        sync_directory(self._folder)

    def _bytes(self, text: str) -> bytes:
        try:
            return decode64(text)
        except NoteError as problem:
            raise self._refused("base64") from problem

    def _refused(self, expected: str) -> FormatError:
        return FormatError(f"line {self._at}: expected {expected}, found another; export it again")


class _Parts:
    """Reads one object from its lines."""

    def __init__(self, building: _Building, first: Line, lines: Iterator[Line]) -> None:
        self._building = building
        self._value: Line | None = first
        self._lines = lines

    def __call__(self, _count: int) -> bytes:
        if self._value is None:
            return b""
        data, more = self._building.part(self._value)
        self._value = next(self._lines, {}) if more else None
        return data
