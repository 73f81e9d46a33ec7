"""Manifests: declarative TOML files that say who may do what, within which limits.

A manifest is read strictly: an unknown key is an error, because a misspelt limit would otherwise
be no limit. Errors name file, line and key. What was read is recorded whole at boot, so the policy
in force at any record is known from the ledger alone.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

from ledger import Digest, Json, digest, encode
from os2shell.model.capability import Capability, TokenId
from os2shell.model.errors import ManifestError
from os2shell.model.guest import Limits, Tier
from os2shell.model.plain import from_json, to_json
from os2shell.policy.imports import MODULE_NAME, PIN, native_words, restricted_words
from os2shell.policy.network import DEFAULT_LIMITS, Network, NetworkLimits
from os2shell.policy.network_tables import Authorities, Misfit, limits_of, scopes_of

Grants = Mapping[TokenId, Mapping[Capability, tuple[str, ...]]]

SECOND_NS = 1_000_000_000
MEBIBYTE = 1 << 20
NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")

LAYERS = frozenset(
    {
        "user-namespace",
        "mount-namespace",
        "pid-namespace",
        "network-namespace",
        "ipc-namespace",
        "uts-namespace",
        "cgroup-namespace",
        "no-new-privileges",
        "capabilities-dropped",
        "not-root",
        "userns-disabled",
        "rlimits",
        "aslr-off",
        "seccomp",
        "landlock",
        "landlock-network",
        "landlock-scopes",
        "cgroup-pids",
        "cgroup-memory",
        "cgroup-cpu",
        "native-net",
        "native-traps",
    }
)
"""The isolation layers that a manifest may require by name."""

LIMIT_UNITS: Mapping[str, tuple[str, int]] = {
    "wall_seconds": ("wall_ns", SECOND_NS),
    "cpu_seconds": ("cpu_ns", SECOND_NS),
    "memory_mib": ("memory_bytes", MEBIBYTE),
    "output_mib": ("output_bytes", MEBIBYTE),
    "workspace_mib": ("workspace_bytes", MEBIBYTE),
    "files": ("files", 1),
    "processes": ("processes", 1),
}
"""Key in the file, field of ``Limits``, and how many of the field's units one is."""

BUDGET_KEY = "token_budget"
"""The one limit that may be left out, and that is not of one run but of all runs of a token."""

NATIVE_KEY = "native_imports"
"""Where the native tier's import rules are recorded; left out where there are none."""

NETWORK_KEY = "network"
"""Where limits of the network are recorded; left out where nobody is granted it."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One validated manifest. ``grants`` maps token → capability → scope patterns.

    ``token_budget`` is what each token may spend in this ledger, all its runs together; None: no
    limit. It is left out of the recorded form where there is none. ``authorities`` are certificates
    of private hosts, by the digest that is recorded in their place; a manifest that was read back
    from the ledger has none of them.
    """

    name: str
    grants: Grants
    limits: Limits
    required_layers: tuple[str, ...]
    restricted_imports: tuple[str, ...]
    token_budget: int | None = None
    native_imports: tuple[str, ...] = ()
    network_limits: NetworkLimits = DEFAULT_LIMITS
    authorities: Authorities = field(default_factory=dict, compare=False, repr=False)

    def network(self, token: TokenId) -> Network | None:
        """What ``token`` has of the network; None where it has nothing."""
        words = self.grants.get(token, {}).get(Capability.NET_CONNECT)
        return None if words is None else Network(words, self.network_limits)

    def imports(self, tier: Tier) -> tuple[str, ...]:
        """The import rules of ``tier``, as words of ``policy.imports``."""
        return self.restricted_imports if tier is Tier.RESTRICTED else self.native_imports

    def body(self) -> dict[str, Json]:
        """The canonical content, as it is recorded."""
        budget: dict[str, Json] = {BUDGET_KEY: self.token_budget} if self.token_budget else {}
        words: list[Json] = list(self.native_imports)
        native: dict[str, Json] = {NATIVE_KEY: words} if words else {}
        granted = any(Capability.NET_CONNECT in held for held in self.grants.values())
        network: dict[str, Json] = {NETWORK_KEY: to_json(self.network_limits)} if granted else {}
        return {
            "name": self.name,
            "grants": {
                str(token): {str(name): list(scope) for name, scope in held.items()}
                for token, held in self.grants.items()
            },
            "limits": to_json(self.limits),
            "required_layers": list(self.required_layers),
            "restricted_imports": list(self.restricted_imports),
            **budget,
            **native,
            **network,
        }

    @property
    def digest(self) -> Digest:
        """BLAKE3 over the canonical content: two files that say the same are the same policy."""
        return digest(encode(self.body()))


def load_manifest(path: Path) -> Manifest:
    """Read and validate ``path``; raises ``ManifestError`` naming file, line and key."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ManifestError(
            f"no manifest at {path}",
            expected="a TOML file or one of the names default, packages, strict, ci, keeper",
            remedy="name another with --manifest",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"manifest {path} cannot be read: {error}") from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"{path}: {error}", expected="valid TOML") from None
    return _Reader(path, text).manifest(content)


def limit_of(limits: Limits, name: str) -> tuple[str, int]:
    """The manifest's key for the limit ``name`` (a cause without ``limit.``), and its value."""
    for key, (each, unit) in LIMIT_UNITS.items():
        if each in {name, f"{name}_ns", f"{name}_bytes"}:
            return key, int(getattr(limits, each)) // unit
    raise KeyError(name)


def from_body(body: Json) -> Manifest:
    """Rebuild a manifest from its recorded form."""
    match body:
        case {
            "name": str(name),
            "grants": dict(grants),
            "limits": dict(limits),
            "required_layers": list(layers),
            "restricted_imports": list(imports),
            **added,
        }:
            return Manifest(
                name=name,
                grants={
                    TokenId(token): {
                        Capability(key): tuple(str(item) for item in _items(scope))
                        for key, scope in _pairs(held)
                    }
                    for token, held in grants.items()
                },
                limits=from_json(Limits, limits),
                required_layers=tuple(str(layer) for layer in layers),
                restricted_imports=tuple(str(item) for item in imports),
                token_budget=_number(added.get(BUDGET_KEY)),
                native_imports=tuple(
                    str(word) for word in _items(cast("Json", added.get(NATIVE_KEY)))
                ),
                network_limits=_network_limits(cast("Json", added.get(NETWORK_KEY))),
            )
        case _:
            raise ManifestError("a recorded manifest of another form", expected="this version's")


class _Reader:
    """Validation with the position of what is wrong."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()
        self._authorities: Authorities = {}

    def manifest(self, content: dict[str, Any]) -> Manifest:
        self._keys(
            "",
            content,
            {"name", "summary", "grants", "limits", "isolation", "restricted", "native", "network"},
        )
        name = self._text("name", content.get("name"))
        if not NAME.fullmatch(name):
            self._fail("name", f"{name!r}", "lower-case letters, digits and dashes")
        grants = self._grants(self._table("grants", content))
        return Manifest(
            name=name,
            grants=grants,
            limits=self._limits(self._table("limits", content)),
            required_layers=self._layers(self._table("isolation", content)),
            restricted_imports=self._imports(self._table("restricted", content)),
            token_budget=self._budget(self._table("limits", content)),
            native_imports=self._native(content.get("native", {})),
            network_limits=self._network(content, grants),
            authorities=self._authorities,
        )

    def _grants(self, table: dict[str, Any]) -> Grants:
        grants: dict[TokenId, dict[Capability, tuple[str, ...]]] = {}
        known = {str(capability) for capability in Capability}
        for token, held in table.items():
            if not isinstance(held, dict):
                self._fail(token, f"{held!r}", f"a table [grants.{token}]")
            for key in held:
                if key not in known:
                    self._fail(key, f"capability {key!r}", "one of " + ", ".join(sorted(known)))
            grants[TokenId(token)] = {
                Capability(key): self._scope(key, scope) for key, scope in held.items()
            }
        return grants

    def _scope(self, key: str, scope: object) -> tuple[str, ...]:
        if key != Capability.NET_CONNECT:
            return self._texts(key, scope)
        try:
            return scopes_of(scope, self._beside, self._authorities)
        except Misfit as misfit:
            self._fail(misfit.key, misfit.found, misfit.expected)

    def _beside(self, name: str) -> bytes:
        """The bytes of a file, named from the manifest's own folder."""
        return (self._path.parent / name).read_bytes()

    def _network(self, content: dict[str, Any], grants: Grants) -> NetworkLimits:
        if "network" not in content:
            return DEFAULT_LIMITS
        if not any(Capability.NET_CONNECT in held for held in grants.values()):
            self._fail("network", "limits of a network that nobody is granted", "net.connect")
        try:
            return limits_of(content["network"])
        except Misfit as misfit:
            self._fail(misfit.key, misfit.found, misfit.expected)

    def _limits(self, table: dict[str, Any]) -> Limits:
        self._keys("limits", table, {*LIMIT_UNITS, BUDGET_KEY})
        fields: dict[str, int] = {}
        for key, (name, unit) in LIMIT_UNITS.items():
            value = table.get(key)
            if value is None:
                self._fail("limits", f"no {key}", f"{key} as a whole number above 0")
            if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
                self._fail(key, f"{value!r}", "a whole number above 0")
            fields[name] = value * unit
        return Limits(**fields)

    def _budget(self, table: dict[str, Any]) -> int | None:
        value = table.get(BUDGET_KEY)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            self._fail(BUDGET_KEY, f"{value!r}", "a whole number above 0")
        return value

    def _layers(self, table: dict[str, Any]) -> tuple[str, ...]:
        self._keys("isolation", table, {"require"})
        names = self._texts("require", table.get("require"))
        for name in names:
            if name not in LAYERS:
                self._fail("require", f"layer {name!r}", "one of " + ", ".join(sorted(LAYERS)))
        return tuple(sorted(set(names)))

    def _imports(self, table: dict[str, Any]) -> tuple[str, ...]:
        self._keys("restricted", table, {"imports", "modules"})
        pinned = table.get("modules", {})
        if not isinstance(pinned, dict):
            self._fail("modules", f"{pinned!r}", "a table [restricted.modules]")
        for name, pin in pinned.items():
            if not isinstance(pin, str) or not PIN.fullmatch(pin):
                self._fail(name, f"{pin!r}", "blake3: and 64 hex digits")
        self._modules("modules", tuple(pinned))
        allowed = self._modules("imports", self._texts("imports", table.get("imports")))
        return restricted_words(allowed, pinned)

    def _native(self, table: object) -> tuple[str, ...]:
        """``[native.imports]``: ``deny`` names, or ``allow`` only some; without it, everything."""
        if not isinstance(table, dict):
            self._fail("native", f"{table!r}", "a table [native]")
        self._keys("native", table, {"imports"})
        rules = self._table("imports", {"imports": table.get("imports", {})})
        self._keys("native.imports", rules, {"allow", "deny"})
        denied = self._modules("deny", self._texts("deny", rules.get("deny", [])))
        if "allow" not in rules:
            return native_words(None, denied)
        return native_words(self._modules("allow", self._texts("allow", rules["allow"])), denied)

    def _modules(self, key: str, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not MODULE_NAME.fullmatch(name):
                self._fail(key, f"{name!r}", "the full name of a module")
        return names

    def _table(self, key: str, content: dict[str, Any]) -> dict[str, Any]:
        value = content.get(key)
        if not isinstance(value, dict):
            found = f"no table [{key}]" if value is None else f"{value!r}"
            self._fail(key, found, f"a table [{key}]")
        return value

    def _keys(self, where: str, table: dict[str, Any], allowed: set[str]) -> None:
        for key in table:
            if key not in allowed:
                place = f"[{where}]" if where else "the top level"
                self._fail(
                    key, f"unknown key {key!r} in {place}", "one of " + ", ".join(sorted(allowed))
                )

    def _text(self, key: str, value: object) -> str:
        if not isinstance(value, str):
            self._fail(key, "nothing" if value is None else f"{value!r}", "a string")
        return value

    def _texts(self, key: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._fail(key, "nothing" if value is None else f"{value!r}", "a list of strings")
        return tuple(value)

    def _fail(self, key: str, found: str, expected: str) -> NoReturn:
        raise ManifestError(f"{self._path}:{self._line(key)}: {key}: {found}", expected=expected)

    def _line(self, key: str) -> int:
        """The first line that names ``key``; 1 when the key is missing from the file."""
        name = re.compile(rf"""^\s*(\[[^]]*)?["']?{re.escape(key)}["']?\s*[\].=]""")
        for number, line in enumerate(self._lines, 1):
            if name.match(line):
                return number
        return 1


def _pairs(value: Json) -> list[tuple[str, Json]]:
    return list(value.items()) if isinstance(value, dict) else []


def _network_limits(value: Json) -> NetworkLimits:
    return DEFAULT_LIMITS if value is None else from_json(NetworkLimits, value)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _items(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
