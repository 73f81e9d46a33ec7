"""An order that depends on nothing real survives halts of single processes, anywhere and for long."""

from pathlib import Path

import pytest

from tests.probes.halting import halting
from tests.probes.recording import PROBES, furnish, needs, record

HEARS_OF_HALTS = {"process_signals"}
"""Handles SIGCHLD, which a halt sends as well: its run then tells what was done to it."""
ORDERED = [
    name
    for name in PROBES
    if name.startswith(("process_", "thread_"))
    and name not in HEARS_OF_HALTS
    and not needs(name, "packages")
]


@pytest.mark.parametrize("probe", ["process_identity", "process_siblings"])
def test_halts_leave_no_trace(probe: str, tmp_path: Path) -> None:
    furnish(probe, tmp_path)
    assert record(tmp_path, halting) == record(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("probe", ORDERED)
def test_many_halts_leave_no_trace(probe: str, tmp_path: Path) -> None:
    furnish(probe, tmp_path)
    first = record(tmp_path)
    for _ in range(4):
        assert record(tmp_path, halting) == first
