"""A shell that stays open while others append and prune the ledger past its place."""

from pathlib import Path

import pytest

from os2shell.kernel.images import IMAGE_EVERY
from tests.house import Os2
from tests.repl.test_prompt import Terminal
from tests.sessions.test_pruned_shell import fill, imaged, ledger_of, prune


@pytest.fixture
def shell(os2: Os2) -> Terminal:
    """An open shell that has run a command, and waits."""
    os2.run("pyvm", "--eval", "1")
    terminal = Terminal(os2)
    terminal.wait_for("os2>")
    terminal.type("pyvm --eval 6*7\r")
    terminal.wait_for("42")
    terminal.wait_for("os2>")
    return terminal


def segments(os2: Os2) -> list[Path]:
    return sorted((ledger_of(os2) / "segments").iterdir())


@pytest.mark.slow
def test_it_goes_on_from_the_image(shell: Terminal, os2: Os2) -> None:
    stood = segments(os2)[-1]
    fill(os2, IMAGE_EVERY + 100)
    assert os2.run("pyvm", "--eval", "'between'").text == "'between'\n"  # and takes an image
    fill(os2, 300)
    prune(os2, imaged(os2))
    assert stood not in segments(os2)
    shell.type("pyvm --eval 7*8\r")
    shell.wait_for("56")
    shell.wait_for("os2>")
    shell.type("pyvm --eval 8*9\r")
    shell.wait_for("72")
    shell.wait_for("os2>")
    assert shell.end("\x04") == 0
    ran = [record["attributes"] for record in os2.records("--kind", "command.finished")]
    assert len(ran) == 3  # the first one was pruned
    found = os2.run("python-verify")
    assert found.text.splitlines()[-1] == "ok: 3 runs, 3 identical"
    assert os2.json("ledger", "verify", "--json")["status"] == "ok"


@pytest.mark.slow
def test_without_an_image_it_says_what_is_gone_and_records_nothing(
    shell: Terminal, os2: Os2
) -> None:
    size = fill(os2, 300)
    prune(os2, size - 10, "--stateless")
    before = segments(os2)[-1].read_bytes()
    shell.type("pyvm --eval 7*8\r")
    shell.wait_for("no state image")
    shell.wait_for("restore the ledger from a copy")
    shell.wait_for("os2>")
    shell.end("\x04")
    assert segments(os2)[-1].read_bytes() == before
    assert os2.json("ledger", "verify", "--json")["status"] == "ok"
