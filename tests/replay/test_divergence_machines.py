"""Divergences through the whole shell: other interpreters, native code, changed files, JSON."""

import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.house import ROOT, Os2

REPORT_LINES_MOST = 25
SECOND_PYTHON = Path("/usr/bin/python3")
TICKS = """
#include <Python.h>
static PyObject *read_ticks(PyObject *self, PyObject *unused)
{
#if defined(__x86_64__)
    unsigned low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return PyLong_FromUnsignedLongLong(((unsigned long long)high << 32) | low);
#else
    unsigned long long value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
    return PyLong_FromUnsignedLongLong(value);
#endif
}
static PyMethodDef methods[] = {{"read", read_ticks, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "ticks", NULL, -1, methods};
PyMODINIT_FUNC PyInit_ticks(void) { return PyModule_Create(&module); }
"""


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


@pytest.fixture
def ticking(os2: Os2) -> Os2:
    """A workspace with a native module that reads the processor's counter."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    include = sysconfig.get_path("include")
    if compiler is None or not (Path(include) / "Python.h").exists():
        pytest.skip("no C compiler, or no headers of Python")
    if os.uname().machine not in {"x86_64", "aarch64"}:
        pytest.skip(f"no counter known on {os.uname().machine}")
    source = os2.write("ticks.c", TICKS)
    words = [compiler, "-shared", "-fPIC", f"-I{include}", source, "-o", "ticks.so"]
    subprocess.run(words, cwd=os2.workspace, check=True, capture_output=True)
    return os2


def test_a_nondeterministic_extension(ticking: Os2) -> None:
    """No layer can fix the processor's counter: it is refused, flagged, or found, never missed."""
    ticking.write("main.py", "import ticks\n\nprint('steady')\nprint('ticks', ticks.read())\n")
    ran = ticking.run("python", "main.py", code=None)
    if ran.code != 0:  # refused when recording: by name
        assert "ticks" in ran.errors, ran
        return
    row = only(ticking.json("python-verify", "--json", code=None))
    if row["verdict"] == "recorded_only":
        assert "ticks" in json.dumps(row["divergence"])
        return
    assert row["verdict"] == "diverged"
    found = row["divergence"]
    assert found["line"] == 2
    assert found["site"]["source"] == "print('ticks', ticks.read())"
    assert found["site"]["extensions"] == ["ticks"]
    assert "drawn below Python" in found["cause"]
    assert "ticks" in found["cause"]
    text = ticking.run("replay", "last", "--diff", code=1).text
    assert "wrote it    main.py, line 4" in text
    assert len(text.splitlines()) <= REPORT_LINES_MOST


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
