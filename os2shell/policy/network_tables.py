"""The network in a manifest's own words: tables to the words of ``network``. Strict, like the rest.

A grant of ``net.connect`` is a list of tables: ``hosts``; and where they differ from the usual,
``schemes`` (https), ``ports`` (the scheme's own), ``methods`` (GET, HEAD), ``private``,
``cookies``, ``ca``, the file of a PEM certificate beside the manifest, and ``credential``, a name.
``[network]`` sets limits.
"""

import re
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from ledger import digest
from os2shell.policy.network import (
    DEFAULT_LIMITS,
    METHODS,
    PORT_MOST,
    SCHEMES,
    NetworkLimits,
    Origin,
    Scope,
    canonical_pattern,
)

CA_BYTES_MOST = 64 << 10
"""The largest file of an authority: one that vouches for a private host, not the world's."""
WORDS_MOST = 256
"""Origins that one token can be granted; a record holds them all."""

UNITS: Mapping[str, tuple[str, int, int]] = {
    "requests": ("requests", 1, 10_000),
    "request_mib": ("request_bytes", 1 << 20, 64),
    "response_mib": ("response_bytes", 1 << 20, 256),
    "seconds": ("time_ns", 1_000_000_000, 3600),
}
"""Key in the file, field of ``NetworkLimits``, its units in one, and the most there may be."""

_KEYS = ("hosts", "schemes", "ports", "methods", "private", "cookies", "ca", "credential")
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----")
_CREDENTIAL = re.compile(r"[a-z][a-z0-9-]{0,63}")

Authorities = dict[str, bytes]
"""Certificates in PEM form by the name they are recorded under, ``blake3:`` and their digest."""


class Misfit(Exception):
    """Something is not as it must be: at which key, what was found, what was expected."""

    def __init__(self, key: str, found: str, expected: str) -> None:
        """Keep the parts; the reader of the manifest knows file and line."""
        super().__init__(f"{key}: {found}")
        self.key = key
        self.found = found
        self.expected = expected


def scopes_of(value: object, read: Callable[[str], bytes], found: Authorities) -> tuple[str, ...]:
    """The words of one grant, sorted; authorities that it names are added to ``found``.

    ``read`` gives the bytes of a file beside the manifest; raises ``OSError``.
    """
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise Misfit("net.connect", f"{value!r}", 'a list of tables such as { hosts = ["a.org"] }')
    words: set[str] = set()
    for table in value:
        words |= {scope.word for scope in _scopes(table, read, found)}
    if len(words) > WORDS_MOST:
        raise Misfit("net.connect", f"{len(words)} origins", f"at most {WORDS_MOST}")
    return tuple(sorted(words))


def limits_of(table: object) -> NetworkLimits:
    """The limits that ``[network]`` sets; what it leaves out is as ``DEFAULT_LIMITS`` has it."""
    if not isinstance(table, dict):
        raise Misfit("network", f"{table!r}", "a table [network]")
    fields = {name: getattr(DEFAULT_LIMITS, name) for name, _, _ in UNITS.values()}
    for key, value in table.items():
        if key not in UNITS:
            raise Misfit(key, f"unknown key {key!r} in [network]", "one of " + ", ".join(UNITS))
        name, unit, most = UNITS[key]
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
            raise Misfit(key, f"{value!r}", f"a whole number from 1 to {most}")
        fields[name] = value * unit
    return NetworkLimits(**fields)


def told_limits(limits: NetworkLimits) -> dict[str, int]:
    """The limits by the manifest's own keys and units."""
    return {key: getattr(limits, name) // unit for key, (name, unit, _) in UNITS.items()}


def _scopes(
    table: dict[str, Any], read: Callable[[str], bytes], found: Authorities
) -> tuple[Scope, ...]:
    for key in table:
        if key not in _KEYS:
            raise Misfit(
                key, f"unknown key {key!r} in a grant of net.connect", "one of " + ", ".join(_KEYS)
            )
    if not table.get("hosts"):
        raise Misfit("hosts", f"{table.get('hosts', 'nothing')!r}", "a list of hosts")
    hosts = [_host(text) for text in _texts("hosts", table["hosts"])]
    schemes = _chosen("schemes", table.get("schemes", ["https"]), tuple(SCHEMES))
    methods = _chosen("methods", table.get("methods", ["GET", "HEAD"]), METHODS)
    ports = _ports(table["ports"]) if "ports" in table else None
    private, cookies = _flag("private", table), _flag("cookies", table)
    if private and any(host.startswith("*.") for host in hosts):
        raise Misfit("private", "true for a pattern", "hosts that are named whole")
    ca = _authority(table["ca"], schemes, read, found) if "ca" in table else ""
    credential = _credential(table["credential"], schemes) if "credential" in table else ""
    return tuple(
        Scope(methods, Origin(scheme, host, port), private, cookies, ca, credential)
        for scheme, host in product(schemes, hosts)
        for port in ports or (SCHEMES[scheme],)
    )


def _host(text: str) -> str:
    try:
        return canonical_pattern(text)
    except ValueError as error:
        expected = "a host's name or address, or *.name; without scheme, port and path"
        raise Misfit("hosts", f"{text!r}: {error}", expected) from None


def _texts(key: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value) or not value:
        raise Misfit(key, f"{value!r}", "a list of strings, not empty")
    return value


def _chosen(key: str, value: object, known: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``known`` that are listed, in its order."""
    listed = _texts(key, value)
    for item in listed:
        if item not in known:
            raise Misfit(key, f"{item!r}", "one of " + ", ".join(known))
    return tuple(item for item in known if item in listed)


def _ports(value: object) -> tuple[int, ...]:
    expected = f"a list of ports, from 1 to {PORT_MOST}"
    if not isinstance(value, list) or not value:
        raise Misfit("ports", f"{value!r}", expected)
    for port in value:
        if not isinstance(port, int) or isinstance(port, bool) or not 0 < port <= PORT_MOST:
            raise Misfit("ports", f"{port!r}", expected)
    return tuple(value)


def _flag(key: str, table: dict[str, Any]) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise Misfit(key, f"{value!r}", "true or false")
    return value


def _credential(name: object, schemes: tuple[str, ...]) -> str:
    if not isinstance(name, str) or not _CREDENTIAL.fullmatch(name):
        raise Misfit("credential", f"{name!r}", "a name of lower-case letters, digits and dashes")
    if schemes != ("https",):
        raise Misfit("credential", "a credential for http", "https alone: anybody on the way reads")
    return name


def _authority(
    name: object, schemes: tuple[str, ...], read: Callable[[str], bytes], found: Authorities
) -> str:
    if not isinstance(name, str):
        raise Misfit("ca", f"{name!r}", "the name of a PEM file beside the manifest")
    if schemes != ("https",):
        raise Misfit("ca", "an authority for http", "https alone: http has nobody to vouch for it")
    try:
        data = read(name)
    except OSError as error:
        raise Misfit(
            "ca", f"{name!r}: {error.strerror}", "a PEM file beside the manifest"
        ) from None
    if len(data) > CA_BYTES_MOST or not _PEM.search(data):
        expected = f"certificates in PEM form, at most {CA_BYTES_MOST} bytes"
        raise Misfit("ca", f"{len(data)} bytes in {name!r}", expected)
    named = f"blake3:{digest(data).hex()}"
    found[named] = data
    return named
