"""Fixtures that more than one room uses."""

import signal
from pathlib import Path

import pytest

from tests.house import Os2

# A suite started in the background has Ctrl-C ignored, and every process it starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def os2(tmp_path: Path) -> Os2:
    workspace, home = tmp_path / "work", tmp_path / "home"
    workspace.mkdir()
    home.mkdir()
    return Os2(workspace, home)
