"""Every ``--json`` answer obeys the schema that is shipped with it."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.house import ROOT, Os2

SCHEMAS = ROOT / "os2shell" / "schemas"


def schema(body: Any) -> Any:
    """The shipped schema that ``body`` names."""
    name = str(body["schema"]).removeprefix("os2.").replace("/", "-")
    return json.loads((SCHEMAS / f"{name}.json").read_text())


def check(body: Any) -> None:
    jsonschema.validate(body, schema(body), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_schema_is_one(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_answers_of_a_whole_ledger(os2: Os2) -> None:
    os2.write("a.py", "print(open('in').read())")
    os2.write("in", "1")
    os2.run("python", "a.py")
    check(os2.json("ledger", "log", "--json"))
    check(os2.json("ledger", "show", "0", "--json"))
    check(os2.json("ledger", "verify", "--json"))
    check(os2.json("python-verify", "--json"))
    os2.write("in", "2")
    check(os2.json("python-verify", "--json", "--against", "workspace", code=1))
    check(os2.json("doctor", "--json"))


def test_answers_of_no_and_of_a_broken_ledger(os2: Os2) -> None:
    check(os2.json("ledger", "verify", "--json", code=5))
    check(os2.json("python-verify", "--json", code=5))
    os2.run("pyvm", "--eval", "1")
    data = bytearray(os2.segment.read_bytes())
    data[len(data) // 2] ^= 1
    os2.segment.write_bytes(data)
    check(os2.json("ledger", "verify", "--json", code=1))
    check(os2.json("python-verify", "--json", code=1))


def test_a_wrong_answer_would_be_refused() -> None:
    with pytest.raises(jsonschema.ValidationError):
        check({"schema": "os2.doctor/1", "ok": "yes", "checks": []})
