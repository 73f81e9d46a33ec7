"""A server process and a connected user for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import Os2
from tests.network.network_room import Connected, Served, certificate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "served"
    made.mkdir()
    return made


@pytest.fixture
def server(folder: Path) -> Iterator[Served]:
    made = Served.start(folder)
    yield made
    made.stop()


@pytest.fixture
def secure(folder: Path) -> Iterator[Served]:
    made = Served.start(folder, *certificate(folder))
    yield made
    made.stop()


@pytest.fixture
def connected(os2: Os2, folder: Path) -> Connected:
    return Connected(os2, folder)
