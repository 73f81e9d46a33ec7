"""The player: an unchanged run comes out identical; each difference is named where it lies."""

from dataclasses import replace
from typing import Any, cast

import pytest

from ledger import Digest, Entry, Json, digest
from os2shell.kernel.intents import ENDED, FAILED, FINISHED, INTERRUPTED
from os2shell.model.content import keep
from os2shell.model.errors import CannotStart
from os2shell.replay.player import Finding, replay_run
from os2shell.replay.verdict import Divergence, Verdict
from tests.replay.replay_room import (
    IMAGE,
    Program,
    Recording,
    empty_ledger,
    play,
    record,
    workshop,
)

WRITER = Program(writes={"r.txt": b"result"})
READER = Program(reads=(2, 3))
LONG = b"".join(b"line %d\n" % number for number in range(5000))


def told(finding: Finding) -> Divergence:
    assert finding.divergence
    return finding.divergence


@pytest.mark.parametrize(
    "program",
    [
        Program(),
        WRITER,
        READER,
        Program(code=7, stderr=b"Traceback"),
        Program(stdout=LONG, stderr=LONG[:2000]),
        Program(cause="limit.output", code=124),
        Program(cause="limit.requests", code=124),
        Program(skipped=("fifo (pipe)",)),
        Program(stdout=b""),
    ],
    ids=[
        "plain",
        "writes",
        "reads",
        "fails",
        "long",
        "limit.output",
        "limit.requests",
        "skips",
        "silent",
    ],
)
def test_an_unchanged_run_is_identical(program: Program) -> None:
    recording = record(program=program)
    assert recording.run.ended.kind == FINISHED
    finding = play(recording, program)
    assert (finding.verdict, finding.divergence) == (Verdict.IDENTICAL, None)


@pytest.mark.parametrize("words", [("-c", "1"), ("--seed", "3", "s.py"), ("-m", "json", "x", "-y")])
def test_words_do_not_matter_to_identity(words: tuple[str, ...]) -> None:
    assert play(record(*words)).verdict is Verdict.IDENTICAL


def test_a_replay_touches_nothing_that_was_recorded() -> None:
    recording = record(program=WRITER)
    before, objects = recording.ledger.head, set(recording.content)
    play(recording, Program(stdout=LONG, writes={"other.txt": LONG}))
    assert recording.ledger.head == before
    assert set(recording.content) == objects


def test_other_output_names_line_and_byte() -> None:
    finding = play(record(), Program(stdout=b"line one\nline 2\n"))
    found = told(finding)
    assert finding.verdict is Verdict.DIVERGED
    assert found.what == "stdout, line 2 (byte 14)"
    assert (found.kind, found.event) == ("guest.run", 3)
    assert (found.expected, found.got) == ("'line two'", "'line 2'")
    assert found.last.startswith("clock.read")


def test_other_errors_are_told_from_output() -> None:
    found = told(play(record(), Program(stderr=b"warning")))
    assert (found.what, found.got) == ("stderr, line 1 (byte 0)", "'warning'")
    assert found.expected == "nothing"


def test_long_output_is_compared_too() -> None:
    other = LONG.replace(b"line 4000\n", b"line 4OOO\n")
    found = told(play(record(program=Program(stdout=LONG)), Program(stdout=other)))
    assert found.what.startswith("stdout, line 4001 ")
    assert (found.expected, found.got) == ("'line 4000'", "'line 4OOO'")


def test_another_exit_code_is_named() -> None:
    found = told(play(record(), Program(code=1)))
    assert (found.what, found.expected, found.got) == ("the exit code", "0", "1")


def test_another_cause_is_named() -> None:
    found = told(
        play(record(program=Program(code=124, cause="exit")), Program(code=124, cause="signal"))
    )
    assert (found.what, found.expected, found.got) == ("the exit cause", "exit", "signal")


def test_another_file_is_named_with_both_digests() -> None:
    found = told(play(record(program=WRITER), Program(writes={"r.txt": b"other"})))
    assert found.what == "the file r.txt, line 1 (byte 0)"
    assert (found.expected, found.got) == ("'result'", "'other'")
    assert (found.byte, found.line) == (0, 1)


def test_a_file_that_is_not_written_is_named() -> None:
    found = told(play(record(program=WRITER), Program()))
    assert (found.what, found.expected, found.got) == (
        "the file r.txt",
        digest(b"result").hex(),
        "absent",
    )


def test_files_skipped_otherwise_are_a_difference() -> None:
    finding = play(record(), Program(skipped=("socket (socket)",)))
    assert told(finding).what == "the result"


def test_another_image_is_an_engine_mismatch() -> None:
    other = digest(b"another machine's")
    finding = play(record(), image=lambda: other)
    assert finding.verdict is Verdict.ENGINE_MISMATCH
    found = told(finding)
    assert (found.what, found.kind) == ("another interpreter image", "guest.run")
    assert IMAGE.hex() in found.expected
    assert other.hex() in found.got


def test_a_missing_trace_object_is_tampered() -> None:
    program = Program(stdout=LONG)
    recording = record("-c", "#" * 20_000, program=program)
    trace = recording.run.ended.attributes["trace"]
    assert isinstance(trace, dict)
    assert "data" not in trace, "the trace is an object of its own"
    assert play(recording, program).verdict is Verdict.IDENTICAL
    name = cast("bytes", trace["digest"])
    recording.lose(name)
    finding = play(recording, program)
    assert finding.verdict is Verdict.TAMPERED
    assert name.hex() in told(finding).got


def test_an_altered_trace_object_is_tampered() -> None:
    recording = record("-c", "#" * 20_000)
    trace = recording.run.ended.attributes["trace"]
    assert isinstance(trace, dict)
    recording.content[Digest(cast("bytes", trace["digest"]))] += b"x"
    assert play(recording).verdict is Verdict.TAMPERED


def test_inline_content_that_is_not_what_it_says_is_tampered() -> None:
    recording = record()
    trace = {**keep(recording.ledger.objects, b"one"), "data": b"another"}
    finding = play(recording.rewritten(trace=trace))
    assert finding.verdict is Verdict.TAMPERED


def test_a_missing_stream_object_is_tampered() -> None:
    recording = record(program=Program(stdout=LONG))
    recording.lose(digest(LONG))
    finding = play(recording, Program(stdout=LONG[:-1]))
    assert finding.verdict is Verdict.TAMPERED
    assert told(finding).kind == "guest.run"


@pytest.mark.parametrize(
    "cause", ["limit.wall", "limit.cpu", "limit.memory", "interrupted", "protocol"]
)
def test_what_the_machine_s_pace_ended_is_recorded_only(cause: str) -> None:
    program = Program(cause=cause, code=124)
    finding = play(record(program=program), program)
    assert finding.verdict is Verdict.RECORDED_ONLY
    assert cause in told(finding).what


def test_a_run_whose_shell_died_is_recorded_only() -> None:
    dead = empty_ledger()
    for one in record().ledger.read():
        kind = one.kind
        body: dict[str, Json] = dict(one.attributes)
        if kind in ENDED:
            kind, body = INTERRUPTED, {"admitted": body["admitted"], "code": 130}
        dead.append(Entry(kind, body, one.session, one.actor, one.token))
    finding = play(Recording(dead))
    assert finding.verdict is Verdict.RECORDED_ONLY
    assert told(finding).kind == INTERRUPTED


def test_a_recorded_failure_of_the_command_is_replayed_too() -> None:
    recording = record("absent.py")
    assert recording.run.ended.kind == FAILED
    assert recording.run.ended.attributes["cause"] == "UsageError"
    assert play(recording).verdict is Verdict.IDENTICAL


def test_another_message_of_a_failure_is_a_difference() -> None:
    finding = play(record("absent.py").rewritten(message="another message"))
    assert finding.verdict is Verdict.DIVERGED
    assert told(finding).what.endswith("message")
    assert told(finding).expected == "another message"


def test_fewer_reads_than_recorded() -> None:
    finding = play(record(program=READER), Program(reads=(2,)))
    assert finding.verdict is Verdict.DIVERGED
    assert "stdout" in told(finding).what  # it hears less, so it says less


def test_a_read_that_was_not_made_is_named_where_the_output_is_equal() -> None:
    recording = record(program=READER, stdin=b"")
    found = told(play(recording, Program(reads=(2,))))
    assert (found.what, found.kind) == ("the program asked less than was recorded", "terminal.read")
    assert found.got == "the end of the program"


def test_another_read_than_recorded() -> None:
    found = told(play(record(program=READER), Program(reads=(2, 4))))
    assert found.what == "another question"
    assert (found.expected, found.got) == ("terminal.read size=3", "terminal.read size=4")


def test_more_reads_than_recorded() -> None:
    found = told(play(record(program=READER), Program(reads=(2, 3, 9))))
    assert found.what == "a question that was not recorded"
    assert (found.expected, found.got) == ("no more questions", "size=9")


def test_reads_are_answered_from_the_record() -> None:
    assert play(record(program=READER, stdin=b"xyz"), READER).verdict is Verdict.IDENTICAL


def test_another_question_in_the_record() -> None:
    def ask_for_more(steps: list[Any]) -> None:
        steps[1][1]["size"] = 64

    found = told(play(record().rewritten(ask_for_more)))
    assert (found.what, found.event, found.kind) == ("another question", 1, "entropy.draw")
    assert (found.expected, found.got) == ("entropy.draw size=64", "entropy.draw size=32")
    assert found.last == "workspace.capture wanted=s.py"


def test_a_missing_question_in_the_record() -> None:
    found = told(play(record().rewritten(lambda steps: steps.pop())))
    assert (found.what, found.event, found.kind) == (
        "a question that was not recorded",
        3,
        "guest.run",
    )


def test_a_superfluous_question_in_the_record() -> None:
    recording = record(program=WRITER)
    extra = recording.steps[-1]
    finding = play(recording.rewritten(lambda steps: steps.append(extra)), WRITER)
    assert finding.verdict is Verdict.DIVERGED
    assert told(finding).what in {"record 3, trace", "a recorded question was not asked"}


def test_an_answer_that_was_altered_shows_in_what_follows() -> None:
    def other_clock(steps: list[Any]) -> None:
        steps[2][2] = 5

    found = told(play(record().rewritten(other_clock)))
    assert (found.what, found.kind) == ("another question", "guest.run")


def test_an_end_that_was_recorded_otherwise_is_named() -> None:
    finding = play(record().rewritten(code=3))
    assert told(finding).what == "record 3, code"
    assert (told(finding).expected, told(finding).got) == ("3", "0")


def test_recorded_arguments_of_another_version_are_unsupported() -> None:
    recording = record()
    run = recording.run
    older = {**run.admitted.attributes, "arguments": {"target": "s.py"}}
    run = replace(run, admitted=run.admitted._replace(attributes=older))
    finding = replay_run(run, workshop(recording, Program()))
    assert finding.verdict is Verdict.UNSUPPORTED
    assert "fields" in told(finding).got


@pytest.mark.parametrize("error", [CannotStart("no sandbox here"), KeyboardInterrupt()], ids=repr)
def test_a_machine_that_cannot_is_no_divergence(error: BaseException) -> None:
    with pytest.raises(type(error)):
        play(record(), Program(fails=error))


def test_an_interrupted_replay_is_no_divergence() -> None:
    with pytest.raises(KeyboardInterrupt):
        play(record(), Program(cause="interrupted", code=130))


@pytest.mark.parametrize("error", [CannotStart("no image"), KeyboardInterrupt()], ids=repr)
def test_an_image_that_cannot_be_had_is_no_divergence(error: BaseException) -> None:
    def image() -> Digest:
        raise error

    with pytest.raises(type(error)):
        play(record(), image=image)


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("a defect")], ids=repr
)
def test_a_machine_that_fails_is_no_divergence(error: Exception) -> None:
    with pytest.raises((type(error), CannotStart)):
        play(record(), Program(fails=error))


@pytest.mark.parametrize(
    "error",
    [
        CannotStart("no sandbox"),
        KeyboardInterrupt(),
        OSError(28, "No space left"),
        RuntimeError("!"),
    ],
    ids=repr,
)
def test_a_run_that_the_machine_failed_is_recorded_only(error: BaseException) -> None:
    """One run that could not start must not make every later verification fail."""
    recording = record(program=Program(fails=error))
    assert recording.run.ended.kind == FAILED
    assert play(recording).verdict is Verdict.RECORDED_ONLY


@pytest.mark.parametrize("body", [b"\x01", b"\x91\x01", b"\x91\x92\x01\x02"], ids=repr)
def test_a_trace_of_no_known_form_is_a_finding(body: bytes) -> None:
    recording = record()
    finding = play(recording.rewritten(trace=keep(recording.ledger.objects, body)))
    assert finding.verdict in {Verdict.TAMPERED, Verdict.UNSUPPORTED}


@pytest.mark.parametrize("cause", ["limit.wall", "limit.cpu", "limit.memory"])
def test_a_replay_that_the_machine_cut_short_is_told_as_that(cause: str) -> None:
    found = told(play(record(), Program(stdout=b"line", code=124, cause=cause)))
    assert (found.what, found.expected, found.got) == ("the exit cause", "exit", cause)
    assert "this machine gave the replay less" in found.cause
