"""Short epochs: how old a key is, by a clock that the test drives, and who says so."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import EPOCH_DAYS, Entry, KeyFile, MemoryStore, TokenSignatureLedger, epoch_age
from ledger.__main__ import main
from tests.ledger.conftest import ORIGIN, Clock

DAY = 86_400 * 10**9


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Callable[[], TokenSignatureLedger]:
    key = KeyFile.create(tmp_path / "keys" / "log", ORIGIN)

    def again() -> TokenSignatureLedger:
        return TokenSignatureLedger.open(tmp_path / "log", key, clock=clock, node="n")

    return again


def test_an_epoch_grows_old_and_a_rotation_begins_another(
    opened: Callable[[], TokenSignatureLedger], clock: Clock
) -> None:
    with opened() as ledger:
        begun = clock.now
        ledger.append(Entry("a", {}))
        clock.now += EPOCH_DAYS * DAY - 1
        age = epoch_age(ledger, clock.now)
        assert age is not None
        assert (age.number, age.days, age.overdue(EPOCH_DAYS)) == (0, EPOCH_DAYS - 1, False)
        assert age.began_ms == begun // 10**6
        assert "rotate" not in age.text()
        clock.now += 2
        age = epoch_age(ledger, clock.now)
        assert age is not None
        assert age.overdue(EPOCH_DAYS)
        assert not age.overdue(0), "0 sets no limit"
        assert "30 days ago; a key should sign for less than 30 days" in age.text()
        ledger.rotate()
        age = epoch_age(ledger, clock.now)
        assert age is not None
        assert (age.number, age.days) == (1, 0)
    with opened() as ledger:
        clock.now += 5 * DAY
        age = epoch_age(ledger, clock.now)
        assert age is not None
        assert (age.number, age.days) == (1, 5)


def test_a_clock_that_went_back_makes_no_key_old(
    opened: Callable[[], TokenSignatureLedger], clock: Clock
) -> None:
    with opened() as ledger:
        age = epoch_age(ledger, clock.now - 400 * DAY)
        assert age is not None
        assert age.days == 0


def test_without_keys_nothing_ages(clock: Clock) -> None:
    assert epoch_age(TokenSignatureLedger(MemoryStore(), clock=clock, node="n"), 0) is None


def test_the_commands_tell_and_warn(
    opened: Callable[[], TokenSignatureLedger],
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with opened() as ledger:
        ledger.append(Entry("a", {}))
    log = str(tmp_path / "log")
    for module in ("verify", "appending"):
        monkeypatch.setattr(f"ledger.commands.{module}.wall_clock", clock)
    clock.now += 12 * DAY
    for words in (["verify", log], ["keys", "list", log]):
        assert main(words) == 0
        told = capsys.readouterr().out
        assert "epoch 0 began 2023-11-14, 12 days ago\n" in told
    clock.now += 30 * DAY
    for words in (["verify", log], ["keys", "list", log]):
        assert main(words) == 0
        assert "42 days ago; a key should sign for less than 30" in capsys.readouterr().out
    assert main(["verify", log, "--epoch-days", "0"]) == 0
    assert "rotate" not in capsys.readouterr().out
    assert main(["verify", log, "--json", "--epoch-days", "43"]) == 0
    epoch = json.loads(capsys.readouterr().out)["epoch"]
    assert (epoch["number"], epoch["days"], epoch["overdue"]) == (0, 42, False)
    assert main(["verify", log, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["epoch"]["overdue"] is True
