"""May this token do that? Pure; the answer depends on the policy alone, and none means no."""

from fnmatch import fnmatchcase

from os2shell.model.capability import Capability, TokenId
from os2shell.model.errors import Denied
from os2shell.policy import network
from os2shell.policy.manifest import Manifest


def admit(
    policy: Manifest | None, token: TokenId, command: str, needs: frozenset[Capability]
) -> None:
    """Raise ``Denied`` unless ``token`` holds every capability that ``command`` needs."""
    held = policy.grants.get(token, {}) if policy else {}
    missing = sorted(str(need) for need in needs if need not in held)
    if missing:
        raise Denied(
            f"{command} needs {', '.join(missing)}, which token {token} does not hold",
            rule=" ".join(missing),
            remedy=_remedy(policy, missing[0]),
        )


def check_scope(policy: Manifest | None, token: TokenId, need: Capability, scope: str) -> None:
    """Raise ``Denied`` unless a grant of ``need`` covers ``scope``; ``""`` needs only the power."""
    held = policy.grants.get(token, {}) if policy else {}
    patterns = held.get(need)
    if patterns is None:
        raise Denied(
            f"token {token} does not hold {need}", rule=str(need), remedy=_remedy(policy, need)
        )
    if scope and not any(_covers(need, pattern, scope) for pattern in patterns):
        raise Denied(
            f"token {token} holds {need} for {_listed(need, patterns)}, not for {scope}",
            rule=f"{need}:{scope}",
            remedy=_remedy(policy, need),
        )


def _covers(need: Capability, pattern: str, scope: str) -> bool:
    """Of hosts a ``*`` covers no more than a name's labels, so they are compared by parts."""
    if need is Capability.NET_CONNECT:
        return network.covers(pattern, scope)
    return fnmatchcase(scope, pattern)


def _listed(need: Capability, patterns: tuple[str, ...]) -> str:
    """The patterns for people."""
    if need is Capability.NET_CONNECT:
        return network.Network(patterns, network.DEFAULT_LIMITS).told()
    return ", ".join(patterns) or "nothing"


def _remedy(policy: Manifest | None, need: str) -> str:
    name = policy.name if policy else "none"
    return (
        f'the manifest in force is {name}: grant "{need}" in a manifest and name it by --manifest'
    )
