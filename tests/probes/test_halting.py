"""An order that depends on nothing real survives halts of single processes, anywhere and for long.

All programs that have one meet halts in ``test_nondeterminism.py``; these two in short runs too.
"""

from pathlib import Path

import pytest

from tests.probes.halting import halting
from tests.probes.recording import furnish, record


@pytest.mark.parametrize("probe", ["process_identity", "process_siblings"])
def test_halts_leave_no_trace(probe: str, tmp_path: Path) -> None:
    furnish(probe, tmp_path)
    assert record(tmp_path, halting) == record(tmp_path)
