"""The handbook names every command and every kind of record; the help shows what is defined."""

import re
from pathlib import Path

import pytest

from os2shell.commands import COMMANDS

ROOT = Path(__file__).parents[2]
HEADINGS = set(re.findall(r"^## (\S+)$", (ROOT / "docs" / "handbook.md").read_text(), re.MULTILINE))
KINDS = set(
    re.findall(
        r'= "((?:ledger|manifest|session|command|state)\.[a-z]+)"',
        "\n".join(
            path.read_text()
            for path in [*(ROOT / "os2shell" / "kernel").glob("*.py"), *(ROOT / "os2shell" / "policy").glob("*.py"), ROOT / "ledger" / "form" / "record.py"]
        ),
    )
)  # fmt: skip


@pytest.mark.parametrize("command", list(COMMANDS), ids=lambda command: command.name)
def test_every_command_has_its_heading_and_file(command: object) -> None:
    name = str(getattr(command, "name", ""))
    assert name in HEADINGS
    assert (ROOT / "os2shell" / "commands" / f"{name.replace('-', '_')}.py").exists()


@pytest.mark.parametrize(
    "kind", sorted({event.kind for command in COMMANDS for event in command.emits} | KINDS)
)
def test_every_kind_of_record_has_its_heading(kind: str) -> None:
    assert kind in HEADINGS


def test_the_kinds_were_found() -> None:
    assert {"command.admitted", "session.opened", "manifest.loaded", "ledger.created"} <= KINDS
