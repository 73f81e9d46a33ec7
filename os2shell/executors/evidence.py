"""``ledger.export``: records for others; a bundle holds all that verifying and replaying need."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from blake3 import blake3

from ledger import (
    Bundle,
    Json,
    ObjectStore,
    Record,
    TokenSignatureLedger,
    image_of,
    reached,
    read_bundle,
    write_export,
    write_verifier,
)
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.errors import CannotStart, NothingToVerify, UsageError
from os2shell.model.plain import to_json

MANIFEST_LOADED = "manifest.loaded"
ALL = "all"
_FILES = frozenset({"bundle", "car"})


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: counts, size in bytes, and the digest of the file."""

    session: str
    records: int
    objects: int
    file_bytes: int
    file_digest: bytes


@dataclass(frozen=True, slots=True)
class ExportEvidence:
    """Ask for ``session`` in the file ``output``; the answer is an ``Exported``.

    ``last`` is the newest session with a run, ``all`` every record there is.
    """

    kind: ClassVar[str] = "ledger.export"
    needs: ClassVar[Capability] = Capability.FS_WRITE
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    session: str
    output: str
    format: str

    def body(self) -> Json:
        """The selection and the file."""
        return to_json(self)

    def scope(self) -> str:
        """The file that is written."""
        return self.output


@dataclass(frozen=True, slots=True)
class WriteVerifier:
    """Ask for the file that checks a bundle without this shell, as ``output``."""

    kind: ClassVar[str] = "ledger.verifier"
    needs: ClassVar[Capability] = Capability.FS_WRITE
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    output: str

    def body(self) -> Json:
        """The file."""
        return to_json(self)

    def scope(self) -> str:
        """The file that is written."""
        return self.output


class EvidenceExporter:
    """Writes bundles from one ledger."""

    def __init__(
        self, open_ledger: Callable[[], TokenSignatureLedger], programs: frozenset[str]
    ) -> None:
        """``programs`` are the commands whose runs make a session worth exporting by ``last``."""
        self._open_ledger = open_ledger
        self._programs = programs

    def perform(self, effect: ExportEvidence, _transcript: Transcript) -> Json:
        """Select, collect, write."""
        ledger = self._open_ledger()
        session = self._session(effect.session, ledger)
        records = tuple(_selected(_kept(ledger), session, begins=not ledger.first))
        objects = reached(records, ledger.objects) if effect.format in _FILES else set()
        if ledger.first and effect.format in _FILES:
            objects |= {image for record in records if (image := image_of(record))}
        output = _new_file(effect.output)
        whole = session == ALL and not ledger.first
        seqs = None if whole else [record.seq for record in records]
        with _writing(output):
            write_export(output, effect.format, ledger, seqs, sorted(objects))
        size, name = _measured(output)
        return to_json(Exported(session, len(records), len(objects), size, name))

    def verifier(self, effect: WriteVerifier, _transcript: Transcript) -> Json:
        """Write the verifier."""
        output = _new_file(effect.output)
        with _writing(output):
            write_verifier(output)
        return None

    def _session(self, wanted: str, ledger: TokenSignatureLedger) -> str:
        found = ALL if wanted == ALL else None
        for record in ledger.read(ledger.first) if found is None else ():
            if wanted == "last":
                if record.attributes.get("command") in self._programs:
                    found = record.session
            elif record.session == wanted:
                return wanted
        if found is None:
            raise NothingToVerify(
                f"no session {wanted!r} with a run in it",
                remedy="`os2 ledger log --kind session.opened` lists the sessions",
            )
        return found


@dataclass(frozen=True, slots=True)
class EvidenceSource:
    """A bundle as replay wants it."""

    bundle: Bundle

    @property
    def objects(self) -> ObjectStore:
        """The bundle's objects."""
        return self.bundle.objects

    @property
    def first(self) -> int:
        """A bundle is a selection; nothing was pruned of it."""
        return 0

    def records(self) -> Iterator[Record]:
        """The bundle's records, in ledger order."""
        return iter(self.bundle.records)


def open_evidence(path: Path) -> EvidenceSource:
    """The verified bundle at ``path``; raises ``LedgerError``."""
    return EvidenceSource(read_bundle(path))


def _kept(ledger: TokenSignatureLedger) -> Iterator[Record]:
    """All records that were not pruned; record 0 never is."""
    first = ledger.first
    if first:
        yield ledger.record(0)
    yield from ledger.read(first)


def _selected(records: Iterable[Record], session: str, *, begins: bool) -> Iterator[Record]:
    """The session's records, and the manifests that were in force, in ledger order.

    Where the beginning was pruned, the first state image stands for the manifests that went.
    """
    for record in records:
        image = not begins and image_of(record) is not None
        begins = begins or image
        wanted = session in {ALL, record.session} or record.kind == MANIFEST_LOADED
        if wanted or image or record.seq == 0:
            yield record


def _new_file(name: str) -> Path:
    output = Path(name)
    if os.path.lexists(output):
        raise UsageError(f"{output} exists", expected="a new file", remedy="name another")
    if not output.parent.is_dir():
        raise UsageError(f"no folder {output.parent}", expected="a folder to write into")
    return output


@contextmanager
def _writing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotStart(
            f"{output} cannot be written: {error.strerror}", expected="a folder you may write"
        ) from None


def _measured(path: Path) -> tuple[int, bytes]:
    """Size and BLAKE3 of a file that need not fit in memory."""
    hasher = blake3()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            hasher.update(part)
        return file.tell(), hasher.digest()
