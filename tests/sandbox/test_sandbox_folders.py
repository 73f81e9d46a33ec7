"""The net below Python: folders that C code lists, kernel files that it opens, and its locks under handlers."""

import errno
import platform
from pathlib import Path

import pytest

from os2shell.executors.sandbox import native
from tests.sandbox.guests import Run
from tests.sandbox.test_sandbox_traps import PROBES, built

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or not native.compiler(),
    reason="traps need x86-64 and a compiler",
)


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The extension that lists and opens."""
    folder = tmp_path_factory.mktemp("listing")
    return {"listing.so": built(folder, "listing", (PROBES / "listing.c").read_text())}


def test_this_kernel_lists_in_an_order_of_its_own(tmp_path: Path) -> None:
    """Else nothing here would prove anything."""
    for number in range(50):
        (tmp_path / str(number)).touch()
    found = [path.name for path in tmp_path.iterdir()]
    assert found != sorted(found)


MANY = "import listing, os\nos.mkdir('d')\nfor number in range(3000): open(f'd/{number}', 'w').close()\n"


def test_many_calls_give_each_entry_once_in_order(ran: Run, listing: dict[str, bytes]) -> None:
    code = (
        "rows = listing.listed_bare('d', 300)\nnames = [row[3] for row in rows]\n"
        "print(names == [b'.', b'..', *sorted(names[2:])], len(set(names)), rows == listing.listed('d'))\n"
        "print(listing.listed('d', rows[2000][1]) == rows[2001:], listing.listed_bare('d', 20))"
    )
    assert ran(MANY + code, files=listing, limits={"files": 4000}).out == (
        f"True 3002 True\nTrue -{errno.EINVAL}\n"
    )


def test_what_is_removed_while_it_is_listed_skips_nothing(
    ran: Run, listing: dict[str, bytes]
) -> None:
    code = (
        "import ctypes\nlibc = ctypes.CDLL('libc.so.6')\n"
        "libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p\n"
        "folder = ctypes.c_void_p(libc.opendir(b'd'))\nseen = 0\n"
        "while entry := libc.readdir(folder):\n"
        "    name = ctypes.string_at(entry + 19)\n"
        "    if name[0] != 46: os.unlink(b'd/' + name); seen += 1\n"
        "libc.rewinddir(folder)\nopen('d/new', 'w').close()\n"
        "left = []\nwhile entry := libc.readdir(folder): left.append(ctypes.string_at(entry + 19))\n"
        "print(seen, left)"
    )
    assert ran(MANY + code, files=listing, limits={"files": 4000}).out == (
        "3000 [b'.', b'..', b'new']\n"
    )


def test_folders_beside_each_other_keep_their_places(ran: Run, listing: dict[str, bytes]) -> None:
    """More than the net keeps at once: those are read again where they were left."""
    code = (
        "import ctypes\nlibc = ctypes.CDLL('libc.so.6')\n"
        "raw = ctypes.create_string_buffer(128)\n"
        "folders = [os.open('d', os.O_RDONLY) for _ in range(100)]\nseen = [b''] * 100\n"
        "for _ in range(30):\n"
        "    for number, file in enumerate(folders):\n"
        "        size = libc.syscall(217, file, raw, 128)\n"
        "        seen[number] += raw.raw[:size]\n"
        "print(len(set(seen)), len(seen[0]) > 2000)"
    )
    assert ran(MANY + code, files=listing, limits={"files": 4000}).out == "1 True\n"


def test_a_program_started_by_c_code_has_its_files(ran: Run) -> None:
    code = (
        "import os, sys\nflags = os.O_WRONLY | os.O_CREAT\n"
        "actions = [(os.POSIX_SPAWN_OPEN, 1, 'out', flags, 0o644), (os.POSIX_SPAWN_DUP2, 1, 2)]\n"
        "words = [sys.executable, '-c', 'import sys; print(1, flush=True); print(2, file=sys.stderr)']\n"
        "pid = os.posix_spawn(sys.executable, words, os.environ, file_actions=actions)\n"
        "print(os.waitpid(pid, 0)[1], open('out').read().split(), os.listdir('/proc/self/fd'))\n"
        "try: os.posix_spawn(sys.executable, words, {}, file_actions=[(os.POSIX_SPAWN_OPEN, 1, '/no/way', 0, 0)])\n"
        "except FileNotFoundError: print('named')"
    )
    out = ran(code).out.splitlines()
    assert out[0].startswith("0 ['1', '2'] ")
    assert out[1] == "named"
    assert not any(512 <= int(word.strip("'[],")) < 600 for word in out[0].split()[3:])


def test_memory_is_not_written_through_its_file(ran: Run, listing: dict[str, bytes]) -> None:
    assert ran("import listing; print(listing.rewrite())", files=listing).out == (
        f"[-{errno.EROFS}, -{errno.EROFS}, 3]\n"
    )


def test_handlers_that_ask_draw_and_fork_wait_for_nobody(ran: Run, tmp_path: Path) -> None:
    storm = built(tmp_path, "storm", (PROBES / "storm.c").read_text(), "-pthread")
    code = "import ctypes; print(ctypes.CDLL('/w/storm.so').storm(100))"
    result = ran(code, files={"storm.so": storm})
    assert (result.out, result.exit.cause) == ("0\n", "exit")


def test_what_a_process_is_shown_of_itself_has_no_numbers_of_the_machine(ran: Run) -> None:
    code = (
        "import os\nfor name in ('fdinfo/0', 'limits'): print(open('/proc/self/' + name).read())\n"
        "for name in ('autogroup', 'uid_map', 'arch_status', 'oom_score_adj', 'task/2/sched'):\n"
        "    try: open('/proc/self/' + name)\n    except PermissionError: print('refused')\n"
    )
    out = ran(code).out
    assert "mnt_id" not in out
    assert "Max pending signals       1024 " in out
    assert out.count("refused") == 5
