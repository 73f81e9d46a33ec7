"""What programs are refused, in words that lead on; and that nothing else is reached."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.network.network_room import Connected, Served, granted, table

TRY = """\
import sys, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=10).read())
except OSError as error:
    reason = getattr(error, "reason", error)
    print(type(reason).__name__, reason)
"""


def test_without_the_capability_the_error_names_it(connected: Connected, server: Served) -> None:
    connected.os2.write("prog.py", TRY)
    ran = connected.os2.run("python", "prog.py", server.url)
    assert ran.text.startswith("PermissionError")
    assert "token local does not hold net.connect" in ran.text
    assert "--manifest" in ran.text
    event = connected.events()["net_exchange_denied"]
    assert event["rows"][0][:3] == ["GET", f"{server.url}/", "net.connect"]
    assert server.asked == b""
    assert connected.verdicts()[0]["verdict"] == "identical"


def test_raw_sockets_are_refused_as_ever_and_name_the_way(connected: Connected) -> None:
    code = """\
import asyncio, errno, socket
for made in (lambda: socket.create_connection(("127.0.0.1", 1)), lambda: socket.socket(),
             lambda: socket.getaddrinfo("example.org", 80),
             lambda: asyncio.run(asyncio.open_connection("example.org", 80))):
    try:
        made()
        print("made")
    except OSError as error:
        print(errno.errorcode.get(error.errno, error.errno), "urllib.request" in str(error))
"""
    ran = connected.python(code)
    rows = [line.split() for line in ran.text.splitlines()]
    assert [row[0] for row in rows[:2]] == ["ENETUNREACH", "ENETUNREACH"]
    assert [row[1] for row in rows] == ["True"] * 4


@pytest.mark.parametrize(
    ("grant", "url", "rule"),
    [
        ({"methods": ["HEAD"]}, "{url}/", "net.connect:GET http://127.0.0.1:"),
        ({"ports": [1]}, "{url}/", "net.connect:GET http://127.0.0.1:"),
        ({"schemes": ["https"]}, "{url}/", "net.connect:GET http://127.0.0.1:"),
        ({"hosts": ["*.example.org"]}, "{url}/", "net.connect:GET http://127.0.0.1:"),
        ({}, "http://127.0.0.2:{port}/", "net.connect:GET http://127.0.0.2:"),
        ({}, "http://localhost:{port}/", "net.connect:GET http://localhost:"),
        ({}, "http://127.1:{port}/", "net.request:host"),
        ({}, "http://2130706433:{port}/", "net.request:host"),
        ({}, "http://[::ffff:127.0.0.1]:{port}/", "net.connect:GET http://[::ffff:127.0.0.1]:"),
        ({}, "http://example.org@127.0.0.1:{port}/", "net.request:host"),
    ],
)
def test_out_of_scope(
    connected: Connected, server: Served, grant: dict[str, object], url: str, rule: str
) -> None:
    keys = {"hosts": ["127.0.0.1"], "ports": [server.port], "schemes": ["http"], **grant}
    connected.grant(table(**keys))
    connected.os2.write("prog.py", TRY)
    ran = connected.os2.run("python", "prog.py", url.format(url=server.url, port=server.port))
    assert ran.text.startswith("PermissionError"), ran
    assert f"(rule {rule}" in ran.text
    assert server.asked == b""
    assert connected.events()["net_exchange_denied"]["rows"][0][2].startswith(rule)
    assert connected.verdicts()[0]["verdict"] == "identical"


def test_a_redirect_is_followed_by_asking_again(
    connected: Connected, server: Served, folder: Path
) -> None:
    connected.grant(granted(server))
    connected.os2.write("prog.py", TRY)
    ran = connected.os2.run("python", "prog.py", f"{server.url}/redirect?{server.url}/there")
    assert b"answer 2 to GET /there" in ran.out
    other = Served.start(folder)
    ran = connected.os2.run("python", "prog.py", f"{server.url}/redirect?{other.url}/there")
    other.stop()
    assert ran.text.startswith("PermissionError")
    assert f"rule net.connect:GET {other.url}" in ran.text
    assert other.asked == b""
    server.stop()
    assert [run["verdict"] for run in connected.verdicts()] == ["identical", "identical"]


def test_limits_of_size_and_time_are_errors_by_name(connected: Connected, server: Served) -> None:
    connected.grant(granted(server), limits="response_mib = 1\nseconds = 1")
    connected.os2.write("prog.py", TRY)
    ran = connected.os2.run("python", "prog.py", f"{server.url}/huge")
    assert "response_too_large" in ran.text
    began = time.monotonic()
    ran = connected.os2.run("python", "prog.py", f"{server.url}/slow")
    assert ran.text.startswith("TimeoutError")
    assert time.monotonic() - began < 10
    server.stop()
    assert [run["verdict"] for run in connected.verdicts()] == ["identical", "identical"]


def test_a_body_beyond_the_limit_is_refused_and_far_beyond_ends_the_run(
    connected: Connected, server: Served
) -> None:
    connected.grant(granted(server, methods=["POST"]), limits="request_mib = 1")
    code = TRY.replace("timeout=10", f"data=bytes({(1 << 20) + 1}), timeout=10")
    connected.os2.write("prog.py", code)
    ran = connected.os2.run("python", "prog.py", server.url)
    assert "rule network.request_mib" in ran.text
    connected.os2.write("prog.py", code.replace("1048577", "80_000_000"))
    ran = connected.os2.run("python", "prog.py", server.url, code=137)
    assert b"protocol" in ran.err
    assert server.asked == b""


FLOOD = """\
import urllib.request
refused = 0
for n in range({many}):
    try:
        urllib.request.urlopen({url!r})
    except OSError:
        refused += 1
print(refused)
"""


def test_a_flood_meets_its_limit_and_leaves_a_short_record(
    connected: Connected, server: Served
) -> None:
    connected.grant(granted(server), limits="requests = 5")
    ran = connected.python(FLOOD.format(many=300, url=server.url))
    assert ran.text == "295\n"
    assert server.asked.count(b"HTTP/1.1") == 5
    events = connected.events()
    assert events["net_exchange_completed"]["count"] == 5
    assert events["net_exchange_denied"]["count"] == 295
    assert len(events["net_exchange_denied"]["rows"]) == 16
    server.stop()
    assert connected.verdicts()[0]["verdict"] == "identical"


def test_the_wall_ends_a_run_while_it_waits(connected: Connected, server: Served) -> None:
    connected.grant(granted(server), limits="seconds = 60")
    path = Path(connected.os2.env["OS2_MANIFEST"])
    path.write_text(path.read_text().replace("wall_seconds = 300", "wall_seconds = 2"))
    began = time.monotonic()
    ran = connected.python(TRY.replace("sys.argv[1]", repr(f"{server.url}/silent")), code=124)
    assert time.monotonic() - began < 10
    assert b"limit.wall" in ran.err
    assert connected.events()["net_exchange_failed"]["rows"][0][2] == "unanswered"
    assert connected.verdicts()[0]["verdict"] == "recorded_only"


def wait_for(server: Served, what: bytes) -> None:
    deadline = time.monotonic() + 30
    while what not in server.asked:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_during_an_exchange(connected: Connected, server: Served) -> None:
    connected.grant(granted(server))
    connected.os2.write(
        "prog.py",
        "import urllib.request\ntry:\n"
        f"    urllib.request.urlopen('{server.url}/silent')\n"
        "except KeyboardInterrupt:\n"
        f"    print(urllib.request.urlopen('{server.url}/after').read(), flush=True)\n",
    )
    process = connected.os2.start("python", "prog.py")
    wait_for(server, b"GET /silent")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert b"answer 2 to GET /after" in out
    events = connected.events()
    assert events["net_exchange_failed"]["rows"][0][1:3] == [f"{server.url}/silent", "unanswered"]
    assert events["net_exchange_completed"]["count"] == 1
    assert connected.verdicts()[0]["verdict"] == "recorded_only"


def test_a_killed_shell_leaves_a_corpse_that_names_the_exchange(
    connected: Connected, server: Served
) -> None:
    connected.grant(granted(server))
    connected.os2.write(
        "prog.py",
        "import urllib.request\n"
        f"urllib.request.urlopen('{server.url}/one')\n"
        f"urllib.request.urlopen('{server.url}/silent?token=hushhush')\n",
    )
    process = connected.os2.start("python", "prog.py")
    wait_for(server, b"GET /silent")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    ran = connected.os2.run("pyvm", "--eval", "1")
    assert b"was interrupted when its shell died" in ran.err
    assert f"net.exchange GET {server.url}/silent?token=(keyed:".encode() in ran.err
    (record,) = connected.os2.records("--kind", "command.interrupted")
    shown = connected.os2.run("ledger", "show", str(record["seq"]), "--json").text
    assert "unanswered" in shown
    assert "nested" in shown
    assert "hushhush" not in shown
