"""Policies: what is a file of one, whose confirmation meets it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    Cosigner,
    CosignerKey,
    NoteError,
    Policy,
    PolicyError,
    QuorumError,
    Signer,
    Witness,
    read_policy,
)
from ledger.trust.cosignature import Algorithm
from ledger.trust.note import Note
from ledger.witness.policy import require

A, B, C, D = (Cosigner(f"{n}.example", n.encode() * 32) for n in "abcd")
KNOWN = tuple(Witness(each.public) for each in (A, B, C, D))
TEXT = f"example.com/log\n5\n{'A' * 43}=\n"


def cosigned(*cosigners: Cosigner) -> Note:
    return Note(TEXT, tuple(each.cosign(TEXT, 1_700_000_000) for each in cosigners))


def test_k_of_n() -> None:
    policy = Policy(required=2, witnesses=KNOWN[:3])
    assert require(cosigned(A, C), policy) == {KNOWN[0]: 1_700_000_000, KNOWN[2]: 1_700_000_000}
    for few in (cosigned(A), cosigned(), cosigned(A, D)):
        with pytest.raises(
            QuorumError, match=r"2 of \(a\.example, b\.example, c\.example\)"
        ) as too:
            require(few, policy)
        assert set(too.value.reasons) | set(too.value.confirmed) == {k.name for k in KNOWN[:3]}
    forged = A.cosign(TEXT.replace("5", "6"), 7)
    with pytest.raises(NoteError, match="does not verify"):
        require(cosigned(B, C).adding([forged]), policy)


@given(
    st.integers(1, 4).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.sets(st.integers(0, 3)),
)
def test_a_policy_counts(size: tuple[int, int], chosen: set[int]) -> None:
    required, count = size
    by = {KNOWN[n] for n in chosen}
    assert Policy(required, KNOWN[:count]).satisfied(by) == (
        len([n for n in chosen if n < count]) >= required
    )


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


WITNESSES = tuple(
    f"witness {n} {each.public}" for n, each in zip("abcd", (A, B, C, D), strict=True)
)


def test_groups_within_groups() -> None:
    log = Signer("example.com/log", bytes(32)).public
    policy = read_policy(
        lines(
            "# two organisations",
            "",
            f"log {log} https://log.example/",
            f"  witness\ta  {A.public} http://a.example:80/w\t",
            *WITNESSES[1:],
            "group X 1 a b",
            "group Y any c d",
            "group both all X Y",
            "quorum both",
        )
    )
    assert policy.logs == (log,)
    assert [each.url for each in policy.everyone()] == ["http://a.example:80/w", "", "", ""]
    assert str(policy) == ("2 of (1 of (a.example, b.example), 1 of (c.example, d.example))")
    everyone = policy.everyone()
    assert policy.satisfied({everyone[0], everyone[3]})
    assert not policy.satisfied({everyone[0], everyone[1]})


def test_witnesses_beyond_the_quorum_are_known_and_not_needed() -> None:
    policy = read_policy(lines(*WITNESSES, "quorum b"))
    assert set(policy.everyone()) == set(KNOWN)
    assert policy.satisfied({KNOWN[1]})
    assert not policy.satisfied({KNOWN[0], KNOWN[2], KNOWN[3]})
    none = read_policy(lines(*WITNESSES, "quorum none"))
    assert none.satisfied(())
    assert read_policy(lines("quorum none")) == Policy(0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "cut short"),
        (b"quorum none", "cut short"),
        (lines(WITNESSES[0]), "one line 'quorum"),
        (lines("quorum none", "quorum none"), "line 2.*second"),
        (lines("quorum a", WITNESSES[0]), "line 1.*defined above"),
        (lines(WITNESSES[0], "group g 1 a g", "quorum g"), "line 2.*defined above"),
        (lines(WITNESSES[0], "group g 2 a", "quorum g"), "line 2"),
        (lines(WITNESSES[0], "group g 0 a", "quorum g"), "line 2"),
        (lines(WITNESSES[0], "group g 01 a", "quorum g"), "line 2"),
        (lines(WITNESSES[0], "group g -1 a", "quorum g"), "line 2"),
        (lines(WITNESSES[0], "group g most a", "quorum g"), "line 2"),
        (lines(WITNESSES[0], "group g any", "quorum g"), "line 2"),
        (lines(WITNESSES[0], "group g 1 none", "quorum g"), "line 2"),
        (lines(WITNESSES[0], "group g 1 a a", "quorum g"), "line 2.*again"),
        (lines(WITNESSES[0], "group g 1 a", "group h 1 a", "quorum h"), "line 3.*again"),
        (lines(WITNESSES[0], WITNESSES[0], "quorum a"), "line 2.*every public key once"),
        (lines(WITNESSES[0], WITNESSES[1].replace(" b ", " a "), "quorum a"), "not taken"),
        (lines(WITNESSES[0].replace(" a ", " none "), "quorum none"), "not taken"),
        (lines(f"log {A.public}", WITNESSES[0], "quorum a"), "line 2.*every public key once"),
        (lines(f"witness a {Signer('a', bytes(32)).public}", "quorum a"), "cannot cosign"),
        (lines("witness a a.example+00000000+BAAA", "quorum a"), "line 1"),
        (lines("witness a", "quorum a"), "line 1"),
        (lines("voter a b", "quorum none"), "line 1.*expected log"),
        (lines("quorum none\r"), "control"),
        (lines("quorum none # why"), "line 1"),
        (lines("quorum\x0bnone"), "control"),
    ],
)
def test_what_is_no_policy(text: bytes, reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        read_policy(text)


def test_policies_that_cannot_be_met_are_refused() -> None:
    for required, members in ((3, KNOWN[:2]), (-1, KNOWN), (1, ())):
        with pytest.raises(PolicyError):
            Policy(required, members)
    with pytest.raises(PolicyError, match="twice"):
        Policy(1, (KNOWN[0], Policy(1, (KNOWN[0],))))
    renamed = Witness(CosignerKey("other.example", Algorithm.ED25519, A.public.key))
    with pytest.raises(PolicyError, match="twice"):
        Policy(2, (KNOWN[0], renamed))
    many = tuple(
        Witness(Cosigner(f"w{n}.example", bytes([n]) * 32, Algorithm.ML_DSA_44).public)
        for n in range(20)
    )
    Policy(16, many[:16])
    with pytest.raises(PolicyError, match="fit a note"):
        Policy(1, many)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_policy_or_refused(data: bytes) -> None:
    for text in (data, data + b"\nquorum none\n"):
        try:
            read_policy(text)
        except PolicyError:
            continue
