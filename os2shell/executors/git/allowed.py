"""Which settings a run of git may leave in a repository, by name and by value. Pure.

A configuration is a list of programs to whoever may write it (editors, filters, helpers, aliases,
includes). So the new one is read strictly, and each setting that was not there before must be one
of those below. What a user has put there by other means is theirs, and stays.
"""

import re
from collections.abc import Iterator

_SECTION = re.compile(rb'\[(?P<name>[A-Za-z0-9.-]+)(?: "(?P<sub>(?:[^"\\\n]|\\["\\])*)")?\]')
_SETTING = re.compile(rb"(?P<key>[A-Za-z][A-Za-z0-9-]*)(?:\s*=\s*(?P<value>.*))?")
_ESCAPES = {b"\\n": b"\n", b"\\t": b"\t", b"\\b": b"\b", b'\\"': b'"', b"\\\\": b"\\"}

_ANY = r"[^\x00-\x1f\x7f]*"
_WORD = r"[A-Za-z0-9][A-Za-z0-9._/+@-]*"
_URL = r"https?://[^\x00-\x20\x7f@\\]+"
_REFSPEC = r"[+^]?[^\x00-\x20\x7f:\\]*(?::[^\x00-\x20\x7f:\\]*)?"
_CHOICE = r"[A-Za-z0-9.,_ -]*"

_ALLOWED = {
    r"core\.(?:repositoryformatversion|abbrev|compression|loosecompression)": _CHOICE,
    r"core\.(?:filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf|eol"
    r"|safecrlf|quotepath|sparsecheckout|sparsecheckoutcone"
    r"|checkstat|trustctime|whitespace|commentchar)": r"[^\x00-\x1f\x7f/\\]*",
    r"extensions\.(?:objectformat|partialclone|noop)": _WORD,
    r"remote\.[^\x00-\x1f]+\.(?:url|pushurl)": _URL,
    r"remote\.[^\x00-\x1f]+\.(?:fetch|push)": _REFSPEC,
    r"remote\.[^\x00-\x1f]+\.(?:tagopt|prune|prunetags|mirror|skipdefaultupdate|skipfetchall|promisor"
    r"|partialclonefilter)": r"[A-Za-z0-9:=-]*",
    r"remote\.pushdefault": _WORD,
    r"branch\.[^\x00-\x1f]+\.(?:remote|pushremote)": rf"{_WORD}|\.",
    r"branch\.[^\x00-\x1f]+\.merge": r"refs/[^\x00-\x20\x7f:\\]+",
    r"branch\.[^\x00-\x1f]+\.rebase": _CHOICE,
    r"branch\.[^\x00-\x1f]+\.description": r"[^\x00]*",
    r"branch\.(?:autosetupmerge|autosetuprebase|sort)": _CHOICE,
    r"(?:user|author|committer)\.(?:name|email)": _ANY,
    r"user\.useconfigonly": _CHOICE,
    r"init\.defaultbranch": _WORD,
    r"(?:advice|color|column)\.[a-z.]+": _CHOICE,
    r"i18n\.[a-z]+": _CHOICE,
    r"(?:pull\.(?:rebase|ff)|push\.(?:default|autosetupremote|followtags)|fetch\.(?:prune|prunetags)"
    r"|merge\.(?:ff|conflictstyle|renames|stat)|rebase\.(?:autosquash|autostash|updaterefs)"
    r"|rerere\.(?:enabled|autoupdate)|status\.[a-z]+|log\.(?:abbrevcommit|date|decorate|follow)|tag\.sort"
    r"|commit\.(?:status|verbose)"
    r"|diff\.(?:algorithm|renames|context|mnemonicprefix|noprefix|colormoved|submodule))": _CHOICE,
    r"gc\.auto|pack\.(?:threads|window|depth)|index\.(?:version|threads)": _CHOICE,
    r"options\.(?:edit|no-commit|signoff|mainline|allow-ff|allow-rerere-auto|record-origin|no-edit"
    r"|keep-redundant-commits|allow-empty|allow-empty-message)": _CHOICE,
}  # fmt: skip
"""Names, sections and keys in lower case, with the values that each may have."""
_TABLE = tuple((re.compile(name), re.compile(value)) for name, value in _ALLOWED.items())


class Unreadable(Exception):
    """A line that is none of those that git writes."""


def allowed_setting(name: str, value: str) -> bool:
    """Whether a run may leave this; ``name`` is ``section.key`` or ``section.subsection.key``."""
    section, dot, rest = name.partition(".")
    middle, last, key = rest.rpartition(".")
    lowered = f"{section.lower()}{dot}{middle}{last}{key.lower()}"
    return any(n.fullmatch(lowered) and v.fullmatch(value) for n, v in _TABLE)


def unfit_settings(before: bytes, after: bytes) -> str | None:
    """Why ``after`` may not take the place of ``before``, or None."""
    try:
        known = set(_settings(before))
    except Unreadable:
        known = set()  # nothing of it counts as known, then
    try:
        for name, value in _settings(after):
            if (name, value) not in known and not allowed_setting(name, value):
                return f"the setting {_shown(name)}, which could have programs run"
    except Unreadable as error:
        return f"a configuration with {error}"
    return None


def _settings(data: bytes) -> Iterator[tuple[str, str]]:
    """Every setting by its full name; raises ``Unreadable`` for what git would not write."""
    section = b""
    for line in data.split(b"\n"):
        text = line.strip(b" \t\r")
        if not text or text[:1] in (b"#", b";"):
            continue
        found = _SECTION.fullmatch(text)
        if found:
            section = found["name"]
            if found["sub"] is not None:
                section += b"." + re.sub(rb"\\(.)", rb"\1", found["sub"])
            continue
        setting = _SETTING.fullmatch(text)
        if setting is None or not section:
            raise Unreadable("a line that git would not write")
        raw = b"true" if setting["value"] is None else setting["value"]
        name, value = section + b"." + setting["key"], _value(raw)
        try:
            yield name.decode(), value.decode()
        except UnicodeDecodeError:
            raise Unreadable("bytes that are not UTF-8") from None


def _value(raw: bytes) -> bytes:
    """A value without quotes, escapes and comments."""
    parts, quoted, at = bytearray(), False, 0
    while at < len(raw):
        char = raw[at : at + 1]
        if char == b"\\":
            pair = raw[at : at + 2]
            if pair not in _ESCAPES:  # also a line that goes on
                raise Unreadable("a value that goes on, or an escape that is none")
            parts += _ESCAPES[pair]
            at += 2
            continue
        if char == b'"':
            quoted = not quoted
        elif char in (b"#", b";") and not quoted:
            break
        else:
            parts += char
        at += 1
    if quoted:
        raise Unreadable("a quote without its end")
    return bytes(parts).strip(b" \t") if b'"' not in raw else bytes(parts)


def _shown(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name[:100])
