"""The page shows the bytes of epochs, rotation and endorsement as this package writes them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import (
    Entry,
    MemoryStore,
    PublicKey,
    Signer,
    TokenSignatureLedger,
    endorse,
)
from ledger.form.record import genesis, link
from ledger.trust.root_key import read_root

PAGE = Path(__file__).parents[2] / "docs" / "ledger-format.md"
ORIGIN = "test.example/log"


class Fixed:
    """A keyring with two keys known beforehand."""

    def __init__(self) -> None:
        self.signers = [Signer(ORIGIN, bytes(range(start, start + 32))) for start in (0, 32)]

    @property
    def public(self) -> PublicKey:
        return self.signers[0].public

    def signer(self, wanted: PublicKey) -> Signer:
        return next(signer for signer in self.signers if signer.public == wanted)

    def prepare(self) -> Signer:
        return self.signers[1]

    def unsettled(self) -> bool:
        return False

    def settle(self, current: PublicKey) -> bool:
        return self.signers[1].public == current


@pytest.fixture
def example(clock: Callable[[], int]) -> TokenSignatureLedger:
    """The ledger of the example: created, rotated, accepted."""
    ledger = TokenSignatureLedger(MemoryStore(), Fixed(), clock=clock, node="n1")
    ledger.rotate()
    return ledger


def lines(text: str) -> str:
    """``text`` as it stands in the page, indented."""
    return "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())


def test_the_page_shows_a_rotation(example: TokenSignatureLedger) -> None:
    page = PAGE.read_text("utf-8")
    assert example.keys is not None
    assert example.checkpoint is not None
    epochs = example.keys.epochs
    assert lines(epochs.text()) in page
    assert f"digest   {epochs.digest.hex()}\n" in page
    assert lines(example.checkpoint.note.decode()) in page
    rotation = example.record(1)
    assert rotation.digest == epochs.current.chain
    assert f"rotated  {rotation.body.hex(' ')}\n" in page
    assert example.checkpoint.extensions["epochs"] == epochs.statement(3)


def test_the_digest_is_made_as_the_page_says(example: TokenSignatureLedger) -> None:
    assert example.keys is not None
    first, *rows = example.keys.epochs.text().splitlines(keepends=True)
    value = genesis(first.rstrip("\n"))
    for row in rows:
        value = link(value, row.encode())
    assert value == example.keys.epochs.digest


def test_the_page_shows_an_endorsement(example: TokenSignatureLedger) -> None:
    root = Signer("root.example", bytes(range(64, 96)))
    assert example.keys is not None
    note = endorse(root, example.keys.epochs).note
    page = PAGE.read_text("utf-8")
    assert lines(note.decode()) in page
    assert f"root key {root.public}\n" in page
    example.endorse(note)
    assert example.append(Entry("a", {}))[0].seq == 4


def test_the_page_shows_a_root_key_under_a_passphrase(tmp_path: Path) -> None:
    """The example in the page opens with the passphrase that it names."""
    page = PAGE.read_text("utf-8")
    at = page.index("    os2 ledger key, encrypted\n")
    text = "".join(line[4:] + "\n" for line in page[at:].split("\n")[:4])
    path = tmp_path / "root"
    path.write_text(text)
    path.chmod(0o600)
    assert "passphrase `correct horse`" in page
    assert (
        read_root(path, "correct horse").public
        == Signer("root.example", bytes(range(64, 96))).public
    )
