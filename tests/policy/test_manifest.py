"""Manifests: strict reading, errors that name file, line and key, and a recorded form that comes back."""

import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from os2shell.model.capability import LOCAL, Capability, TokenId
from os2shell.model.errors import Denied, ManifestError
from os2shell.model.guest import Tier
from os2shell.policy.checker import admit, check_scope
from os2shell.policy.manifest import from_body, load_manifest
from os2shell.policy.network import scope_of

MANIFESTS = Path(__file__).parents[2] / "manifests"

GOOD = """\
name = "mine"
[grants.local]
"process.spawn" = ["pyvm"]
"fs.read" = ["data/*"]
[limits]
wall_seconds = 1
cpu_seconds = 1
memory_mib = 1
output_mib = 1
workspace_mib = 1
files = 1
processes = 1
[isolation]
require = ["user-namespace"]
[restricted]
imports = ["math"]
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(textwrap.dedent(text))
    return path


@pytest.mark.parametrize("name", ["default", "strict", "ci", "keeper"])
def test_shipped_manifests_hold_and_survive_recording(name: str) -> None:
    manifest = load_manifest(MANIFESTS / f"{name}.toml")
    assert manifest.name == name
    assert from_body(manifest.body()) == manifest
    assert from_body(manifest.body()).digest == manifest.digest


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("wall_seconds = 1", "wall_second = 1", 6, "unknown key 'wall_second'"),
        ("wall_seconds = 1", "wall_seconds = -1", 6, "whole number above 0"),
        ("wall_seconds = 1", "wall_seconds = true", 6, "whole number above 0"),
        ('"fs.read"', '"fs.raed"', 4, "capability 'fs.raed'"),
        ('["data/*"]', '"data/*"', 4, "a list of strings"),
        ('["user-namespace"]', '["users"]', 14, "layer 'users'"),
        ('imports = ["math"]', "imports = [1]", 16, "a list of strings"),
        ('name = "mine"', 'name = "Mine!"', 1, "lower-case letters"),
        ('imports = ["math"]', 'imports = ["ma th"]', 16, "the full name of a module"),
        (
            'imports = ["math"]',
            'imports = []\n[restricted.modules]\nmine = "sha256:00"',
            18,
            "blake3: and 64 hex digits",
        ),
        (
            'imports = ["math"]',
            'imports = []\n[native.imports]\nallow = ["a"]\nforbid = []',
            19,
            "unknown key 'forbid'",
        ),
        (
            'imports = ["math"]',
            'imports = []\n[native.imports]\ndeny = ["a=b"]',
            18,
            "the full name of a module",
        ),
        ("[isolation]", "[insulation]", 13, "unknown key 'insulation'"),
        ("files = 1\n", "", 5, "no files"),
    ],
)
def test_error_names_file_line_and_key(
    tmp_path: Path, old: str, new: str, line: int, told: str
) -> None:
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ManifestError) as caught:
        load_manifest(path)
    assert f"{path}:{line}:" in str(caught.value)
    assert told in str(caught.value)


def test_broken_toml_and_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="line 1"):
        load_manifest(written(tmp_path, "name = ="))
    with pytest.raises(ManifestError, match="no manifest at"):
        load_manifest(tmp_path / "absent.toml")


def test_nobody_may_do_anything_without_a_policy() -> None:
    with pytest.raises(Denied):
        admit(None, LOCAL, "python", frozenset({Capability.CLOCK_READ}))
    with pytest.raises(Denied):
        check_scope(None, LOCAL, Capability.CLOCK_READ, "")


def test_grants_are_per_token_and_scoped(tmp_path: Path) -> None:
    policy = load_manifest(written(tmp_path, GOOD))
    admit(policy, LOCAL, "pyvm", frozenset({Capability.PROCESS_SPAWN}))
    with pytest.raises(Denied) as missing:
        admit(policy, LOCAL, "python", frozenset({Capability.FS_WRITE}))
    assert missing.value.rule == "fs.write"
    with pytest.raises(Denied):
        admit(policy, TokenId("other"), "pyvm", frozenset({Capability.PROCESS_SPAWN}))
    check_scope(policy, LOCAL, Capability.PROCESS_SPAWN, "pyvm")
    with pytest.raises(Denied) as scoped:
        check_scope(policy, LOCAL, Capability.PROCESS_SPAWN, "python")
    assert scoped.value.rule == "process.spawn:python"
    check_scope(policy, LOCAL, Capability.FS_READ, "data/deep/file")
    with pytest.raises(Denied):
        check_scope(policy, LOCAL, Capability.FS_READ, "secret")


def test_import_rules_are_words_and_come_back_from_the_record(tmp_path: Path) -> None:
    pin = "blake3:" + "0a" * 32
    added = f"""
[restricted.modules]
"pack.mine" = "{pin}"
[native.imports]
allow = ["json", "math"]
deny = ["json.tool"]
"""
    manifest = load_manifest(written(tmp_path, GOOD + added))
    assert manifest.imports(Tier.RESTRICTED) == ("math", f"pack.mine={pin}")
    assert manifest.imports(Tier.NATIVE) == ("!*", "!json.tool", "json", "math")
    assert from_body(manifest.body()) == manifest
    plain = load_manifest(written(tmp_path, GOOD))
    assert plain.imports(Tier.NATIVE) == ()
    assert "native_imports" not in plain.body()
    assert plain.digest != manifest.digest
    nothing = load_manifest(written(tmp_path, GOOD + "[native.imports]\nallow = []"))
    assert nothing.imports(Tier.NATIVE) == ("!*",)


def test_packages_is_default_and_the_index() -> None:
    """Who wants packages gives up nothing else, and gets nothing else."""
    plain, packages = (
        load_manifest(MANIFESTS / f"{name}.toml") for name in ("default", "packages")
    )
    grants = dict(packages.grants[LOCAL])
    words = grants.pop(Capability.NET_CONNECT)
    assert grants == plain.grants[LOCAL]
    assert {scope_of(word).origin.host for word in words} == {"pypi.org", "files.pythonhosted.org"}
    assert {method for word in words for method in scope_of(word).methods} == {"GET", "HEAD"}
    same = replace(plain, name=packages.name, grants=packages.grants)
    assert replace(packages, network_limits=plain.network_limits) == same
