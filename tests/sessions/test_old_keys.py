"""A shell whose ledger's key has signed for too long: it rotates it, or says who must."""

import time
from pathlib import Path

import pytest

from ledger import Entry, KeyFile, TokenSignatureLedger, load_key
from tests.house import Os2
from tests.sessions.test_key_rotation import key_of, ledger_of

ORIGIN = "os2shell/n/00"
DAY = 86_400 * 10**9


@pytest.fixture
def aged(os2: Os2) -> Os2:
    """A workspace whose ledger was begun 40 days ago."""
    keys = os2.home / ".local" / "share" / "os2shell" / "keys"
    key = KeyFile.create(keys / "os2shell_n_00.key", ORIGIN)
    with TokenSignatureLedger.open(
        ledger_of(os2), key, clock=lambda: time.time_ns() - 40 * DAY, node="n"
    ) as ledger:
        ledger.append(Entry("a", {}))
    return os2


def kinds(os2: Os2) -> list[str]:
    return [row["kind"] for row in os2.records()]


def test_an_old_key_is_rotated_at_the_start_once(aged: Os2) -> None:
    old = load_key(key_of(aged))
    first = aged.run("pyvm", "--eval", "1")
    assert "had signed for 40 days; it was rotated" in first.errors
    assert load_key(key_of(aged)).public != old.public
    assert old.secret_text().encode() not in b"".join(
        path.read_bytes() for path in key_of(aged).parent.iterdir()
    )
    second = aged.run("pyvm", "--eval", "2")
    assert "rotated" not in second.errors
    assert kinds(aged).count("ledger.rotated") == 1
    found = aged.json("ledger", "verify", "--json")
    assert (found["status"], found["trusted"]) == ("ok", True)
    assert aged.run("python-verify").text.splitlines()[-1] == "ok: 2 runs, 2 identical"


@pytest.mark.parametrize(("days", "rotated"), [("41", 0), ("0", 0), ("40", 1)])
def test_the_policy_is_the_owner_s(aged: Os2, days: str, rotated: int) -> None:
    aged.env["OS2_EPOCH_DAYS"] = days
    aged.run("pyvm", "--eval", "1")
    assert kinds(aged).count("ledger.rotated") == rotated


@pytest.mark.parametrize("days", ["-1", "soon", "1.5", "99999999999", "²"])
def test_a_policy_that_is_none_is_refused(os2: Os2, days: str) -> None:
    os2.env["OS2_EPOCH_DAYS"] = days
    assert "expected whole days from 1 to 36500, or 0" in os2.run("help", code=2).errors


def test_with_witnesses_the_owner_is_reminded(aged: Os2) -> None:
    policy: Path = aged.home / ".config" / "os2shell" / "witnesses"
    policy.parent.mkdir(parents=True)
    policy.write_text("quorum none\n")
    ran = aged.run("pyvm", "--eval", "1")
    assert "40 days ago; a key should sign for less than 30 days" in ran.errors
    assert "witnesses must know the next key" in ran.errors
    assert "ledger.rotated" not in kinds(aged)
