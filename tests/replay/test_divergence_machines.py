"""Divergences through the whole shell: other interpreters, native code, changed files, JSON."""

import json
import os
import platform
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.house import ROOT, Os2

REPORT_LINES_MOST = 25
PROBES = Path(__file__).parents[1] / "probes" / "nondeterminism"
SECOND_PYTHON = Path("/usr/bin/python3")
TICKS = """
#include <Python.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
static PyObject *read_ticks(PyObject *self, PyObject *unused)
{
    /* How often this process looks until another, which native code forked, has counted. */
    atomic_long *ended = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    long seen = 0;
    pid_t child = fork();
    if (child < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    if (child == 0) {
        for (volatile long n = 0; n < 20000000; n++)
            ;
        atomic_store(ended, 1);
        _exit(0);
    }
    while (!atomic_load(ended))
        seen++;
    waitpid(child, NULL, 0);
    return PyLong_FromLong(seen);
}
static PyMethodDef methods[] = {{"read", read_ticks, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "ticks", NULL, -1, methods};
PyMODINIT_FUNC PyInit_ticks(void) { return PyModule_Create(&module); }
"""
BELOW = ROOT / "tests" / "probes" / "nondeterminism" / "below.c"


def only(body: Any, key: str = "sessions") -> Any:
    (row,) = body[key]
    schema = json.loads(
        (
            ROOT
            / "os2shell/schemas"
            / f"{body['schema'].removeprefix('os2.').replace('/', '-')}.json"
        ).read_text()
    )
    jsonschema.validate(body, schema, cls=jsonschema.Draft202012Validator)
    return row


def test_a_changed_workspace_is_input_changed_with_its_line(os2: Os2) -> None:
    os2.write("part.py", "def f(n):\n    return n + 1\n")
    os2.write("main.py", "import part\n\nprint('is', part.f(1))\n")
    os2.run("python", "main.py")
    os2.write("part.py", "def f(n):\n    return n + 2\n")
    row = only(os2.json("python-verify", "--json", "--against", "workspace", code=1))
    assert row["verdict"] == "input_changed"
    site = row["divergence"]["site"]
    assert (site["file"], site["line"], site["source"]) == ("main.py", 3, "print('is', part.f(1))")
    text = os2.run("python-verify", "--against", "workspace", code=1).text
    assert "│ print('is', part.f(1))" in text
    assert "│ ^^^^^^^^^^^^^^^^^^^^^^" in text
    assert "inputs listed beside it changed" in text
    assert len(text.splitlines()) <= REPORT_LINES_MOST
    assert only(os2.json("python-verify", "--json"))["verdict"] == "identical"


def test_a_library_that_is_gone(os2: Os2) -> None:
    """Its objects are kept, so a replay does not miss it; the workspace does."""
    os2.write("lib/helped/__init__.py", "VALUE = 3\n")
    os2.write("main.py", "import sys\nsys.path.append('lib')\nimport helped\nprint(helped.VALUE)\n")
    os2.run("python", "main.py")
    shutil.rmtree(os2.workspace / "lib")
    assert only(os2.json("python-verify", "--json"))["verdict"] == "identical"
    row = only(os2.json("python-verify", "--json", "--against", "workspace", code=1))
    assert row["verdict"] == "input_changed"
    found = row["divergence"]
    assert found["site"]["source"] == "import helped"
    assert "No module named 'helped'" in found["cause"]
    assert "lib/helped/__init__.py" in [item["path"] for item in row["inputs"]["paths"]]


def test_a_damaged_object_names_its_file(os2: Os2) -> None:
    os2.write("big.py", "# a long remark\n" * 200 + "print(1)\n")
    os2.run("python", "big.py")
    tree = os2.workspace / ".os2" / "ledger" / "objects"
    (script,) = [p for p in tree.rglob("*") if p.is_file() and b"a long remark" in p.read_bytes()]
    script.chmod(0o644)
    script.write_bytes(script.read_bytes().replace(b"print(1)", b"print(2)"))
    row = only(os2.json("python-verify", "--json", code=1))
    assert row["verdict"] == "tampered"
    assert row["divergence"]["expected"] == "the recorded content of big.py"


def test_another_interpreter_is_an_engine_mismatch(os2: Os2) -> None:
    second = _second_python()
    os2.run("python", "-c", "print(1)")
    assert only(os2.json("python-verify", "--json"))["verdict"] == "identical"
    environment = {**os2.environment(), "PYTHONPATH": f"{ROOT}:{sysconfig.get_path('purelib')}"}
    words = ["-m", "os2shell", "python-verify", "--json"]
    said = subprocess.run(
        [second, *words], cwd=os2.workspace, env=environment, capture_output=True, check=False
    )
    assert said.returncode == 1, said
    row = only(json.loads(said.stdout))
    assert row["verdict"] == "engine_mismatch"
    found = row["divergence"]
    assert found["cause"].startswith("recorded under CPython 3.")
    assert found["expected"].split(",")[0] in found["cause"]
    assert "site" not in found


def _second_python() -> Path:
    """A Python of our own minor version (our dependencies are built for it), but another build."""
    if not SECOND_PYTHON.exists():
        pytest.skip(f"no second interpreter at {SECOND_PYTHON}")
    ask = "import sys; print(*sys.version_info[:3], sep='.')"
    said = subprocess.run(
        [SECOND_PYTHON, "-c", ask], capture_output=True, text=True, check=True
    ).stdout.strip()
    ours = ".".join(str(part) for part in os.sys.version_info[:3])  # type: ignore[attr-defined]
    if said == ours or said.rpartition(".")[0] != ours.rpartition(".")[0]:
        pytest.skip(f"the second interpreter is {said}, of no use beside {ours}")
    return SECOND_PYTHON


def extension(os2: Os2, name: str, text: str) -> None:
    """Compile ``text`` into the workspace."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    include = sysconfig.get_path("include")
    if compiler is None or not (Path(include) / "Python.h").exists():
        pytest.skip("no C compiler, or no headers of Python")
    source = os2.write(f"{name}.c", text)
    words = [compiler, "-shared", "-fPIC", f"-I{include}", source, "-o", f"{name}.so"]
    subprocess.run(words, cwd=os2.workspace, check=True, capture_output=True)


@pytest.mark.parametrize("probe", ["files_status", "native_made"])
def test_what_the_net_holds_replays(os2: Os2, probe: str) -> None:
    """Files' times and numbers in C, and machine code made at run time: once open, now held."""
    if platform.machine() != "x86_64":
        pytest.skip("probes for x86-64")
    lines = (PROBES / f"{probe}.py").read_text().splitlines()
    (words,) = [line for line in lines if line.startswith("# extension: ")]
    for name in words.split()[2:]:
        extension(os2, name, (PROBES / f"{name}.c").read_text())
    os2.write("main.py", "\n".join([*lines, ""]))
    os2.run("python", "main.py")
    assert only(os2.json("python-verify", "--json"))["verdict"] == "identical"


def test_a_nondeterministic_extension(os2: Os2) -> None:
    """Processes that native code forks are in no order: a replay finds that, and names it."""
    extension(os2, "ticks", TICKS)
    os2.write("main.py", "import ticks\n\nprint('steady')\nprint('ticks', ticks.read())\n")
    os2.run("python", "main.py")
    row = only(os2.json("python-verify", "--json", code=None))
    assert row["verdict"] == "diverged"
    found = row["divergence"]
    assert found["line"] == 2
    assert found["site"]["source"] == "print('ticks', ticks.read())"
    assert found["site"]["extensions"] == ["ticks"]
    assert "drawn below Python" in found["cause"]
    assert "ticks" in found["cause"]
    text = os2.run("replay", "last", "--diff", code=1).text
    assert "wrote it    main.py, line 4" in text
    assert len(text.splitlines()) <= REPORT_LINES_MOST


@pytest.mark.skipif(platform.machine() != "x86_64", reason="traps need x86-64")
def test_an_extension_that_asks_by_instruction_is_replayed(os2: Os2) -> None:
    extension(os2, "below", BELOW.read_text())
    os2.write("main.py", "import below\nprint(below.rdtsc(), below.clocks(), below.entropy())\n")
    os2.run("python", "main.py")
    assert only(os2.json("python-verify", "--json"))["verdict"] == "identical"


def test_replay_answers_in_json(os2: Os2) -> None:
    os2.write("s.py", "print(1)\n")
    os2.run("python", "s.py")
    body = os2.json("replay", "last", "--json")
    assert only(body, "runs")["verdict"] == "identical"
    assert (body["schema"], body["status"]) == ("os2.replay/1", "ok")


def test_guest_text_reaches_no_terminal(os2: Os2) -> None:
    os2.write("s.py", "print('a')\n")
    os2.run("python", "s.py")
    os2.write("s.py", "print('\x1b]0;title\x07\x1b[31m', '\u202e', end='\\x1b[2J')\n")
    text = os2.run("python-verify", "--against", "workspace", code=1).text
    assert all(char.isprintable() or char == "\n" for char in text)
    assert r"\x1b]0;title\x07" in text
