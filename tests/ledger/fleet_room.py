"""Logs of several nodes for tests: in memory, with times as wanted; and logs that no honest program writes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger import Certificate, Entry, LogView, MemoryStore, Record, Signer, TokenSignatureLedger
from ledger.fleet.breach import breach
from ledger.form.record import Head, body_of, genesis, link
from ledger.storage import segment
from ledger.trust.checkpoint import Checkpoint, sign
from ledger.trust.epochs import Epoch, Epochs
from ledger.trust.equivocation import Prefix
from ledger.trust.merkle import leaf_hash, root


def signer(name: str, seed: int = 1) -> Signer:
    return Signer(name, bytes([seed]) * 32)


def log_at(
    name: str, times: Sequence[int], *, node: str = "", seed: int = 1, text: str = ""
) -> TokenSignatureLedger:
    """A log whose records, from record 0 on, have these times; each under a head of its own."""
    coming = iter(times)
    log = TokenSignatureLedger(
        MemoryStore(),
        signer(name, seed),
        clock=lambda: 0,
        node=node or name,
        hlc=lambda _: next(coming),
    )
    for n in range(len(times) - 1):
        log.append(Entry("work", {"n": n, "text": text or name}))
    return log


def prefix(log: TokenSignatureLedger, size: int) -> LogView:
    return LogView(log, log.checkpoint_at(size))


@dataclass
class Lying:
    """A view that gives what it is told to give; the rest is true."""

    true: LogView
    given: list[Record]
    head: Checkpoint
    first: int = 0
    folder: Path | None = None

    @classmethod
    def of(cls, view: LogView) -> "Lying":
        return cls(view, list(view.records()), view.head)

    @property
    def epochs(self) -> Epochs:
        return self.true.epochs

    def last_of(self, row: Epoch) -> Checkpoint:
        return self.head if row == self.epochs.current else self.true.last_of(row)

    def prefix(self, old: int, new: int) -> Prefix:
        return self.true.prefix(old, new)

    def statement(self, *seqs: int) -> object:
        return self.true.statement(*seqs)

    def pruning(self) -> object:
        return self.true.pruning()

    def records(self) -> Iterator[Record]:
        return iter(self.given)

    def breach(self) -> Certificate | None:
        return None if self.folder is None else breach(self.folder)


def created(by: Signer, hlc: int, node: str = "n") -> bytes:
    """The body of record 0."""
    told = {"format": 1, "origin": by.name, "public_key": str(by.public)}
    return body_of(Entry("ledger.created", told), 0, hlc, node)


def forge(folder: Path, by: Signer, bodies: Iterable[bytes], *, heads: bool = True) -> Path:
    """A log of whatever ``bodies`` there are, signed as a program without rules would sign it."""
    data, chain, leaves = segment.header(0), genesis(by.name), list[bytes]()
    note = b""
    for body in bodies:
        chain = link(chain, body)
        leaves.append(leaf_hash(body))
        data += segment.record_frame(body, chain)
        if heads or len(leaves) == 1:
            head = Head(len(leaves), chain, root(leaves))
            note = sign(by, head, hlc=len(leaves), durability="group").note
            data += segment.checkpoint_frame(note)
    (folder / "segments").mkdir(parents=True)
    (folder / "segments" / "000000000000.seg").write_bytes(data)
    (folder / "checkpoint").write_bytes(note)
    return folder
