"""One machine with a ledger on it, and what somebody who watches it knows must be true.

``Disk`` is a folder with everything that has to outlive a crash: log, keys, keys of subjects, the
head kept apart, a witness. ``Known`` is the model: what was acknowledged, and what was promised.
``check`` holds the one against the other. Nothing here knows how a ledger is written.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ledger import (
    Checkpoint,
    Cosigner,
    Entry,
    FileStore,
    KeptHead,
    KeyFile,
    PrunedError,
    PublicKey,
    Record,
    ShreddedError,
    Signer,
    Subjects,
    TokenSignatureLedger,
    endorse,
    leaf_hash,
    verify,
    verify_inclusion,
)
from ledger.form.record import link
from ledger.privacy.subject_keys import SubjectKeys
from ledger.trust.endorsement import covered
from ledger.trust.merkle import root, verify_consistency
from ledger.trust.note import Note, parse_signatures
from ledger.witness.known_logs import KnownLogs
from ledger.witness.request import AddCheckpoint
from ledger.witness.service import WitnessService
from ledger.witness.store import WitnessStore

ORIGIN = "test.example/log"
OFFLINE = Signer("root.example", bytes(range(1, 33)))
COSIGNER = Cosigner("w.example/1", bytes(range(2, 34)))
SEGMENT_BYTES = 2048
PEOPLE = ("Ada", "Bob")
ticks = count(1_700_000_000_000_000_000, 1_000_000)


def now() -> int:
    """A clock that never stands still."""
    return next(ticks)


@dataclass(frozen=True)
class Disk:
    """The folder in which the machine keeps everything."""

    folder: Path
    held: list[KeptHead] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def people(self) -> Path:
        return self.folder / "people"

    @property
    def keys(self) -> KeyFile:
        return KeyFile(self.folder / "keys" / "log")

    @property
    def subjects(self) -> Subjects:
        return Subjects(self.people)

    @property
    def witness(self) -> WitnessStore:
        return WitnessStore(self.folder / "witness", (COSIGNER.public,))

    def begin(self) -> PublicKey:
        return KeyFile.create(self.folder / "keys" / "log", ORIGIN).public

    def opened(self) -> TokenSignatureLedger:
        self.let_go()
        self.held.append(KeptHead(self.folder / "kept", sync=True))
        return TokenSignatureLedger(
            FileStore(self.log),
            self.keys,
            clock=now,
            node="n1",
            root=OFFLINE.public,
            segment_bytes=SEGMENT_BYTES,
            kept=self.held[0],
        )

    def let_go(self) -> None:
        """Close what a dead process cannot hold any more: its lock on the kept head."""
        for kept in self.held:
            kept.close()
        self.held.clear()

    def holding(self, wanted: bytes) -> list[Path]:
        """Files anywhere on the disk that hold ``wanted``."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return [path for path in files if wanted in path.read_bytes()]


@dataclass
class Known:
    """What was acknowledged and promised so far; ``told`` are bodies by seq."""

    trusted: PublicKey
    told: list[bytes] = field(default_factory=list)
    chain: list[bytes] = field(default_factory=list)
    heads: list[Checkpoint] = field(default_factory=list)
    sealed: dict[int, bytes] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict)
    shredded: set[str] = field(default_factory=set)
    cosigned: int = 0
    serial: int = 0

    def take(self, records: list[Record]) -> None:
        """Records that are there from now on."""
        for record in records:
            assert record.seq == len(self.told)
            self.told.append(record.body)
            self.chain.append(record.digest)
            if record.kind == "ledger.shredded":
                self.shredded.add(str(record.attributes["subject"]))

    def entries(self, sizes: list[int]) -> list[Entry]:
        """New entries with texts of these sizes."""
        made = []
        for size in sizes:
            self.serial += 1
            made.append(Entry("deed", {"n": self.serial, "text": "x" * size}))
        return made


Deed = Callable[["Disk", "Known", TokenSignatureLedger, int], None]
"""Something the owner does; the number chooses among what there is."""


def append(_: Disk, known: Known, ledger: TokenSignatureLedger, choice: int) -> None:
    payload = ledger.objects.put(b"object %d" % choice) if choice % 3 == 0 else None
    ledger.append(
        *[
            Entry(entry.kind, entry.attributes, payload=payload)
            for entry in known.entries([choice % 700, 5, 60][: 1 + choice % 3])
        ]
    )


def seal(disk: Disk, known: Known, ledger: TokenSignatureLedger, choice: int) -> None:
    person = PEOPLE[choice % len(PEOPLE)]
    known.serial += 1
    content = b"the secret of %s, number %d" % (person.encode(), known.serial)
    seq = ledger.head.size
    known.sealed[seq] = content
    disk.subjects.append(ledger, person, content, Entry("deed", {"n": known.serial}))


def shred(disk: Disk, known: Known, ledger: TokenSignatureLedger, choice: int) -> None:
    person = PEOPLE[choice % len(PEOPLE)]
    if not disk.subjects.count(ledger, person):
        seal(disk, known, ledger, choice)  # there shall be something to shred
    if disk.people.exists():
        for key in SubjectKeys(disk.people).all():
            known.secrets[key.pseudonym] = key.secret
    disk.subjects.shred(ledger, person, "asked for")


def rotate(_: Disk, __: Known, ledger: TokenSignatureLedger, ___: int) -> None:
    ledger.rotate()


def vouch(_: Disk, __: Known, ledger: TokenSignatureLedger, ___: int) -> None:
    assert ledger.keys is not None
    endorsed = covered(OFFLINE.public, ledger.keys)
    left = [row.number for row in ledger.keys.epochs if row.number not in endorsed]
    if left:
        ledger.endorse(endorse(OFFLINE, ledger.keys.epochs, left[0]).note)


def prune(_: Disk, __: Known, ledger: TokenSignatureLedger, choice: int) -> None:
    first = ledger.first
    ledger.prune(first + choice % (ledger.head.size - first + 1))


def cosign(disk: Disk, known: Known, ledger: TokenSignatureLedger, _: int) -> None:
    signed = ledger.checkpoint
    assert signed is not None
    old = known.cosigned
    proof = ledger.prove_consistency(old, signed.size) if 0 < old < signed.size else ()
    logs = KnownLogs(ledger.signers, disk.folder / "witness-logs")
    service = WitnessService((COSIGNER,), logs, disk.witness, now)
    note = Note(signed.note.decode().partition("\n\n")[0] + "\n", ())
    request = AddCheckpoint(old, proof, _note_of(signed))
    lines = service.add_checkpoint(request.encode())
    COSIGNER.public.verify(Note(note.text, parse_signatures(lines.decode())))


DEEDS: dict[str, Deed] = {
    "append": append,
    "seal": seal,
    "shred": shred,
    "rotate": rotate,
    "endorse": vouch,
    "prune": prune,
    "cosign": cosign,
}


def settle(disk: Disk, known: Known, ledger: TokenSignatureLedger, before: int) -> None:
    """Take over what a deed, whole or cut short, has left; ``before`` is the serial it began at.

    All that was acknowledged must be there. What came beside is either what the ledger says about
    itself, or the whole group that was under way.
    """
    more = [ledger.record(seq) for seq in range(len(known.told), ledger.head.size)]
    deeds = [record.attributes["n"] for record in more if record.kind == "deed"]
    assert deeds in ([], list(range(before + 1, known.serial + 1))), "a part of a group"
    assert all(record.kind == "deed" or record.kind.startswith("ledger.") for record in more)
    size = len(known.told)
    known.take(more)
    for seq in [seq for seq in known.sealed if seq >= size]:
        content = known.sealed.pop(seq)
        for record in more:
            if "sealed_for" in record.attributes:
                known.sealed[record.seq] = content
    assert ledger.checkpoint is not None
    if not known.heads or known.heads[-1].size < ledger.checkpoint.size:
        known.heads.append(ledger.checkpoint)
    latest = disk.witness.latest(ORIGIN)
    found = 0 if latest is None else latest.head.size
    assert found in {known.cosigned, *(head.size for head in known.heads)}
    assert found >= known.cosigned, "the witness forgot"
    known.cosigned = found


def check(disk: Disk, known: Known, ledger: TokenSignatureLedger) -> None:
    """Everything that is promised, by the ledger that is open."""
    head, first = ledger.head, ledger.first
    assert head.size == len(known.told)
    assert (head.chain, head.root) == (known.chain[-1], root([leaf_hash(b) for b in known.told]))
    assert [record.body for record in ledger.read(first)] == known.told[first:]
    for seq in {0, first - 1, first, head.size // 2, head.size - 1} - {-1}:
        verify_inclusion(ledger.prove(seq), leaf_hash(known.told[seq]), head.root)
    for old in (known.heads[0], known.heads[len(known.heads) // 2]):
        proof = ledger.prove_consistency(old.size, head.size)
        verify_consistency(old.size, head.size, old.root, head.root, proof)
    if first > 1:
        _check_gone(ledger, first)
    for seq in (seq for seq in known.sealed if seq >= first):
        _check_sealed(disk, known, ledger, seq)


def audit(disk: Disk, known: Known) -> None:
    """Everything that is promised, by the files alone, under the first key and the root's."""
    for jobs, key in ((1, known.trusted), (1, None)):
        found = verify(disk.log, key, objects=True, jobs=jobs)
        assert found.status == "ok", found.first_bad
        assert found.size == len(known.told)
    link_all(known)


def link_all(known: Known) -> None:
    """The model's own chain: each digest follows from the one before and the body."""
    for seq in range(1, len(known.told)):
        assert link(known.chain[seq - 1], known.told[seq]) == known.chain[seq]  # type: ignore[arg-type]


def _check_gone(ledger: TokenSignatureLedger, first: int) -> None:
    try:
        next(ledger.read(1, first))
    except PrunedError:
        return
    raise AssertionError("a pruned record was read")


def _check_sealed(disk: Disk, known: Known, ledger: TokenSignatureLedger, seq: int) -> None:
    record = ledger.record(seq)
    pseudonym = str(record.attributes["sealed_for"])
    try:
        content = disk.subjects.open(ledger, record)
    except ShreddedError:
        assert pseudonym in known.shredded, "unreadable, and nobody shredded it"
        secret = known.secrets[pseudonym]
        assert not disk.holding(secret), "the key of a shredded subject is on the disk"
        return
    assert pseudonym not in known.shredded, "shredded, and still readable"
    assert content == known.sealed[seq]


def _note_of(signed: Checkpoint) -> Note:
    from ledger.trust.note import parse  # noqa: PLC0415

    return parse(signed.note)
