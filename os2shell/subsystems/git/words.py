"""The words of ``git``: where the repository lies, and what is refused before anything is done.

Git reads its words itself, inside. Here they are read for what a refusal should name at once and
with its way out: other transports than HTTP, places outside the workspace, secrets in a URL, verbs
that git writes in shell or that would make a ``.git`` that is judged by nobody.
"""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from os2shell.executors.git.allowed import allowed_setting
from os2shell.model.errors import UsageError

USAGE = "git [-C FOLDER] [-c NAME=VALUE] VERB [ARGUMENTS…]"


def _flags(words: str) -> frozenset[str]:
    return frozenset(words.split())


_PLAIN = _flags(
    "--no-pager -P --literal-pathspecs --glob-pathspecs --noglob-pathspecs --icase-pathspecs "
    "--no-optional-locks --no-replace-objects"
)
_SHELL = "is a script of git's, and there is no shell in the sandbox"
_VERBS = {
    "bisect": _SHELL,
    "citool": "opens a window",
    "credential": "would hand out secrets",
    "daemon": "serves a network, and there is none in the sandbox",
    "difftool": "starts programs of yours",
    "filter-branch": _SHELL,
    "gui": "opens a window",
    "help": "opens manual pages; `os2 git VERB -h` shows a verb's usage",
    "instaweb": "serves a network, and there is none in the sandbox",
    "lfs": "is a program of its own, and only git is in the sandbox",
    "maintenance": "works in the background, where no record sees it",
    "mergetool": "starts programs of yours",
    "p4": _SHELL,
    "send-email": "is a script of git's in Perl, which is not in the sandbox",
    "submodule": f"{_SHELL}; clone what you need of them one by one",
    "svn": "is a script of git's in Perl, which is not in the sandbox",
    "worktree": "makes a .git that leads elsewhere",
}
_REFUSED_FLAGS = {
    "clone": _flags(
        "--bare --mirror --separate-git-dir --template --reference --reference-if-able --shared -s "
        "--recurse-submodules --recursive --upload-pack -u --bundle-uri"
    ),
    "init": frozenset(["--bare", "--separate-git-dir", "--template"]),
    "config": frozenset(["--global", "--system", "--file", "-f", "--edit", "-e"]),
    "fetch": frozenset(["--upload-pack", "--recurse-submodules"]),
    "pull": frozenset(["--upload-pack", "--recurse-submodules"]),
    "push": frozenset(["--receive-pack", "--exec", "--recurse-submodules"]),
    "ls-remote": frozenset(["--upload-pack"]),
    "rebase": frozenset(["--exec", "-x", "--interactive", "-i", "--edit-todo"]),
}
_CLONE_VALUED = _flags(
    "-b --branch -o --origin --depth --shallow-since --shallow-exclude -j --jobs -c --config "
    "--filter --server-option"
)
_ASKING = frozenset({"clone", "fetch", "pull", "push", "ls-remote", "remote"})
_SHOWING = frozenset({"clone", "fetch", "pull", "push"})
_QUIET = frozenset({"-q", "--quiet", "--progress", "--no-progress"})
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/]*)(?P<path>.*)")
_HELPER = re.compile(r"[A-Za-z0-9+.-]+::")
_SSH = re.compile(r"[\w.-]+@[\w.-]+:.*")
_WEB = frozenset({"http", "https"})
HTTPS = "https:// (or http://), the only ones that go through the broker"


@dataclass(frozen=True, slots=True)
class GitWords:
    """A command line of git, understood: ``folder`` is where the words say the repository lies."""

    arguments: tuple[str, ...]
    verb: str
    at: int
    folder: str

    def with_progress(self) -> tuple[str, ...]:
        """The words that have git show its progress, where it is not told otherwise."""
        rest = self.arguments[self.at + 1 :]
        if self.verb not in _SHOWING or _QUIET & set(rest):
            return self.arguments
        return (*self.arguments[: self.at + 1], "--progress", *rest)


def read_words(words: Sequence[str]) -> GitWords:
    """Understand ``words``; raises ``UsageError`` where they are refused."""
    folder, at = ".", 0
    while at < len(words) and words[at].startswith("-"):
        word = words[at]
        if word in {"--version", "-v"}:
            return GitWords(tuple(words), "version", at, folder)
        if word in {"-C", "-c"} and at + 1 >= len(words):
            raise UsageError(f"git {word} needs a value", expected=USAGE)
        if word == "-C":
            folder = _inside(posixpath.join(folder, words[at + 1]), words[at + 1])
        elif word == "-c":
            _check_setting(words[at + 1])
        elif word not in _PLAIN:
            raise UsageError(f"git {word} is refused in a sandbox", expected=USAGE)
        at += 2 if word in {"-C", "-c"} else 1
    if at >= len(words):
        raise UsageError("git without a verb", expected=USAGE, remedy="such as `os2 git status`")
    verb, rest = words[at], list(words[at + 1 :])
    _check_verb(verb, rest)
    if verb in _ASKING:
        _check_places(verb, rest)
    if verb in {"clone", "init"}:
        folder = _made(verb, rest, folder)
    return GitWords(tuple(words), verb, at, folder)


def _inside(path: str, told: str) -> str:
    path = posixpath.normpath(path)
    if path.startswith(("/", "../")) or path == "..":
        raise UsageError(f"{told} lies outside the workspace", expected="a folder inside it")
    return path


def _check_setting(text: str) -> None:
    name, equals, value = text.partition("=")
    if not allowed_setting(name, value if equals else "true"):
        raise UsageError(
            f"git -c {name} is refused: it could have programs run",
            expected="settings such as user.name, user.email, core.autocrlf, pull.rebase",
        )


def _check_verb(verb: str, rest: Sequence[str]) -> None:
    if verb.startswith("-"):
        raise UsageError(f"git {verb} is refused in a sandbox", expected=USAGE)
    reason = _VERBS.get(verb)
    if reason is not None:
        raise UsageError(f"git {verb} is refused: it {reason}")
    refused = _REFUSED_FLAGS.get(verb, frozenset())
    for word in rest:
        if word == "--":
            return
        if word.partition("=")[0] in refused:
            raise UsageError(
                f"git {verb} {word.partition('=')[0]} is refused in a sandbox",
                remedy="docs/handbook.md, git, says what is refused, and why",
            )


def _check_places(verb: str, rest: Sequence[str]) -> None:
    for word in rest:
        found = _SCHEME.fullmatch(word)
        if _HELPER.match(word):
            raise _other_transport(word.partition("::")[0] + "::")
        if found and found["scheme"].lower() not in _WEB:
            raise _other_transport(found["scheme"] + "://")
        if found and "@" in found["authority"]:
            raise UsageError(
                f"a URL with a user or a secret in it, at {found['authority'].rpartition('@')[2]}",
                expected="a URL without: it would be recorded",
                remedy="a grant of net.connect may name a credential that the shell adds",
            )
        if _SSH.fullmatch(word):
            raise _other_transport("ssh")
    if verb == "clone":
        source = next(iter(_positional(rest)), None)
        if source is not None and not _SCHEME.fullmatch(source):
            kind = "ssh" if ":" in source.partition("/")[0] else "a path"
            raise _other_transport(kind)


def _other_transport(kind: str) -> UsageError:
    return UsageError(f"git over {kind} is refused in a sandbox", expected=HTTPS)


def _positional(rest: Sequence[str]) -> list[str]:
    """What of the words of ``clone`` is no option and no option's value."""
    found: list[str] = []
    words = list(rest)
    while words:
        word = words.pop(0)
        if word == "--":
            return [*found, *words]
        if word in _CLONE_VALUED:
            if words and word in {"-c", "--config"}:
                _check_setting(words[0])
            words[:1] = []
        elif not word.startswith("-") or word == "-":
            found.append(word)
    return found


def _made(verb: str, rest: Sequence[str], folder: str) -> str:
    """Where a new repository will lie, as git names it (git-clone(1), "<directory>")."""
    words = _positional(rest)
    if verb == "init":
        target = words[0] if words else "."
    elif len(words) > 1:
        target = words[1]
    elif words:
        path = words[0].rstrip("/").removesuffix("/.git").rstrip("/")
        target = path.rpartition("/")[2].removesuffix(".git") or "."
    else:
        target = "."
    return _inside(posixpath.join(folder, target), target)
