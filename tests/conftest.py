"""Fixtures that more than one room uses, and where tests write."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.house import Os2, close_nursery

# A suite started in the background has Ctrl-C ignored, and every process it starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an input takes to make is the machine's matter, which may be busy with other tests.
settings.register_profile("busy", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30


def in_memory() -> bool:
    """Whether there is memory to write to: enough of it, and images in it can be executed."""
    if not os.access(MEMORY, os.W_OK):
        return False
    found = os.statvfs(MEMORY)
    return found.f_bavail * found.f_frsize >= ROOM_BYTES and not found.f_flag & os.ST_NOEXEC


# Ledgers sync at every group, and no test can see whether a disk obeyed: what shows a missing sync
# (power cuts, refused calls) stands between the ledger and its files, whatever these lie on.
if in_memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.hookimpl(trylast=True)  # when it is known which ones were asked for
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, so that none is left alone at the end; no short form of one that runs."""
    names = {item.nodeid for item in items}
    items[:] = [item for item in items if _longer(item) not in names]
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def _longer(item: pytest.Item) -> str | None:
    """The test of which ``item`` is the short form, with the same parameters."""
    marker = item.get_closest_marker("short_of")
    if marker is None:
        return None
    room, _, name = item.nodeid.rpartition("::")
    return f"{room}::{marker.args[0]}{name[len(item.name.partition('[')[0]) :]}"


@pytest.fixture(scope="session", autouse=True)
def _nursery() -> Iterator[None]:
    yield
    close_nursery()


@pytest.fixture
def os2(tmp_path: Path) -> Os2:
    workspace, home = tmp_path / "work", tmp_path / "home"
    workspace.mkdir()
    home.mkdir()
    return Os2(workspace, home)
