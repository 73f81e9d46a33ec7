"""One index for a test, with two packages of which one needs the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environments.index_room import Index, Shell
from tests.house import Os2

ALPHA = "import beta\n\ndef main():\n    print('alpha', beta.NAME)\n    return 3\n"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    made = Index.start(tmp_path / "index")
    made.wheel("beta", "1.0", {"beta.py": "NAME = 'beta 1.0'\n"})
    made.wheel(
        "alpha",
        "1.0",
        {"alpha/__init__.py": ALPHA},
        requires=("beta>=1",),
        scripts={"alpha-go": "alpha:main"},
    )
    yield made
    made.stop()


@pytest.fixture
def shell(os2: Os2, index: Index) -> Shell:
    return Shell.of(os2, index)
