"""``python tests/ledger/fuzz_atheris.py INPUTS``: fuzzing that is guided by coverage.

Atheris tries so many inputs in all at frames, notes, proofs, bundles and what fleets exchange, each in a process of its
own. An input must be refused by a named error or be genuine: whatever else comes out, and whatever
is accepted that nobody signed, ends the run with that input in ``crash-*``. The judges are those of
``mutants``, which the tests drive with mutants of their own, where atheris is missing too.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
LONGEST: Final = 16_384
SECONDS: Final = 60
"""For one input; beyond it hangs."""


class Group(NamedTuple):
    """What is fuzzed together: targets of ``mutants``, and their share of all inputs in percent."""

    targets: tuple[str, ...]
    share: int


GROUPS: Final = {
    "frames": Group(("frames", "logs"), 25),
    "notes": Group(("notes", "checkpoints"), 28),
    "proofs": Group(
        ("inclusion proofs", "consistency proofs", "record proofs", "growth proofs"), 30
    ),
    "bundles": Group(("bundles", "strangers' bundles"), 7),
    "fleets": Group(("obstructions", "records of fleets"), 10),
}


def run_all(inputs: int) -> int:
    """Fuzz every group in turn; 0 when nothing was found, and a line for each."""
    done = 0
    for name, group in GROUPS.items():
        count = inputs * group.share // 100
        words = [sys.executable, __file__, name, str(count)]
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:  # libFuzzer cleans up nothing
            place = {**os.environ, "TMPDIR": folder}
            ran = subprocess.run(
                words, cwd=ROOT, env=place, capture_output=True, text=True, check=False
            )
        told = re.search(r"Done (\d+) (?:runs )?in (\d+) second", ran.stderr)
        if ran.returncode or told is None:
            sys.stderr.write(f"{ran.stderr[-8000:]}\nfuzz: {name} ended with {ran.returncode}\n")
            return 1
        coverage = re.findall(r"cov: (\d+)", ran.stderr)
        done += int(told[1])
        sys.stdout.write(
            f"{name:<8} {int(told[1]):>9,} inputs {int(told[2]):>4} s   "
            f"{coverage[-1] if coverage else '?':>5} branches   none crashed, none falsely taken\n"
        )
        sys.stdout.flush()
    sys.stdout.write(f"in all   {done:>9,} inputs\n")
    return 0


def fuzz(name: str, inputs: int) -> None:
    """Fuzz one group; does not return."""
    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: PLC0415

    sys.path.insert(0, str(ROOT))
    with atheris.instrument_imports(include=["ledger"]):
        from tests.ledger.mutants import refuses, targets  # noqa: PLC0415
        from tests.ledger.mutants_of_evidence import evidence_targets  # noqa: PLC0415
        from tests.ledger.mutants_of_fleets import fleet_targets  # noqa: PLC0415
    base = Path(tempfile.mkdtemp(prefix="fuzz-"))
    corpus = base / "corpus"
    corpus.mkdir()
    every = (*targets(base), *evidence_targets(base), *fleet_targets())
    known = {target.name: target for target in every}
    chosen = [known[each] for each in GROUPS[name].targets]
    for number, target in enumerate(chosen):
        for count, seed in enumerate(target.seeds):
            (corpus / f"{number}-{count}").write_bytes(bytes([number]) + seed)
    words = [sys.argv[0], f"-runs={inputs}", f"-max_len={LONGEST}", f"-timeout={SECONDS}"]
    atheris.Setup([*words, "-seed=1", str(corpus)], _judge(refuses, chosen))
    atheris.Fuzz()


def _judge(refuses: Callable[..., bool], chosen: list[object]) -> Callable[[bytes], None]:
    """The first byte names the target; an exception other than a refusal is a finding."""

    def one_input(data: bytes) -> None:
        if data:
            refuses(chosen[data[0] % len(chosen)], data[1:])

    return one_input


def main() -> int:
    """All groups, or one in this process."""
    match sys.argv[1:]:
        case [inputs] if inputs.isdigit():
            return run_all(int(inputs))
        case [name, inputs] if name in GROUPS and inputs.isdigit():
            fuzz(name, int(inputs))
            return 0
        case _:
            sys.stderr.write(f"{__doc__}")
            return 2


if __name__ == "__main__":
    sys.exit(main())
