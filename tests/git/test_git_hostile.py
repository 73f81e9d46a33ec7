"""Repositories, servers and words that would have a user's own git run programs: none comes through."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.git.git_room import Developer, everything, plain

PROGRAM = "#!/bin/sh\ntouch {marker}\n"


def raw_tree(seed: Path, *rows: tuple[str, str, str]) -> str:
    """A tree of any names, which git would not make; rows of mode, name and object."""
    data = b"".join(
        f"{mode} ".encode() + name.encode("utf-8", "surrogateescape") + b"\0" + bytes.fromhex(found)
        for mode, name, found in rows
    )
    said = plain(seed, "hash-object", "-t", "tree", "--literally", "-w", "--stdin", data=data)
    return said.strip()


def publish_tree(developer: Developer, tree: str, seed: Path, name: str) -> None:
    commit = plain(seed, "commit-tree", tree, "-m", "hostile").strip()
    plain(seed, "update-ref", "refs/heads/main", commit)
    developer.publish(seed, name)


@pytest.fixture
def marker(developer: Developer) -> Path:
    return developer.folder / "ran"


@pytest.mark.parametrize(
    "names",
    [
        (".git", "hooks", "post-checkout"),
        (".GIT", "hooks", "post-checkout"),
        (".gIt", "config", ""),
        ("git~1", "hooks", "post-checkout"),
        (".git ", "config", ""),
        (".git.", "config", ""),
        (".g\u200cit", "config", ""),
        (".git::$INDEX_ALLOCATION", "config", ""),
        ("sub", ".git", "config"),
        ("..", "escaped", ""),
    ],
    ids=ascii,
)
def test_trees_with_a_git_folder_in_them_are_not_taken(
    developer: Developer, marker: Path, names: tuple[str, str, str]
) -> None:
    seed = developer.folder / "hostile"
    seed.mkdir()
    plain(seed, "init", "-q", "-b", "main")
    text = PROGRAM.format(marker=marker).encode()
    found = plain(seed, "hash-object", "-w", "--stdin", data=text).strip()
    mode = "100755"
    for name in reversed([name for name in names if name]):
        found, mode = raw_tree(seed, (mode, name, found)), "40000"
    publish_tree(developer, found, seed, "hostile.git")
    ran = developer.git("clone", developer.forge.url("hostile.git"), code=None)
    assert ran.code != 0, ran
    assert everything(developer.os2.workspace) == {}
    assert not marker.exists()
    assert not (developer.os2.workspace.parent / "escaped").exists()
    assert developer.verdicts() == ["identical"]


def test_links_out_of_the_tree_are_not_followed(developer: Developer) -> None:
    outside = developer.folder / "outside"
    outside.mkdir()
    seed = developer.seed("links.git", [{"a": "a\n"}])
    (seed / "out").symlink_to(outside)
    (seed / "up").symlink_to("../../..")
    plain(seed, "add", ".")
    plain(seed, "commit", "-q", "-m", "links")
    plain(seed, "push", "-q", str(developer.forge.root / "links.git"), "main")
    here = developer.clone("links.git")
    assert (here / "out").is_symlink()
    blob = plain(seed, "hash-object", "-w", "--stdin", data=b"written through\n").strip()
    inner = raw_tree(seed, ("100644", "file", blob))
    tree = raw_tree(seed, ("40000", "out", inner), ("40000", "up", inner))
    commit = plain(seed, "commit-tree", tree, "-p", "HEAD", "-m", "through").strip()
    plain(seed, "push", "-q", str(developer.forge.root / "links.git"), f"{commit}:refs/heads/main")
    developer.git("-C", "links", "pull")
    assert list(outside.iterdir()) == []
    assert not (here / "out").is_symlink()
    assert (here / "out" / "file").read_text() == "written through\n"
    assert not (developer.os2.workspace.parent / "file").exists()


@pytest.mark.parametrize("target", [".git/hooks", "../links/.git", ".GIT/hooks"])
def test_links_into_a_git_folder_are_refused(developer: Developer, target: str) -> None:
    seed = developer.seed("links.git", [{"a": "a\n"}])
    (seed / "x").symlink_to(target)
    plain(seed, "add", ".")
    plain(seed, "commit", "-q", "-m", "links")
    plain(seed, "push", "-q", str(developer.forge.root / "links.git"), "main")
    ran = developer.git("clone", developer.forge.url("links.git"), code=126)
    assert b"refused: links/x: a link into a .git" in ran.err
    assert everything(developer.os2.workspace) == {}
    assert developer.events()["git_completed"]["refused"] == ["links/x: a link into a .git"]
    assert developer.verdicts() == ["identical"]


def test_a_submodule_by_a_command_is_only_text(developer: Developer, marker: Path) -> None:
    seed = developer.seed("sub.git", [{"a": "a\n"}])
    (seed / ".gitmodules").write_text(
        f'[submodule "x"]\n\tpath = x\n\turl = "ext::sh -c touch% {marker}"\n\tupdate = "!touch {marker}"\n'
    )
    plain(seed, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},x")
    plain(seed, "add", ".gitmodules")
    plain(seed, "commit", "-q", "-m", "sub")
    plain(seed, "push", "-q", str(developer.forge.root / "sub.git"), "main")
    ran = developer.git("clone", developer.forge.url("sub.git"), code=None)
    here = developer.os2.workspace / "sub"
    assert not marker.exists()
    assert not (here / ".git" / "modules").exists()
    assert ran.code != 0 or "submodule" not in (here / ".git" / "config").read_text()


def test_a_repository_hidden_in_a_tree_is_refused(developer: Developer, marker: Path) -> None:
    files = {
        "lib/HEAD": "ref: refs/heads/main\n",
        "lib/objects/x": "",
        "lib/refs/x": "",
        "lib/config": f'[core]\n\tbare = true\n\tfsmonitor = "touch {marker}; true"\n',
    }
    developer.seed("hidden.git", [files])
    ran = developer.git("clone", developer.forge.url("hidden.git"), code=126)
    assert b"hidden/lib/config: the setting core.fsmonitor" in ran.err
    assert everything(developer.os2.workspace) == {}


def test_hooks_of_a_repository_in_the_work_tree_are_refused(developer: Developer) -> None:
    files = {
        "lib/HEAD": "ref: refs/heads/main\n",
        "lib/objects/x": "",
        "lib/refs/x": "",
        "lib/config": "",
    }
    developer.seed("hidden.git", [{**files, "lib/hooks/post-index-change": "#!/bin/sh\n"}])
    ran = developer.git("clone", developer.forge.url("hidden.git"), code=126)
    assert b"a hook of a repository that lies in the work tree" in ran.err
    assert everything(developer.os2.workspace) == {}


@pytest.fixture
def repository(developer: Developer) -> Path:
    """A user's repository at the workspace's top."""
    here = developer.os2.workspace
    plain(here, "init", "-q", "-b", "main", "--template=")
    (here / "post-commit").write_text("#!/bin/sh\n")
    (here / "post-commit").chmod(0o755)
    plain(here, "add", ".")
    plain(here, "commit", "-q", "-m", "first")
    for name in ("hooks", "info", "objects/info"):
        (here / ".git" / name).mkdir(exist_ok=True)
    return here


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("core.fsmonitor", "touch x"),
        ("core.hooksPath", "hooks"),
        ("include.path", "../x"),
        ("remote.origin.url", "ext::sh -c touch% x"),
        ("url.ext::sh.insteadOf", "https://"),
    ],
)
def test_settings_that_could_run_programs_are_refused(
    developer: Developer, repository: Path, name: str, value: str
) -> None:
    before = everything(repository)
    ran = developer.git("config", name, value, code=126)
    assert b"refused: .git/config: the setting" in ran.err
    assert everything(repository) == before
    assert developer.events()["git_completed"]["brought"] is False


@pytest.mark.parametrize(
    "words",
    [
        ["checkout-index", "--prefix=.git/hooks/", "-a"],
        ["archive", "-o", ".git/hooks/pre-commit", "HEAD"],
        ["log", "--output=.git/hooks/pre-commit"],
        ["log", "-p", "--output=.git/config"],
        ["log", "--output=.git/objects/info/alternates"],
        ["log", "--output=.git/info/attributes"],
        ["log", "--output=.git/commondir"],
        ["log", "--output=.git/config.worktree"],
        ["log", "--output=.git/modules"],
        ["log", "--output=sub/.git", "--format=gitdir: /"],
        ["format-patch", "-o", ".git/worktrees", "--root"],
        ["bundle", "create", ".git/refs/heads/x", "HEAD"],
    ],
    ids=" ".join,
)
def test_files_are_not_written_where_git_takes_orders(
    developer: Developer, repository: Path, words: list[str]
) -> None:
    (repository / "sub").mkdir()
    before = everything(repository)
    ran = developer.git(*words, code=126)
    assert b"refused: " in ran.err
    assert everything(repository) == before


def test_what_a_user_has_there_is_not_run_inside_and_stays(
    developer: Developer, repository: Path, marker: Path
) -> None:
    program = PROGRAM.format(marker=marker)
    hooks = repository / ".git" / "hooks"
    for name in ("pre-commit", "post-commit", "post-checkout", "pre-push", "commit-msg"):
        (hooks / name).write_text(program)
        (hooks / name).chmod(0o755)
    touch = f"touch {marker}"
    for name, value in (
        ("core.fsmonitor", touch),
        ("core.editor", touch),
        ("core.sshCommand", touch),
        ("alias.run", f"!{touch}"),
        ("filter.x.clean", touch),
        ("filter.x.smudge", touch),
        ("diff.x.textconv", touch),
        ("credential.helper", f"!{touch}"),
        ("core.pager", touch),
    ):
        plain(repository, "config", name, value)
    (repository / ".gitattributes").write_text("* filter=x diff=x\n")
    before = (repository / ".git" / "config").read_bytes()
    developer.git("add", ".", code=None)
    developer.git("commit", "-m", "second", code=None)
    developer.git("run", code=None)
    developer.git("log", "-p", code=None)
    developer.git("checkout", "-b", "other", code=None)
    assert not marker.exists()
    assert (repository / ".git" / "config").read_bytes() == before
    assert (hooks / "pre-commit").read_text() == program
    ran = developer.git("config", "user.name", "Here")
    assert ran.err == b""
    assert set(developer.verdicts()) == {"identical"}


def test_an_exec_in_a_list_of_things_to_do_is_refused(
    developer: Developer, repository: Path
) -> None:
    plain(repository, "commit", "-q", "--allow-empty", "-m", "second")
    before = everything(repository)
    ran = developer.git("rebase", "-xtouch x", "HEAD~1", code=None)
    assert ran.code != 0
    assert everything(repository) == before


def test_a_server_that_sends_a_bad_pack_changes_nothing(developer: Developer) -> None:
    developer.seed("one.git", [{"a.txt": os.urandom(4000).hex()}])
    for path in (developer.forge.root / "one.git" / "objects").rglob("*"):
        if path.is_file() and path.stat().st_size > 500:
            path.chmod(0o600)
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 0xFF
            path.write_bytes(data)
    ran = developer.git("clone", developer.forge.url("one.git"), code=128)
    assert b"fatal" in ran.err or b"error" in ran.err
    assert everything(developer.os2.workspace) == {}
    assert developer.verdicts() == ["identical"]


def test_control_characters_of_a_server_do_not_reach_a_terminal(developer: Developer) -> None:
    developer.seed("one.git", [{"a": "a\n"}])
    hook = developer.forge.root / "one.git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nprintf '\\033]0;title\\007' >&2\nexit 1\n")
    hook.chmod(0o755)
    here = developer.clone("one.git")
    (here / "b").write_text("b")
    developer.git("-C", "one", "add", ".")
    developer.git("-C", "one", "commit", "-m", "b")
    ran = developer.git("-C", "one", "push", code=1)
    assert b"pre-receive hook declined" in ran.err
    leader, follower = os.openpty()
    process = developer.os2.start("git", "-C", "one", "push", stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    assert process.wait(timeout=60) == 1
    assert b"\x1b]0;" not in shown
    assert b"Writing objects: 100%" in shown


def test_nothing_of_the_users_git_is_in_the_way(developer: Developer) -> None:
    """The user's own configuration is asked for three values, and never run."""
    marker = developer.folder / "ran"
    (developer.os2.home / ".gitconfig").write_text(
        f'[core]\n\tfsmonitor = "touch {marker}"\n\tpager = "touch {marker}"\n'
        f'[alias]\n\tstatus = "!touch {marker}"\n[user]\n\tname = A\u00e9 "B"\n\temail = a@b\n'
    )
    developer.git("init", "-q", ".")
    developer.git("commit", "-q", "--allow-empty", "-m", "x")
    developer.git("status")
    assert not marker.exists()
    said = subprocess.run(
        ["git", "log", "-1", "--format=%an"],
        cwd=developer.os2.workspace,
        capture_output=True,
        check=True,
    )
    assert said.stdout.decode() == "A\u00e9 B\n"
