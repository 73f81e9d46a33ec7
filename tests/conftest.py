"""Fixtures that more than one room uses."""

from pathlib import Path

import pytest

from tests.house import Os2


@pytest.fixture
def os2(tmp_path: Path) -> Os2:
    workspace, home = tmp_path / "work", tmp_path / "home"
    workspace.mkdir()
    home.mkdir()
    return Os2(workspace, home)
