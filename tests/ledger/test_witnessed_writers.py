"""Several processes append to one log that counts only what a witness confirmed."""

import subprocess
import sys
from pathlib import Path

import pytest

from ledger import Signer, TokenSignatureLedger, verify
from tests.ledger.conftest import ORIGIN, SEED
from tests.ledger.witnessing import Serve, environment

APPENDING = """
import sys, time
from pathlib import Path
from ledger import CosignerKey, Entry, Policy, Signer, TokenSignatureLedger, Witness, Witnesses
folder, origin, seed, key, url = sys.argv[1:]
policy = Policy(1, (Witness(CosignerKey.parse(key), url),))
with Witnesses(policy) as them, TokenSignatureLedger.open(
    Path(folder), Signer(origin, bytes.fromhex(seed)), clock=time.time_ns, node="n", witnesses=them
) as log:
    for n in range(20):
        log.append(Entry("a", {"n": n}))
"""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_head_that_another_writer_had_confirmed_covers_ours(
    serve: Serve, signer: Signer, tmp_path: Path
) -> None:
    running = serve(str(signer.public))
    words = [str(tmp_path / "log"), ORIGIN, SEED.hex(), str(running.keys[0]), running.url]
    writers = [
        subprocess.Popen([sys.executable, "-c", APPENDING, *words], env=environment())
        for _ in range(3)
    ]
    assert [each.wait(200) for each in writers] == [0, 0, 0]
    audit = verify(tmp_path / "log", signer.public)
    assert (audit.status, audit.size) == ("ok", 61)
    with TokenSignatureLedger.read_only(tmp_path / "log") as log:
        assert sorted(r.attributes["n"] for r in log.read(1)) == sorted([*range(20)] * 3)
