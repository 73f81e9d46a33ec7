"""Grants of the network: strict reading, words that come back, and what they cover."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from os2shell.model.capability import LOCAL, Capability
from os2shell.model.errors import Denied, ManifestError
from os2shell.policy.checker import check_scope
from os2shell.policy.manifest import Manifest, from_body, load_manifest
from os2shell.policy.network import (
    DEFAULT_LIMITS,
    METHODS,
    SCHEMES,
    Origin,
    Scope,
    asked_word,
    canonical_host,
    canonical_pattern,
    covering,
    covers,
    scope_of,
)
from tests.house import ROOT
from tests.network.network_room import certificate, table, write_manifest


def loaded(tmp_path: Path, *grants: str, limits: str = "") -> Manifest:
    return load_manifest(write_manifest(tmp_path / "m.toml", *grants, limits=limits))


@pytest.mark.parametrize("name", ["default", "strict", "ci", "keeper"])
def test_no_shipped_manifest_grants_the_network(name: str) -> None:
    manifest = load_manifest(ROOT / "manifests" / f"{name}.toml")
    assert manifest.network(LOCAL) is None
    assert "network" not in manifest.body()


def test_a_grant_is_recorded_as_words_and_read_back(tmp_path: Path) -> None:
    certificate(tmp_path)
    manifest = loaded(
        tmp_path,
        table(hosts=["Files.Example.org", "*.mirror.example.org"]),
        table(hosts=["::1"], schemes=["http"], ports=[8080], methods=["POST", "GET"], private=True),
        table(hosts=["10.0.0.7"], ca="own.pem", cookies=True, credential="api"),
        limits="requests = 5\nseconds = 2",
    )
    network = manifest.network(LOCAL)
    assert network is not None
    (named,) = manifest.authorities
    assert network.words == (
        "GET,HEAD https://*.mirror.example.org:443",
        f"GET,HEAD https://10.0.0.7:443 cookies ca={named} credential=api",
        "GET,HEAD https://files.example.org:443",
        "GET,POST http://[::1]:8080 private",
    )
    assert (network.limits.requests, network.limits.time_ns) == (5, 2_000_000_000)
    assert network.limits.response_bytes == DEFAULT_LIMITS.response_bytes
    again = from_body(manifest.body())
    assert again == manifest
    assert again.digest == manifest.digest
    assert again.authorities == {}


@pytest.mark.parametrize(
    ("grant", "told"),
    [
        ('"*"', "a list of tables"),
        ('{ host = ["a.org"] }', "unknown key 'host'"),
        ("{ hosts = [] }", "a list of hosts"),
        ('{ hosts = "a.org" }', "a list of strings"),
        ('{ hosts = ["*"] }', "no"),
        ('{ hosts = ["*.org"] }', "labels after its"),
        ('{ hosts = ["a.*.org"] }', "not a host's name"),
        ('{ hosts = ["https://a.org"] }', "without scheme"),
        ('{ hosts = ["a.org:80"] }', "not a host's name"),
        ('{ hosts = ["a.org/x"] }', "not a host's name"),
        ('{ hosts = ["user@a.org"] }', "not a host's name"),
        ('{ hosts = ["a.org."] }', "not a host's name"),
        ('{ hosts = ["127.1"] }', "numbers that are no address"),
        ('{ hosts = ["0x7f000001"] }', "numbers that are no address"),
        ('{ hosts = ["fe80::1%eth0"] }', "zone"),
        ('{ hosts = ["a.org"], ports = [0] }', "from 1 to 65535"),
        ('{ hosts = ["a.org"], ports = [true] }', "from 1 to 65535"),
        ('{ hosts = ["a.org"], ports = [] }', "from 1 to 65535"),
        ('{ hosts = ["a.org"], schemes = ["ftp"] }', "one of https, http"),
        ('{ hosts = ["a.org"], methods = ["CONNECT"] }', "one of GET"),
        ('{ hosts = ["a.org"], methods = ["TRACE"] }', "one of GET"),
        ('{ hosts = ["a.org"], methods = ["get"] }', "one of GET"),
        ('{ hosts = ["a.org"], private = 1 }', "true or false"),
        ('{ hosts = ["*.a.org"], private = true }', "named whole"),
        ('{ hosts = ["a.org"], ca = "absent.pem" }', "PEM file"),
        ('{ hosts = ["a.org"], credential = "../x" }', "letters, digits and dashes"),
        ('{ hosts = ["a.org"], credential = "x", schemes = ["http"] }', "https alone"),
        ('{ hosts = ["a.org"], ca = "m.toml" }', "PEM form"),
        ('{ hosts = ["a.org"], ca = "m.toml", schemes = ["http"] }', "https alone"),
    ],
)
def test_what_is_no_grant_is_refused_with_its_place(tmp_path: Path, grant: str, told: str) -> None:
    with pytest.raises(ManifestError, match=r"m\.toml:\d+: ") as caught:
        loaded(tmp_path, grant)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "limits",
    ["requests = 0", "seconds = 1.5", "second = 1", "response_mib = 257", "requests = true"],
)
def test_limits_are_read_strictly(tmp_path: Path, limits: str) -> None:
    with pytest.raises(ManifestError):
        loaded(tmp_path, table(hosts=["a.org"]), limits=limits)


def test_limits_without_a_grant_are_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(
        (ROOT / "manifests" / "default.toml").read_text() + "\n[network]\nrequests = 1\n"
    )
    with pytest.raises(ManifestError, match="nobody is granted"):
        load_manifest(path)


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("GET https://files.example.org:443", True),
        ("GET https://a.example.net:443", True),
        ("GET https://a.b.example.net:443", True),
        ("GET https://example.net:443", False),
        ("GET https://badexample.net:443", False),
        ("GET https://example.net.evil.org:443", False),
        ("POST https://files.example.org:443", False),
        ("GET http://files.example.org:443", False),
        ("GET https://files.example.org:8443", False),
        ("GET https://sub.files.example.org:443", False),
        ("GET https://[::1]:443", False),
    ],
)
def test_what_a_grant_covers(tmp_path: Path, asked: str, *, allowed: bool) -> None:
    manifest = loaded(tmp_path, table(hosts=["files.example.org", "*.example.net"]))
    if allowed:
        check_scope(manifest, LOCAL, Capability.NET_CONNECT, asked)
        return
    with pytest.raises(Denied) as caught:
        check_scope(manifest, LOCAL, Capability.NET_CONNECT, asked)
    assert caught.value.rule == f"net.connect:{asked}"
    assert "grant" in caught.value.remedy


def test_the_grant_for_the_very_host_comes_first() -> None:
    words = ("GET https://*.a.org:443", "GET https://x.a.org:443 private")
    found = covering(words, "GET", Origin("https", "x.a.org", 443))
    assert found is not None
    assert found.private
    assert covering(words, "GET", Origin("https", "a.org", 443)) is None


LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
HOSTS = st.one_of(
    st.lists(LABEL, min_size=1, max_size=4).map(".".join),
    st.ip_addresses().map(str).map(canonical_host),
)
ORIGINS = st.builds(Origin, st.sampled_from(sorted(SCHEMES)), HOSTS, st.integers(1, 65535))


@given(
    methods=st.sets(st.sampled_from(METHODS), min_size=1),
    origin=ORIGINS,
    options=st.tuples(
        st.booleans(),
        st.booleans(),
        st.sampled_from(["", "blake3:ab12"]),
        st.sampled_from(["", "api"]),
    ),
)
def test_words_are_read_back(
    methods: set[str], origin: Origin, options: tuple[bool, bool, str, str]
) -> None:
    scope = Scope(tuple(sorted(methods)), origin, *options)
    assert scope_of(scope.word) == scope


@given(one=ORIGINS, other=ORIGINS, method=st.sampled_from(METHODS))
def test_a_word_covers_its_own_origin_alone(one: Origin, other: Origin, method: str) -> None:
    word = Scope((method,), one).word
    assert covers(word, asked_word(method, one))
    assert covers(word, asked_word(method, other)) == (one == other)


@given(text=st.text(max_size=30))
def test_a_host_is_canonical_or_none(text: str) -> None:
    try:
        host = canonical_host(text)
    except ValueError:
        return
    assert canonical_host(host) == host
    assert host.isascii()
    assert not set(host) & set("/@?#[]% \t\r\n*\\")


@given(host=HOSTS, name=st.lists(LABEL, min_size=2, max_size=3).map(".".join))
def test_a_pattern_covers_names_below_it_alone(host: str, name: str) -> None:
    pattern = canonical_pattern(f"*.{name}")
    word = Scope(("GET",), Origin("https", pattern, 443)).word
    expected = host.endswith(f".{name}")
    assert covers(word, asked_word("GET", Origin("https", host, 443))) == expected
