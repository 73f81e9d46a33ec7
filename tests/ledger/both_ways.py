"""Whether a body is a record, asked of Python and of the compiled inner loop."""

import msgpack  # type: ignore[import-untyped]

from ledger import CanonicalError
from ledger.form.record import MAX_U64, fields, link
from ledger.native import State
from ledger.native.library import InnerLoop
from ledger.storage.run import Run


def python_run(bodies: list[bytes], chain: bytes) -> Run:
    return Run.of(bodies, [chain := link(chain, body) for body in bodies])


def is_taken(loop: InnerLoop, body: bytes, seq: int, hlc: int) -> bool:
    """Whether the loop takes ``body`` as a record of its own place."""
    chain, edge = bytes(32), [bytes(32)] * seq.bit_count()
    frame = python_run([body], chain).data
    after, end = loop.follow(State(seq, chain, hlc - 1, edge), frame, 0, len(frame))
    assert (end, after.size) in {(0, seq), (len(frame), seq + 1)}
    return end > 0


def judge_both_ways(loop: InnerLoop, body: bytes) -> None:
    """The loop takes what Python takes, but for what the ledger says of itself."""
    try:
        values = fields(body)
    except CanonicalError:
        assert not is_taken(loop, body, *_claimed(body))
        return
    seq, hlc, kind = values[1], values[2], values[7]
    assert isinstance(seq, int)
    assert isinstance(hlc, int)
    if hlc > 0 and seq < MAX_U64:
        assert is_taken(loop, body, seq, hlc) == (not str(kind).startswith("ledger."))


def _claimed(body: bytes) -> tuple[int, int]:
    """The place and time that stand in it, so that it is not for these that it is refused."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(body)
    try:
        unpacker.read_array_header()
        _, seq, hlc = (unpacker.unpack() for _ in range(3))
    except (ValueError, msgpack.UnpackException):
        return 0, 1
    fits = type(seq) is type(hlc) is int and 0 <= seq < MAX_U64 and 0 < hlc <= MAX_U64
    return (seq, hlc) if fits else (0, 1)
