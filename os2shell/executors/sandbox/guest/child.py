"""Boot of an interpreter that the guest started: builds its world, and reads its command line.

What is not handed over is the control socket: standard input is what the parent gave.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined"

import os
import sys

from . import (
    children,
    clock,
    commandline,
    entropy,
    entry,
    extensions,
    hooks,
    host,
    imports,
    net,
    packages,
    threads,
)


def main() -> int:
    """Run what the command line says; the value is the program's exit code."""
    seed_text, start_text, rules_text, traps, row_text = sys.argv[1].split(":")
    seed, start = bytes.fromhex(seed_text), int(start_text)
    words = [word for word in bytes.fromhex(rules_text).decode().split("\0") if word]
    line = commandline.parsed(sys.argv[2:])
    children.lead_forks()
    threads.install(seed, _tell, os._exit)
    clock.install(start)
    entropy.install(seed)
    if traps == "1":
        net.arm_as_parent()
    net.install(seed, start)
    host.install(start)
    hooks.install()
    extensions.install()
    children.install(words)
    children.join(int(row_text))
    sys.path.remove("/os2")
    packages.install()
    if line.kind == "stdin":
        line.kind, line.target = "code", sys.stdin.read()
    record = imports.Record()
    plan = entry.Plan(
        restricted=False,
        kind=line.kind,
        target=line.target,
        arguments=line.arguments,
        imports=words,
        record=record,
    )
    rules = imports.Rules(words)
    if rules.denied:
        children.load()
    imports.hold(rules, record)
    return entry.perform(plan)[0]


def _tell(_code: int, _cause: str) -> None:
    """Nobody listens: only the first process of a run has the host's ear."""
