"""``python -m bench.prompt FILE ROUNDS WORD…``: the shell in this process, as at a prompt.

Each line is submitted after a pause, in which a sandbox gets ready as it does while people type.
Milliseconds of each line, from its words to its durable end, are written to FILE.
"""

import json
import sys
import time
from pathlib import Path

from os2shell.settings import Options, read_settings
from os2shell.wiring import open_shell

PAUSE_S = 0.4


def main() -> int:
    """The first line opens the ledger, and does not count."""
    file, rounds, words = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    shell = open_shell(read_settings(Options()))
    times = []
    try:
        for _ in range(1 + rounds):
            shell.warm()
            time.sleep(PAUSE_S)
            start = time.perf_counter()
            if shell.run(words):
                return 1
            times.append((time.perf_counter() - start) * 1000)
    finally:
        shell.close()
    file.write_text(json.dumps(times[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
