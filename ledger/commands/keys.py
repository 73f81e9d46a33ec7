"""``python -m ledger keys …``: the epochs of a log's key, rotation, the offline root."""

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Final

from ledger.chain.age import EPOCH_DAYS, epoch_age
from ledger.chain.log import TokenSignatureLedger
from ledger.commands import EMPTY, OK, appending
from ledger.commands.given import pin
from ledger.commands.shown import document, printable
from ledger.errors import (
    DurabilityError,
    EpochError,
    KeyFormatError,
    LedgerMissing,
    UnreadableError,
)
from ledger.trust.ed25519 import SEED_BYTES
from ledger.trust.endorsement import (
    Endorsement,
    KeyHistory,
    covered,
    endorse,
    judge,
    read_endorsement,
)
from ledger.trust.epochs import Epoch
from ledger.trust.keyring import KeyFile, refuse_inside
from ledger.trust.keys import PublicKey, Signer
from ledger.trust.note import MAX_NOTE_BYTES
from ledger.trust.root_key import is_encrypted, read_root, write_root

SUMMARY: Final = "the epochs of a log's key: list, next, rotate, export-public, root, endorse"
LIST_SCHEMA: Final = "os2.ledger.keys/1"
ROTATION_SCHEMA: Final = "os2.ledger.rotation/1"
ENDORSEMENT_SCHEMA: Final = "os2.ledger.endorsement/1"
_ROOT_NAME: Final = "offline-root"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of each verb."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    found = verbs.add_parser("list", help="which key signed which records, and who vouches for it")
    found.add_argument("directory", type=Path, metavar="DIR")
    found.add_argument("--pubkey", metavar="FILE|TEXT", help="the key, root or epochs you trust")
    found.add_argument("--json", action="store_true", help="print one JSON document")
    found.set_defaults(verb_run=_list)
    rotate = verbs.add_parser("rotate", help="begin an epoch with a new key; destroy the old one")
    appending.configure(rotate)
    rotate.add_argument("--json", action="store_true", help="print one JSON document")
    rotate.set_defaults(verb_run=_rotate)
    coming = verbs.add_parser(
        "next", help="print the key that the next rotation will use, to tell witnesses before"
    )
    coming.add_argument("--key", type=Path, required=True, metavar="FILE")
    coming.set_defaults(verb_run=_next)
    public = verbs.add_parser("export-public", help="print what others need to verify")
    public.add_argument("directory", type=Path, metavar="DIR")
    public.add_argument("--pubkey", metavar="FILE|TEXT", help="the key, root or epochs you trust")
    public.add_argument(
        "--epochs",
        action="store_true",
        help="all epochs, which verify --pubkey FILE takes too; else the newest key",
    )
    public.set_defaults(verb_run=_export)
    root = verbs.add_parser("root", help="make an offline root key; print its public half")
    root.add_argument("--out", type=Path, required=True, metavar="FILE")
    root.add_argument("--name", default=_ROOT_NAME, help="the name of the key")
    _ask_passphrase(root)
    root.add_argument("--plain", action="store_true", help="keep it without a passphrase")
    root.set_defaults(verb_run=_root)
    _configure_endorse(verbs.add_parser("endorse", help="let the root say which epochs are true"))


def _configure_endorse(parser: argparse.ArgumentParser) -> None:
    appending.configure(parser, key_required=False)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--root", type=Path, metavar="FILE", help="the root's secret key")
    what.add_argument("--note", type=Path, metavar="FILE", help="what the root signed elsewhere")
    _ask_passphrase(parser)
    parser.add_argument("--pubkey", metavar="FILE|TEXT", help="the key or epochs you trust")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the note, append nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(verb_run=_endorse)


def _ask_passphrase(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="its first line, instead of asking"
    )


def run(options: argparse.Namespace) -> int:
    """Do what the verb says."""
    code: int = options.verb_run(options)
    return code


def _list(options: argparse.Namespace) -> int:
    with TokenSignatureLedger.read_only(options.directory) as ledger:
        history, size = _history(ledger), ledger.head.size
        age = epoch_age(ledger, appending.wall_clock())
    assert age is not None
    root = _root_known(options, history, size)
    endorsed = frozenset[int]() if root is None else covered(root, history)
    if options.json:
        rows = [_row(row, history, size, endorsed) for row in history.epochs]
        body: dict[str, object] = {
            "schema": LIST_SCHEMA,
            "origin": history.epochs.origin,
            "root_key": None if root is None else str(root),
            "epochs": rows,
            "began_ms": age.began_ms,
            "days": age.days,
        }
        sys.stdout.write(document(body))
        return OK
    lines = [f"origin  {printable(history.epochs.origin)}"]
    if root is not None:
        lines.append(f"root    {printable(str(root))}")
    elif history.notes:
        lines.append(f"root    unknown, {len(history.notes)} endorsements: give --pubkey to check")
    for row in history.epochs:
        said = "  endorsed" if row.number in endorsed else ""
        span = f"{row.first} to {_last(row, history, size)}" if row.first < size else "none yet"
        lines.append(f"epoch {row.number:>3}  records {span}{said}\n           {row.key}")
    lines.append(f"age     {age.text(EPOCH_DAYS)}")
    sys.stdout.write("\n".join(lines) + "\n")
    return OK


def _rotate(options: argparse.Namespace) -> int:
    with appending.opened(options) as ledger:
        record = ledger.rotate()
        current = _history(ledger).epochs.current
    if options.json:
        body: dict[str, object] = {
            "schema": ROTATION_SCHEMA,
            "seq": record.seq,
            "epoch": current.number,
            "public_key": str(current.key),
        }
        sys.stdout.write(document(body))
    else:
        sys.stdout.write(
            f"epoch   {current.number}, from record {current.first} on\nkey     {current.key}\n"
            f"record  {record.seq}\nthe old secret key was overwritten and removed from "
            f"{printable(str(options.key.parent))}\n"
        )
    return OK


def _next(options: argparse.Namespace) -> int:
    sys.stdout.write(f"{KeyFile(options.key).prepare().public}\n")
    return OK


def _export(options: argparse.Namespace) -> int:
    with _reader(options) as ledger:
        epochs = _history(ledger).epochs
    sys.stdout.write(epochs.text() if options.epochs else f"{epochs.current.key}\n")
    return OK


def _root(options: argparse.Namespace) -> int:
    passphrase = None
    if not options.plain:
        passphrase = _passphrase(options, twice=True)
    for folder in options.out.resolve().parents:
        if (folder / "segments").is_dir():
            refuse_inside(options.out, folder)
    signer = Signer(options.name, os.urandom(SEED_BYTES))
    write_root(options.out, signer, passphrase)
    sys.stdout.write(f"{signer.public}\n")
    return OK


def _endorse(options: argparse.Namespace) -> int:
    if options.root is not None:
        refuse_inside(options.root, options.directory)
    if options.out is None and options.key is None:
        raise KeyFormatError(
            "expected --key FILE to append, or --out FILE to only sign, found neither; give one"
        )
    if options.out is not None:
        with _reader(options) as ledger:
            made = _made(options, _history(ledger))
        if made is None:
            return _nothing()
        _write_new(options.out, made.note)
        return _told(options, made, None)
    with appending.opened(options) as ledger:
        made = _made(options, _history(ledger))
        seq = None if made is None else ledger.endorse(made.note).seq
    return _nothing() if made is None else _told(options, made, seq)


def _made(options: argparse.Namespace, history: KeyHistory) -> Endorsement | None:
    """What to record: signed here, or elsewhere; None when every epoch is endorsed already."""
    if options.note is not None:
        return read_endorsement(_content(options.note))[0]
    encrypted = is_encrypted(options.root)
    root = read_root(options.root, _passphrase(options) if encrypted else None)
    if history.root is not None and history.root != root.public:
        raise EpochError(
            f"expected the root {history.root}, which this log names, found {root.public}"
        )
    known = covered(root.public, history)
    open_ones = [row.number for row in history.epochs if row.number not in known]
    return endorse(root, history.epochs, open_ones[0]) if open_ones else None


def _told(options: argparse.Namespace, made: Endorsement, seq: int | None) -> int:
    first, last = made.rows[0].number, made.rows[-1].number
    if options.json:
        body: dict[str, object] = {
            "schema": ENDORSEMENT_SCHEMA,
            "epochs": [row.number for row in made.rows],
            "seq": seq,
        }
        sys.stdout.write(document(body))
        return OK
    where = f"record {seq}" if seq is not None else printable(str(options.out))
    sys.stdout.write(f"endorsed  epochs {first} to {last}, in {where}\n")
    return OK


def _nothing() -> int:
    sys.stdout.write("nothing to endorse: the root has endorsed every epoch\n")
    return EMPTY


def _reader(options: argparse.Namespace) -> TokenSignatureLedger:
    trusted = pin(options.pubkey) if options.pubkey is not None else None
    return TokenSignatureLedger.read_only(options.directory, trusted)


def _history(ledger: TokenSignatureLedger) -> KeyHistory:
    if ledger.keys is None:
        raise LedgerMissing("expected a signed ledger, found one without keys")
    return ledger.keys


def _root_known(options: argparse.Namespace, history: KeyHistory, size: int) -> PublicKey | None:
    """The root by whose word epochs count as endorsed: the user's, else the one in record 0."""
    given = pin(options.pubkey) if options.pubkey is not None else None
    if given is None:
        return history.root
    if isinstance(given, PublicKey) and (given == history.root or covered(given, history)):
        return given
    judge(given, history, size)
    return history.root


def _row(row: Epoch, history: KeyHistory, size: int, endorsed: frozenset[int]) -> dict[str, object]:
    return {
        "epoch": row.number,
        "first": row.first,
        "last": _last(row, history, size) if row.first < size else None,
        "public_key": str(row.key),
        "chain": row.chain.hex(),
        "endorsed": row.number in endorsed,
    }


def _last(row: Epoch, history: KeyHistory, size: int) -> int:
    stop = history.epochs.stop(row.number)
    return (size if stop is None else stop) - 1


def _passphrase(options: argparse.Namespace, *, twice: bool = False) -> str:
    if options.passphrase_file is not None:
        try:
            text = _content(options.passphrase_file).decode().split("\n")[0]
        except UnicodeDecodeError as problem:
            raise KeyFormatError(
                f"expected a passphrase in UTF-8 in {options.passphrase_file}, found other bytes"
            ) from problem
    elif sys.stdin.isatty():
        text = getpass.getpass("Passphrase of the root key: ")
        if twice and getpass.getpass("The same again: ") != text:
            raise KeyFormatError("expected the same passphrase twice, found two; try again")
    else:
        raise KeyFormatError(
            "expected a terminal to ask for the passphrase, found none; give --passphrase-file, "
            "or make the key with --plain"
        )
    if not text:
        raise KeyFormatError("expected a passphrase, found an empty one; --plain keeps none")
    return text


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_NOTE_BYTES + 1)
    except OSError as problem:
        raise UnreadableError(
            f"expected to read {path}, found: {problem.strerror}; check the path"
        ) from problem


def _write_new(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise DurabilityError(
            f"expected to write {path}, found: {problem.strerror}; choose another name"
        ) from problem
