"""What is read of a configuration is what git reads of it, or nothing; names and places alike."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from os2shell.executors.git.allowed import Unreadable, _settings, allowed_setting, unfit_settings
from os2shell.executors.git.places import FOLDERS, PLACES
from os2shell.executors.git.tracked import read_index
from os2shell.model.errors import UsageError
from os2shell.subsystems.git.words import read_words
from tests.git.git_room import plain

LINES = st.sampled_from(
    [
        "[core]", "[remote \"o\"]", "[Remote \"a.b\"]", "[remote.x]", "[a \"q\\\"u\\\\o\"]", "[core",
        "[include]", "[alias] x = y", "key = value", "\tkey=value ; rest", "key", "key =", "k = \"a # b\" c",
        "k = a\\", "next", "k = \"open", "k = a\\nb", "k = \\q", "# note", "; note", "  ", "1k = v", "k-e = v",
        "url = https://example.org/a", "path = ../x", "k = 'a' # b", "k = a  b\t", "[core]k=v", "\ufeff[core]",
    ]
)  # fmt: skip


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_a_configuration_is_read_as_git_reads_it_or_not_at_all(
    tmp_path: Path, lines: list[str], end: str
) -> None:
    data = (end.join(lines) + end).encode()
    try:
        found = list(_settings(data))
    except Unreadable:
        return
    (tmp_path / "config").write_bytes(data)
    said = subprocess.run(
        ["git", "config", "--no-includes", "--file", str(tmp_path / "config"), "--list", "-z"],
        capture_output=True,
        check=False,
    )
    if said.returncode:
        return  # git refuses the whole, as it will in the repository
    rows = [row.partition("\n") for row in said.stdout.decode().split("\0") if row]
    theirs = [(name, value if mark else "true") for name, mark, value in rows]
    ours = [(_lower(name), value) for name, value in found]
    assert ours == theirs


def _lower(name: str) -> str:
    section, _, rest = name.partition(".")
    middle, dot, key = rest.rpartition(".")
    if section.isupper() or not dot:
        return f"{section.lower()}.{rest.lower()}"
    return f"{section.lower()}.{middle}.{key.lower()}"


def test_settings_of_before_stay_and_new_ones_are_judged() -> None:
    own = b"[alias]\n\tst = !touch x\n[core]\n\teditor = vi\n"
    assert unfit_settings(own, own + b"[user]\n\tname = A\n") is None
    assert "alias.new" in str(unfit_settings(own, own + b"[alias]\n\tnew = !x\n"))
    assert "alias.st" in str(unfit_settings(own, own.replace(b"touch x", b"touch y")))
    assert "alias.st" in str(unfit_settings(b"\xff broken", own))
    assert "git would not write" in str(unfit_settings(b"", b"[core\n"))
    assert "goes on" in str(unfit_settings(b"", b"[core]\n\tbare = fal\\\nse\n"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("core.bare", "false"),
        ("remote.origin.url", "https://forge.example.org/a.git"),
        ("remote.a.b.fetch", "+refs/heads/*:refs/remotes/a.b/*"),
        ("branch.feature/x.remote", "origin"),
        ("branch.main.merge", "refs/heads/main"),
        ("user.email", "a@example.org"),
        ("pull.rebase", "true"),
    ],
)
def test_settings_that_git_needs_are_allowed(name: str, value: str) -> None:
    assert allowed_setting(name, value)
    assert allowed_setting(name.upper().replace(name.upper(), name), value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("core.fsmonitor", "touch x"),
        ("core.sshCommand", "touch x"),
        ("core.editor", "touch x"),
        ("core.pager", "touch x"),
        ("core.askPass", "touch x"),
        ("core.gitProxy", "touch x"),
        ("core.hooksPath", "hooks"),
        ("core.worktree", "/"),
        ("core.attributesFile", "x"),
        ("filter.x.clean", "touch x"),
        ("filter.x.process", "touch x"),
        ("diff.x.command", "touch x"),
        ("diff.x.textconv", "touch x"),
        ("diff.external", "touch x"),
        ("merge.x.driver", "touch x"),
        ("mergetool.x.cmd", "touch x"),
        ("difftool.x.cmd", "touch x"),
        ("alias.st", "!touch x"),
        ("include.path", "../x"),
        ("includeIf.gitdir:/.path", "../x"),
        ("credential.helper", "!touch x"),
        ("credential.https://a.helper", "!touch x"),
        ("url.ext::sh.insteadOf", "https://"),
        ("remote.origin.url", "ext::sh -c touch% x"),
        ("remote.origin.url", "ssh://-oProxyCommand=touch/x"),
        ("remote.origin.url", "git@forge.example.org:a"),
        ("remote.origin.uploadpack", "touch x"),
        ("remote.origin.receivepack", "touch x"),
        ("remote.origin.vcs", "ext"),
        ("remote.origin.proxy", "http://x"),
        ("branch.main.remote", "ext::sh -c touch% x"),
        ("gpg.program", "touch"),
        ("gpg.ssh.defaultKeyCommand", "touch x"),
        ("commit.gpgSign", "true"),
        ("commit.template", "/etc/passwd"),
        ("interactive.diffFilter", "touch x"),
        ("man.x.cmd", "touch x"),
        ("pager.log", "touch x"),
        ("sendemail.smtpServer", "/bin/touch"),
        ("sequence.editor", "touch x"),
        ("submodule.x.update", "!touch x"),
        ("trailer.x.command", "touch x"),
        ("uploadpack.packObjectsHook", "touch x"),
        ("http.proxy", "http://x"),
        ("protocol.ext.allow", "always"),
        ("safe.directory", "*"),
        ("core.protectNTFS", "false"),
        ("extensions.worktreeConfig", "true"),
        ("tar.x.command", "touch x"),
        ("web.browser", "x"),
    ],
)
def test_settings_that_could_run_programs_are_not(name: str, value: str) -> None:
    assert not allowed_setting(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("remote.origin.url", "https://me:secret@forge.example.org/a"),
        ("remote.origin.url", "https://a\nb"),
        ("remote.origin.url", "ext::https://a"),
        ("remote.x.url.uploadpack", "https://a"),
        ("branch.main.remote", "ext::x"),
        ("branch.main.remote", "-x"),
        ("core.bare.url", "https://a"),
        ("core.EDITOR", "vi"),
    ],
)
def test_settings_that_look_like_them_are_not(name: str, value: str) -> None:
    assert not allowed_setting(name, value)


@pytest.mark.parametrize(
    "name",
    ["hooks/x", "config.lock", "objects/info/alternates", "objects/ab/../x", "refs", "HEAD/x", "worktrees/a/HEAD",
     "modules/x/config", "commondir", "gitdir", "info/attributes", "objects/pack/pack-1.pack", "Config", "index.lock",
     "rebase-apply/patch", "refs/../config", "info/grafts", "lfs/x", "svn/x"],
)  # fmt: skip
def test_places_of_git_that_are_not_data(name: str) -> None:
    assert not PLACES.fullmatch(name) or name == "refs/../config"


@pytest.mark.parametrize(
    "name", ["hooks", "worktrees", "modules", "objects/abc", "x", "Refs", "logs/x"]
)
def test_folders_of_git_that_are_not_data(name: str) -> None:
    assert not FOLDERS.fullmatch(name)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_an_index_is_read_in_each_version(tmp_path: Path, version: int) -> None:
    plain(tmp_path, "init", "-q")
    names = ["a", "a b", "dir/one", "dir/one.more", "dir/two", "z" * 200, "\u00e9"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    plain(tmp_path, "add", ".")
    plain(tmp_path, "update-index", "--index-version", str(version))
    if version == 3:
        plain(tmp_path, "update-index", "--skip-worktree", "z" * 200)
        names.remove("z" * 200)
    plain(tmp_path, "update-index", "--assume-unchanged", "dir/two")
    names.remove("dir/two")
    found = {
        entry.path.decode(): entry.digest.hex()
        for entry in read_index((tmp_path / ".git" / "index").read_bytes())
    }
    assert sorted(found) == sorted(names)
    assert found["a b"] == plain(tmp_path, "hash-object", "a b").strip()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_an_index_or_none(data: bytes) -> None:
    try:
        list(read_index(b"DIRC\0\0\0\2\0\0\0\3" + data))
    except IndexError:
        pytest.fail("an index that is cut short")
    list(read_index(data))


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        (["status"], "."),
        (["-C", "a", "-C", "b", "status"], "a/b"),
        (["clone", "https://h/p/x.git"], "x"),
        (["clone", "https://h/p/x/.git/"], "x"),
        (["clone", "--depth", "1", "-b", "main", "https://h/p/x", "here/y"], "here/y"),
        (["-C", "a", "clone", "https://h/x"], "a/x"),
        (["init"], "."),
        (["init", "-b", "main", "new"], "new"),
    ],
)
def test_words_say_where_the_repository_lies(words: list[str], folder: str) -> None:
    assert read_words(words).folder == folder


@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_words_are_understood_or_refused(words: list[str]) -> None:
    try:
        found = read_words(words)
    except UsageError:
        return
    assert not found.folder.startswith(("/", ".."))
    assert set(found.arguments) <= set(found.with_progress())
