"""``ledger.export``: one session as evidence, with everything that verifying and replaying it needs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ledger import (
    Digest,
    Json,
    ObjectStore,
    Record,
    TokenSignatureLedger,
    decode,
    digest,
    write_bundle,
)
from os2shell.executors.workspace import Kind, read_tree
from os2shell.model.capability import Capability
from os2shell.model.content import fetch, referred
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.errors import CannotStart, NothingToVerify

MANIFEST_LOADED = "manifest.loaded"
TREE_KEYS = frozenset({"tree", "before", "after"})
"""Keys under which questions and answers name trees."""


@dataclass(frozen=True, slots=True)
class ExportEvidence:
    """Ask for ``session`` (``last`` is the newest that ended before this one) in the file ``output``.

    The answer: ``{"session", "records", "objects", "bytes", "digest"}``.
    """

    kind: ClassVar[str] = "ledger.export"
    needs: ClassVar[Capability] = Capability.LEDGER_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    session: str
    output: str

    def body(self) -> Json:
        """The selection and the file."""
        return {"session": self.session, "output": self.output}

    def scope(self) -> str:
        """The whole ledger."""
        return ""


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
        records = tuple(_selected(ledger.read(), session))
        objects = needed_objects(records, ledger.objects)
        output = Path(effect.output)
        try:
            write_bundle(
                output,
                ledger,
                [record.seq for record in records],
                sorted(objects),
                {"session": session},
            )
            data = output.read_bytes()
        except OSError as error:
            raise CannotStart(
                f"{output} cannot be written: {error.strerror}", expected="a folder you may write"
            ) from None
        return {
            "session": session,
            "records": len(records),
            "objects": len(objects),
            "bytes": len(data),
            "digest": digest(data),
        }

    def _session(self, wanted: str, ledger: TokenSignatureLedger) -> str:
        found = None
        for record in ledger.read():
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


def needed_objects(records: Iterable[Record], objects: ObjectStore) -> set[Digest]:
    """Every object that replaying ``records`` can ask for: traces, streams, trees, files."""
    found: set[Digest] = set()
    for record in records:
        found |= referred(record.attributes)
        trace = record.attributes.get("trace")
        if trace is not None:
            steps = decode(fetch(objects, trace))
            found |= referred(steps)
            for tree in _trees(steps):
                _collect_tree(tree, objects, found)
    return found


def _selected(records: Iterable[Record], session: str) -> Iterator[Record]:
    """The session's records, and the manifests that were in force, in ledger order."""
    for record in records:
        if record.session == session or record.kind == MANIFEST_LOADED or record.seq == 0:
            yield record


def _trees(body: Json) -> Iterator[Digest]:
    match body:
        case dict() as fields:
            for key, value in fields.items():
                if key in TREE_KEYS and isinstance(value, bytes):
                    yield Digest(value)
                else:
                    yield from _trees(value)
        case list() as items:
            for item in items:
                yield from _trees(item)
        case _:
            return


def _collect_tree(tree: Digest, objects: ObjectStore, found: set[Digest]) -> None:
    pending = [tree]
    while pending:
        folder = pending.pop()
        if folder in found:
            continue
        found.add(folder)
        for entry in read_tree(objects, folder):
            if entry.kind is Kind.FOLDER:
                pending.append(entry.digest)
            elif entry.kind is not Kind.LINK:
                found.add(entry.digest)
