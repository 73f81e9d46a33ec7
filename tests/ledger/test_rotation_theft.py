"""What a thief of a retired key can do: nothing that is not noticed."""

import base64
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import (
    DamagedError,
    Entry,
    Epochs,
    Signer,
    TokenSignatureLedger,
    WrongKey,
    load_key,
    verify,
)
from ledger.form import canonical
from ledger.form.record import genesis, link
from ledger.storage import segment
from ledger.storage.segment_files import segment_name
from ledger.trust import checkpoint
from ledger.trust.merkle import Frontier, leaf_hash
from tests.ledger.rotating import ORIGIN, Opener, broken, frames_of


def forge(
    directory: Path, seq: int, thief: Signer, upto: int | None = None, statement: str | None = None
) -> None:
    """Rewrite record ``seq`` and sign every head after it anew, up to ``upto`` records."""
    chain, edge, hlc = genesis(ORIGIN), Frontier(), 0
    parts, changed = [segment.header(0)], False
    for frame in frames_of(directory):
        if frame.is_checkpoint:
            note = frame.content
            if changed and (upto is None or edge.size <= upto):
                head = checkpoint.Head(edge.size, chain, edge.root())
                mode = checkpoint.read(note).durability
                note = checkpoint.sign(thief, head, hlc, mode, statement).note
            parts.append(segment.checkpoint_frame(note))
            continue
        body = frame.content
        values = canonical.decode(body)
        assert isinstance(values, list)
        hlc = values[2]  # type: ignore[assignment]
        if values[1] == seq:
            values[8], changed = {"epoch": 9, "count": 9}, True  # as long as before
            body = canonical.encode(values)
        chain = link(chain, body) if changed else canonical.Digest(frame.tail)
        edge.append(leaf_hash(body))
        parts.append(segment.record_frame(body, chain))
    (directory / "segments" / segment_name(0)).write_bytes(b"".join(parts))
    for name in ("head", "checkpoint"):
        (directory / name).unlink(missing_ok=True)


def spellings(seed: bytes) -> list[bytes]:
    """The seed in every spelling in which it could have been left somewhere."""
    found = [seed, seed.hex().encode(), seed.hex().upper().encode(), repr(seed).encode()]
    encoders = (base64.b64encode, base64.urlsafe_b64encode, base64.b32encode)
    found += [make(lead + seed).rstrip(b"=")[:40] for lead in (b"", b"\1") for make in encoders]
    found.append(seed[::-1])
    return found


def test_what_is_left_cannot_sign_the_past_again(tmp_path: Path, opened: Opener) -> None:
    old = load_key(tmp_path / "keys" / "log")
    with opened() as ledger:
        for count in range(4):
            ledger.append(Entry("a", {"count": count}))
        ledger.rotate()
        ledger.append(Entry("b", {}))
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(everything) >= 3
    for path in everything:
        data = path.read_bytes()
        for spelling in spellings(old._key.seed):
            assert spelling not in data, path
    found = [load_key(path) for path in (tmp_path / "keys").iterdir()]
    assert [each.public for each in found] == [load_key(tmp_path / "keys" / "log").public]
    for thief in found:
        for statement in (None, "2 AAAA"):
            copy = tmp_path / "forged"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(tmp_path / "log", copy)
            forge(copy, 2, thief, statement=statement)
            for pin in (None, old.public, thief.public):
                verdict = verify(copy, pin)
                assert verdict.status == "broken"
                assert verdict.first_bad is not None
                assert verdict.first_bad.seq <= 3


def test_a_stolen_old_key_forges_nothing_before_the_rotation(
    rotated: tuple[Path, list[Signer]],
) -> None:
    """All heads of epoch 0 signed again by its true, stolen key: the rotation does not follow."""
    directory, stolen = rotated
    forge(directory, 2, stolen[0], upto=5)
    for pin in (None, *(thief.public for thief in stolen)):
        verdict = verify(directory, pin)
        assert (verdict.status, verdict.first_bad is not None) == ("broken", True)
        assert verdict.first_bad is not None
        assert verdict.first_bad.seq == 5, verdict


def test_a_stolen_old_key_cannot_outlive_its_rotation(
    rotated: tuple[Path, list[Signer]],
) -> None:
    """Cut behind the rotation and gone on with the old key, or with the old key's other heir."""
    directory, stolen = rotated
    forge(directory, 6, stolen[0])
    assert broken(verify(directory, stolen[0].public)).seq == 6
    assert broken(verify(directory, stolen[2].public)).seq == 6


def test_the_newest_key_as_pin_refuses_another_heir(
    tmp_path: Path, clock: Callable[[], int], rotated: tuple[Path, list[Signer]]
) -> None:
    """A thief of the first key begins a log of his own, and even names the true successor."""
    _, stolen = rotated
    own = tmp_path / "own"
    with TokenSignatureLedger.open(own, stolen[0], clock=clock, node="n") as ledger:
        ledger.append(Entry("forged", {}))
        named = {"epoch": 1, "public_key": str(stolen[1].public)}
        ledger._writer._write_own(Entry("ledger.rotated", named))
    assert "found only that it was named" in broken(verify(own, stolen[1].public)).reason
    assert broken(verify(own, stolen[2].public)).seq == 0
    with pytest.raises(WrongKey):
        TokenSignatureLedger.read_only(own, stolen[1].public)


def test_a_forged_middle_does_not_open_under_a_true_head(
    rotated: tuple[Path, list[Signer]], opened: Opener
) -> None:
    """The thief rewrites epoch 0 under his signature; cache, head and everything later are true."""
    directory, stolen = rotated
    with opened() as ledger:
        ledger.append(*(Entry("filler", {"text": "x" * 1000}) for _ in range(100)))
    kept = {name: (directory / name).read_bytes() for name in ("head", "checkpoint")}
    path = directory / "segments" / segment_name(0)
    true = path.read_bytes()
    forge(directory, 2, stolen[0], upto=5)
    forged = path.read_bytes()
    seam = next(f.start for f in frames_of(directory) if b"ledger.accepted" in f.content)
    assert len(forged) == len(true)
    path.write_bytes(forged[:seam] + true[seam:])
    for name, data in kept.items():
        (directory / name).write_bytes(data)
    with TokenSignatureLedger.read_only(directory, stolen[2].public) as reader:
        with pytest.raises(DamagedError):
            reader.record(12)  # so short a log is read from its start
        for first, last in ((2, 3), (0, 3), (3, 4), (2, 20)):
            with pytest.raises(DamagedError, match="another past"):
                list(reader.read(first, last))
    assert broken(verify(directory, stolen[2].public)).seq == 5
    with pytest.raises(DamagedError):
        TokenSignatureLedger.read_only(directory, stolen[0].public)


@pytest.mark.parametrize("pin", [None, 0, 1, 2])
def test_a_forged_cache_is_not_believed(
    rotated: tuple[Path, list[Signer]], opened: Opener, pin: int | None
) -> None:
    """Other epochs in the cache than in the log: the signed head states their digest."""
    directory, stolen = rotated
    with opened() as ledger:
        ledger.append(*(Entry("filler", {"text": "x" * 1000}) for _ in range(100)))
        true = ledger.keys
    assert true is not None
    cache = canonical.decode((directory / "head").read_bytes())
    assert isinstance(cache, list)
    rows = true.epochs.rows
    evil = Signer(ORIGIN, b"\7" * 32).public
    tables = [
        Epochs.of([rows[0], rows[1]._replace(first=8), *rows[2:]]),
        Epochs.of([rows[0], rows[1]._replace(chain=rows[0].chain), *rows[2:]]),
        Epochs.of([rows[0], rows[2]._replace(number=1)]),
        Epochs.of([*rows, rows[2]._replace(number=3, first=60, key=evil)]),
        Epochs.of([rows[0]]),
        Epochs.begun(evil),
    ]
    key = None if pin is None else stolen[pin].public
    for table in tables:
        for data in ([*cache[:6], table.text(), []], cache[:6], [*cache[:6], table.text()]):
            (directory / "head").write_bytes(canonical.encode(data))
            with TokenSignatureLedger.read_only(directory, key) as reader:
                assert reader.keys == true
                assert reader.record(2).attributes == {"epoch": 0, "count": 1}
