"""What fuzzing tries: genuine bytes of every kind, ways to spoil them, and who must refuse.

A target's ``judge`` takes bytes. It raises ``LedgerError`` when the ledger refuses them, and
``AssertionError`` when the ledger accepts what it must not: another spelling of a value, or
content that nobody signed. Whatever else it raises is a defect too. ``test_fuzzing`` and
``fuzz_atheris`` drive the same targets.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from ledger import (
    Digest,
    Entry,
    InclusionProof,
    LedgerError,
    MemoryStore,
    PublicKey,
    Signer,
    TokenSignatureLedger,
    decode,
    encode,
    read_bundle,
    write_bundle,
)
from ledger.chain.follower import Follower
from ledger.native import inner_loop
from ledger.storage import segment
from ledger.storage.seals import Seal, State
from ledger.storage.store import Position
from ledger.tiles import form as tiles
from ledger.trust import checkpoint, note
from ledger.trust.cosignature import Algorithm, CosignerKey
from ledger.trust.epochs import Epochs
from ledger.trust.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from tests.ledger.both_ways import judge_both_ways

ORIGIN: Final = "test.example/log"
SIGNER: Final = Signer(ORIGIN, bytes(range(32)))
OTHER: Final = Signer(ORIGIN, bytes(32))
NOW: Final = 1_700_000_000_000_000_000
HASH: Final = 32
ENTRIES: Final = (
    Entry("a", {"n": 1, "text": "\u00e9"}, session="s", actor="me", token="t"),
    Entry("b", {}),
    Entry("c", {"list": [1, [None, True], b"x", {"k": -1, "l": 2**63}]}, payload=Digest(bytes(32))),
    Entry("d", {"a": {"b": {"c": "x" * 300}}, "z": -(2**40)}, commitment=bytes(32)),
)
_EDGES: Final = (b"\x00", b"\x7f", b"\x80", b"\xff", b"\xc0", b"\xd9", b"\xdf", b"\xca", b"\xcb")
_TOKENS: Final = (b"\n", b"\n\n", b" ", b"+", b"\xe2\x80\x94 ", b"0", b"=", b"\xff\xff\xff\xff")


class Target(NamedTuple):
    """Genuine ``seeds``, who judges their mutants, and how many of a million mutants it takes."""

    name: str
    seeds: tuple[bytes, ...]
    judge: Callable[[bytes], None]
    share: int


def mutants(seeds: tuple[bytes, ...], count: int, seed: int) -> Iterator[bytes]:
    """``count`` spoiled forms of ``seeds``, the same for the same ``seed``."""
    draw = random.Random(seed)
    for _ in range(count):
        data = draw.choice(seeds)
        for _ in range(1 + int(draw.random() * 3)):
            data = _spoil(data, seeds, draw)
        yield data


def _spoil(data: bytes, seeds: tuple[bytes, ...], draw: random.Random) -> bytes:
    at = int(draw.random() * (len(data) + 1))
    head, rest = data[:at], data[at:]
    match int(draw.random() * 9):
        case 0 | 1 if rest:
            spoiled = head + bytes([rest[0] ^ 1 << int(draw.random() * 8)]) + rest[1:]
        case 2:
            spoiled = head + draw.choice(_EDGES) + rest[1:]
        case 3:
            spoiled = head + draw.choice(_TOKENS) + rest
        case 4:
            spoiled = head + rest[1 + int(draw.random() * 4) :]
        case 5:
            spoiled = head if draw.random() < 0.5 else rest
        case 6:
            spoiled = head + rest[: int(draw.random() * 40)] + rest
        case 7:
            other = draw.choice(seeds)
            spoiled = head + other[int(draw.random() * (len(other) + 1)) :]
        case _:
            spoiled = head + draw.randbytes(1 + int(draw.random() * 4)) + rest[1:]
    return spoiled


def targets(folder: Path) -> tuple[Target, ...]:
    """All targets; ``folder`` takes the files that some of them need."""
    log = _fresh()
    payload = log.objects.put(b"content")
    log.append(*ENTRIES[:2])
    log.append(replace(ENTRIES[2], payload=payload))
    bundle = folder / "seed.os2z"
    write_bundle(bundle, log, [0, 1, 3], [payload], {"session": "s"})
    return (
        *_forms(),
        *_trust(log),
        *_texts(),
        *_proofs(),
        _segments(log),
        _logs(log),
        _bundles(bundle, folder / "mutant.os2z"),
    )


def _fresh() -> TokenSignatureLedger:
    return TokenSignatureLedger(MemoryStore(), SIGNER, clock=lambda: NOW, node="n1")


def _forms() -> Iterator[Target]:
    values = (None, True, 0, -1, 2**64 - 1, -(2**63), "text", b"bytes", [], {}, [[[]]])
    seeds = [encode(value) for value in values]
    seeds.append(encode({"a": [1, {"b": "é" * 40}], "bb": b"x" * 300, "c": list(range(20))}))

    def canonical(data: bytes) -> None:
        assert encode(decode(data)) == data

    yield Target("canonical bytes", tuple(seeds), canonical, 270_000)

    follower = Follower(None, signed=False, origin=ORIGIN)
    follower.take_verbatim(_fresh().record(0).body)
    follower.commit(None, Position(0, 0), Position(0, 0))

    def body(data: bytes) -> None:
        try:
            follower.take_verbatim(data)
            assert encode(decode(data)) == data
        finally:
            follower.rewind()

    def body_both_ways(data: bytes) -> None:
        if loop is not None:
            judge_both_ways(loop, data)
        body(data)

    loop = inner_loop()
    bodies = [_fresh().append(entry)[0].body for entry in ENTRIES]
    yield Target("record bodies", tuple(bodies), body_both_ways, 200_000)


def _trust(log: TokenSignatureLedger) -> Iterator[Target]:
    assert log.checkpoint is not None
    two = note.Note("text\n", (*SIGNER.sign("text\n").signatures, *OTHER.sign("text\n").signatures))
    notes = (SIGNER.sign("a\n\nb\n").encode(), two.encode(), log.checkpoint.note)

    def noted(data: bytes) -> None:
        assert note.parse(data).encode() == data

    yield Target("notes", notes, noted, 120_000)

    genuine = note.parse(log.checkpoint.note).text

    def signed(data: bytes) -> None:
        found = checkpoint.verified(data, SIGNER.public)
        assert note.parse(found.note).text == genuine, "a forged checkpoint was accepted"

    yield Target("checkpoints", (log.checkpoint.note,), signed, 60_000)


def _texts() -> Iterator[Target]:
    """Texts of which each has one spelling."""
    public = (str(SIGNER.public).encode(), str(OTHER.public).encode())
    yield _text("public keys", public, lambda text: str(PublicKey.parse(text)), 50_000, strip=True)
    secret = (SIGNER.secret_text().encode(),)
    yield _text(
        "secret keys", secret, lambda text: Signer.parse(text).secret_text(), 30_000, strip=True
    )
    cosigner = CosignerKey("witness.example", Algorithm.ED25519, SIGNER.public.key)
    yield _text(
        "witness keys",
        (str(cosigner).encode(),),
        lambda text: str(CosignerKey.parse(text)),
        30_000,
        strip=True,
    )
    names = (b"tile/0/x001/x234/067.p/8", b"tile/entries/000", b"tile/5/999")
    yield _text("tile names", names, lambda text: tiles.parse(text).path, 60_000)
    table = Epochs.begun(SIGNER.public).rotated(7, OTHER.public, Digest(bytes(HASH)))
    yield _text("epochs", (table.text().encode(),), lambda text: Epochs.parse(text).text(), 20_000)
    entry = State(2, Digest(bytes(HASH)), 5, (bytes(HASH),))
    leave = State(5, Digest(bytes(HASH)), 9, (bytes(HASH), b"\x01" * HASH))
    seal = Seal(ORIGIN, 3, 1000, Digest(bytes(HASH)), entry, leave)
    yield _text("seals", (seal.text().encode(),), lambda text: Seal.parse(text).text(), 30_000)

    def unbundled(data: bytes) -> None:
        assert tiles.bundle(tiles.unbundle(data, 3)) == data

    yield Target("entry bundles", (tiles.bundle([b"one", b"", b"x" * 300]),), unbundled, 40_000)


def _text(
    name: str,
    seeds: tuple[bytes, ...],
    again: Callable[[str], str],
    share: int,
    *,
    strip: bool = False,
) -> Target:
    def judge(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        found = again(text)
        assert found == (text.strip() if strip else text)

    return Target(name, seeds, judge, share)


def _proofs() -> Iterator[Target]:
    size, old = 13, 6
    leaves = [leaf_hash(b"leaf %d" % n) for n in range(size)]
    roots = [root(leaves[:n]) for n in range(size + 1)]

    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    proofs = [inclusion_proof(n, size, node) for n in range(size)]
    seeds = tuple(bytes([p.index]) + leaves[p.index] + b"".join(p.hashes) for p in proofs)

    def included(data: bytes) -> None:
        index, leaf, rest = int.from_bytes(data[:1], "big"), data[1 : 1 + HASH], data[1 + HASH :]
        verify_inclusion(InclusionProof(index, size, _hashes(rest)), leaf, roots[size])
        assert leaf == leaves[index], "a leaf was proved that is not there"
        assert _hashes(rest) == proofs[index].hashes

    yield Target("inclusion proofs", seeds, included, 30_000)

    between = {n: consistency_proof(n, size, node) for n in range(1, size)}
    ways = tuple(bytes([n]) + roots[n] + b"".join(between[n]) for n in (1, old, 8, 12))

    def consistent(data: bytes) -> None:
        start, first, rest = int.from_bytes(data[:1], "big"), data[1 : 1 + HASH], data[1 + HASH :]
        if start == size:
            return
        verify_consistency(start, size, first, roots[size], _hashes(rest))
        assert first == roots[start], "a history was proved that never was"

    yield Target("consistency proofs", ways, consistent, 30_000)


def _hashes(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + HASH] for at in range(0, len(data), HASH))


def _segment_bytes(log: TokenSignatureLedger) -> bytes:
    store = log._store
    return store.read(Position(0, 0), store.end().offset)


def _segments(log: TokenSignatureLedger) -> Target:
    def framed(data: bytes) -> None:
        store = MemoryStore()
        store.begin_segment(0, data)
        segment.check_header(data, 0)
        at = segment.HEADER.size
        for found in segment.frames(store, Position(0, at), len(data)):
            assert found.start == at
            if isinstance(found, segment.Torn):
                return
            if not found.is_checkpoint:
                assert segment.record_frame(found.content, found.tail) == data[at : found.stop]
            at = found.stop
        assert at == len(data)

    return Target("frames", (_segment_bytes(log),), framed, 30_000)


def _logs(log: TokenSignatureLedger) -> Target:
    """A whole log, opened for appending by its owner: what it shows was once signed as it is."""
    true = [record.body for record in log.read()]

    def opened(data: bytes) -> None:
        store = MemoryStore()
        store.begin_segment(0, data)
        with TokenSignatureLedger(store, SIGNER, clock=lambda: NOW, node="n1") as found:
            for record in found.read():
                if record.kind == "ledger.recovered":
                    return
                assert record.body == true[record.seq], "a forged record was accepted"

    return Target("logs", (_segment_bytes(log),), opened, 8_000)


def _bundles(seed: Path, path: Path) -> Target:
    genuine = seed.read_bytes()

    def bundled(data: bytes) -> None:
        path.write_bytes(data)
        with read_bundle(path, SIGNER.public):
            assert data == genuine, "an altered bundle was accepted"

    return Target("bundles", (genuine,), bundled, 4_000)


def refuses(target: Target, data: bytes) -> bool:
    """Whether the ledger refuses ``data``, by a named error."""
    try:
        target.judge(data)
    except LedgerError:
        return True
    return False
