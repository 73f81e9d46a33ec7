"""Drives pip inside the sandbox: ``plan`` with the broker's network, ``install`` without any.

``plan`` leaves in ``/w`` what ``install`` begins with, and nothing else: ``lock.json`` and ``wheels/``. What
the environment at ``/env`` has already is taken from there. ``install`` adds ``lib/``: the wheels unpacked by
pip, offline and by their hashes, and their bytecode; with these three the folder is an environment.
``run`` is pip itself, looking at the environment.
"""

import importlib.util
import json
import marshal
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from hashlib import sha256
from importlib import metadata
from types import CodeType
from typing import Any
from urllib.parse import unquote, urlsplit

Row = dict[str, Any]

SCHEMA = "os2.environment-lock/1"
WORK, ENVIRONMENT, SCRATCH = "/w", "/env", "/tmp/os2-pip"
INSTALLED = f"{ENVIRONMENT}/lib"
PIP_SETTINGS = {
    "PIP_CACHE_DIR": f"{SCRATCH}/cache",
    "PIP_CONFIG_FILE": "/dev/null",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_COLOR": "1",
    "PIP_NO_INPUT": "1",
    "PIP_ONLY_BINARY": ":all:",
    "PIP_PROGRESS_BAR": "off",
    "PIP_RETRIES": "0",
    "PIP_ROOT_USER_ACTION": "ignore",
}
"""No retries: what the broker refuses it refuses again, and what failed is the user's to try again."""
CODE_REFUSED = 1
INSTEAD = (
    "nothing is built here; build a wheel outside, put it into the workspace, and install that file"
)


class Refused(Exception):
    """Something that is not installed here; the text says what to do instead."""


def main(words: "list[str]") -> int:
    """Do as the first word says; the exit code is pip's."""
    os.environ.update(PIP_SETTINGS)
    os.makedirs(f"{SCRATCH}/cache", exist_ok=True)
    try:
        return {"plan": plan, "install": install, "run": pip}[words[0]](words[1:])
    except Refused as refused:
        print(f"ERROR: {refused}", file=sys.stderr)
        return CODE_REFUSED


def pip(words: "list[str]") -> int:
    """Run pip in this process."""
    from pip._internal.cli.main import main as run

    sys.argv = ["pip", *words]
    return int(run(list(words)))


def plan(words: "list[str]") -> int:
    """Decide which wheels the environment is to have, and bring them all to ``/w/wheels``."""
    packages = {row["name"]: row for row in _locked(f"{ENVIRONMENT}/lock.json")}
    match words:
        case ["install", *rest]:
            code = _resolve(rest, packages)
        case ["uninstall", *rest]:
            code = _leave_out(rest, packages)
        case ["restore", path]:
            code = _restore(path, packages)
        case _:
            raise Refused(f"pip {' '.join(words[:1])} plans nothing")
    if code:
        return code
    wheels = f"{SCRATCH}/wheels"
    os.makedirs(wheels, exist_ok=True)
    code = _fetch([row for row in packages.values() if not _at_hand(row)], wheels)
    if code:
        return code
    for row in packages.values():
        _bring(row, wheels)
    _clear(WORK)
    shutil.move(wheels, f"{WORK}/wheels")
    _write_lock(list(packages.values()))
    return 0


def _resolve(words: "list[str]", packages: "dict[str, Row]") -> int:
    """Let pip's resolver choose, beside what is installed already."""
    _build_nothing()
    report = f"{SCRATCH}/report.json"
    code = pip(["install", "--dry-run", "--report", report, *words])
    if code:
        return code
    with open(report, "rb") as file:
        chosen = json.load(file)["install"]
    for item in chosen:
        row = _row(item)
        packages[row["name"]] = row
    return 0


def _build_nothing() -> None:
    """Have pip refuse what is no wheel where it would begin to build it."""
    from pip._internal.distributions.sdist import SourceDistribution
    from pip._internal.exceptions import InstallationError

    def prepare_distribution_metadata(self, *_arguments, **_keywords):  # type: ignore[no-untyped-def]
        raise InstallationError(f"{self.req} is no wheel: {INSTEAD}")

    SourceDistribution.prepare_distribution_metadata = (  # type: ignore[method-assign]
        prepare_distribution_metadata
    )


def _row(item: "dict[str, Any]") -> Row:
    """One line of the lock, from one of pip's report (its documented version 1)."""
    url = item["download_info"]["url"]
    file = unquote(os.path.basename(urlsplit(url).path))
    name, version = item["metadata"]["name"], item["metadata"]["version"]
    if "archive_info" not in item["download_info"] or not file.endswith(".whl"):
        raise Refused(f"{name} {version} is no wheel ({url}): {INSTEAD}")
    found = item["download_info"]["archive_info"].get("hashes", {}).get("sha256", "")
    return {
        "name": _canonical(name),
        "version": version,
        "file": file,
        "sha256": found,
        "url": url,
        "requested": bool(item.get("requested")),
    }


def _leave_out(words: "list[str]", packages: "dict[str, Row]") -> int:
    """Take the named packages out; as pip does, what is not there is a warning."""
    for name in words:
        if packages.pop(_canonical(name), None) is None:
            print(f"WARNING: Skipping {name} as it is not installed.", file=sys.stderr)
    return 0


def _restore(path: str, packages: "dict[str, Row]") -> int:
    """Have the very packages of a lock that somebody brought."""
    packages.clear()
    packages.update((row["name"], row) for row in _locked(os.path.join(WORK, path)))
    return 0


def _locked(path: str) -> "list[Row]":
    """The rows of a lock; none where there is no file."""
    try:
        with open(path, "rb") as file:
            lock = json.load(file)
    except FileNotFoundError:
        if path.startswith(WORK):
            raise Refused(f"no lock at {path[len(WORK) + 1 :]}") from None
        return []
    except ValueError as error:
        raise Refused(f"{os.path.basename(path)} is no JSON: {error}") from None
    rows = lock.get("packages") if isinstance(lock, dict) else None
    if not isinstance(rows, list) or lock.get("schema") != SCHEMA or not all(map(_is_row, rows)):
        raise Refused(f"{os.path.basename(path)} is no lock of the form {SCHEMA}")
    here = "%d.%d" % sys.version_info[:2]
    if lock.get("python") != here:
        raise Refused(f"the lock is for Python {lock.get('python')}, and this one is {here}")
    return rows


def _is_row(row: object) -> bool:
    texts = ("name", "version", "file", "sha256", "url")
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in texts):
        return False
    plain = re.fullmatch(r"[A-Za-z0-9._+!-]+\.whl", row["file"]) is not None
    hashed = re.fullmatch(r"[0-9a-f]{64}", row["sha256"]) is not None
    return plain and hashed and row["name"] == _canonical(row["name"])


def _at_hand(row: Row) -> bool:
    """Whether the environment has this very wheel; its bytes are held against the lock later on."""
    return bool(row["sha256"]) and _sha256(f"{ENVIRONMENT}/wheels/{row['file']}") == row["sha256"]


def _fetch(rows: "list[Row]", wheels: str) -> int:
    """Have pip fetch each wheel from its URL, and hold it against the hash where one is known."""
    if not rows:
        return 0
    lines = [
        row["url"] + (f" --hash=sha256:{row['sha256']}" if row["sha256"] else "") for row in rows
    ]
    wanted = f"{SCRATCH}/wanted.txt"
    with open(wanted, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return pip(["download", "--quiet", "--no-deps", "--dest", wheels, "--requirement", wanted])


def _bring(row: Row, wheels: str) -> None:
    """Have the wheel of ``row`` among ``wheels``, and complete the row."""
    path = f"{wheels}/{row['file']}"
    if not os.path.exists(path):
        shutil.copyfile(f"{ENVIRONMENT}/wheels/{row['file']}", path)
    found = _sha256(path)
    if row["sha256"] not in ("", found):
        raise Refused(f"{row['file']} has sha256 {found}, expected {row['sha256']}")
    row["sha256"], row["size"] = found, os.path.getsize(path)


def install(_words: "list[str]") -> int:
    """Unpack what ``plan`` left, offline, and compile it; what ``/env`` has of it is copied."""
    rows = _locked(f"{WORK}/lock.json")
    had = _had(rows)
    fresh = [row for row in rows if row["name"] not in had]
    code = _unpack(fresh, f"{SCRATCH}/lib")
    if code:
        return code
    if had and _overlap(f"{SCRATCH}/lib", [path for paths in had.values() for path in paths]):
        had = {}
        code = _unpack(
            rows, f"{SCRATCH}/lib"
        )  # whose file it is then is for pip to decide, as ever
        if code:
            return code
    _compile(f"{SCRATCH}/lib")
    shutil.move(f"{SCRATCH}/lib", f"{WORK}/lib")
    for path in sorted(path for paths in had.values() for path in paths):
        os.makedirs(os.path.dirname(f"{WORK}/lib/{path}"), exist_ok=True)
        shutil.copy(f"{INSTALLED}/{path}", f"{WORK}/lib/{path}")
    sys.path = [path for path in sys.path if path != INSTALLED] + [f"{WORK}/lib"]
    pip(["check", "--quiet"])  # what does not fit together is told; it was asked for
    told = " ".join(f"{row['name']}-{row['version']}" for row in rows)
    print(f"The environment has {told}" if told else "The environment is empty")
    return 0


def _unpack(rows: "list[Row]", place: str) -> int:
    """Have pip unpack the wheels of ``rows`` into ``place``, which begins empty."""
    shutil.rmtree(place, ignore_errors=True)
    os.mkdir(place)
    if not rows:
        return 0
    wanted = f"{SCRATCH}/wanted.txt"
    with open(wanted, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(f"{row['name']}=={row['version']} --hash=sha256:{row['sha256']}\n")
    offline = ["--no-index", "--find-links", f"{WORK}/wheels", "--require-hashes", "--no-compile"]
    words = ["--ignore-installed", "--no-deps", "--target", place, "--requirement", wanted]
    return pip(["install", "--quiet", "--only-binary", ":all:", *offline, *words])


def _had(rows: "list[Row]") -> "dict[str, list[str]]":
    """Of the packages that ``/env`` has from the very same wheels, by name: their files in it."""
    same = {(row["name"], row["sha256"]) for row in _locked(f"{ENVIRONMENT}/lock.json")}
    found = {row["name"]: row for row in rows if (row["name"], row["sha256"]) in same}
    had: dict[str, list[str]] = {}
    for distribution in metadata.distributions(path=[INSTALLED]):
        name = _canonical(distribution.metadata["Name"])
        if name in found:
            had[name] = sorted(_files(distribution))
    paths = [path for files in had.values() for path in files]
    return had if len(set(paths)) == len(paths) else {}


def _files(distribution: metadata.Distribution) -> "Iterator[str]":
    """What it put into the library, by its RECORD, and the bytecode made of that."""
    for file in distribution.files or ():
        path = os.path.normpath(str(file))
        if path.startswith(("../../bin/", "../bin/")):  # where --target puts scripts
            path = "bin/" + os.path.basename(path)
        folder, name = os.path.split(path)
        compiled = os.path.join(
            folder, "__pycache__", f"{name[:-3]}.{sys.implementation.cache_tag}.pyc"
        )
        for each in (path, compiled) if name.endswith(".py") else (path,):
            if os.path.isfile(f"{INSTALLED}/{each}"):
                yield each


def _overlap(library: str, paths: "list[str]") -> bool:
    return any(os.path.lexists(f"{library}/{path}") for path in paths)


def _compile(library: str) -> None:
    """Write bytecode that is never compared with its source; what wheels brought of it goes.

    Test suites are left out: half of some packages, and hardly ever imported.
    """
    sources = []
    for folder, folders, files in os.walk(library):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        shutil.rmtree(f"{folder}/__pycache__", ignore_errors=True)
        for name in sorted(files):
            path = f"{folder}/{name}"
            if name.endswith(".pyc"):
                os.unlink(path)
            elif name.endswith(".py") and "tests" not in path[len(library) :].split("/"):
                sources.append(path)
    warnings.simplefilter("ignore")
    for path in sources:
        with open(path, "rb") as file:
            source = file.read()
        try:
            code = compile(source, INSTALLED + path[len(library) :], "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            continue  # a template, or for another Python: it runs from its source, if at all
        target = importlib.util.cache_from_source(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(_bytecode(code, source))


def _bytecode(code: CodeType, source: bytes) -> bytes:
    """A hash-based .pyc that is not to be checked (PEP 552): the same whatever else was compiled.

    marshal writes a reference for each object that somebody else holds too; so all are held.
    """
    held = list(_within(code))
    flags = (1).to_bytes(4, "little")
    digest = importlib.util.source_hash(source)
    data = importlib.util.MAGIC_NUMBER + flags + digest + marshal.dumps(code)
    del held
    return data


def _within(code: CodeType) -> "Iterator[object]":
    """All objects that ``code`` is made of, as far as they can be shared with others."""
    names = (code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars)
    yield from (
        code.co_name,
        code.co_qualname,
        code.co_filename,
        *(name for each in names for name in each),
    )
    pending: list[object] = [code.co_consts]
    while pending:
        value = pending.pop()
        yield value
        if isinstance(value, CodeType):
            yield from _within(value)
        elif isinstance(value, (tuple, frozenset)):
            pending += value


def _write_lock(rows: "list[Row]") -> None:
    lock = {
        "schema": SCHEMA,
        "python": "%d.%d" % sys.version_info[:2],
        "packages": sorted(rows, key=lambda row: row["name"]),
    }
    with open(f"{WORK}/lock.json", "w", encoding="utf-8") as file:
        json.dump(lock, file, indent=1, sort_keys=True)
        file.write("\n")


def _clear(folder: str) -> None:
    for entry in list(os.scandir(folder)):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def _sha256(path: str) -> str:
    """Hex; empty where there is no such file."""
    try:
        with open(path, "rb") as file:
            return sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return ""


def _canonical(name: str) -> str:
    """A project's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
