"""The zip of a bundle, of which every byte is determined by its entries.

Entries are stored, not compressed, in the order in which they were added, without comments, gaps
or dates. A header states name, size and CRC-32 of its entry; all else in it is fixed, and the
directory at the end follows from the headers. So a reader derives what must stand there and
compares: there is no byte that can be altered without notice.

An entry that is written as a stream has its size in a zip64 field of the local header, because
the header is laid out before the size is known. The numbers are those of PKWARE's APPNOTE 6.3,
and the choices those of Python's ``zipfile`` (zip64 fields from 2 GiB), so that common tools read
the file and format 1 keeps its bytes.

Not here: what the entries mean, and whether their content holds.
"""

import io
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct, pack
from typing import BinaryIO, Final

from ledger.errors import BundleError
from ledger.storage.objects import CHUNK_BYTES, Reader

MAX_ENTRIES: Final = 200_000
MAX_NAME_BYTES: Final = 255
_LOCAL: Final = Struct("<4s5H3I2H")
_CENTRAL: Final = Struct("<4s6H3I5H2I")
_END: Final = Struct("<4s4H2IH")
_END_64: Final = Struct("<4sQ2H2I4Q")
_LOCATOR: Final = Struct("<4sIQI")
_DATE: Final = (1 << 5) | 1  # 1 January 1980, the earliest that a zip can state
_PLAIN_VERSION: Final = 20
_ZIP64_VERSION: Final = 45
_UNIX: Final = 3
_MODE: Final = 0o100644 << 16
_LARGE: Final = 2**31 - 1
_MAX_32: Final = 2**32 - 1
_MAX_16: Final = 2**16 - 1


@dataclass(frozen=True, slots=True)
class Member:
    """One entry: its name, where its header begins, where its content lies, and its CRC-32."""

    name: str
    start: int
    offset: int
    size: int
    crc: int
    streamed: bool

    @property
    def stop(self) -> int:
        """The offset behind the content."""
        return self.offset + self.size


class ArchiveWriter:
    """Writes one archive to a seekable file; without ``finish`` it is none."""

    def __init__(self, file: BinaryIO) -> None:
        """Begin at the start of ``file``."""
        self._file = file
        self._members: list[Member] = []

    def add(self, name: str, data: bytes) -> None:
        """Add an entry that is in memory."""
        member = _member(name, self._stop, len(data), zlib.crc32(data), streamed=False)
        self._file.write(_local_header(member))
        self._file.write(data)
        self._members.append(member)

    def add_stream(self, name: str, read: Reader) -> None:
        """Add an entry from what ``read(count)`` gives until it gives nothing."""
        start = self._stop
        self._file.write(_local_header(_member(name, start, 0, 0, streamed=True)))
        size = crc = 0
        while part := read(CHUNK_BYTES):
            size, crc = size + len(part), zlib.crc32(part, crc)
            self._file.write(part)
        member = _member(name, start, size, crc, streamed=True)
        self._file.seek(start)
        self._file.write(_local_header(member))
        self._file.seek(member.stop)
        self._members.append(member)

    def finish(self) -> None:
        """Write the directory."""
        for part in _directory(self._members):
            self._file.write(part)

    @property
    def _stop(self) -> int:
        return self._members[-1].stop if self._members else 0


class Archive:
    """An archive open for reading, whose every byte outside of contents was found as it must be."""

    def __init__(self, file: BinaryIO, streams: Callable[[str], bool]) -> None:
        """Read headers and directory of ``file``; ``streams`` tells which names are streamed."""
        self._file = file
        size = os.fstat(file.fileno()).st_size
        self.members = {member.name: member for member in _members(file, size, streams)}
        _require_directory(file, list(self.members.values()), size)

    def read(self, name: str, limit: int) -> bytes:
        """The content of ``name``, refused beyond ``limit`` bytes."""
        member = self.members.get(name)
        if member is None or member.size > limit:
            raise BundleError(f"expected an entry {name} of at most {limit} bytes, found none")
        data = os.pread(self._file.fileno(), member.size, member.offset)
        if len(data) != member.size or zlib.crc32(data) != member.crc:
            raise BundleError(f"expected entry {name} with its CRC-32, found other content")
        return data

    def parts(self, name: str) -> Iterator[bytes]:
        """The content of ``name`` in parts; refused at the end unless it has its CRC-32."""
        member = self.members[name]
        at, crc = member.offset, 0
        while at < member.stop:
            part = os.pread(self._file.fileno(), min(CHUNK_BYTES, member.stop - at), at)
            if not part:
                break
            at, crc = at + len(part), zlib.crc32(part, crc)
            yield part
        if crc != member.crc or at != member.stop:
            raise BundleError(f"expected entry {name} with its CRC-32, found other content")

    def open(self, name: str) -> BinaryIO:
        """The content of ``name`` as a stream that lives as long as this archive."""
        return io.BufferedReader(_Section(self._file, self.members[name]), CHUNK_BYTES)

    def close(self) -> None:
        """Release the file."""
        self._file.close()


class _Section(io.RawIOBase):
    """A part of a file, with a position of its own."""

    def __init__(self, file: BinaryIO, member: Member) -> None:
        super().__init__()
        self._file = file
        self._at = member.offset
        self._member = member

    def readable(self) -> bool:  # type: ignore[explicit-override]  # typing has it from 3.12
        return True

    def seekable(self) -> bool:  # type: ignore[explicit-override]  # typing has it from 3.12
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:  # type: ignore[explicit-override]
        member = self._member
        base = {os.SEEK_SET: member.offset, os.SEEK_CUR: self._at, os.SEEK_END: member.stop}
        self._at = max(base[whence] + offset, member.offset)
        return self._at - member.offset

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override,explicit-override]
        count = max(min(len(buffer), self._member.stop - self._at), 0)
        data = os.pread(self._file.fileno(), count, self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def open_archive(path: Path, streams: Callable[[str], bool]) -> Archive:
    """The archive at ``path``; the caller closes it."""
    file = path.open("rb")
    try:
        return Archive(file, streams)
    except BaseException:
        file.close()
        raise


def _member(name: str, start: int, size: int, crc: int, *, streamed: bool) -> Member:
    header = _LOCAL.size + len(name) + (len(_sizes_64(0, 0)) if streamed else 0)
    return Member(name, start, start + header, size, crc, streamed)


def _members(file: BinaryIO, end: int, streams: Callable[[str], bool]) -> Iterator[Member]:
    """The entries from the start of the file, each header compared with what it must be."""
    at, names = 0, set[str]()
    while True:
        found = os.pread(file.fileno(), _LOCAL.size + MAX_NAME_BYTES + 20, at)
        if found[:4] != b"PK\x03\x04" or len(found) < _LOCAL.size:
            return
        fields = _LOCAL.unpack_from(found)
        name = _name(found[_LOCAL.size : _LOCAL.size + fields[9]])
        streamed = streams(name)
        size = fields[8]
        if streamed:
            field = found[_LOCAL.size + len(name) :][:20]
            size = int.from_bytes(field[4:12], "little")
        member = _member(name, at, size, fields[6], streamed=streamed)
        header = _local_header(member)
        if found[: len(header)] != header:
            raise BundleError(f"expected the one header that fits {name[:80]!r}, found another")
        if member.stop > end:
            raise BundleError(f"expected {size} bytes in {name[:80]!r}, found the end of the file")
        if name in names:
            raise BundleError(f"expected unique names, found {name[:80]!r} twice")
        names.add(name)
        if len(names) > MAX_ENTRIES:
            raise BundleError(f"expected at most {MAX_ENTRIES} entries, found more")
        yield member
        at = member.stop


def _name(data: bytes) -> str:
    if not 0 < len(data) <= MAX_NAME_BYTES or not all(0x20 < byte < 0x7F for byte in data):  # noqa: PLR2004 - printable ASCII
        raise BundleError(f"expected a short plain name of an entry, found {data[:80]!r}")
    return data.decode("ascii")


def _require_directory(file: BinaryIO, members: list[Member], end: int) -> None:
    at = members[-1].stop if members else 0
    for expected in _directory(members):
        found = os.pread(file.fileno(), len(expected), at)
        if found != expected:
            raise BundleError(
                f"expected the one directory that fits the entries, found another at byte {at}"
            )
        at += len(expected)
    if at != end:
        raise BundleError(f"expected the file to end at byte {at}, found {end - at} bytes more")


def _local_header(member: Member) -> bytes:
    size, extra, version = member.size, b"", _PLAIN_VERSION
    if member.streamed:
        size, extra, version = _MAX_32, _sizes_64(size, size), _ZIP64_VERSION
    name = member.name.encode("ascii")
    fixed = (b"PK\x03\x04", version, 0, 0, 0, _DATE, member.crc, size, size, len(name), len(extra))
    return _LOCAL.pack(*fixed) + name + extra


def _directory(members: list[Member]) -> Iterator[bytes]:
    """The central directory and the records behind it."""
    offset, length = members[-1].stop if members else 0, 0
    for member in members:
        part = _directory_entry(member)
        length += len(part)
        yield part
    count = len(members)
    if count > _MAX_16 or offset > _LARGE or length > _LARGE:
        version = _ZIP64_VERSION
        yield _END_64.pack(
            b"PK\x06\x06", 44, version, version, 0, 0, count, count, length, offset
        ) + _LOCATOR.pack(b"PK\x06\x07", 0, offset + length, 1)
    count, length, offset = min(count, _MAX_16), min(length, _MAX_32), min(offset, _MAX_32)
    yield _END.pack(b"PK\x05\x06", 0, 0, count, count, length, offset, 0)


def _directory_entry(member: Member) -> bytes:
    large: list[int] = []
    size, start = member.size, member.start
    if size > _LARGE:
        large += [size, size]
        size = _MAX_32
    if start > _LARGE:
        large.append(start)
        start = _MAX_32
    extra = _sizes_64(*large) if large else b""
    version = _ZIP64_VERSION if large or member.streamed else _PLAIN_VERSION
    made_by = _UNIX << 8 | version
    name = member.name.encode("ascii")
    fixed = (b"PK\x01\x02", made_by, version, 0, 0, 0, _DATE, member.crc, size, size)
    lengths = (len(name), len(extra), 0, 0, 0)
    return _CENTRAL.pack(*fixed, *lengths, _MODE, start) + name + extra


def _sizes_64(*values: int) -> bytes:
    """A zip64 field."""
    return pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values)
