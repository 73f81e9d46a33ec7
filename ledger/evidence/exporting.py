"""Exports by name: which there are, and what each needs.

Bundle and CAR are files; the others are lines of text that can also go down a pipe. What is
written to a file is there whole, or not at all.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ledger.errors import BundleError
from ledger.evidence import jsonl, ocsf, otel
from ledger.evidence.bundle import records_of, write_bundle
from ledger.evidence.car import write_car
from ledger.evidence.placing import placed
from ledger.evidence.plain import line
from ledger.form.canonical import Digest

if TYPE_CHECKING:
    from ledger.chain.log import TokenSignatureLedger

TEXTS: Final = ("jsonl", "ocsf", "otel")
FILES: Final = ("bundle", "car")
EXPORTS: Final = (*FILES, *TEXTS)


def export_lines(
    form: str,
    ledger: "TokenSignatureLedger",
    seqs: Iterable[int] | None = None,
    *,
    objects: bool = False,
) -> Iterator[bytes]:
    """Records ``seqs`` (all of them without) in the text form ``form``.

    All records as ``jsonl`` make a full export, from which the ledger can be made again. With
    ``objects``, ``jsonl`` also holds the content that the records refer to.
    """
    history, signed, directory = ledger.keys, ledger.checkpoint, ledger.directory
    if history is None or signed is None:
        raise BundleError("expected a signed ledger, found one without key")
    # A rotation that a crash cut short has named a key which has signed nothing yet.
    key = history.epochs.key_at(signed.size)
    if form == "jsonl" and seqs is None and directory is not None and not ledger.first:
        return jsonl.full_lines(directory, key, objects=objects)
    records = ledger.read() if seqs is None else records_of(ledger, sorted(set(seqs)))
    match form:
        case "jsonl":
            return jsonl.partial_lines(ledger, records, objects=objects)
        case "ocsf":
            return map(line, ocsf.events(records, key))
        case "otel":
            return map(line, otel.batches(records, key))
        case _:
            raise BundleError(f"expected one of {', '.join(TEXTS)}, found {form!r}")


def write_export(
    path: Path,
    form: str,
    ledger: "TokenSignatureLedger",
    seqs: Iterable[int] | None = None,
    objects: Iterable[Digest] = (),
) -> None:
    """Write records ``seqs`` (all of them without) to ``path``; files hold ``objects`` too."""
    if form not in FILES:
        with placed(path) as file:
            for data in export_lines(form, ledger, seqs):
                file.write(data)
        return
    write = write_bundle if form == "bundle" else write_car
    write(path, ledger, range(ledger.head.size) if seqs is None else seqs, objects)


def write_verifier(path: Path) -> None:
    """Write the file with which a stranger checks a bundle."""
    with placed(path) as file:
        file.write(Path(__file__).with_name("verify_os2.py").read_bytes())
