"""Parsed arguments survive the ledger."""

from dataclasses import dataclass

import pytest

from ledger import decode, encode
from os2shell.commands import COMMANDS
from os2shell.model.errors import Unreadable
from os2shell.model.guest import EntryKind
from os2shell.model.plain import from_json, to_json
from os2shell.subsystems.python_vm.options import RunOptions

WORDS: dict[str, list[list[str]]] = {
    "python": [
        ["-c", "print(1)"],
        ["--token-budget", "5", "-m", "m"],
        ["--seed", "7", "--clock", "now", "x.py", "a", "--b"],
    ],
    "pyx": [["1+1"], ["--seed", "7", "json.tool", "x"], ["--", "-1"]],
    "pyvm": [["--eval", "1+1"], ["--clock", "2026-01-01T00:00:00Z", "--raw", "x.py"]],
    "pip": [["install", "six>=1", "-r", "wanted.txt"], ["uninstall", "-y", "six"], ["list"], []],
    "create-env": [["a"], ["b", "--python", "3.11", "--from", "lock.json"]],
    "use-env": [["a"], ["--none"]],
    "envs": [[], ["--json"], ["--lock", "a"]],
    "git": [["-C", "one", "status"], ["clone", "https://forge.example.org/a.git", "b"]],
    "python-verify": [[], ["--json", "--limit", "3", "--session", "s1"], ["--bundle", "f"]],
    "replay": [["last"], ["s4", "--diff"]],
    "ledger": [
        ["log"],
        ["show", "4"],
        ["verify", "--json"],
        ["log", "--kind", "x", "--kind", "y*", "--since", "2h", "--reverse"],
        ["grep", "text", "--limit", "3", "--scan"],
        ["tail", "-f", "-n", "2", "--json"],
    ],
    "export": [["last", "-o", "out.os2z"]],
    "run-script": [["file"], ["--keep-going", "file"]],
    "doctor": [[], ["--json"]],
    "tamper-demo": [[]],
    "ledger-keys": [["list"], ["list", "--json"], ["export-public", "--epochs"]],
    "ledger-rotate": [[]],
    "import-evidence": [["f.os2z"]],
    "cap": [["show"], ["show", "local", "--json"], ["list"]],
    "deterministic-benchmark": [
        ["run"],
        ["run", "--count", "3", "--tier", "native", "--jobs", "2"],
    ],
    "deterministic-benchmark-status": [[], ["--limit", "3", "--json"]],
    "help": [[], ["python"]],
}


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_arguments_come_back_from_canonical_bytes(name: str) -> None:
    command = next(item for item in COMMANDS if item.name == name)
    for words in WORDS[name]:
        arguments = command.parse(words)
        body = decode(encode(to_json(arguments)))
        assert from_json(command.arguments, body) == arguments


def test_fields_of_another_version_are_refused() -> None:
    body = to_json(RunOptions(EntryKind.CODE, "1", ()))
    with pytest.raises(Unreadable):
        from_json(RunOptions, {**body, "more": 1})
    del body["raw"]
    with pytest.raises(Unreadable):
        from_json(RunOptions, body)


def test_a_field_of_a_later_version_is_left_out_while_it_says_nothing() -> None:
    """Records made before it was added keep their bytes, and can be read."""
    options = RunOptions(EntryKind.CODE, "1", ())
    assert "token_budget" not in to_json(options)
    assert from_json(RunOptions, to_json(options)) == options
    limited = RunOptions(EntryKind.CODE, "1", (), token_budget=7)
    assert to_json(limited) == {**to_json(options), "token_budget": 7}
    assert from_json(RunOptions, to_json(limited)) == limited


def test_no_other_types_are_taken() -> None:
    @dataclass(frozen=True)
    class Odd:
        value: float

    with pytest.raises(TypeError):
        to_json(Odd(1.5))
