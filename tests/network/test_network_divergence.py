"""A guest that asks otherwise than was recorded: where, in which line, and nothing asked live."""

from pathlib import Path
from typing import Any

import pytest

from ledger import Json, digest
from os2shell.executors.network.question import Exchange
from os2shell.replay.verdict import Divergence, Verdict
from tests.network.network_room import table, write_manifest
from tests.replay.divergence_room import STEPS, Room, site_of, with_files

SCRIPT = """\
import urllib.request

def ask(path, **more):
    request = urllib.request.Request("http://127.0.0.1:9" + path, **more)
    return urllib.request.urlopen(request).read()

print(ask("/one"))
print(ask("/two", data=b"sent", method="POST"))
try:
    ask("/three", method="DELETE")
except OSError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def room() -> Room:
    return Room()


def served(effect: Exchange) -> Json:
    body = effect.target.encode()
    return {
        "status": 200,
        "reason": "OK",
        "headers": [["Date", "then"]],
        "withheld": [],
        "body": {"size": len(body), "digest": digest(body), "data": body},
        "peer": "127.0.0.1:9",
        "tls": None,
    }


def mutated(room: Room, tmp_path: Path, script: str) -> Divergence:
    """Record ``SCRIPT``, replay it, then tell the record as if it had been ``script``."""
    grant = table(hosts=["127.0.0.1"], ports=[9], schemes=["http"], methods=["GET", "POST", "PUT"])
    manifest = write_manifest(tmp_path / "m.toml", grant)
    recording = room.record(SCRIPT, manifest=manifest, answer=served)
    assert room.play(recording).verdict is Verdict.IDENTICAL
    return room.told(with_files(recording, {"s.py": script.encode()}))


@pytest.mark.parametrize(
    ("old", "new", "expected", "got"),
    [
        ("/two", "/2", "url=http://127.0.0.1:9/two", "url=http://127.0.0.1:9/2"),
        ('"POST"', '"PUT"', "method=POST", "method=PUT"),
        ("sent", "tens", "digest=", "digest="),
        ('method="POST"', 'method="POST", headers={"X-A": "b"}', "headers=", "[X-A b]"),
        ('"DELETE"', '"PUT"', "net.denied DELETE", "net.exchange PUT"),
        ("/three", "/3", "url=http://127.0.0.1:9/three", "url=http://127.0.0.1:9/3"),
    ],
)
def test_another_question_names_its_line(
    room: Room, tmp_path: Path, old: str, new: str, expected: str, got: str
) -> None:
    found = mutated(room, tmp_path, SCRIPT.replace(old, new))
    assert found.what == "another question"
    assert expected in found.expected
    assert got in found.got
    site = site_of(found)
    assert (site.deed, site.file, site.line, site.function) == ("asked", "s.py", 5, "ask")
    line = next(n for n, text in enumerate(SCRIPT.splitlines(), 1) if old in text)
    assert line in {call.line for call in site.stack}
    if old not in {"/three", '"DELETE"'}:
        assert found.last == "net.exchange GET http://127.0.0.1:9/one (s.py, line 5)"


def test_more_and_fewer_questions(room: Room, tmp_path: Path) -> None:
    more = mutated(room, tmp_path, SCRIPT + "ask('/four')\n")
    assert more.what == "a question that was not recorded"
    assert site_of(more).line == 5
    fewer = mutated(room, tmp_path, SCRIPT.replace('print(ask("/one"))', ""))
    assert fewer.what == "another question"


def test_output_that_differs_beside_the_network_is_found_in_its_line(
    room: Room, tmp_path: Path
) -> None:
    found = mutated(room, tmp_path, SCRIPT.replace("print(error)", "print('refused')"))
    assert "stdout, line 3" in found.what
    assert (site_of(found).deed, site_of(found).line) == ("wrote it", 12)


def test_another_recorded_answer_shows_in_the_output(room: Room, tmp_path: Path) -> None:
    manifest = write_manifest(
        tmp_path / "m.toml", table(hosts=["127.0.0.1"], ports=[9], schemes=["http"])
    )
    recording = room.record(SCRIPT, manifest=manifest, answer=served)

    def change(steps: list[Any]) -> None:
        answer = steps[STEPS["run"]][3][0][2]
        answer["body"] = {"size": 3, "digest": digest(b"new"), "data": b"new"}

    found = room.told(recording.rewritten(change))
    assert (found.expected, found.got) == ("\"b'/one'\"", "\"b'new'\"")

    def lie(steps: list[Any]) -> None:
        steps[STEPS["run"]][3][0][2]["body"]["data"] = b"lie"

    assert room.play(recording.rewritten(lie)).verdict is Verdict.TAMPERED
