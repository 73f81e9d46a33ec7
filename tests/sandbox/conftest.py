"""One image for all tests, and a short way to run a program in a sandbox of its own."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from os2shell.executors.sandbox import Image, Sandbox, load_image
from tests.house import IMAGES
from tests.sandbox.guests import JOB, LIMITS, Ran, Scripted, left_in, put


@pytest.fixture(scope="session")
def image_cache() -> Path:
    """That of the whole user: an image is content-addressed, and costs seconds to build."""
    return IMAGES


@pytest.fixture(scope="session")
def image(image_cache: Path) -> Image:
    return load_image(image_cache)


@pytest.fixture
def sandbox(image: Image) -> Iterator[Sandbox]:
    with Sandbox.start(image, LIMITS) as started:
        yield started


@pytest.fixture
def ran(image: Image) -> Callable[..., Ran]:
    """Run a program: ``ran(code, files=…, stdin=…, limits={…}, **fields of the job)``."""

    def run(
        target: str,
        *,
        files: dict[str, bytes] | None = None,
        stdin: bytes = b"",
        limits: dict[str, int] | None = None,
        **fields: object,
    ) -> Ran:
        bounds = replace(LIMITS, **(limits or {}))
        job = replace(JOB, target=target, limits=bounds, **fields)  # type: ignore[arg-type]
        io = Scripted(stdin)
        with Sandbox.start(image, bounds) as started:
            put(started, files or {})
            ended = started.run(job, io)
            return Ran(ended, io.text("stdout"), io.text("stderr"), left_in(started))

    return run
