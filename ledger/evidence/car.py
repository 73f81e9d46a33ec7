"""Records and objects as one CARv1 file, for tools that speak content addresses.

Every block is raw bytes (codec ``raw``) named by its BLAKE3: first the signed checkpoint, which is
the only root, then the records' bodies by ascending seq, then the objects by ascending digest. An
object's content address holds the very digest by which records refer to it. No block comes twice.

A CAR file says that these blocks exist, and not that the records lie under the checkpoint: that
takes all the bodies from 0 (their RFC 6962 root is in the checkpoint), or a bundle, which has
proofs.

Sources: CARv1 (ipld.io, Content Addressable aRchives), DAG-CBOR for the header, multicodec table
(raw 0x55, BLAKE3 0x1e), unsigned-varint.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from ledger.errors import BundleError
from ledger.evidence.placing import placed
from ledger.form import canonical
from ledger.form.canonical import Digest
from ledger.storage.objects import CHUNK_BYTES

if TYPE_CHECKING:
    from ledger.chain.log import TokenSignatureLedger

CID_PREFIX: Final = b"\x01\x55\x1e\x20"  # version 1, raw, BLAKE3, 32 bytes
# DAG-CBOR of {"roots": [CID], "version": 1}, around the one address in it.
_BEFORE_ROOT: Final = b"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00"
_AFTER_ROOT: Final = b"\x67version\x01"
_VARINT_BITS: Final = 7


def write_car(
    path: Path,
    ledger: "TokenSignatureLedger",
    seqs: Iterable[int],
    objects: Iterable[Digest] = (),
) -> Digest:
    """Write records ``seqs`` and ``objects`` to ``path``, whole or not at all; gives the root."""
    signed = ledger.checkpoint
    if signed is None:
        raise BundleError("expected a signed ledger, found one without checkpoint; sign it first")
    root = canonical.digest(signed.note)
    header = _BEFORE_ROOT + cid(root) + _AFTER_ROOT
    with placed(path) as file:
        file.write(varint(len(header)) + header)
        _add(file, root, signed.note)
        written = {root}
        for body in _bodies(ledger, sorted(set(seqs)), signed.size):
            name = canonical.digest(body)
            written.add(name)
            _add(file, name, body)
        for name in sorted(set(objects) - written):
            _add_object(file, ledger, name)
    return root


def cid(name: Digest) -> bytes:
    """The content address of raw bytes whose BLAKE3 is ``name``: 36 bytes."""
    return CID_PREFIX + name


def varint(number: int) -> bytes:
    """Seven bits a byte, lowest first, the high bit set on all but the last."""
    found = bytearray()
    while number >= 1 << _VARINT_BITS:
        found.append(number & 0x7F | 0x80)
        number >>= _VARINT_BITS
    found.append(number)
    return bytes(found)


def _bodies(ledger: "TokenSignatureLedger", seqs: list[int], size: int) -> Iterator[bytes]:
    """The bodies, one reading for each run without gap."""
    if seqs and not 0 <= seqs[0] <= seqs[-1] < size:
        raise BundleError(
            f"expected records 0 to {size - 1}, found {seqs[0]} to {seqs[-1]} asked for"
        )
    start = 0
    for at in range(1, len(seqs) + 1):
        if at == len(seqs) or seqs[at] != seqs[at - 1] + 1:
            for record in ledger.read(seqs[start], seqs[at - 1] + 1):
                yield record.body
            start = at


def _add(file: BinaryIO, name: Digest, data: bytes) -> None:
    address = cid(name)
    file.write(varint(len(address) + len(data)) + address + data)


def _add_object(file: BinaryIO, ledger: "TokenSignatureLedger", name: Digest) -> None:
    address = cid(name)
    with ledger.objects.open(name) as source:
        size = source.seek(0, os.SEEK_END)
        source.seek(0)
        file.write(varint(len(address) + size) + address)
        while part := source.read(CHUNK_BYTES):
            file.write(part)
