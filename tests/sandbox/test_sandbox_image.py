"""The image: found again, rebuilt when damaged, the same bytes each time."""

import os
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from os2shell.executors.sandbox import Image, ImageUnavailable, load_image
from os2shell.executors.sandbox.bubblewrap import arguments, probe
from os2shell.executors.sandbox.contents import ENVIRONMENT
from os2shell.executors.sandbox.folder_cache import CachedFolder, FolderCache


def test_present_image_is_opened_by_names_alone(image: Image, image_cache: Path) -> None:
    """A start is quick because none of its thousands of files is read, only their names are."""
    said: list[str] = []
    opened: list[str] = []
    watching = True

    def hook(event: str, words: tuple[object, ...]) -> None:  # a hook stays for good
        if watching and event == "open":
            opened.append(str(words[0]))

    sys.addaudithook(hook)
    found = load_image(image_cache, tell=said.append)
    watching = False
    assert (found, said) == (image, [])
    inside = [path for path in opened if path.startswith(str(image_cache))]
    assert 0 < len(inside) < 8, inside


def test_present_image_opens_within_50_ms(image: Image, image_cache: Path) -> None:
    best = 1.0
    for _ in range(20):
        begin = time.perf_counter()
        assert load_image(image_cache, tell=str) == image
        best = min(best, time.perf_counter() - begin)
    assert best < 0.05


@pytest.mark.slow
def test_two_builders_do_not_clash_and_make_what_others_made(tmp_path: Path, image: Image) -> None:
    context = get_context("spawn")
    with context.Pool(2) as pool:
        (first, said), other = pool.map(_built, [str(tmp_path)] * 2)
    assert first == other[0] == image.digest
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
    told = {line.partition(":")[0] for line in (*said, *other[1])}
    assert told == {"preparing the Python image, once"}
    again: list[str] = []
    assert load_image(tmp_path, tell=again.append).digest == first
    assert again == []


def test_a_changed_file_is_found_and_the_folder_made_again(tmp_path: Path) -> None:
    """What an image is kept in; two files stand for its thousands."""
    cache = FolderCache(tmp_path, "image")
    whys: list[str] = []

    def fill(root: Path) -> dict[str, str]:
        (root / "etc").mkdir()
        (root / "etc/passwd").write_text("os2:x:1000\n")
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        return {}

    first = cache.load("key", fill, whys.append)
    stale = tmp_path / "building-dead"
    stale.mkdir()
    victim = first.root / "etc/passwd"
    victim.write_text("root:x:0:0::/:/bin/sh\n")
    assert cache.load("key", fill, whys.append) == first
    assert whys == ["once", "again, because etc/passwd of the cached image was changed"]
    assert "root" not in victim.read_text()
    assert not stale.exists()


def _built(cache: str) -> tuple[str, list[str]]:
    """The digest of the image, and what was said meanwhile."""
    said: list[str] = []
    return load_image(Path(cache), tell=said.append).digest, said


def test_no_interpreter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageUnavailable, match="no interpreter"):
        load_image(tmp_path, interpreter=tmp_path / "python")


def test_program_that_is_no_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageUnavailable, match="does not run"):
        load_image(tmp_path, interpreter=Path("/bin/false"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_cache_that_cannot_be_written_is_named() -> None:
    with pytest.raises(ImageUnavailable, match="cannot use the image cache"):
        load_image(Path("/proc/cache"))


def test_command_line_names_no_other_path_of_the_host() -> None:
    extra = CachedFolder("aa", Path("/cache/packages"), {})
    image = Image("bb", Path("/cache/root"), "3.11.2", "/py/bin/python3.11")
    words = arguments(
        bwrap="/usr/bin/bwrap",
        image=image.with_mount(ENVIRONMENT, extra),
        space_bytes=1,
        filter_fd=9,
    )
    binds = [words[n + 1 : n + 3] for n, word in enumerate(words) if "bind" in word]
    assert binds[0] == ("/cache/root", "/")
    assert binds[1] == ("/cache/packages", "/env")
    assert all(outside.startswith("/cache/root/os2/proc/") for outside, _ in binds[2:])
    assert all(inside.startswith("/proc/") for _, inside in binds[2:])
    for needed in ("--unshare-net", "--disable-userns", "--die-with-parent", "--new-session"):
        assert needed in words
    assert words[words.index("--cap-drop") + 1] == "ALL"
    assert words[words.index("--seccomp") + 1] == "9"
    assert "-I" not in words


def test_probe_finds_a_working_bubblewrap() -> None:
    found = probe()
    assert found.works, found.problem
    assert found.version
