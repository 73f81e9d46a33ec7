"""A forge and a developer for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.git.git_room import Developer, Forge
from tests.house import Os2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "forge"
    made.mkdir()
    return made


@pytest.fixture
def forge(folder: Path) -> Iterator[Forge]:
    made = Forge.start(folder)
    yield made
    made.stop()


@pytest.fixture
def developer(os2: Os2, forge: Forge, folder: Path) -> Developer:
    made = Developer(os2, forge, folder)
    made.grant_forge()
    (os2.home / ".gitconfig").write_text("[user]\n\tname = Ann\n\temail = ann@example.org\n")
    return made
