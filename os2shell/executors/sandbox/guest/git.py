"""Runs git, which is a program of its own, in the place of a Python program: no patches, no net, no traps.

Git gets a fixed environment, no configuration but its user's name, and no editor, pager, hook or shell. Its
remote helper (``remote``) has no way out either: it speaks to this process over a socket in ``/tmp``, and
this process asks the host's broker, one exchange at a time, in the order in which they come.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,type-arg"

import _socket
import os
import select

from . import broker
from .channel import Channel, fields_of
from .remote import ENVIRONMENT, SOCKET, packed, read_message

GIT = "/tools/libexec/git-core/git"
_CONFIG = "/tmp/.gitconfig"
_UNIX, _STREAM = 1, 1
_COMMIT_BYTES = 30_000
"""Of a commit as an object: longer ones are not told, for a request has an end."""
_SIGNALLED, _INTERRUPTED, _KILL = 128, 130, 9
_OVERRIDES = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.askPass", ""),
    ("core.attributesFile", "/dev/null"),
    ("core.checkStat", "default"),
    ("core.excludesFile", "/dev/null"),
    ("core.packedGitWindowSize", "32m"),
    ("core.packedGitLimit", "256m"),
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
    ("core.trustctime", "true"),
    ("checkout.workers", "1"),
    ("credential.helper", ""),
    ("fetch.parallel", "1"),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    ("gc.auto", "0"),
    ("gc.pruneExpire", "never"),
    ("grep.threads", "1"),
    ("index.threads", "1"),
    ("maintenance.auto", "false"),
    ("pack.threads", "1"),
    ("protocol.allow", "never"),
    ("protocol.http.allow", "always"),
    ("protocol.https.allow", "always"),
    ("protocol.version", "2"),
    ("safe.directory", "*"),
    ("transfer.bundleURI", "false"),
    ("transfer.fsckObjects", "true"),
)  # fmt: skip
"""What no configuration of a repository changes: nothing is started, nothing runs beside, nothing goes out.

Files inside have one time of change, so only the times of their inodes tell an edit of the same size; and the
age of an object tells nothing, so none is thrown away for it.
"""


def main(channel: Channel, job) -> int:
    """Run one job of git; the value is the exit code."""
    folder, words = os.fsdecode(job[3]), [os.fsdecode(word) for word in job[4].split(b"\0")]
    name, email, branch, zone, *arguments = words
    broker.install(channel)
    _write_config(name, email, branch)
    environment = _environment(int(job[7]) // 1_000_000_000, zone)
    listener = _socket.socket(_UNIX, _STREAM, 0)
    listener.bind(SOCKET)
    listener.listen(8)
    pid = os.posix_spawn(GIT, ["git", *arguments], environment, setpgroup=0)
    try:
        status = _serve(listener, pid)
        if os.WIFSIGNALED(status):
            return _SIGNALLED + os.WTERMSIG(status)  # untold: the host reads it as that signal
        code = os.waitstatus_to_exitcode(status)
        _tell(channel, code, _commit(folder, environment))
    except KeyboardInterrupt:
        _kill(pid)
        return _INTERRUPTED
    return code


def _kill(pid: int) -> None:
    """End git and what it started; what else there is the host ends."""
    try:
        os.killpg(pid, _KILL)
    except ProcessLookupError:
        pass


def _tell(channel: Channel, code: int, commit: bytes) -> None:
    """The commit's object, where there is one, and the outcome."""
    if commit:
        channel.ask(b"git.commit " + commit.hex().encode(), b"")
    channel.send(b"outcome", b"%d" % code, b"exit")
    channel.receive()


def _write_config(name: str, email: str, branch: str) -> None:
    """What stands where a user's own configuration would: it gives way to the repository's."""
    lines = ["[user]", f"\tname = {_quoted(name)}" if name else ""]
    lines += [f"\temail = {_quoted(email)}" if email else "", "\tuseConfigOnly = true"]
    lines += ["[init]", f"\tdefaultBranch = {_quoted(branch)}"] if branch else []
    number = os.open(_CONFIG, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(number, "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n")
    os.close(number)


def _quoted(text: str) -> str:
    """A value as git's configuration writes one (git-config(1), "Syntax")."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def _environment(seconds: int, zone: str) -> dict:
    """All of git's environment."""
    date = f"@{seconds} {zone}"
    words = {
        **ENVIRONMENT,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
        "GIT_TEST_DATE_NOW": f"{seconds}",
        "GIT_CONFIG_GLOBAL": _CONFIG,
        "GIT_CONFIG_COUNT": f"{len(_OVERRIDES)}",
    }
    for number, (key, value) in enumerate(_OVERRIDES):
        words[f"GIT_CONFIG_KEY_{number}"] = key
        words[f"GIT_CONFIG_VALUE_{number}"] = value
    return words


def _serve(listener, pid: int) -> int:
    """Answer what the helper asks until git has ended; git's wait status."""
    ended = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(listener, select.POLLIN)
    while True:
        ready = [number for number, _ in poll.poll()]
        if listener.fileno() in ready:
            number, _ = listener._accept()
            asking = open(number, "r+b", buffering=0)
            _answer(asking)
            asking.close()  # not where Ctrl-C came: the helper would complain before it is ended
        elif ended in ready:
            return os.waitpid(pid, 0)[1]


def _answer(asking) -> None:
    """One exchange: what the helper says, told to the host, and what came of it."""
    try:
        scheme, host, port, method, target, lines, body = read_message(asking)
    except (EOFError, OSError, ValueError):
        return  # a helper that died, or something else that asks
    headers = [line.split(": ", 1) for line in lines.decode("latin-1").split("\n") if line]
    where = (scheme.decode(), host.decode("latin-1"), port.decode())
    words = (method.decode(), target.decode("latin-1"))
    try:
        told = [b"answer", *broker.BROKER.exchange(where, words, headers, body)]
    except OSError as error:
        told = [b"failed", str(error.strerror or error).encode()]
    view = memoryview(packed(*told))
    try:
        while view:
            view = view[asking.write(view) :]
    except OSError:
        pass  # nobody waits for it any more


def _commit(folder: str, environment) -> bytes:
    """The object of the commit that HEAD names, where there is one."""
    place = os.path.normpath(os.path.join("/w", folder))
    if not os.path.isdir(place):
        return b""
    reading, writing = os.pipe()
    null = os.open(os.devnull, os.O_WRONLY)
    actions = [(os.POSIX_SPAWN_DUP2, writing, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
    words = ["git", "-C", place, "cat-file", "commit", "HEAD"]
    pid = os.posix_spawn(GIT, words, environment, file_actions=actions)
    os.close(writing)
    data = b""
    with open(reading, "rb", buffering=0) as pipe:
        while len(data) <= _COMMIT_BYTES and (piece := pipe.read(1 << 16)):
            data += piece
    status = os.waitpid(pid, 0)[1]
    return data if status == 0 and len(data) <= _COMMIT_BYTES else b""
