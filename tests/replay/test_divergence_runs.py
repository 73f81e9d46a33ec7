"""Divergences of real runs: each names what differs, and the guest's line that made it differ."""

from collections.abc import Mapping
from typing import Any

import pytest

from os2shell.replay.verdict import Verdict
from tests.replay.divergence_room import STEPS, Room, meant, site_of, with_files, with_seed

PRINTER = """\
def tell(n):
    print("value", n * 2, flush=True)

def main():
    for n in range(3):
        tell(n)

main()
"""


@pytest.fixture(scope="module")
def room() -> Room:
    return Room()


def test_other_output_names_the_line_that_wrote_it(room: Room) -> None:
    found = room.mutated(PRINTER, PRINTER.replace("n * 2", "n * 3"))
    assert (found.what, found.byte, found.line) == ("stdout, line 2 (byte 14)", 14, 2)
    assert (found.expected, found.got) == ("'value 2'", "'value 3'")
    site = site_of(found)
    assert (site.deed, site.file, site.line, site.function) == ("wrote it", "s.py", 2, "tell")
    assert meant(site) == 'print("value", n * 3, flush=True)'
    assert [(call.line, call.function) for call in site.stack] == [
        (2, "tell"),
        (6, "main"),
        (8, "<module>"),
    ]
    assert site.extensions == ()


@pytest.mark.parametrize(
    "line",
    [
        "sys.stdout.write('b')",
        "sys.stdout.buffer.write(b'b')",
        "os.write(1, b'b')",
        "print('b')",
        "print('b', file=sys.__stdout__)",
        "sys.stdout.writelines(['b'])",
    ],
)
def test_every_way_to_write_is_found(room: Room, line: str) -> None:
    script = f"import os, sys\nprint('a', flush=True)\n{line.replace('b', 'a')}\n"
    script = script.replace("auffer", "buffer").replace("a'a'", "b'a'")
    found = room.mutated(script, f"import os, sys\nprint('a', flush=True)\n{line}\n")
    assert found.what == "stdout, line 2 (byte 2)"
    assert (site_of(found).line, site_of(found).source) == (3, line)


def test_a_write_inside_a_library_names_the_program_s_line(room: Room) -> None:
    script = "from pprint import pprint\n\npprint({'a': 1})\n"
    site = site_of(room.mutated(script, script.replace("1", "2")))
    assert (site.file, site.line) == ("s.py", 3)
    assert site.stack[0].file.startswith("/py/lib/")
    assert meant(site) == "pprint({'a': 2})"


def test_a_module_of_the_workspace_is_named(room: Room) -> None:
    files = {"pkg/part.py": "def f():\n\tprint('é', end='')\n\tprint('one')\n".encode()}
    recording = room.record("from pkg.part import f\nf()\n", files=files)
    other = {
        "s.py": b"from pkg.part import f\nf()\n",
        "pkg/part.py": files["pkg/part.py"].replace(b"one", b"two"),
    }
    site = site_of(room.told(with_files(recording, other)))
    assert (site.file, site.line, site.source) == ("pkg/part.py", 3, "print('two')")


def test_what_python_did_not_write_has_no_line(room: Room) -> None:
    script = "import posix\nprint('a', flush=True)\nposix.write(1, b'one')\n"
    found = room.mutated(script, script.replace("one", "two"))
    assert found.site is None
    assert "no line of Python wrote it" in found.unlocated


def test_another_question_is_told_with_the_line_that_asked(room: Room) -> None:
    script = "import os\nos.read(0, 2)\n\n\ndata = os.read(0, 3)\n"
    found = room.mutated(script, script.replace("3", "4"), stdin=b"abcdef")
    assert (found.what, found.kind) == ("another question", "terminal.read")
    assert (found.expected, found.got) == ("terminal.read size=3", "terminal.read size=4")
    assert found.last == "terminal.read size=2 (s.py, line 2)"
    site = site_of(found)
    assert (site.deed, site.line, meant(site)) == ("asked", 5, "os.read(0, 4)")


def test_a_question_too_many_is_told_with_its_line(room: Room) -> None:
    found = room.mutated("print(1)\n", "input()\nprint(1)\n", stdin=b"more")
    assert found.what == "a question that was not recorded"
    assert (site_of(found).line, site_of(found).source) == (1, "input()")
    assert found.event == 3


def test_a_question_too_few(room: Room) -> None:
    def read_twice(steps: list[Any]) -> None:
        nested = steps[STEPS["run"]][3]
        nested.append(nested[0])

    recording = room.record("import os\nos.read(0, 9)\nos._exit(0)\n")
    found = room.told(recording.rewritten(read_twice))
    assert found.what == "the program asked less than was recorded"
    assert (site_of(found).deed, site_of(found).source) == ("ended", "os._exit(0)")


@pytest.mark.parametrize("leave", ["raise SystemExit(4)", "sys.exit(4)", "os._exit(4)"])
def test_another_exit_names_where_it_ended(room: Room, leave: str) -> None:
    script = f"import os, sys\n\nif True:\n    {leave}\n"
    found = room.mutated(script.replace("4", "3"), script)
    assert (found.what, found.expected, found.got) == ("the exit code", "3", "4")
    site = site_of(found)
    assert (site.deed, site.line, site.source) == ("ended", 4, leave)


def test_another_exception_names_where_it_was_raised(room: Room) -> None:
    script = "def f(d):\n    return d['key']\n\nf({'key': 1})\nraise ValueError('no')\n"
    found = room.mutated(script, script.replace("{'key': 1}", "{}"))
    assert found.what.startswith("stderr, line ")
    assert found.cause == "the program raised KeyError, and ValueError when recorded"
    site = site_of(found)
    assert (site.line, site.function, meant(site)) == (2, "f", "d['key']")


def test_an_exception_instead_of_output(room: Room) -> None:
    found = room.mutated("print('x')\n", "print(1 // 0)\n")
    assert (found.what, found.got) == ("stdout, line 1 (byte 0)", "nothing")
    site = site_of(found)
    assert (site.deed, meant(site)) == ("ended", "1 // 0")


def test_an_end_without_output_says_so(room: Room) -> None:
    found = room.mutated("print('x')\n", "pass\n")
    assert found.site is None
    assert found.unlocated
    assert "wrote less" in found.cause


@pytest.mark.parametrize(
    ("write", "what"),
    [
        ("open('r.txt', 'w').write('a\\n' + TEXT)", "the file r.txt, line 2 (byte 2)"),
        ("__import__('pathlib').Path('r.txt').write_text(TEXT)", "the file r.txt, line 1 (byte 0)"),
        ("__import__('os').symlink(TEXT, 'r.txt')", "the file r.txt"),
        ("__import__('os').mkdir(TEXT)", "the file one"),
    ],
    ids=["open", "pathlib", "symlink", "mkdir"],
)
def test_another_file_names_where_it_was_opened(room: Room, write: str, what: str) -> None:
    script = f"TEXT = 'one'\n\n{write}\n"
    found = room.mutated(script, script.replace("one", "two"))
    assert found.what.startswith(what)  # the script itself was told otherwise too
    if "mkdir" not in write:  # the first path that differs is the one that is missing now
        site = site_of(found)
        assert (site.deed, site.line, site.source) == ("opened it", 3, write)


def test_a_file_that_only_one_run_left(room: Room) -> None:
    found = room.mutated("open('r.txt', 'w')\n", "pass\n")
    assert found.what.startswith("the file r.txt")
    assert found.got == "absent"
    assert found.cause == "only the recorded run left something there"


def test_another_seed_shows_in_the_draw(room: Room) -> None:
    recording = room.record("import random\nprint(random.random())\n")
    found = room.told(with_seed(recording, b"\1" * 32))
    assert site_of(found).source == "print(random.random())"
    assert "number" in found.cause


def test_a_seed_that_the_run_did_not_get_is_another_question(room: Room) -> None:
    def change(steps: list[list[object]]) -> None:
        steps[1][2] = b"\1" * 32

    found = room.told(room.record("print(1)").rewritten(change))
    assert found.what == "another question"
    assert found.expected == f"guest.run seed={'00' * 32}"
    assert found.got == f"guest.run seed={'01' * 32}"
    assert found.site is None


def test_a_missing_library_is_named(room: Room) -> None:
    script = "import helped\nprint(helped.VALUE)\n"
    recording = room.record(script, files={"helped.py": b"VALUE = 1\n"})
    found = room.told(with_files(recording, {"s.py": script.encode()}))
    assert "a module that the recorded run imported is missing" in found.cause
    assert "No module named 'helped'" in found.cause
    assert site_of(found).source == "import helped"


def test_a_removed_library_is_tampered_and_named(room: Room) -> None:
    recording = room.record("import helped\n", files={"helped.py": b"VALUE = 1\n" * 200})
    found = with_files(recording, {"s.py": b"import helped\n", "helped.py": b"VALUE = 1\n" * 200})
    (name,) = (key for key, data in found.content.items() if data == b"VALUE = 1\n" * 200)
    found.lose(name)
    finding = room.play(found)
    assert finding.verdict is Verdict.TAMPERED
    assert finding.divergence
    assert finding.divergence.expected == "the recorded content of helped.py"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("-c", "x = 1\nprint(x, NUMBER)"), "print(x, 2)"),
        (("-m", "mod"), "print(2)"),
    ],
    ids=["code", "module"],
)
def test_code_and_modules_have_lines_too(room: Room, words: tuple[str, ...], line: str) -> None:
    files: Mapping[str, bytes] = {"mod.py": b"print(1)\n"}
    words = tuple(word.replace("NUMBER", "open('n').read()") for word in words)
    recording = room.record("", *words, files={**files, "n": b"1"})
    assert room.play(recording).verdict is Verdict.IDENTICAL
    found = room.told(with_files(recording, {"s.py": b"", "mod.py": b"print(2)\n", "n": b"2"}))
    assert site_of(found).source == line.replace("x, 2", "x, open('n').read()")


def test_a_restricted_program_has_lines_too(room: Room) -> None:
    script = "def f(n):\n    print('n is', n)\n\nfor n in range(3):\n    f(n)\n"
    recording = room.record(script, command="pyvm")
    assert room.play(recording).verdict is Verdict.IDENTICAL
    other = script.replace("print('n is', n)", "print('n is', n and 7)")
    site = site_of(room.told(with_files(recording, {"s.py": other.encode()})))
    assert (site.line, site.function) == (2, "f")


def test_a_difference_deep_in_a_long_line_is_in_sight(room: Room) -> None:
    script = "print('x' * 100_000 + 'one' + 'y' * 100_000)\n"
    found = room.mutated(script, script.replace("one", "two"))
    assert found.byte == 100_000
    assert "xone" in found.expected
    assert "xtwo" in found.got


def test_large_output_is_found_too(room: Room) -> None:
    script = "for n in range(50_000):\n    print(n)\nprint('end')\n"
    found = room.mutated(script, script.replace("end", "END"))
    assert found.line == 50_001
    assert site_of(found).line == 3


def test_output_of_threads_is_found(room: Room) -> None:
    script = (
        "import threading\n"
        "def work():\n    print('from a thread')\n"
        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()\n"
    )
    site = site_of(room.mutated(script, script.replace("a thread", "one")))
    assert (site.line, site.function) == (3, "work")
