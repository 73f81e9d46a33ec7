"""Token budgets: where a run ends, that it ends there again, and what is left of a token's."""

import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import decode, encode
from os2shell.executors.sandbox.budget import Meter
from os2shell.model.capability import TokenId
from os2shell.model.errors import ManifestError
from os2shell.policy.budget import SPENT, Account
from os2shell.policy.manifest import from_body, load_manifest
from tests.house import DEFAULT_MANIFEST, Os2
from tests.schemas.test_schemas import check

WRITES = "import sys\nfor n in range(1000):\n open('n', 'w').write(str(n))\n {}\n"


def ended(os2: Os2) -> dict[str, Any]:
    """The last run's end, its events by kind."""
    attributes: dict[str, Any] = os2.records("--kind", "command.finished")[-1]["attributes"]
    return {**attributes, **dict(attributes["events"])}


def budgeted(os2: Os2, tokens: int) -> None:
    text = DEFAULT_MANIFEST.read_text().replace("[limits]", f"[limits]\ntoken_budget = {tokens}")
    os2.write("../budget.toml", text)
    os2.env["OS2_MANIFEST"] = str(os2.workspace.parent / "budget.toml")


def budget(tokens: int | None, spent: int, left: int | None, runs: int = 0) -> dict[str, Any]:
    return {"tokens": tokens, "spent": spent, "runs_under_way": runs, "left": left}


def identical(os2: Os2) -> None:
    counts = os2.json("python-verify", "--json")["counts"]
    assert counts["identical"] == counts["total"]


def test_the_end_is_at_the_byte_and_before_anything_further(os2: Os2) -> None:
    code = "open('f', 'w').write('before')\nprint('x' * 100)\nopen('f', 'w').write('after')"
    ran = os2.run("python", "--token-budget", "7", "-c", code, code=124)
    assert ran.text == "x" * 28
    assert "token_budget" in ran.errors
    assert (os2.workspace / "f").read_text() == "before"
    end = ended(os2)
    assert (end["code"], end["cause"]) == (124, "token_budget")
    usage = end["python_vm_sandbox_released"]["usage"]
    assert (usage["tokens"], usage["output_bytes"], usage["requests"]) == (7, 28, 0)
    identical(os2)


@pytest.mark.parametrize(
    "line",
    [
        "sys.stdout.write('o%d' % n); sys.stdout.flush(); sys.stderr.write('e%d' % n)",
        "print(n, end=''); print(n, file=sys.stderr)",
        "__import__('os').write(1 + n % 2, b'abc')",
        "__import__('os').writev(2 - n % 2, [b'ab', b'c'])",
    ],
)
def test_both_streams_together_end_at_one_place(os2: Os2, line: str) -> None:
    words = ("python", "--seed", "1", "--token-budget", "50", "-c", WRITES.format(line))
    one = os2.run(*words, code=124)
    number = (os2.workspace / "n").read_text()
    two = os2.run(*words, code=124)
    assert (one.out, (os2.workspace / "n").read_text()) == (two.out, number)
    streams = len(one.out) + len(one.err.partition(b"os2: the run")[0].rpartition(b"os2: new")[0])
    assert streams <= 200
    assert ended(os2)["python_vm_sandbox_released"]["usage"]["output_bytes"] == 200
    identical(os2)


def test_a_request_too_many_is_not_made(os2: Os2) -> None:
    code = "import os\nwhile os.read(0, 1): open('n', 'a').write('.')"
    os2.run("python", "--token-budget", "5", "-c", code, stdin=b"0123456789", code=124)
    assert (os2.workspace / "n").read_text() == "....."
    end = ended(os2)
    assert end["cause"] == "token_budget"
    assert end["python_vm_sandbox_released"]["usage"]["requests"] == 5
    identical(os2)


def test_spending_all_is_no_overdraft(os2: Os2) -> None:
    assert os2.run("python", "--token-budget", "2", "-c", "print('1234567')").text == "1234567\n"
    assert os2.run("pyvm", "--token-budget", "1", "--eval", "123").text == "123\n"
    assert os2.run("pyvm", "--token-budget", "1", "--eval", "1234", code=124).text == "1234"
    identical(os2)


def test_output_past_the_runtime_is_cut_and_named(os2: Os2) -> None:
    code = "import os\nfd = os.dup(1)\nwhile True: os.write(fd, b'x' * 10)"
    assert os2.run("python", "--token-budget", "4", "-c", code, code=124).out == b"x" * 16
    assert ended(os2)["cause"] == "token_budget.unmetered"
    assert os2.json("python-verify", "--json")["counts"]["recorded_only"] == 1


def test_a_program_cannot_claim_that_its_budget_is_spent(os2: Os2) -> None:
    code = "import sys; sys.exit(124)"
    os2.run("python", "--token-budget", "9", "-c", code, code=124)
    assert ended(os2)["cause"] == "exit"


def test_a_manifest_limits_all_runs_of_a_token(os2: Os2) -> None:
    budgeted(os2, 5)
    assert os2.json("cap", "show", "--json")["budget"] == budget(5, 0, 5)
    os2.run("python", "-c", "print('1234567')")
    shown = os2.json("cap", "show", "--json")
    check(shown)
    assert shown["budget"] == budget(5, 2, 3)
    assert os2.run("python", "-c", "print('x' * 50)", code=124).out == b"x" * 12
    assert "0 left of 5; spent 5" in os2.run("cap", "show").text
    refused = os2.run("python", "-c", "1", code=126)
    assert "has spent its budget" in refused.errors
    assert os2.records("--kind", "command.failed")[-1]["attributes"]["rule"] == "token_budget"
    identical(os2)
    del os2.env["OS2_MANIFEST"]
    os2.run("python", "-c", "print(1)")  # another manifest, no budget; what was spent is kept
    assert os2.json("cap", "show", "--json")["budget"] == budget(None, 6, None)


def test_the_lesser_of_two_budgets_holds(os2: Os2) -> None:
    budgeted(os2, 100)
    assert (
        os2.run("python", "--token-budget", "1", "-c", "print('abcdef')", code=124).out == b"abcd"
    )
    assert os2.json("cap", "show", "--json")["budget"]["left"] == 99
    assert os2.run("python", "--token-budget", "999", "-c", "print('x' * 999)", code=124).out == (
        b"x" * 396
    )


def test_runs_side_by_side_spend_no_more_together(os2: Os2) -> None:
    budgeted(os2, 100)
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    first = os2.start("python", "--token-budget", "60", "-c", code, stdin=subprocess.PIPE)
    assert first.stdout
    assert first.stdout.read(3) == b"up\n"
    assert os2.json("cap", "show", "--json")["budget"] == budget(100, 0, 40, 1)
    assert len(os2.run("python", "-c", "print('x' * 999)", code=124).out) == 160
    assert "hold what token local" in os2.run("python", "-c", "1", code=126).errors
    first.communicate(b"", timeout=20)
    assert os2.json("cap", "show", "--json")["budget"] == budget(100, 42, 58)
    identical(os2)


def test_a_dead_shell_holds_nothing_and_its_output_is_counted(os2: Os2) -> None:
    budgeted(os2, 100)
    code = "import sys; print('x' * 79, flush=True); sys.stdin.read()"
    first = os2.start("python", "-c", code, stdin=subprocess.PIPE)
    assert first.stdout
    assert len(first.stdout.read(80)) == 80
    assert os2.json("cap", "show", "--json")["budget"] == budget(100, 0, 0, 1)
    first.kill()
    first.communicate(timeout=20)
    os2.run("python", "-c", "print(123)")
    assert os2.json("cap", "show", "--json")["budget"] == budget(100, 21, 79)


def test_accounts_come_back_from_an_image() -> None:
    accounts = {TokenId("one"): Account(5, {7: None, 9: 3}), TokenId("two"): Account()}
    assert SPENT.load(decode(encode(SPENT.dump(accounts)))) == accounts


def test_cap_tells_grants_limits_and_holders(os2: Os2) -> None:
    shown = os2.json("cap", "show", "--json")
    check(shown)
    assert shown["grants"]["process.spawn"] == ["python", "pyx", "pyvm", "pip", "git"]
    assert shown["limits"]["wall_seconds"] == 300
    assert os2.json("cap", "show", "local", "--json") == shown
    listed = os2.json("cap", "list", "--json")
    check(listed)
    holders = {row["capability"]: row["tokens"] for row in listed["capabilities"]}
    assert holders["admin"] == {}
    assert holders["process.spawn"] == {"local": ["python", "pyx", "pyvm", "pip", "git"]}
    assert "nobody" in os2.run("cap", "list").text
    assert "no limit" in os2.run("cap", "show").text
    assert "names: local" in os2.run("cap", "show", "stranger", code=2).errors
    os2.run("cap", code=2)
    assert not (os2.workspace / ".os2").exists()


@pytest.mark.parametrize("value", ["0", "-1", '"5"', "true", "1.5"])
def test_a_budget_that_is_none_is_refused(os2: Os2, value: str) -> None:
    text = DEFAULT_MANIFEST.read_text().replace("[limits]", f"[limits]\ntoken_budget = {value}")
    path = os2.write("bad.toml", text)
    with pytest.raises(ManifestError, match="token_budget"):
        load_manifest(path)
    os2.run("python", "--token-budget", value.strip('"') + "x", "-c", "1", code=2)


def test_a_manifest_s_budget_is_recorded_only_where_there_is_one(os2: Os2) -> None:
    plain = load_manifest(DEFAULT_MANIFEST)
    assert "token_budget" not in plain.body()
    budgeted(os2, 7)
    with_budget = load_manifest(os2.workspace.parent / "budget.toml")
    assert from_body(with_budget.body()) == with_budget
    assert from_body(plain.body()) == plain
    assert with_budget.digest != plain.digest


@settings(database=None, deadline=None)  # a checkout may be read-only; pace is no test
@given(
    budget=st.integers(1, 60),
    steps=st.lists(st.none() | st.integers(0, 40), max_size=40),
)
def test_the_meter_never_pays_more_than_the_budget(budget: int, steps: list[int | None]) -> None:
    meter = Meter(budget)
    for step in steps:
        if step is None:
            full = meter.tokens >= budget
            assert (meter.ask() is not None) is full
        else:
            meter.output_bytes += min(step, meter.room(step))
        assert meter.tokens == meter.requests + (meter.output_bytes + 3) // 4
        assert meter.tokens <= budget
