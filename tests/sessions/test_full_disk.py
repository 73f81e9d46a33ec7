"""A disk that fills up: a clear line, nothing acknowledged lost, and work goes on with room."""

import os
import subprocess
import sys
from pathlib import Path

from tests.house import Os2

SCRIPT = """
set -eu
mount -t tmpfs -o size=2m tmpfs "$1"
cd "$1"
run() { code=0; shift; $AS "$PYTHON" -m os2shell "$@" || code=$?; echo "rc $code"; }
run - python -c 'print(1)'
head -c 4000000 /dev/zero > fill 2>/dev/null || true
run - python -c 'print(2)'
rm fill
run - python -c 'print(3)'
run - python -c 'print("x" * 3000000)' > /dev/null
run - python -c 'open("big", "wb").write(b"y" * 3000000)'
find . -name big
run - pyvm --eval 4
run - ledger verify
run - python-verify
"""


def test_a_full_disk_loses_nothing(os2: Os2, tmp_path: Path) -> None:
    """In a mount namespace of its own, on a real tmpfs of 2 MiB; as root or as anybody."""
    place = tmp_path / "small"
    place.mkdir()
    if os.getuid() == 0:
        command, ordinary = ["unshare", "--mount"], ""
    else:  # may mount only as root of a namespace, and is an ordinary user again in another
        command = ["unshare", "--user", "--map-root-user", "--mount"]
        ordinary = "unshare --user --map-user=1000 --map-group=1000"
    ran = subprocess.run(
        [*command, "sh", "-c", SCRIPT, "sh", str(place)],
        env={**os2.environment(), "PYTHON": sys.executable, "AS": ordinary},
        capture_output=True,
        timeout=100,
        check=False,
    )
    out, err = ran.stdout.decode(), ran.stderr.decode()
    assert "Traceback" not in err, err
    assert "a defect" not in err, err
    assert "No space left" in err
    lines = out.splitlines()
    assert lines[:2] == ["1", "rc 0"]
    assert lines[2] == "rc 125"
    assert lines[3:5] == ["3", "rc 0"]
    assert "status  ok" in out
    assert "identical" in out
    assert "diverged" not in out
