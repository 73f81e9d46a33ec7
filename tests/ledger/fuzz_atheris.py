"""``python tests/ledger/fuzz_atheris.py [-max_total_time=SECONDS]``: coverage-guided, by hand.

Needs ``pip install atheris``; not part of the tests, which drive the same targets with mutants of
their own. The first byte of an input names the target. A crash that it reports is an input that
was neither refused by a named error nor genuine.
"""

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["ledger"]):
    from tests.ledger.mutants import refuses, targets
    from tests.ledger.mutants_of_evidence import evidence_targets
    from tests.ledger.mutants_of_fleets import fleet_targets


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "corpus").mkdir()
        every = (*targets(base), *evidence_targets(base), *fleet_targets())
        for number, target in enumerate(every):
            for count, seed in enumerate(target.seeds):
                (base / "corpus" / f"{number}-{count}").write_bytes(bytes([number]) + seed)

        def one_input(data: bytes) -> None:
            if data:
                refuses(every[data[0] % len(every)], data[1:])

        atheris.Setup([*sys.argv, str(base / "corpus")], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
