"""The workspace beside git and cp: capture and populate of 10,000 files."""

import os
import shutil
import time
from pathlib import Path

from bench.measure import Row, Timed, medians, program, timed
from bench.rooms import environment, folder_fd, git, scratch, write_sources
from ledger import FileObjects
from os2shell.executors.workspace import (
    Capture,
    Index,
    capture,
    load_index,
    populate,
    read_ignore,
    save_index,
)

FILES = 10_000
FEW = 2_000
FIRST_ROUNDS = 3
UNCHANGED_MS = 200
POPULATE_MS = 600
EDITED = 10


def rows(*, quick: bool) -> list[Row]:
    rounds = 5 if quick else 15
    with scratch() as base:
        env = environment(base)
        tree = base / "tree"
        found = [_first(base, env, FEW if quick else FILES)]
        write_sources(tree, FILES)
        _capture(tree, FileObjects(base / "objects"), base / "index")
        # Indexes count only for files that have rested: past both sides' racy windows.
        time.sleep(2.1)
        found += [_unchanged(base, tree, env, rounds), _edited(base, tree, env, rounds)]
        return [*found, _populate(base, tree, env, max(3, rounds // 3))]


def _capture(tree: Path, objects: FileObjects, saved: Path) -> Capture:
    """What a run does: load the index, capture, save the index if it is another."""
    with folder_fd(tree) as fd:
        index = load_index(saved)
        done = capture(fd, objects, ignore=read_ignore(fd), index=index, now_ns=time.time_ns())
        if done.index is not index:
            save_index(saved, done.index)
        return done


def _first(base: Path, env: dict[str, str], count: int) -> Row:
    """Everything read, hashed and made durable on both sides."""
    tree, store, saved = base / "first", base / "first-objects", base / "first-index"
    write_sources(tree, count)

    def ours() -> float:
        shutil.rmtree(store, ignore_errors=True)
        saved.unlink(missing_ok=True)
        os.sync()

        def work() -> None:
            objects = FileObjects(store)
            _capture(tree, objects, saved)
            objects.flush()

        return timed(work)

    durable = ("-c", "core.fsync=loose-object", "-c", "core.fsyncMethod=batch")
    add = program(["git", *durable, "add", "-A"], tree, env)

    def peer() -> float:
        shutil.rmtree(tree / ".git", ignore_errors=True)
        git(tree, env, "init", "-q")
        os.sync()
        return timed(add)

    mine, theirs = medians(FIRST_ROUNDS, ours, peer)
    name = f"first capture of {count:,} files, durable"
    return Row(name, "ms", mine, theirs, "git add -A", goal=theirs)


def _unchanged(base: Path, tree: Path, env: dict[str, str], rounds: int) -> Row:
    objects, saved = FileObjects(base / "objects"), base / "index"
    git(tree, env, "init", "-q")
    git(tree, env, "add", "-A")
    git(tree, env, "commit", "-q", "-m", "all")
    status = program(["git", "status", "--porcelain"], tree, env)
    mine, theirs = medians(
        rounds, lambda: timed(lambda: _capture(tree, objects, saved)), lambda: timed(status)
    )
    name = f"capture of {FILES:,} unchanged files"
    return Row(name, "ms", mine, theirs, "git status", goal=UNCHANGED_MS)


def _edited(base: Path, tree: Path, env: dict[str, str], rounds: int) -> Row:
    objects, saved = FileObjects(base / "objects"), base / "index"
    chosen = sorted(tree.rglob("*.py"))[:: FILES // EDITED]
    turn = iter(range(1_000_000))
    status = program(["git", "status", "--porcelain"], tree, env)

    def after_edits(work: Timed) -> float:
        for path in chosen:
            path.write_text(f"edit = {next(turn)}\n")
        return work()

    mine, theirs = medians(
        rounds,
        lambda: after_edits(lambda: timed(lambda: _capture(tree, objects, saved))),
        lambda: after_edits(lambda: timed(status)),
    )
    name = f"capture after {EDITED} edits in {FILES:,} files"
    return Row(name, "ms", mine, theirs, "git status", goal=UNCHANGED_MS)


def _populate(base: Path, tree: Path, env: dict[str, str], rounds: int) -> Row:
    shutil.rmtree(tree / ".git")
    objects = FileObjects(base / "objects")
    with folder_fd(tree) as fd:
        made = capture(
            fd, objects, ignore=read_ignore(fd), index=Index(), now_ns=time.time_ns()
        ).tree

    def ours() -> float:
        with scratch(in_memory=True) as target, folder_fd(target) as fd:
            return timed(lambda: populate(fd, made, objects))

    def peer() -> float:
        with scratch(in_memory=True) as target:
            return timed(program(["cp", "-r", str(tree), str(target)], base, env))

    mine, theirs = medians(rounds, ours, peer)
    name = f"populate with {FILES:,} files, each verified"
    return Row(name, "ms", mine, theirs, "cp -r", goal=POPULATE_MS)
