"""Secrets of requests are nowhere in what is kept: a keyed digest stands for each."""

import base64
from pathlib import Path

import pytest

from os2shell.executors.keys import KeyRing
from os2shell.executors.network.question import Exchange, Terms, same_question
from os2shell.executors.network.secret import Keyed, blind, is_secret, traces_of
from os2shell.policy.network import Origin
from tests.network.network_room import Connected, Served, granted

WORD = "Zx9-opens-every-door"
PROGRAM = """\
import base64, sys, urllib.request
word = bytes(code - 1 for code in {shifted}).decode()
def ask(path, **headers):
    asked = urllib.request.Request({url!r} + path, headers={{k.replace("_", "-"): v for k, v in headers.items()}})
    try:
        return urllib.request.urlopen(asked).status
    except OSError as error:
        return type(error).__name__, getattr(error, "errno", None)
basic = "Basic " + base64.b64encode(("me:" + word).encode()).decode()
print(ask("/a", Authorization="Bearer " + word), ask("/b", Authorization=basic))
print(ask("/c", Cookie="sid=" + word), ask("/d", X_Api_Key=word), ask("/e", Proxy_Authorization=word))
print(ask("/f?x=1&access_token=" + word + "&y=2"), ask("/mirror", X_Auth_Token=word))
print(ask("/cookie"))
"""


def kept_bytes(connected: Connected) -> bytes:
    state = connected.os2.workspace / ".os2"
    return b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())


def test_no_secret_is_kept_anywhere(connected: Connected, server: Served) -> None:
    connected.grant(granted(server))
    shifted = [ord(char) + 1 for char in WORD]
    ran = connected.python(PROGRAM.format(shifted=shifted, url=server.url))
    assert ran.text.splitlines()[0] == "200 200"
    assert server.asked.count(WORD.encode()) == 5  # but for the two of one hop and of Basic
    connected.os2.run("ledger", "grep", "nothing", code=5)  # the index is a copy too
    kept = kept_bytes(connected)
    for secret in (WORD, "me:" + WORD, "cookie-of-the-server-0815"):
        assert secret.encode() not in kept
    assert base64.b64encode(f"me:{WORD}".encode()) not in kept
    assert b"access_token=(keyed:" in kept
    assert connected.events()["net_exchange_failed"]["rows"][0][2] == "secret_repeated"
    server.stop()
    assert connected.verdicts()[0]["verdict"] == "identical"
    keys = connected.os2.home / ".local" / "share" / "os2shell" / "keys"
    (key,) = keys.glob("*.network")
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_bytes() not in kept


def test_another_secret_is_another_question(connected: Connected, server: Served) -> None:
    connected.grant(granted(server))
    source = (
        "import urllib.request\n"
        f"asked = urllib.request.Request('{server.url}/', headers={{'X-Token': 'one' * 4}})\n"
        "print(urllib.request.urlopen(asked).status)\n"
    )
    connected.python(source)
    connected.os2.write("prog.py", source.replace("'one'", "'two'"))
    (run,) = connected.verdicts("--against", "workspace", code=1)
    assert run["divergence"]["what"] == "another question"
    assert "keyed" in run["divergence"]["got"]
    assert run["divergence"]["site"]["line"] == 3


def exchange(value: str, key: bytes, target: str = "/") -> Exchange:
    terms = Terms(private=False, cookies=False, ca="", response_bytes=1, time_ns=1)
    headers = (("Authorization", value), ("X-Plain", "seen"))
    origin = Origin("https", "a.example.org", 443)
    return Exchange("GET", origin, target, headers, None, terms, lambda: Keyed(key))


def test_secrets_are_compared_under_one_key_and_seen_under_two() -> None:
    one, other = bytes(32), bytes([1]) * 32
    recorded = exchange("first", one).body()
    assert same_question(recorded, exchange("first", one).body())
    assert not same_question(recorded, exchange("second", one).body())
    assert same_question(recorded, exchange("second", other).body())
    assert not same_question(recorded, exchange("second", other, "/x").body())
    adopted = exchange("second", other)
    adopted.adopt(recorded)
    assert adopted.body() == recorded


def test_one_secret_has_another_digest_under_each_name() -> None:
    keyed = Keyed(bytes(32))
    assert keyed.header("Cookie", "a") == keyed.header("cookie", "a")
    assert keyed.header("Cookie", "a") != keyed.header("X-Token", "a")


def test_nothing_shows_a_question_s_secrets() -> None:
    effect = exchange("hunter2hunter2", bytes(32), "/?api_key=hunter2hunter2")
    for shown in (repr(effect), str(effect.body()), effect.url, repr(Keyed(b"k" * 32))):
        assert "hunter2" not in shown
        assert "kkk" not in shown
    assert "(keyed)" in str(blind(effect.url))


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("Authorization", True),
        ("Cookie", True),
        ("X-Api-Key", True),
        ("X-Amz-Security-Token", True),
        ("PRIVATE-TOKEN", True),
        ("X-Session-Id", True),
        ("User-Agent", False),
        ("Accept", False),
        ("Content-Type", False),
        ("If-None-Match", False),
    ],
)
def test_which_headers_are_secrets(name: str, *, secret: bool) -> None:
    assert is_secret(name) is secret


def test_secrets_are_looked_for_in_every_form() -> None:
    found = set(traces_of((("Authorization", "Basic bWU6b3BlbnNlc2FtZQ=="),), "/?sig=abcdefgh"))
    assert {b"bWU6b3BlbnNlc2FtZQ==", b"me:opensesame", b"opensesame", b"abcdefgh"} <= found
    assert set(traces_of((("Cookie", "a=longvalue; b=x"),), "/")) >= {b"longvalue"}


def test_the_key_is_made_once_and_whole(tmp_path: Path) -> None:
    keys, workspace = tmp_path / "keys", tmp_path / "work"
    workspace.mkdir()
    ring = KeyRing(keys, workspace)
    origin = ring.create("node").public.name
    assert ring.network_key(origin, make=False) is None
    key = ring.network_key(origin, make=True)
    assert key is not None
    assert len(key) == 32
    assert ring.network_key(origin, make=True) == key
    assert KeyRing(keys, workspace).network_key(origin, make=False) == key
    assert not list(keys.glob(".*"))


ASK = """\
import sys, urllib.request
for path in sys.argv[2:]:
    try:
        asked = urllib.request.Request(sys.argv[1] + path, headers={"Authorization": "mine, not yours"})
        print(urllib.request.urlopen(asked).status)
    except OSError as error:
        print(getattr(error, "reason", error))
"""


def keep_credential(connected: Connected, text: str, mode: int = 0o600) -> Path:
    path = connected.os2.home / ".config" / "os2shell" / "credentials" / "api"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_credential_is_added_outside_and_kept_nowhere(
    connected: Connected, secure: Served
) -> None:
    keep_credential(connected, f"Bearer {WORD}\n")
    connected.grant(granted(secure, ca="own.pem", credential="api"))
    connected.os2.write("prog.py", ASK)
    ran = connected.os2.run("python", "prog.py", secure.url, "/one", "/mirror")
    assert ran.text.splitlines()[0] == "200"
    assert "secret_repeated" in ran.text
    assert secure.asked.count(b"Authorization: Bearer " + WORD.encode()) == 2
    assert b"not yours" not in secure.asked
    assert WORD.encode() not in kept_bytes(connected)
    assert "with the credential api" in connected.os2.run("cap", "show").text
    secure.stop()
    assert connected.verdicts()[0]["verdict"] == "identical"


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        (None, 0o600, "cannot be read"),
        (f"Bearer {WORD}", 0o644, "chmod 600"),
        (f"Bearer {WORD}\nX: y", 0o600, "not one line"),
        ("", 0o600, "not one line"),
    ],
)
def test_a_credential_that_is_not_fit_is_not_used(
    connected: Connected, secure: Served, text: str | None, mode: int, told: str
) -> None:
    path = keep_credential(connected, text or "", mode)
    if text is None:
        path.unlink()
    connected.grant(granted(secure, ca="own.pem", credential="api"))
    connected.os2.write("prog.py", ASK)
    ran = connected.os2.run("python", "prog.py", secure.url, "/one")
    assert "credential_missing" in ran.text
    assert told in ran.text
    assert WORD not in ran.text
    assert secure.asked == b""


def test_credentials_inside_the_workspace_are_nobody_s(
    connected: Connected, secure: Served
) -> None:
    connected.grant(granted(secure, ca="own.pem", credential="api"))
    connected.os2.env["XDG_CONFIG_HOME"] = str(connected.os2.workspace)
    connected.os2.write("os2shell/credentials/api", f"Bearer {WORD}").chmod(0o600)
    connected.os2.write("prog.py", ASK)
    ran = connected.os2.run("python", "prog.py", secure.url, "/one")
    assert "inside the workspace" in ran.text
    assert secure.asked == b""
