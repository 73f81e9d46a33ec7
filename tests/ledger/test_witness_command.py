"""``ledger witness ask`` and ``check``: what the command line says of a policy."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger import Cosigner, Entry, Signer, TokenSignatureLedger, verify
from tests.ledger.witnessing import Serve, command, environment


def ran(*words: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    found = subprocess.run(
        command(*words), env=environment(), capture_output=True, text=True, check=False
    )
    assert found.returncode == code, found
    return found


def checkpoints_note(folder: Path) -> bytes:
    with TokenSignatureLedger.read_only(folder) as reader:
        assert reader.checkpoint is not None
        return reader.checkpoint.note


def test_ask_and_check(
    serve: Serve,
    signer: Signer,
    small: Path,
    tmp_path: Path,
    open_ledger: Callable[[], TokenSignatureLedger],
) -> None:
    running = serve(str(signer.public))
    absent = Cosigner("a.example", b"a" * 32).public
    policy, strict, out = tmp_path / "policy", tmp_path / "strict", tmp_path / "cosigned"
    witness = f"witness w {running.keys[0]} {running.url}"
    policy.write_text(f"log {signer.public}\n{witness}\nquorum w\n", "utf-8")
    strict.write_text(f"{witness}\nwitness a {absent}\ngroup g all w a\nquorum g\n", "utf-8")
    said = ran("ask", str(small), "--policy", str(policy), "--out", str(out))
    assert "confirmed w.example/1 20" in said.stderr
    checked = ran("check", str(out), "--policy", str(policy))
    assert "verdict   witnessed" in checked.stdout
    document: dict[str, Any] = json.loads(
        ran("check", str(out), "--policy", str(policy), "--json").stdout
    )
    assert (document["status"], document["size"], document["missing"]) == ("witnessed", 6, [])
    few = ran("check", str(out), "--policy", str(strict), "--pubkey", str(signer.public), code=1)
    assert "missing   -  a.example" in few.stdout
    assert "verdict   unwitnessed" in few.stdout
    ran("check", str(out), "--policy", str(strict), code=2)  # whose log?
    stranger = Signer(signer.name, bytes(32)).public
    ran("check", str(out), "--policy", str(policy), "--pubkey", str(stranger), code=1)
    spoiled = tmp_path / "spoiled"
    spoiled.write_bytes(out.read_bytes().replace(b"\n6\n", b"\n7\n"))
    ran("check", str(spoiled), "--policy", str(policy), code=1)
    ran("ask", str(small), "--policy", str(strict), code=1)
    assert "confirmed" in ran("ask", str(small), "--policy", str(policy), "--publish").stderr
    assert (small / "checkpoint").read_bytes().startswith(checkpoints_note(small))
    audit = verify(small, signer.public)
    assert (audit.status, audit.size) == ("ok", 6)
    ran("check", str(small / "checkpoint"), "--policy", str(policy))
    few = ran("ask", str(small), "--policy", str(strict), "--publish", code=1)
    assert "durable" in few.stderr
    with open_ledger() as ledger:
        ledger.append(Entry("later", {}))
    ran("ask", str(small), "--policy", str(policy), "--pubkey", str(signer.public))


def test_ask_speaks_for_the_logs_of_the_policy_only(small: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy"
    policy.write_text(f"log {Signer('other.example', bytes(32)).public}\nquorum none\n", "utf-8")
    assert (
        "expected a signature by other.example"
        in ran("ask", str(small), "--policy", str(policy), code=1).stderr
    )
