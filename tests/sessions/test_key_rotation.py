"""``os2 ledger keys``: a new key for a workspace's ledger, in a real shell."""

import json
import threading
from pathlib import Path

import jsonschema

from ledger import Entry, TokenSignatureLedger, load_key, verify
from tests.house import ROOT, Os2


def keys_of(os2: Os2) -> Path:
    return os2.home / ".local" / "share" / "os2shell" / "keys"


def ledger_of(os2: Os2) -> Path:
    return os2.workspace / ".os2" / "ledger"


def key_of(os2: Os2) -> Path:
    found = list(keys_of(os2).glob("*.key"))
    assert len(found) == 1
    return found[0]


def test_a_workspace_gets_a_new_key(os2: Os2) -> None:
    os2.run("pyvm", "--eval", "1")
    old = load_key(key_of(os2))
    assert os2.run("ledger", "keys", "export-public").text == f"{old.public}\n"
    denied = os2.run("ledger", "keys", "rotate", code=126)
    assert "admin" in denied.errors
    assert load_key(key_of(os2)).public == old.public
    rotated = os2.run("--manifest", "keeper", "ledger", "keys", "rotate")
    fresh = load_key(key_of(os2))
    assert str(fresh.public) in rotated.text
    assert old.secret_text().encode() not in b"".join(
        path.read_bytes() for path in keys_of(os2).iterdir()
    )
    os2.run("pyvm", "--eval", "2")
    shown = os2.json("ledger", "keys", "list", "--json")
    schema = json.loads((ROOT / "os2shell" / "schemas" / "ledger-keys-1.json").read_text())
    jsonschema.validate(shown, schema, cls=jsonschema.Draft202012Validator)
    assert [row["public_key"] for row in shown["epochs"]] == [str(old.public), str(fresh.public)]
    found = os2.json("ledger", "verify", "--json")
    assert (found["status"], found["trusted"], found["signer"]) == ("ok", True, str(fresh.public))
    kinds = [row["kind"] for row in os2.json("ledger", "log", "--json")["records"]]
    at = kinds.index("ledger.rotated")
    assert kinds[at - 1 : at + 3] == [
        "command.admitted",
        "ledger.rotated",
        "ledger.accepted",
        "command.finished",
    ]
    assert os2.run("replay", "last")
    assert os2.run("python-verify")


def test_words_that_are_none(os2: Os2) -> None:
    os2.run("ledger", "keys", code=2)
    os2.run("ledger", "keys", "burn", code=2)
    os2.run("ledger", "keys", "rotate", "now", code=2)
    assert "ledger keys rotate" in os2.run("ledger", "keys", "rotate", "--help").text
    os2.run("ledger", "keys", "list", code=5)


def test_whoever_has_the_new_key_cannot_put_another_past_before_it(os2: Os2) -> None:
    """The epochs kept beside the key bind what was signed before it was made."""
    os2.run("pyvm", "--eval", "1")
    os2.run("--manifest", "keeper", "ledger", "keys", "rotate")
    os2.run("pyvm", "--eval", "2")
    thief = load_key(key_of(os2))
    forged = os2.workspace / "forged"
    with TokenSignatureLedger.open(forged, thief, clock=lambda: 0, node="n") as ledger:
        ledger.append(Entry("another past", {}))
    assert verify(forged, thief.public).status == "ok", "by the newest key alone it holds"
    ledger_of(os2).rename(os2.workspace / "true")
    forged.rename(ledger_of(os2))
    found = os2.json("ledger", "verify", "--json", code=1)
    assert "another history of keys" in found["first_bad"]["reason"]


def test_a_shell_that_was_open_meanwhile_goes_on(os2: Os2) -> None:
    os2.run("pyvm", "--eval", "1")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(4):
                os2.run("pyvm", "--eval", str(number))
        except BaseException as failure:  # noqa: BLE001 - reported by the one who waits
            failures.append(failure)

    worker = threading.Thread(target=work)
    worker.start()
    for _ in range(2):
        os2.run("--manifest", "keeper", "ledger", "keys", "rotate")
    worker.join()
    assert not failures
    assert len(os2.json("ledger", "keys", "list", "--json")["epochs"]) == 3
    assert os2.json("ledger", "verify", "--json")["status"] == "ok"


def test_no_ledger_begins_where_its_key_would_lie_in_the_workspace(os2: Os2) -> None:
    os2.env["XDG_DATA_HOME"] = str(os2.workspace / "data")
    told = os2.run("pyvm", "--eval", "1", code=None)
    assert told.code != 0
    assert "inside the workspace" in told.errors
    assert "XDG_DATA_HOME" in told.errors
    assert not list(os2.workspace.rglob("*.key"))
