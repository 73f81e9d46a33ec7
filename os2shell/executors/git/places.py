"""What a run of git may bring into a user's ``.git``: places that hold data, and no other.

The user's own git, outside, believes its ``.git``: hooks in it run, settings in it name programs, a
link or a ``.git`` that is a file leads elsewhere. What lies inside may come from anybody's server.
So the changes of a run are judged one by one, and whatever is not known to be data refuses the
whole run by name; nothing of it is brought back then. Pure.
"""

import re
from collections.abc import Iterator, Sequence

from ledger import ObjectStore
from os2shell.executors.git.allowed import unfit_settings
from os2shell.executors.git.state import GIT_FOLDER
from os2shell.executors.workspace import Change, Entry, Kind, read_tree, shown

REFUSALS_SHOWN = 16
SHOWN_CHARACTERS = 200
FILE_MOST = 1 << 20
HOOKS = b"hooks"
_HEX = r"[0-9a-f]"
_NAME = r"[^\x00-\x1f\x7f/]+"
_PACK = (
    rf"objects/pack/(?:pack-{_HEX}{{40,64}}\.(?:pack|idx|rev|keep|promisor|bitmap|mtimes)"
    "|multi-pack-index)"
)
_STATE = (
    "HEAD|ORIG_HEAD|FETCH_HEAD|MERGE_HEAD|MERGE_MODE|MERGE_MSG|MERGE_RR|AUTO_MERGE|SQUASH_MSG"
    "|CHERRY_PICK_HEAD|REVERT_HEAD|REBASE_HEAD|COMMIT_EDITMSG|TAG_EDITMSG|description|index"
    "|packed-refs|shallow|config|info/exclude|info/refs|info/sparse-checkout"
)
_REBASE = (
    "rebase-merge/(?:amend|author-script|autostash|current-fixups|done|end|git-rebase-todo"
    "|git-rebase-todo.backup|head-name|interactive|keep_redundant_commits|drop_redundant_commits"
    "|message|message-fixup|message-squash|msgnum|no-reschedule-failed-exec|onto|orig-head|patch"
    "|quiet|refs-to-delete|rewritten-list|rewritten-pending|squash-onto|stopped-sha|verbose)"
    "|sequencer/(?:abort-safety|head|opts|todo)"
)
PLACES = re.compile(
    rf"{_STATE}|{_REBASE}|logs/HEAD|logs/refs/{_NAME}(?:/{_NAME})*|refs/{_NAME}(?:/{_NAME})*"
    rf"|objects/{_HEX}{{2}}/{_HEX}{{38,62}}|{_PACK}"
    rf"|objects/info/(?:packs|commit-graph|commit-graphs/{_NAME})"
    rf"|rr-cache/{_HEX}{{40,64}}/(?:pre|post|this)image(?:\.[0-9]+)?"
)
"""Files below ``.git`` that git itself only reads as data (gitrepository-layout(5))."""
FOLDERS = re.compile(
    rf"|branches|info|logs|logs/refs|objects|objects/{_HEX}{{2}}|objects/pack|objects/info"
    rf"|objects/info/commit-graphs|refs|rebase-merge|sequencer|rr-cache(?:/{_HEX}{{40,64}})?"
    rf"|(?:logs/)?refs/{_NAME}(?:/{_NAME})*"
)
_REFERENCE = re.compile(rb"(?:[0-9a-f]{40}(?:[0-9a-f]{24})?|ref: refs/[^\s]{1,400})\n?")
_TODO = re.compile(
    rb"(?:#[^\n]*|\s*|(?:pick|p|revert|reword|r|edit|e|squash|s|fixup|f|drop|d|noop|break|b|label|l"
    rb"|reset|t|merge|m|update-ref|u)(?: [^\n]*)?)",
)
"""Lines of a list of things to do: all but ``exec``, which a later ``git rebase`` would run."""
_LISTS = ("rebase-merge/git-rebase-todo", "rebase-merge/done", "sequencer/todo")
_DISGUISED = re.compile(r"git~[0-9]+|\.git[. ]*(?::.*)?", re.IGNORECASE)
_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


def refusals(changes: Sequence[Change], after: Entry, objects: ObjectStore) -> tuple[str, ...]:
    """Each change that may not be brought back, by path and reason; the first of them.

    ``after`` is the folder of everything that the run left.
    """
    found: list[str] = []
    for change in changes:
        reason = _reason(change, after, objects)
        if reason is not None:
            found.append(f"{_cut(shown(change.path))}: {reason}")
            if len(found) == REFUSALS_SHOWN:
                break
    return tuple(found)


def _reason(change: Change, after: Entry, objects: ObjectStore) -> str | None:
    parts = change.path.split(b"/")
    if change.after is None:
        return None  # what is gone does nothing
    if GIT_FOLDER in parts:
        return _inside(change, parts[parts.index(GIT_FOLDER) + 1 :], objects)
    if any(_is_disguised(part) for part in parts):
        return "a name that other file systems take for .git"
    if change.after.kind is Kind.LINK and _leads_into_git(change.after.content):
        return "a link into a .git"
    return _of_hidden(change, parts, after, objects)


def _of_hidden(
    change: Change, parts: list[bytes], after: Entry, objects: ObjectStore
) -> str | None:
    """The reason against a part of a repository that lies in the work tree, under any name."""
    if parts[-1] == b"config" and _is_bare(after, parts[:-1], objects):
        return _settings(change, objects)
    if HOOKS in parts and _is_bare(after, parts[: parts.index(HOOKS)], objects):
        return "a hook of a repository that lies in the work tree"
    return None


def _inside(change: Change, below: list[bytes], objects: ObjectStore) -> str | None:
    """The reason against a path below a ``.git``."""
    entry = change.after
    assert entry is not None
    try:
        name = b"/".join(below).decode()
    except UnicodeDecodeError:
        return "a name in .git that is not UTF-8"
    if entry.kind is Kind.FOLDER:
        return _unless(FOLDERS.fullmatch(name), "a folder of .git that may hold programs")
    return _against_form(entry.kind, name) or _against_content(change, entry, name, objects)


def _against_form(kind: Kind, name: str) -> str | None:
    if not name:
        return "a .git that is no folder leads elsewhere"
    if kind is not Kind.FILE:
        return "a link in .git" if kind is Kind.LINK else "a program in .git"
    return _unless(PLACES.fullmatch(name), "a place in .git that git may take orders from")


def _against_content(change: Change, entry: Entry, name: str, objects: ObjectStore) -> str | None:
    if name == "config":
        return _settings(change, objects)
    if name == "HEAD" or name.startswith("refs/"):
        return _unless(_REFERENCE.fullmatch(_bytes(entry, objects)), "no reference")
    if name.startswith(_LISTS):
        lines = _bytes(entry, objects).split(b"\n")
        return _unless(all(map(_TODO.fullmatch, lines)), "a list of things to do with an exec")
    if name == "sequencer/opts":
        return unfit_settings(b"", _bytes(entry, objects))
    return None


def _settings(change: Change, objects: ObjectStore) -> str | None:
    before = _bytes(change.before, objects)
    assert change.after is not None
    if change.after.size > FILE_MOST or change.after.kind is not Kind.FILE:
        return "a configuration that cannot be read"
    return unfit_settings(before, _bytes(change.after, objects))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _unless(fine: object, reason: str) -> str | None:
    return None if fine else reason


def _bytes(entry: Entry | None, objects: ObjectStore) -> bytes:
    if entry is None or entry.kind is not Kind.FILE or entry.size > FILE_MOST:
        return b""
    return objects.get(entry.digest)


def _is_disguised(name: bytes) -> bool:
    """Whether Windows or macOS would open ``.git`` by this name (gitattributes of git's fsck)."""
    text = _IGNORED_BY_HFS.sub("", name.decode("utf-8", "replace"))
    return _DISGUISED.fullmatch(text) is not None


def _leads_into_git(target: bytes) -> bool:
    return any(part == GIT_FOLDER or _is_disguised(part) for part in target.split(b"/"))


def _is_bare(root: Entry, folder: list[bytes], objects: ObjectStore) -> bool:
    """Whether ``folder`` of the work tree would be taken for a repository by a git in it."""
    names = {entry.name for entry in _entries(root, folder, objects)}
    return {b"HEAD", b"objects", b"refs"} <= names


def _entries(root: Entry, folder: list[bytes], objects: ObjectStore) -> Iterator[Entry]:
    found: Entry | None = root
    for name in folder:
        if found is None or found.kind is not Kind.FOLDER:
            return
        inside = read_tree(objects, found.digest)
        found = next((entry for entry in inside if entry.name == name), None)
    if found is not None and found.kind is Kind.FOLDER:
        yield from read_tree(objects, found.digest)
