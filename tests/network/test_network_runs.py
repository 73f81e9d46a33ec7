"""Programs that use the network: recorded once, replayed without it, told apart where they differ."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.network.network_room import Connected, Served, certificate, granted, table

GET = """\
import urllib.request

def ask(path):
    with urllib.request.urlopen({url!r} + path) as answer:
        return answer.status, dict(answer.headers), answer.read()

print(ask("/one"))
print(ask("/two?a=b%20c"))
"""


def test_answers_are_recorded_and_replayed_without_the_server(
    connected: Connected, server: Served
) -> None:
    connected.grant(granted(server))
    ran = connected.python(GET.format(url=server.url))
    assert b"answer 1 to GET /one" in ran.out
    assert b"'Date': 'now-2'" in ran.out
    assert server.asked.count(b"HTTP/1.1") == 2
    event = connected.events()["net_exchange_completed"]
    assert event["count"] == 2
    assert event["rows"][1][:4] == [
        "GET",
        f"{server.url}/two?a=b%20c",
        200,
        f"127.0.0.1:{server.port}",
    ]
    server.stop()
    assert [each["verdict"] for each in connected.verdicts()] == ["identical"]
    assert server.asked.count(b"HTTP/1.1") == 2


def test_tls_ends_at_the_broker_and_is_verified(
    connected: Connected, secure: Served, folder: Path
) -> None:
    connected.grant(granted(secure, ca="own.pem"))
    ran = connected.python(GET.format(url=secure.url))
    assert b"answer 1 to GET /one" in ran.out
    loaded = connected.os2.json("ledger", "show", "1", "--json")
    assert "ca=blake3:" in str(loaded)
    secure.stop()
    assert connected.verdicts()[0]["verdict"] == "identical"


@pytest.mark.parametrize("how", ["no authority", "another authority", "another name"])
def test_a_server_nobody_vouches_for_is_not_asked(
    connected: Connected, secure: Served, folder: Path, how: str
) -> None:
    certificate(folder, name="other")
    other = {
        "no authority": granted(secure),
        "another authority": granted(secure, ca="other.pem"),
        "another name": granted(secure, ca="own.pem", hosts=["localhost"]),
    }
    connected.grant(other[how])
    url = secure.url.replace("127.0.0.1", "localhost") if how == "another name" else secure.url
    ran = connected.python(GET.format(url=url), code=1)
    assert b"CERTIFICATE_VERIFY_FAILED" in ran.err or b"is not vouched for" in ran.err
    assert secure.asked == b""
    assert connected.events()["net_exchange_failed"]["rows"][0][2] == "not_vouched_for"
    assert connected.verdicts()[0]["verdict"] == "identical"


BODIES = """\
import http.client
connection = http.client.HTTPConnection("127.0.0.1", {port}, timeout=5)
connection.request("POST", "/echo", body=b"x" * 200_000)
print(len(connection.getresponse().read()))
connection.request("PUT", "/echo", body=iter([b"one ", b"two"]))
print(connection.getresponse().read())
connection.request("HEAD", "/big")
answer = connection.getresponse()
print(answer.status, answer.headers["content-length"], answer.read())
connection.request("DELETE", "/nothing")
answer = connection.getresponse()
print(answer.status, answer.read())
connection.request("GET", "/chunks")
print(connection.getresponse().read())
connection.request("GET", "/hints")
print(connection.getresponse().read())
connection.request("GET", "/close")
print(connection.getresponse().read())
connection.request("GET", "/missing")
print(connection.getresponse().status)
"""


def test_bodies_in_both_directions(connected: Connected, server: Served) -> None:
    connected.grant(granted(server, methods=["GET", "HEAD", "POST", "PUT", "DELETE"]))
    ran = connected.python(BODIES.format(port=server.port))
    assert ran.out.splitlines() == [
        b"200000",
        b"b'one two'",
        b"200 65536 b''",
        b"204 b''",
        b"b'hello world'",
        b"b'ok'",
        b"b'to the end'",
        b"404",
    ]
    server.stop()
    assert connected.verdicts()[0]["verdict"] == "identical"


def test_restricted_programs_fetch(connected: Connected, server: Served) -> None:
    connected.grant(granted(server, methods=["GET", "POST"]), imports=["net"])
    code = (
        "import net\n"
        f"a = net.fetch('{server.url}/one')\n"
        "print(a.status, a.header('date'), a.text())\n"
        f"print(net.fetch('{server.url}/echo', method='POST', body=b'abc', headers={{'X-A': 'b'}}).body)\n"
        "try:\n    net.fetch('http://127.0.0.1:1/')\nexcept PermissionError as error:\n    print(error)\n"
    )
    connected.os2.write("prog.pyvm", code)
    ran = connected.os2.run("pyvm", "prog.pyvm")
    assert ran.text.splitlines()[0] == "200 now-1 answer 1 to GET /one"
    assert "b'abc'" in ran.text
    assert "holds net.connect for GET, POST at" in ran.text
    assert b"X-A: b" in server.asked
    server.stop()
    assert connected.verdicts()[0]["verdict"] == "identical"


@pytest.mark.parametrize("module", ["net", "urllib.request", "socket"])
def test_restricted_programs_have_no_other_way(
    connected: Connected, server: Served, module: str
) -> None:
    connected.grant(granted(server), imports=[] if module == "net" else [module])
    ran = connected.os2.run("pyvm", "--eval", f"import {module} as x", code=1)
    assert b"ImportError" in ran.err


def divergence(connected: Connected) -> dict[str, Any]:
    (run,) = connected.verdicts("--against", "workspace", code=1)
    assert run["verdict"] == "input_changed"
    found: dict[str, Any] = run["divergence"]
    return found


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('"/two?', '"/three?', "another question"),
        ('print(ask("/two?a=b%20c"))', "pass", "stdout"),
        ('print(ask("/one"))', 'print(ask("/one"))\nprint(ask("/one"))', "another question"),
    ],
)
def test_a_changed_program_asks_nobody(
    connected: Connected, server: Served, old: str, new: str, what: str
) -> None:
    connected.grant(granted(server))
    source = GET.format(url=server.url)
    connected.python(source)
    connected.os2.write("prog.py", source.replace(old, new))
    found = divergence(connected)
    assert what in found["what"]
    if what == "another question":
        assert found["site"]["file"] == "prog.py"
        assert found["site"]["line"] == 4
        assert "urlopen" in found["site"]["source"]
    assert server.asked.count(b"HTTP/1.1") == 2


def test_a_tampered_answer_is_found(connected: Connected, server: Served) -> None:
    connected.grant(granted(server))
    connected.python(
        f"import urllib.request\nprint(len(urllib.request.urlopen('{server.url}/big').read()))"
    )
    objects = connected.os2.workspace / ".os2" / "ledger" / "objects"
    body = b"0123456789abcdef" * 4096
    (kept,) = [
        path for path in objects.rglob("*") if path.is_file() and path.stat().st_size > 60_000
    ]
    assert kept.read_bytes() == body
    kept.chmod(0o600)
    kept.write_bytes(body.replace(b"f", b"g"))
    connected.os2.run("python-verify", code=1)
    ran = connected.os2.json("replay", "last", "--diff", "--json", code=1)
    (run,) = ran["runs"]
    assert run["verdict"] == "tampered"
    assert f"{server.url}/big" in str(run["divergence"])
    kept.unlink()
    (run,) = connected.os2.json("replay", "last", "--diff", "--json", code=1)["runs"]
    assert run["verdict"] == "tampered"


def test_a_bundle_replays_where_there_is_no_network_and_no_key(
    connected: Connected, server: Served, tmp_path: Path
) -> None:
    connected.grant(granted(server))
    source = (
        "import urllib.request\n"
        "token = bytes(range(97, 113)).decode()\n"
        f"asked = urllib.request.Request('{server.url}/big', headers={{'Authorization': token}})\n"
        "print(len(urllib.request.urlopen(asked).read()))\n"
    )
    connected.python(source)
    server.stop()
    connected.os2.run("export", "last", "-o", str(tmp_path / "case.os2z"))
    assert connected.verdicts()[0]["verdict"] == "identical"
    shutil.rmtree(connected.os2.workspace / ".os2")
    shutil.rmtree(connected.os2.home)
    connected.os2.home.mkdir()
    ran = connected.os2.json("python-verify", "--bundle", str(tmp_path / "case.os2z"), "--json")
    assert [run["verdict"] for run in ran["sessions"]] == ["identical"]


def test_one_request_costs_one_token(connected: Connected, server: Served) -> None:
    connected.grant(granted(server))
    code = "import urllib.request\nfor n in range(9):\n    urllib.request.urlopen({!r})\n"
    ran = connected.os2.run(
        "python", "--token-budget", "4", "-c", code.format(server.url + "/"), code=124
    )
    assert b"token_budget" in ran.err
    assert server.asked.count(b"HTTP/1.1") == 4
    usage = connected.events()["python_vm_sandbox_released"]["usage"]
    assert (usage["requests"], usage["tokens"]) == (4, 4)
    server.stop()
    assert connected.verdicts()[0]["verdict"] == "identical"


def test_grants_are_told_in_plain_words(connected: Connected, server: Served) -> None:
    connected.grant(
        granted(server), table(hosts=["*.example.org"], cookies=True), limits="requests = 7"
    )
    shown = connected.os2.run("cap", "show").text
    assert f"GET, HEAD at http://127.0.0.1:{server.port}" in shown
    assert "GET, HEAD at https://*.example.org:443, with its cookies" in shown
    assert "requests" in shown
    assert "net.connect     nobody" not in connected.os2.run("cap", "list").text
    doctor = connected.os2.run("doctor", code=None).text
    assert f"local: GET, HEAD at http://127.0.0.1:{server.port}" in doctor
    del connected.os2.env["OS2_MANIFEST"]
    assert "net.connect     nobody" in connected.os2.run("cap", "list").text
    assert "no program has the network" in connected.os2.run("doctor", code=None).text


def test_threads_ask_one_after_another(connected: Connected, server: Served) -> None:
    connected.grant(granted(server))
    code = (
        "import urllib.request\nfrom concurrent.futures import ThreadPoolExecutor\n"
        f"ask = lambda n: urllib.request.urlopen(f'{server.url}/{{n}}').read()\n"
        "with ThreadPoolExecutor(4) as pool:\n    print(list(pool.map(ask, range(8))))\n"
    )
    ran = connected.python(code)
    assert ran.out.count(b"answer") == 8
    server.stop()
    assert connected.verdicts()[0]["verdict"] == "identical"


def test_a_child_process_has_no_broker(connected: Connected, server: Served) -> None:
    connected.grant(granted(server))
    child = f"import urllib.request; urllib.request.urlopen({server.url!r})"
    ran = connected.python(
        "import subprocess, sys\n"
        f"print(subprocess.run([sys.executable, '-c', {child!r}], stderr=-1, text=True).stderr)\n"
    )
    assert "a child process has no broker" in ran.text
    assert server.asked == b""
