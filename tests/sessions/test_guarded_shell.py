"""A shell whose ledger was put back, or must be witnessed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import Os2
from tests.ledger.witnessing import Serve, serving


def test_a_ledger_put_back_is_refused(os2: Os2) -> None:
    os2.run("python", "-c", "print(1)")
    state, copy = os2.workspace / ".os2", os2.home / "copy"
    shutil.copytree(state, copy)
    os2.run("python", "-c", "print(2)")
    shutil.rmtree(state)
    shutil.copytree(copy, state)
    refused = os2.run("python", "-c", "print(3)", code=125)
    assert refused.text == ""
    assert "the log was cut" in refused.errors
    assert ".head" in refused.errors
    os2.run("ledger", "verify")  # the copy holds in itself: only memory apart from it can tell


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with serving(tmp_path) as start:
        yield start


def test_commands_wait_for_witnesses_and_fail_closed(os2: Os2, serve: Serve) -> None:
    os2.run("python", "-c", "print(1)")
    key = next(
        line.split()[1]
        for line in os2.run("ledger", "verify").text.splitlines()
        if "signer" in line
    )
    witness = serve(key)
    policy = os2.home / ".config" / "os2shell" / "witnesses"
    policy.parent.mkdir(parents=True)
    policy.write_text(f"witness w {witness.keys[0]} {witness.url}\nquorum w\n")
    assert os2.run("python", "-c", "print(2)").text == "2\n"
    published = (os2.workspace / ".os2" / "ledger" / "checkpoint").read_text()
    assert f"— {witness.keys[0].name} " in published
    witness.end()
    refused = os2.run("python", "-c", "open('made', 'w'); print(3)", code=None)
    assert refused.code not in {0, 3}
    assert refused.text == ""
    assert "w.example/1" in refused.errors
    assert not (os2.workspace / "made").exists()
    os2.run("ledger", "verify")
    policy.unlink()
    assert os2.run("python", "-c", "print(4)").text == "4\n"


def test_a_policy_that_cannot_be_read_stops_the_shell(os2: Os2) -> None:
    policy = os2.home / ".config" / "os2shell" / "witnesses"
    policy.parent.mkdir(parents=True)
    policy.write_text("quorum")
    refused = os2.run("python", "-c", "print(1)", code=125)
    assert str(policy) in refused.errors


def test_a_policy_that_leads_nowhere_is_not_no_policy(os2: Os2) -> None:
    policy = os2.home / ".config" / "os2shell" / "witnesses"
    policy.parent.mkdir(parents=True)
    policy.symlink_to(os2.home / "unmounted" / "witnesses")
    refused = os2.run("python", "-c", "open('made', 'w')", code=125)
    assert str(policy) in refused.errors
    assert not (os2.workspace / "made").exists()
