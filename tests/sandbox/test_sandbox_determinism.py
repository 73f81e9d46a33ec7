"""One seed, one world: the same bytes over and over; and another seed, another world."""

import pytest

from tests.sandbox.guests import Run

PROGRAMS = {
    "time": "import time; print(time.time(), time.monotonic_ns(), time.ctime(), time.localtime())",
    "datetime": "import datetime as d; print(d.datetime.now(), d.date.today(), d.datetime.now(d.timezone.utc))",
    "sleep": "import time; a = time.monotonic(); time.sleep(3600); print(time.monotonic() - a)",
    "asyncio": (
        "import asyncio, time\n"
        "async def main():\n"
        "    a = time.monotonic()\n"
        "    await asyncio.gather(asyncio.sleep(50), asyncio.sleep(100))\n"
        "    try: await asyncio.wait_for(asyncio.Event().wait(), 50)\n"
        "    except asyncio.TimeoutError: print('late', time.monotonic() - a)\n"
        "asyncio.run(main())"
    ),
    "deadline": (
        "import threading, time\ne = threading.Event(); end = time.monotonic() + 1000\n"
        "while time.monotonic() < end: e.wait(100)\nprint(time.monotonic())"
    ),
    "random": "import random; random.seed(); print(random.random(), random.Random().random(), random.SystemRandom().random())",
    "uuid": "import uuid; print(uuid.uuid1(), uuid.uuid4())",
    "secrets": "import secrets; print(secrets.token_hex(), secrets.choice('abcdef'))",
    "tempfile": "import tempfile; print(tempfile.mkdtemp(), tempfile.NamedTemporaryFile().name)",
    "urandom": "import os; print(os.urandom(9), os.getrandom(9), open('/dev/urandom', 'rb').read(9))",
    "objects": "class A: pass\nprint(object(), A(), {object() for _ in range(9)}, {A() for _ in range(9)})",
    "hashes": "print({'a', 'b', 'c', 'd', b'x'}, hash('text'), hash((1, 'x')))",
    "folders": "import os\nfor n in 'zayb': open(n, 'w').close()\nprint(os.listdir('.'), [e.name for e in os.scandir()], list(os.walk('.')))",
    "stat": "import os; open('f', 'w').write('x'); s = os.stat('f'); print(s, s.st_mtime_ns, s.st_blocks, os.stat('/py'), os.stat('/w'))",
    "identity": "import os, socket, platform, getpass; print(os.getpid(), os.getuid(), socket.gethostname(), platform.uname(), os.cpu_count(), getpass.getuser())",
    "environment": "import os, sys; print(os.environ, os.getcwd(), sys.flags, sys.path, sys.executable)",
    "traceback": "def f(n):\n    return 1 / n\nf(0)",
    "stack": "import traceback\ndef f(): traceback.print_stack()\nf()",
    "fork": "import os, uuid\nif os.fork() == 0:\n    print('child', uuid.uuid4(), flush=True); os._exit(0)\nos.wait(); print('parent', uuid.uuid4())",
}


def _all(ran: Run) -> dict[str, tuple[str, str, dict[str, bytes]]]:
    return {name: (r.out, r.err, r.left) for name, code in PROGRAMS.items() for r in [ran(code)]}


def test_two_runs_with_one_seed_give_identical_bytes(ran: Run) -> None:
    """Twenty recordings, disturbed ones among them, are made of the programs of ``tests/probes``."""
    first = _all(ran)
    assert _all(ran) == first
    assert [name for name, (out, err, _) in first.items() if not out and not err] == []


@pytest.mark.parametrize("name", ["random", "uuid", "secrets", "tempfile", "urandom"])
def test_another_seed_gives_other_entropy(ran: Run, name: str) -> None:
    code = PROGRAMS[name]
    assert ran(code).out != ran(code, seed=b"z" * 32).out


def test_entropy_does_not_repeat_within_a_run(ran: Run) -> None:
    out = ran(
        "import os\nprint(len({os.urandom(8) for _ in range(1000)}), len({open('/dev/random', 'rb').read(8) for _ in range(9)}))"
    ).out
    assert out == "1000 9\n"


def test_clock_starts_where_the_job_says(ran: Run) -> None:
    assert (
        ran("import time; print(int(time.time()))", clock_start_ns=86_400 * 10**9).out == "86400\n"
    )


def test_datetime_keeps_its_c_type_and_subclasses(ran: Run) -> None:
    code = "import datetime as d\nclass D(d.datetime): pass\nprint(type(D.now()), d.datetime.__module__, isinstance(D.now(), d.datetime))"
    assert ran(code).out == "<class '__main__.D'> datetime True\n"


def test_sleep_with_threads_keeps_their_order(ran: Run) -> None:
    code = (
        "import threading, time\n"
        "def f(n): time.sleep(n / 10); print(n)\n"
        "ts = [threading.Thread(target=f, args=(n,)) for n in (3, 1, 2)]\n"
        "[t.start() for t in ts]; [t.join() for t in ts]"
    )
    assert ran(code).out == "1\n2\n3\n"


def test_links_of_the_kernel_carry_the_numbers_that_stat_shows(ran: Run) -> None:
    """Were they numbered twice, it would depend on the kernel's own device numbers, which vary."""
    code = (
        "import os\nread, write = os.pipe()\n"
        "for path in ('/proc/self/ns/net', '/proc/self/ns/user', f'/proc/self/fd/{read}'):\n"
        "    print(os.readlink(path).partition(':')[2] == f'[{os.stat(path).st_ino}]')\n"
    )
    assert ran(code).out == "True\nTrue\nTrue\n"
