"""Libraries above ``urllib3``, as a program brings them along in its workspace."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from tests.network.network_room import Connected, Served, granted

PACKAGES = ("requests", "urllib3", "idna", "certifi", "charset_normalizer")
PROGRAM = """\
import requests
session = requests.Session()
answer = session.get({plain!r} + "/one", params={{"a": "b"}})
print(answer.status_code, answer.text.strip(), answer.headers["Date"])
print(session.get({secure!r} + "/two").text.strip())
print(session.post({plain!r} + "/echo", json={{"a": [1, 2]}}).json())
print(session.get({plain!r} + "/redirect?" + {plain!r} + "/there").text.strip())
try:
    session.get("http://127.0.0.1:1/")
except requests.exceptions.ConnectionError as error:
    print("net.connect" in str(error))
"""


def bring(workspace: Path) -> None:
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            pytest.skip(f"{name} is not installed")
        shutil.copytree(
            Path(spec.origin).parent,
            workspace / name,
            ignore=shutil.ignore_patterns("*.so", "__pycache__"),
        )


def test_requests(connected: Connected, server: Served, secure: Served) -> None:
    bring(connected.os2.workspace)
    connected.grant(granted(server, methods=["GET", "POST"]), granted(secure, ca="own.pem"))
    ran = connected.python(PROGRAM.format(plain=server.url, secure=secure.url))
    assert ran.text.splitlines() == [
        "200 answer 1 to GET /one now-1",
        "answer 1 to GET /two",
        "{'a': [1, 2]}",
        "answer 4 to GET /there",
        "True",
    ]
    server.stop()
    secure.stop()
    assert connected.verdicts()[0]["verdict"] == "identical"
