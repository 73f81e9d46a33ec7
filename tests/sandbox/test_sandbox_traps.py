"""The traps of the net below Python: what they answer, what they leave alone, what they refuse."""

import ctypes
import errno
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from os2shell.executors.sandbox import Image, Sandbox, native, seccomp
from os2shell.executors.sandbox import layers as isolation
from os2shell.executors.sandbox.contents import _ask
from os2shell.executors.sandbox.errors import ImageUnavailable
from tests.sandbox.guests import LIMITS, Run

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or not native.compiler(),
    reason="traps need x86-64 and a compiler",
)
PROBES = Path(__file__).parents[1] / "probes" / "nondeterminism"
STACK = "import resource\nresource.setrlimit(resource.RLIMIT_STACK, {})\n"


def built(folder: Path, name: str, source: str, *words: str) -> bytes:
    """A library of ``source``; an extension, where that includes Python's headers."""
    include = sysconfig.get_path("include")
    if "Python.h" in source and not Path(include, "Python.h").exists():
        pytest.skip("no headers of this Python")
    file = folder / f"{name}.c"
    file.write_text(source)
    target = folder / f"{name}.so"
    options = ["-shared", "-fPIC", "-O1", f"-I{include}", "-o", str(target)]
    subprocess.run([native.compiler(), *options, str(file), *words], check=True)
    return target.read_bytes()


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The extension that asks by instruction."""
    folder = tmp_path_factory.mktemp("below")
    return {"below.so": built(folder, "below", (PROBES / "below.c").read_text())}


def test_layer_is_named(ran: Run) -> None:
    assert native.TRAPS in ran("pass").exit.layers


def test_neither_filter_stands_in_for_the_other(sandbox: Sandbox) -> None:
    pid = sandbox._process.guest_pid

    def found(*, traps: bool) -> set[str]:
        told = isolation.Told(personality=0x0040000, landlock=0, traps=traps)
        return {"seccomp", native.TRAPS} & set(isolation.verified(pid, LIMITS, told, None))

    assert found(traps=True) == {"seccomp", native.TRAPS}
    assert found(traps=False) == set()


def test_second_filter_alone_is_not_the_sandboxs(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine without libseccomp: the guest's one filter is its net's own."""
    own = isolation._own_filters()
    monkeypatch.setattr(isolation, "_own_filters", lambda: own + 1)
    told = isolation.Told(personality=0x0040000, landlock=0, traps=True)
    layers = isolation.verified(sandbox._process.guest_pid, LIMITS, told, None)
    assert native.TRAPS in layers
    assert "seccomp" not in layers


def test_a_filter_more_is_for_images_with_a_net() -> None:
    assert seccomp.program(with_net=False) != seccomp.program()


def test_no_filter_comes_after_the_nets(ran: Run) -> None:
    code = (
        "import ctypes, errno, struct\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "code = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0x7FFF0000))\n"
        "program = struct.pack('HxxxxxxQ', 1, ctypes.addressof(code))\n"
        "for words in ((1, 0), (1, 1), (1, 8), (0, 0), (2, 0), (3, 0)):\n"
        "    print(libc.syscall(317, *words, program), ctypes.get_errno())\n"
        "for state in (1, 2, 3):\n"
        "    print(libc.prctl(26, state, 0, 0, 0), ctypes.get_errno())\n"
    )
    assert ran(code).out == f"-1 {errno.EPERM}\n" * 8 + f"-1 {errno.EPERM}\n"


def test_stamps_and_calls_are_the_worlds(ran: Run, below: dict[str, bytes]) -> None:
    code = (
        "import below, time\nfirst = below.rdtsc()\nprint(below.rdtsc() - first, below.rdtscp()[1])\n"
        "time.sleep(7)\nprint((below.rdtsc() - first) // 10**9)\n"
        "print(below.clocks()[3][2] // 10**9 - int(time.time()), below.page()[0] // 10**9)"
    )
    assert ran(code, files=below).out == "1000 0\n7\n0 1700000007\n"


def test_entropy_by_instruction_is_the_seeds(ran: Run, below: dict[str, bytes]) -> None:
    code = "import below; print(below.entropy())"
    first = ran(code, files=below).out
    assert first.startswith("(16, 8, ")
    assert ran(code, files=below).out == first
    assert ran(code, files=below, seed=b"z" * 32).out != first


def test_the_c_librarys_own_names_are_the_worlds(ran: Run) -> None:
    """By a handle of their own, past the names of the net."""
    code = (
        "import ctypes\nlibc = ctypes.CDLL('libc.so.6')\nlibc.time.restype = ctypes.c_long\n"
        "libc.clock.restype = ctypes.c_long\nwords = (ctypes.c_long * 2)()\n"
        "libc.clock_gettime(0, words)\nraw = ctypes.create_string_buffer(16)\n"
        "print(libc.time(None), words[0], libc.clock() < 1000, libc.getrandom(raw, 16, 0), raw.raw.hex())"
    )
    first = ran(code).out
    assert first.startswith("1700000000 1700000000 True 16 ")
    assert ran(code).out == first


FAULT = "import ctypes; ctypes.string_at(0)"
CRASHES = {
    "fault": FAULT,
    "jump": "import ctypes; ctypes.CFUNCTYPE(None)(0xdeadbeefdeadbeef)()",
    "thread": "import ctypes, threading\nthreading.Thread(target=ctypes.string_at, args=(0,)).start()",
    "sent": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV); print('not reached')",
    "ignored": f"import signal; signal.signal(signal.SIGSEGV, signal.SIG_IGN); {FAULT}",
    "blocked": f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGSEGV]); {FAULT}",
    "after a fork": f"import os\nif os.fork(): os._exit(os.waitstatus_to_exitcode(os.wait()[1]) == -11 and 139)\n{FAULT}",
}


@pytest.mark.parametrize("how", CRASHES)
def test_a_crash_ends_as_a_crash(ran: Run, how: str) -> None:
    result = ran(CRASHES[how])
    assert result.exit.code == 139
    assert result.exit.cause == ("exit" if how == "after a fork" else "signal:SIGSEGV")
    assert result.out == ""


def test_a_forbidden_call_still_ends_as_one(ran: Run) -> None:
    result = ran("import os, signal; os.kill(os.getpid(), signal.SIGSYS)")
    assert result.exit.cause == "signal:SIGSYS"


def test_faulthandler_prints_and_the_run_dies(ran: Run) -> None:
    result = ran(f"import faulthandler; faulthandler.enable(); {FAULT}")
    assert "Fatal Python error: Segmentation fault" in result.err
    assert 'File "<string>", line 1' in result.err
    assert result.exit.cause == "signal:SIGSEGV"


def test_handlers_of_the_guests_own_work(ran: Run, below: dict[str, bytes]) -> None:
    code = (
        "import below, os, signal\nseen = []\n"
        "for number in (signal.SIGSEGV, signal.SIGSYS):\n"
        "    assert signal.getsignal(number) is signal.SIG_DFL\n"
        "    signal.signal(number, lambda n, f: seen.append(n))\n"
        "    os.kill(os.getpid(), number); signal.raise_signal(number)\n"
        "print(seen, below.rdtsc(), below.entropy()[0])\n"
        "signal.signal(signal.SIGSEGV, signal.SIG_IGN); os.kill(os.getpid(), signal.SIGSEGV)\n"
        "print(below.rdtsc())"
    )
    assert ran(code, files=below).out == "[11, 11, 31, 31] 1000000001000 16\n1000000002000\n"


def test_masks_are_told_as_they_were_set(ran: Run, below: dict[str, bytes]) -> None:
    code = (
        "import below\nfrom signal import *\nall = valid_signals() - {SIGKILL, SIGSTOP}\n"
        "print(pthread_sigmask(SIG_BLOCK, all))\n"
        "print(pthread_sigmask(SIG_BLOCK, ()) == all, below.rdtsc(), below.entropy()[0])\n"
        "pthread_sigmask(SIG_UNBLOCK, [SIGSEGV])\n"
        "print(all - pthread_sigmask(SIG_SETMASK, ()) == {SIGSEGV}, pthread_sigmask(SIG_BLOCK, ()))"
    )
    assert ran(code, files=below).out == "set()\nTrue 1000000001000 16\nTrue set()\n"


def test_stack_limit_is_pinned(ran: Run) -> None:
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_STACK))"
    assert ran(code).out.startswith(f"({isolation.STACK_BYTES}, ")
    raised = ran(STACK.format("(1 << 28, 1 << 28)"))
    assert "not allowed to raise maximum limit" in raised.err


@pytest.mark.parametrize("size", [1 << 20, 8 << 20])
def test_children_run_under_any_stack_they_may_have(ran: Run, size: int) -> None:
    code = STACK.format(f"({size}, {size})") + (
        "import subprocess, sys\n"
        "print(subprocess.run([sys.executable, '-c', 'import time; print(time.time())']).returncode)"
    )
    assert ran(code).out.endswith("\n0\n")


def test_a_program_without_the_net_does_not_run(ran: Run) -> None:
    """Started by C, without our runtime: it lies elsewhere, and its first clock ends it."""
    code = (
        "import ctypes, os, signal\nlibc = ctypes.CDLL(None)\n"
        "if not os.fork():\n"
        "    words = (ctypes.c_char_p * 4)(b'python3', b'-c', b'print(1)', None)\n"
        "    libc.execve(b'/py/bin/python3', words, (ctypes.c_char_p * 1)(None)); os._exit(9)\n"
        "print(signal.Signals(-os.waitstatus_to_exitcode(os.wait()[1])).name)"
    )
    result = ran(code)
    assert result.out in {"SIGSYS\n", "SIGSEGV\n"}


# ---- native code that is judged -------------------------------------------------------------

DRAWS = 'long drawn(void) {{ long word; __asm__ volatile("{}" : "=r"(word)); return word; }}\n'
LOAD = (
    "import ctypes\ntry: print(ctypes.CDLL('/w/{}').drawn)\nexcept OSError as error: print(error)\n"
)


@pytest.mark.parametrize("name", ["rdrand", "rdseed", "rdpid"])
def test_instructions_that_draw_are_refused_by_name(ran: Run, tmp_path: Path, name: str) -> None:
    library = built(tmp_path, "draws", DRAWS.format(f"{name} %0"))
    out = ran(LOAD.format("draws.so"), files={"draws.so": library}).out
    assert out.startswith(f"/w/draws.so: {name} at 0x")
    assert "(drawn) draws below the recorder" in out


def test_code_of_no_function_is_refused(ran: Run, tmp_path: Path) -> None:
    source = '__asm__(".text\\nnop\\nrdrand %rax\\nret\\n");\nint drawn;\n'
    library = built(tmp_path, "draws", source, "-fno-asynchronous-unwind-tables")
    out = ran(LOAD.format("draws.so"), files={"draws.so": library}).out
    assert "rdrand at 0x" in out
    assert "in no known function" in out


def test_the_same_bytes_inside_of_an_instruction_are_nothing(ran: Run, tmp_path: Path) -> None:
    source = (
        'long drawn(void) { long word; __asm__ volatile("movabs $0x90f8c70ff0c70f90, %0" : "=r"(word)); return word; }\n'
        'const unsigned char table[] __attribute__((section(".rodata"))) = {0x0f, 0xc7, 0xf0};\n'
    )
    library = built(tmp_path, "draws", source)
    assert b"\x0f\xc7\xf0" in library
    assert "_FuncPtr" in ran(LOAD.format("draws.so"), files={"draws.so": library}).out


def test_what_a_library_needs_is_judged_with_it(ran: Run, tmp_path: Path) -> None:
    inner = built(tmp_path, "libinner", DRAWS.format("rdrand %0").replace("drawn", "inner"))
    source = "long inner(void); long drawn(void) { return inner(); }\n"
    origin = "-Wl,-rpath,$ORIGIN/deeper"
    outer = built(tmp_path, "outer", source, f"-L{tmp_path}", "-linner", origin)
    out = ran(LOAD.format("outer.so"), files={"outer.so": outer, "deeper/libinner.so": inner}).out
    assert out.startswith("/w/deeper/libinner.so: rdrand at 0x")


def test_what_obeys_its_environment_is_let_through(ran: Run, tmp_path: Path) -> None:
    source = DRAWS.format("rdrand %0") + 'const char *asked = "OPENSSL_ia32cap";\n'
    other = built(tmp_path, "draws", source)
    assert "draws below" in ran(LOAD.format("draws.so"), files={"draws.so": other}).out
    obeys = built(
        tmp_path,
        "obeys",
        source.replace("long drawn", "long OPENSSL_rdrand").replace("const", "int drawn;\nconst"),
    )
    assert "_FuncPtr" in ran(LOAD.format("obeys.so"), files={"obeys.so": obeys}).out


def test_lengths_of_instructions_are_a_disassemblers(tmp_path: Path) -> None:
    """Against objdump, over the C library's code."""
    code = next(Path("/lib").glob("*-linux-gnu/libm.so.6"), None)
    listing = ["objdump", "-d", "-w", "--no-addresses", "--section=.text", str(code)]
    try:
        text = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no objdump, or no libm")
    rows = [line.split("\t") for line in text.splitlines() if "(bad)" not in line]
    found = {bytes.fromhex(row[1]) for row in rows if len(row) > 2}
    assert len(found) > 1000
    target = tmp_path / "lengths.so"
    words = ["-shared", "-fPIC", "-O2", "-D_GNU_SOURCE", "-o", str(target)]
    subprocess.run([native.compiler(), *words, native.SOURCES / "instructions.c"], check=True)
    measure = ctypes.CDLL(str(target)).instruction
    measure.restype = ctypes.c_size_t
    opcode = ctypes.c_void_p()
    wrong = []
    for row in found:
        if row[0] == 0x9B:  # objdump joins a wait with what it waits for
            continue
        text_of = (ctypes.c_char * 40).from_buffer_copy(row.ljust(40, b"\x90"))
        at = ctypes.addressof(text_of)
        if measure(ctypes.c_void_p(at), ctypes.c_void_p(at + 40), ctypes.byref(opcode)) != len(row):
            wrong.append(row.hex())
    assert wrong == []


def test_free_threaded_builds_make_no_image(tmp_path: Path) -> None:
    program = tmp_path / "python3.13t"
    program.write_text('#!/bin/sh\necho \'[[3, 13, 1], "cpython", "lib", "/x", "/y", true]\'\n')
    program.chmod(0o755)
    with pytest.raises(ImageUnavailable, match="free-threaded"):
        _ask(program)


@pytest.mark.parametrize(
    ("name", "code"), [("rdtsc", "rdtsc"), ("rdtscp", "rdtscp"), ("syscall", "syscall")]
)
def test_without_traps_what_they_would_hold_is_refused(
    image: Image, tmp_path: Path, name: str, code: str
) -> None:
    """The net of the image, awake and not armed, in a process of this machine."""
    source = (
        f'void drawn(void) {{ __asm__ volatile("{code}" : : : "rax", "rcx", "rdx", "r11"); }}\n'
    )
    built(tmp_path, "draws", source)
    program = (
        "import ctypes\nctypes.CDLL(None).os2_world(bytes(32), bytes(8))\n"
        f"try: print(ctypes.CDLL('{tmp_path}/draws.so'))\nexcept OSError as error: print(error)\n"
    )
    environment = {"LD_PRELOAD": str(image.root / native.NET)}
    words = [sys.executable, "-c", program]
    said = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    assert f"draws.so: {name} at 0x" in said
    assert "a machine that gives the layer native-traps" in said
