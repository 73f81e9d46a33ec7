"""Import rules from the manifest to the record, and what replay makes of them."""

from typing import Any

from blake3 import blake3

from tests.house import DEFAULT_MANIFEST, Os2

SHAPES = "def area(side):\n    return side * side\n"
PIN = f"blake3:{blake3(SHAPES.encode()).hexdigest()}"


def under(os2: Os2, rules: str) -> None:
    os2.write("../imports.toml", DEFAULT_MANIFEST.read_text() + rules)
    os2.env["OS2_MANIFEST"] = str(os2.workspace.parent / "imports.toml")


def events(os2: Os2) -> dict[str, Any]:
    found: dict[str, Any] = dict(
        os2.records("--kind", "command.finished")[-1]["attributes"]["events"]
    )
    return found


def test_what_was_imported_denied_and_pinned_is_recorded_and_replays(os2: Os2) -> None:
    under(os2, f'[restricted.modules]\nshapes = "{PIN}"\n[native.imports]\ndeny = ["socket"]\n')
    os2.write("shapes.py", SHAPES)
    os2.write("use.py", "import json\nimport shapes\nprint(shapes.area(3))\n")
    assert os2.run("pyvm", "use.py").text == "9\n"
    recorded = events(os2)
    assert recorded["python_vm_import_allowed"] == {"names": ["json"], "count": 1}
    assert recorded["python_vm_import_pinned"] == {"modules": [["shapes", PIN]]}
    assert "python_vm_import_denied" not in recorded

    refused = os2.run("python", "-c", "import json\nimport http.client", code=1)
    assert "import of 'socket' is denied by the manifest in force" in refused.errors
    recorded = events(os2)
    assert recorded["python_vm_import_denied"] == {"names": ["socket"], "count": 1}
    assert "json" in recorded["python_vm_import_allowed"]["names"]

    os2.write("shapes.py", SHAPES + "#")
    changed = os2.run("pyvm", "use.py", code=1)
    assert "has digest blake3:" in changed.errors
    assert events(os2)["python_vm_import_denied"]["names"] == ["shapes"]

    os2.write("shapes.py", SHAPES)
    os2.run("pyvm", "use.py")
    counts = os2.json("python-verify", "--json")["counts"]
    assert counts["identical"] == counts["total"] == 4
