"""``ledger keys``: what a keeper of a log types, from the first rotation to an endorsement."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import Entry, KeyFile, TokenSignatureLedger, load_key
from ledger.__main__ import main

ORIGIN = "test.example/log"


@pytest.fixture
def kept(tmp_path: Path, clock: Callable[[], int]) -> tuple[Path, Path]:
    """A ledger and its key."""
    key = KeyFile.create(tmp_path / "keys" / "log", ORIGIN)
    with TokenSignatureLedger.open(tmp_path / "log", key, clock=clock, node="n") as ledger:
        ledger.append(Entry("a", {}))
    return tmp_path / "log", key.path


def told(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = main(["keys", *map(str, words)])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert "PRIVATE" not in shown.out + shown.err
    return code, shown.out + shown.err


def test_the_first_rotation(
    kept: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, key = kept
    old = str(load_key(key).public)
    assert told(capsys, "export-public", log) == (0, f"{old}\n")
    coming = told(capsys, "next", "--key", key)
    assert told(capsys, "next", "--key", key) == coming
    code, text = told(capsys, "rotate", log, "--key", key, "--actor", "me")
    fresh = str(load_key(key).public)
    assert coming == (0, f"{fresh}\n")
    assert (code, fresh in text, old in text) == (0, True, False)
    assert told(capsys, "export-public", log) == (0, f"{fresh}\n")
    code, text = told(capsys, "list", log, "--json")
    rows = json.loads(text)["epochs"]
    assert [(row["first"], row["last"], row["public_key"]) for row in rows] == [
        (0, 2, old),
        (3, 3, fresh),
    ]
    assert not any(row["endorsed"] for row in rows)


def test_from_a_root_key_to_endorsements(
    kept: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, key = kept
    told(capsys, "rotate", log, "--key", key)
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse\n")
    root = tmp_path / "offline" / "root"
    code, public = told(capsys, "root", "--out", root, "--passphrase-file", secret)
    assert code == 0
    assert root.stat().st_mode & 0o777 == 0o600
    assert told(capsys, "root", "--out", root, "--plain")[0] != 0, "never over another file"
    with_root = ("--root", root, "--passphrase-file", secret)
    assert "epochs 0 to 1" in told(capsys, "endorse", log, "--key", key, *with_root)[1]
    assert told(capsys, "endorse", log, "--key", key, *with_root)[0] == 5
    rows = json.loads(told(capsys, "list", log, "--json", "--pubkey", public.strip())[1])["epochs"]
    assert all(row["endorsed"] for row in rows)
    assert "give --pubkey to check" in told(capsys, "list", log)[1]
    assert main(["verify", str(log), "--pubkey", public.strip()]) == 0
    assert "endorsed all 2 epochs" in capsys.readouterr().out

    assert told(capsys, "rotate", log, "--key", key, "--json")[0] == 0
    rows = json.loads(told(capsys, "list", log, "--json", "--pubkey", public.strip())[1])["epochs"]
    assert [row["endorsed"] for row in rows] == [True, True, False]
    assert main(["verify", str(log), "--pubkey", public.strip()]) == 1
    assert "in epoch 2, which is not" in capsys.readouterr().out
    note = tmp_path / "note"
    assert told(capsys, "endorse", log, *with_root, "--out", note)[0] == 0
    assert told(capsys, "endorse", log, *with_root, "--out", note)[0] != 0
    assert main(["verify", str(log), "--pubkey", public.strip()]) == 1
    capsys.readouterr()
    code, text = told(capsys, "endorse", log, "--note", note, "--key", key, "--json")
    assert (code, json.loads(text)["epochs"]) == (0, [2])
    assert main(["verify", str(log), "--pubkey", public.strip()]) == 0


def test_epochs_in_a_file_are_a_pin(
    kept: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, key = kept
    told(capsys, "rotate", log, "--key", key)
    table = tmp_path / "epochs"
    table.write_text(told(capsys, "export-public", log, "--epochs")[1])
    assert main(["verify", str(log), "--pubkey", str(table)]) == 0
    assert "all 2 epochs you gave" in capsys.readouterr().out
    table.write_text(table.read_text().replace("epoch 1 3", "epoch 1 2"))
    assert main(["verify", str(log), "--pubkey", str(table)]) == 1
    assert "another history of keys" in capsys.readouterr().out
    table.write_text(table.read_text() + "x\n")
    assert main(["verify", str(log), "--pubkey", str(table)]) != 0


def test_what_is_refused(
    kept: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, key = kept
    inside = log / "key"
    inside.write_bytes(key.read_bytes())
    inside.chmod(0o600)
    code, text = told(capsys, "rotate", log, "--key", inside)
    assert (code, "keep it elsewhere" in text) == (2, True)
    inside.unlink()
    assert told(capsys, "root", "--out", log / "root", "--plain")[0] == 2
    assert not (log / "root").exists()
    plain = tmp_path / "root"
    told(capsys, "root", "--out", plain, "--plain")
    assert told(capsys, "endorse", log, "--root", plain)[0] == 2
    assert told(capsys, "list", tmp_path / "absent")[0] == 4
    assert told(capsys, "rotate", log, "--key", tmp_path / "absent")[0] == 4
    stranger = KeyFile.create(tmp_path / "other", "other")
    assert told(capsys, "rotate", log, "--key", stranger.path)[0] == 2
    assert told(capsys, "list", log, "--pubkey", stranger.public)[0] == 1
    assert told(capsys, "export-public", log, "--pubkey", stranger.public)[0] == 2
    key.chmod(0o644)
    assert told(capsys, "rotate", log, "--key", key)[0] == 2
    key.chmod(0o600)
    assert told(capsys, "rotate", log, "--key", key)[0] == 0
