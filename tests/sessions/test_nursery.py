"""A forked run of ``os2`` is what a new process is: same words, streams, folder, ending."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.house import Os2


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (("help",), b""),
        (("no-such-command",), b""),
        (("--version",), b""),
        (("pyvm", "--eval", "6 * 7"), b""),
        (("python", "--seed", "1", "-c", "import sys; print(sys.stdin.read())"), b"said"),
        (("python", "-c", "import sys; sys.exit(3)"), b""),
        ((), b"pyvm --eval 1\nno-such-command\n"),
    ],
)
def test_both_ways_come_out_alike(os2: Os2, words: tuple[str, ...], stdin: bytes) -> None:
    os2.run("pyvm", "--eval", "0")  # a ledger is there
    forked = os2.run(*words, stdin=stdin, code=None)
    process = os2.start(*words, stdin=subprocess.PIPE)
    out, err = process.communicate(stdin)
    assert (forked.code, forked.out, forked.err) == (process.returncode, out, err)


def test_each_has_its_own_folder_and_environment(tmp_path: Path) -> None:
    houses = []
    for name in ("one", "two"):
        for part in ("work", "home"):
            (tmp_path / name / part).mkdir(parents=True)
        houses.append(Os2(tmp_path / name / "work", tmp_path / name / "home", {"OS2_ACTOR": name}))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda house: house.run("pyvm", "--eval", "1"), houses))
    for house in houses:
        assert {record["actor"] for record in house.records()} >= {house.env["OS2_ACTOR"]}
        assert (house.workspace / ".os2" / "ledger").is_dir()


def test_a_run_that_takes_too_long_is_killed(os2: Os2) -> None:
    code = "import os, select; select.select([os.pipe()[0]], [], [])"
    for seconds in (2, 4, 8, 16):  # on a busy machine it is killed before it has begun
        began = time.monotonic()
        with pytest.raises(subprocess.TimeoutExpired):
            os2.run("python", "-c", code, seconds=seconds)
        assert time.monotonic() - began < seconds + 18
        if "interrupted" in os2.run("pyvm", "--eval", "1").errors:
            return
    pytest.fail("none was killed while it ran")
