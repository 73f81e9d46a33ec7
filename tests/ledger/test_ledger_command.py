"""``python -m ledger verify``: output and exit codes, as a user meets them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import Signer
from ledger.__main__ import main
from ledger.chain import tampering

ROOT = Path(__file__).parent.parent.parent


def test_a_whole_ledger(small: Path, signer: Signer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(small)]) == 0
    out = capsys.readouterr().out
    assert "size     6" in out
    assert "verdict  ok" in out
    assert "named this key itself" in out
    key = small.parent / "key.pub"
    key.write_text(f"{signer.public}\n")
    for given in (str(key), str(signer.public)):
        assert main(["verify", str(small), "--pubkey", given, "--objects", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["trusted"] is True
        assert (found["size"], found["first_bad"]) == (6, None)


def test_the_first_bad_record(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tampering.rewrite_record(small, 2, {"n": 3})
    assert main(["verify", str(small)]) == 1
    assert "first    record 2: checkpoint after it: " in capsys.readouterr().out


def test_other_endings(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "absent")]) == 5
    (tmp_path / "file").write_text("x")
    assert main(["verify", str(tmp_path / "file")]) == 5
    assert main(["verify", str(small), "--pubkey", "junk"]) == 2
    other = Signer("test.example/log", bytes(32)).public
    assert main(["verify", str(small), "--pubkey", str(other)]) == 1
    segment = small / "segments" / "000000000000.seg"
    segment.unlink()
    segment.mkdir()
    assert main(["verify", str(small)]) == 4
    with pytest.raises(SystemExit) as usage:
        main(["verify"])
    assert usage.value.code == 2
    capsys.readouterr()


def test_as_a_process(small: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ledger", "verify", str(small)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "test.example/log" in done.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_at_the_other_end_is_no_defect(small: Path, unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ledger", "checkpoint", str(small)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            check=False,
        )
    assert done.returncode == 4
    assert "No space left on device; make room" in done.stderr
    assert "internal error" not in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_while_commands_are_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ledger.__main__._parser", interrupted)
    assert main(["verify", "x"]) == 130
    assert capsys.readouterr().err == "ledger: interrupted\n"
