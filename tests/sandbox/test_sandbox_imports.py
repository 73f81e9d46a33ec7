"""Import rules in both tiers: pins, refusals by name, what is recorded, and ways around that are closed."""

import os
from pathlib import Path

import pytest
from blake3 import blake3

from os2shell.executors.sandbox import EntryKind, Tier
from os2shell.executors.sandbox.errors import ProtocolBroken
from os2shell.executors.sandbox.imports import MODULE_BYTES, Names, decoded, resolved
from tests.sandbox.guests import Run

MODULE = b"""
import math
class Shape:
    def area(self):
        return self.side ** 2
def double(x):
    return math.floor(x) * 2
limit = 5
"""


def pin(data: bytes) -> str:
    return f"blake3:{blake3(data).hexdigest()}"


def test_pinned_module_is_loaded_by_its_digest(ran: Run) -> None:
    code = (
        "import shapes\nfrom shapes import Shape, double\n"
        "class Square(Shape):\n    def __init__(self, side): self.side = side\n"
        "print(double(2.5), Square(3).area(), shapes.limit, hasattr(shapes, 'math'))\n"
    )
    rules = ("math", f"shapes={pin(MODULE)}")
    result = ran(code, tier=Tier.RESTRICTED, imports=rules, files={"shapes.py": MODULE})
    assert (result.err, result.out) == ("", "4 9 5 True\n")
    assert result.exit.imports.pinned == Names(("shapes",), 1)
    assert result.exit.imports.allowed == Names(("math",), 1)
    assert result.exit.imports.denied == Names()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (MODULE + b"#", "has digest blake3:"),
        (None, "is no plain file shapes.py in the workspace"),
        (b"import os\n", None),
        (b"x = ().__class__\n", None),
        (b"def broken(:\n", None),
    ],
)
def test_pinned_module_that_is_another_or_breaks_the_policy_is_refused(
    ran: Run, content: bytes | None, told: str | None
) -> None:
    rules = (f"shapes={pin(MODULE if told else content or b'')}",)
    files = {} if content is None else {"shapes.py": content}
    code = "import shapes\nprint('escaped')"
    result = ran(code, tier=Tier.RESTRICTED, imports=rules, files=files)
    assert result.exit.code == 1
    assert result.out == ""
    assert "shapes" in result.exit.imports.denied.names
    assert result.exit.imports.pinned == Names()
    if told is not None:
        assert told in result.err


def test_pinned_modules_may_import_each_other_in_a_circle(ran: Run) -> None:
    one = b"import two\ndef a(): return two.b() + 1\n"
    two = b"import one\ndef b(): return 1\ndef c(): return one.a()\n"
    files = {"one.py": one, "two.py": two, "pack/deep.py": b"x = 7"}
    rules = (f"one={pin(one)}", f"two={pin(two)}", f"pack.deep={pin(b'x = 7')}")
    code = "import two\nfrom pack.deep import x\nprint(two.c(), x)"
    result = ran(code, tier=Tier.RESTRICTED, imports=rules, files=files)
    assert (result.err, result.out) == ("", "2 7\n")
    assert sorted(result.exit.imports.pinned.names) == ["one", "pack.deep", "two"]


def test_workspace_module_without_a_pin_is_refused_and_recorded(ran: Run) -> None:
    code = "for n in range(3):\n    try:\n        import shapes\n    except ImportError as e:\n        print(e)"
    result = ran(code, tier=Tier.RESTRICTED, imports=("math",), files={"shapes.py": MODULE})
    assert result.out == "import of 'shapes' is not allowed here; allowed: math\n" * 3
    assert result.exit.imports.denied == Names(("shapes",), 1)


DENIED_WAYS = [
    "import socket",
    "import http.client",
    "from socket import socket",
    "__import__('socket')",
    "import importlib; importlib.import_module('socket')",
    "import importlib; importlib.reload(importlib.import_module('socket'))",
    "import sys; sys.meta_path.clear(); import socket",
    "import sys; del sys.meta_path[0]; import socket",
    "import builtins; builtins.__import__('socket')",
    "import _frozen_importlib as f; f._gcd_import('socket')",
    "import _frozen_importlib as f; f._find_and_load('socket', __import__)",
    "import _frozen_importlib as f; f._load(f._find_spec('socket', None))",
    "import imp; imp.load_module",
    "import runpy; runpy.run_module('socket')",
    "import pkgutil; pkgutil.resolve_name('socket:socket')",
    "import importlib.util as u; s = u.find_spec('socket'); m = u.module_from_spec(s); s.loader.exec_module(m)",
    "import sys; sys.modules['socket'].socket",
    "import sys; sys.addaudithook(lambda *a: None); import socket",
    "exec('import socket')",
    "exec(compile('import socket', '/py/lib/python3/x.py', 'exec'))",
    "import json; exec('import socket', json.__dict__)",
    "import threading; import asyncio",
    "import pickle; pickle.loads(b'csocket\\nsocket\\n.')",
    "import _socket",
    "import importlib.machinery as m, importlib.util as u; s = u.find_spec('_socket'); s.loader.create_module(s)",
    "import _imp, importlib.util as u; _imp.create_dynamic(u.find_spec('_socket'))",
    "import _ctypes",
    "import ctypes",
]


@pytest.mark.parametrize("code", DENIED_WAYS)
def test_denied_name_is_denied_to_everybody(ran: Run, code: str) -> None:
    rules = ("!socket", "!_socket", "!ctypes", "!_ctypes", "!imp")
    result = ran(f"{code}\nprint('escaped')", imports=rules)
    assert "escaped" not in result.out
    assert result.exit.code == 1
    if "sys.modules[" not in code:
        assert "is denied by the manifest in force" in result.err
        assert result.exit.imports.denied.count >= 1


def test_submodule_can_be_denied_alone(ran: Run) -> None:
    code = "import xml.dom\ntry:\n    import xml.sax\nexcept ImportError as e:\n    print(e.name)"
    result = ran(code, imports=("!xml.sax",))
    assert (result.err, result.out) == ("", "xml.sax\n")
    assert result.exit.imports.denied == Names(("xml.sax",), 1)
    assert "xml" in result.exit.imports.allowed.names


def test_allow_list_judges_the_program_and_not_what_it_leads_to(ran: Run) -> None:
    files = {"mine.py": b"import json\nimport csv\n"}
    code = (
        "import json, decimal\nprint(json.dumps(1), decimal.Decimal(1))\n"
        "for name in ('csv', 'mine', 'importlib'):\n"
        "    try:\n        __import__(name)\n    except ImportError as e:\n        print(e)\n"
        "from importlib import import_module\n"
    )
    result = ran(code, imports=("!*", "json", "decimal", "mine"), files=files)
    assert result.out == "1 1\n" + "".join(
        f"import of {name!r} is denied by the manifest in force\n"
        for name in ("csv", "csv", "importlib")
    )
    assert result.exit.code == 1
    assert set(result.exit.imports.denied.names) == {"csv", "importlib"}


def test_without_rules_everything_can_be_imported_and_is_recorded(ran: Run) -> None:
    code = "import json, socket, ctypes, mine\nprint(socket.AF_UNIX)"
    result = ran(code, files={"mine.py": b""})
    assert (result.err, result.out) == ("", "1\n")
    assert {"json", "socket", "ctypes", "mine"} <= set(result.exit.imports.allowed.names)
    assert result.exit.imports.denied == Names()


def test_record_is_bounded_and_survives_an_abrupt_end(ran: Run) -> None:
    code = (
        "import os\nfor n in range(100):\n    try:\n        __import__(f'name{n}' + 'x' * 200)\n"
        "    except ImportError:\n        pass\nos._exit(3)"
    )
    result = ran(code, imports=("!*", "os"))
    assert result.exit.code == 3
    assert result.exit.imports.denied.count == 100
    assert len(result.exit.imports.denied.names) == 64
    assert {len(name) for name in result.exit.imports.denied.names} == {100}


def test_refused_script_of_the_restricted_tier_names_what_may_be_had(ran: Run) -> None:
    files = {"s.py": b"import os"}
    words = ("json", "os", "math")
    result = ran("s.py", files=files, tier=Tier.RESTRICTED, entry=EntryKind.SCRIPT, imports=words)
    assert "import of 'os' has no facade for restricted programs; allowed: json, math" in result.err


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (b"a", b"1", b"", b"0", b""),
        (b"a", b"x", b"", b"0", b"", b"0"),
        (b"a", b"0", b"", b"0", b"", b"0"),
        (b"\0".join(b"%d" % n for n in range(65)), b"65", b"", b"0", b"", b"0"),
        (b"a" * 101, b"1", b"", b"0", b"", b"0"),
        (b"a", b"9" * 10, b"", b"0", b"", b"0"),
    ],
)
def test_report_of_another_form_is_refused(fields: tuple[bytes, ...]) -> None:
    with pytest.raises(ProtocolBroken):
        decoded(fields)


def test_pins_follow_no_links_and_wait_for_no_pipe(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_bytes(MODULE)
    (tmp_path / "link.py").symlink_to("real.py")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.py").write_bytes(MODULE)
    (tmp_path / "linked").symlink_to("folder")
    (tmp_path / "large.py").write_bytes(b"#" * (MODULE_BYTES + 1))
    os.mkfifo(tmp_path / "pipe.py")
    names = ["real", "link", "folder.a", "linked.a", "large", "pipe", "absent"]
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        words = resolved(tuple(f"{name}={pin(MODULE)}" for name in names), fd)
    finally:
        os.close(fd)
    assert [word.partition("=")[2][:7] for word in words] == [
        "sha256:", "!is no ", "sha256:", "!is no ", "!is no ", "!is no ", "!is no ",
    ]  # fmt: skip
