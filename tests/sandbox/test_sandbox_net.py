"""The net below Python: it is there, it sleeps outside a world, and without it names are refused."""

import shutil
import subprocess
import sysconfig
from dataclasses import replace
from pathlib import Path

import pytest

from os2shell.executors.sandbox import Image, Sandbox, load_image, native
from os2shell.executors.sandbox import image as images
from tests.sandbox.guests import JOB, LIMITS, Run, Scripted, put

needs_compiler = pytest.mark.skipif(not native.compiler(), reason="no C compiler here")


@pytest.fixture(scope="module")
def netless(image_cache: Path) -> Image:
    """An image as a machine without a compiler builds it; its key tells it from the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "compiler", lambda: "")
        patch.setattr(images, "compiler", lambda: "")
        return load_image(image_cache)


def told(
    image: Image, code: str, files: dict[str, bytes] | None = None
) -> tuple[str, str, set[str]]:
    io = Scripted(b"")
    with Sandbox.start(image, LIMITS) as sandbox:
        put(sandbox, files or {})
        ended = sandbox.run(replace(JOB, target=code), io)
    return io.text("stdout"), io.text("stderr"), set(ended.layers)


@needs_compiler
def test_layer_is_named(ran: Run) -> None:
    assert native.LAYER in ran("pass").exit.layers


@needs_compiler
def test_clock_below_python_follows_sleeps(ran: Run) -> None:
    code = (
        "import ctypes, time\nlibc = ctypes.CDLL(None)\nlibc.time.restype = ctypes.c_long\n"
        "a = libc.time(None); time.sleep(500); print(libc.time(None) - a, a - int(time.time()))"
    )
    assert ran(code).out == "500 -500\n"


@needs_compiler
def test_entropy_below_python_is_the_seeds(ran: Run) -> None:
    code = (
        "import ctypes\nlibc = ctypes.CDLL(None)\nb = ctypes.create_string_buffer(16)\n"
        "seen = set()\n"
        "for _ in range(100): libc.getrandom(b, 16, 0); seen.add(b.raw)\n"
        "print(len(seen), sorted(seen)[0].hex())"
    )
    first = ran(code).out
    assert first.startswith("100 ")
    assert ran(code).out == first
    assert ran(code, seed=b"z" * 32).out != first


@needs_compiler
def test_forked_children_draw_their_own(ran: Run) -> None:
    code = (
        "import ctypes, os\nlibc = ctypes.CDLL(None)\n"
        "for _ in range(3):\n"
        "    if not os.fork():\n"
        "        print(libc.arc4random(), flush=True); os._exit(0)\n"
        "    os.wait()\n"
        "print(libc.arc4random())"
    )
    out = ran(code).out
    assert len(set(out.split())) == 4
    assert ran(code).out == out


@needs_compiler
def test_locks_with_timeouts_keep_real_time(ran: Run) -> None:
    code = (
        "import _thread, ctypes\nfrom time import monotonic\n"
        "libc = ctypes.CDLL(None)\nprint(libc.usleep(1000))\n"
        "lock = _thread.allocate_lock(); lock.acquire()\nprint(lock.acquire(True, 0.2))"
    )
    assert ran(code).out == "0\nFalse\n"


def test_image_without_a_net_says_so(netless: Image) -> None:
    out, err, layers = told(netless, "import random, ssl, json, datetime; print('fine')")
    assert (out, err) == ("fine\n", "")
    assert native.LAYER not in layers


@pytest.mark.parametrize("name", ["sqlite3", "ctypes", "cProfile"])
def test_without_a_net_drawing_modules_are_refused_by_name(netless: Image, name: str) -> None:
    out, err, _ = told(netless, f"import {name}")
    assert out == ""
    assert "below Python: install a C compiler outside" in err


@needs_compiler
def test_without_a_net_extensions_are_refused_by_what_they_call(
    netless: Image, tmp_path: Path
) -> None:
    include = sysconfig.get_path("include")
    if not Path(include, "Python.h").exists():
        pytest.skip("no headers of this Python")
    source = Path(__file__).parents[1] / "probes" / "nondeterminism" / "drawing.c"
    compiler = shutil.which("cc") or native.compiler()
    target = tmp_path / "drawing.so"
    subprocess.run([compiler, "-shared", "-fPIC", f"-I{include}", "-o", target, source], check=True)
    _, err, _ = told(netless, "import drawing", {"drawing.so": target.read_bytes()})
    assert "drawing calls clock_gettime, getrandom, syscall, time below Python" in err


def test_kernel_files_are_made_up(ran: Run) -> None:
    code = (
        "import os\n"
        "for name in ('cpuinfo', 'loadavg', 'uptime', 'version', 'sys/kernel/random/boot_id'):\n"
        "    print(open('/proc/' + name).read().strip().splitlines()[-1])\n"
        "for name in ('mountinfo', 'io', 'cgroup', '../net/dev', '../kallsyms', '../sys/vm/max_map_count', '../nothing'):\n"
        "    try: open('/proc/self/' + name)\n"
        "    except PermissionError as error: print(error.strerror)\n"
    )
    lines = ran(code).out.splitlines()
    assert lines[1:3] == ["0.00 0.00 0.00 1/1 2", "1000.00 2000.00"]
    assert lines[-7:] == [
        *["what varies from run to run is not shown in a sandbox"] * 3,
        *["what varies from machine to machine is not shown in a sandbox"] * 4,
    ]
