"""``cap``: what a token may do, within which limits, and what is left of its budget."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ledger import Json
from os2shell.kernel.spending import ReadSpent
from os2shell.model.capability import Capability, TokenId
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import UsageError
from os2shell.model.shown import jsonable, one_line
from os2shell.policy.budget import NOTHING, SPENT, left_of
from os2shell.policy.grants import POLICY
from os2shell.policy.manifest import LIMIT_UNITS, Manifest
from os2shell.policy.network import Network, scope_of
from os2shell.policy.network_tables import told_limits

USAGE: Final = "cap show [TOKEN] | list, each with [--json]"


@dataclass(frozen=True, slots=True)
class Args:
    """``verb`` is show or list; ``token`` None is the one that acts."""

    verb: str
    token: str | None = None
    json: bool = False


def parse(words: Sequence[str]) -> Args:
    """Read the verb, the token and ``--json``."""
    as_json = "--json" in words
    match [word for word in words if word != "--json"]:
        case ["list"]:
            return Args("list", json=as_json)
        case ["show"]:
            return Args("show", json=as_json)
        case ["show", token] if not token.startswith("-"):
            return Args("show", token, as_json)
        case _:
            raise UsageError(f"cap {' '.join(words)}", expected=USAGE)


def run(args: Args, context: Context) -> Outcome:
    """Tell what the manifest in force says, and what the ledger says was spent."""
    manifest = context.view(POLICY)
    assert manifest is not None, "admission precedes every run"
    if args.verb == "list":
        body = _listed(manifest)
        return _outcome(args, body, _list_text(manifest))
    body = _shown(args, manifest, context)
    return _outcome(args, body, _show_text(body))


def _outcome(args: Args, body: dict[str, Json], text: str) -> Outcome:
    return Outcome(json.dumps(jsonable(body), indent=2) if args.json else text)


def _shown(args: Args, manifest: Manifest, context: Context) -> dict[str, Json]:
    token = TokenId(args.token) if args.token else context.token
    grants = manifest.grants.get(token)
    if grants is None:
        known = ", ".join(sorted(manifest.grants)) or "none"
        raise UsageError(
            f"manifest {manifest.name} grants token {token!r} nothing",
            expected=f"a token it names: {known}",
        )
    account = SPENT.load(context.perform(ReadSpent())).get(token, NOTHING)
    holds = tuple(account.holds.values())
    return {
        "schema": "os2.cap/1",
        "manifest": manifest.name,
        "token": str(token),
        "grants": _grants(grants),
        "limits": {
            key: int(getattr(manifest.limits, field)) // unit
            for key, (field, unit) in LIMIT_UNITS.items()
        },
        **_network(manifest.network(token)),
        "budget": {
            "tokens": manifest.token_budget,
            "spent": account.spent,
            "runs_under_way": len(holds),
            "left": left_of(manifest, account.spent, holds),
        },
    }


def _network(network: Network | None) -> dict[str, Json]:
    """The limits of the network, for who has any of it."""
    return {} if network is None else {"network": dict(told_limits(network.limits))}


def _listed(manifest: Manifest) -> dict[str, Json]:
    rows: list[Json] = [
        {
            "capability": str(capability),
            "tokens": {
                str(token): list(held[capability])
                for token, held in sorted(manifest.grants.items())
                if capability in held
            },
        }
        for capability in Capability
    ]
    return {"schema": "os2.cap-list/1", "manifest": manifest.name, "capabilities": rows}


def _grants(held: Mapping[Capability, tuple[str, ...]]) -> dict[str, Json]:
    return {str(name): list(scope) for name, scope in sorted(held.items())}


def _show_text(body: dict[str, Json]) -> str:
    grants, limits, budget = (body[part] for part in ("grants", "limits", "budget"))
    assert isinstance(grants, dict)
    assert isinstance(limits, dict)
    assert isinstance(budget, dict)
    told = {name: one_line(value) for name, value in budget.items()}
    lines = [
        f"token {one_line(body['token'])} under manifest {one_line(body['manifest'])}",
        "grants",
    ]
    lines += [f"  {name:<16}{_scope(name, scope)}" for name, scope in grants.items()]
    lines.append("limits of one run")
    lines += [f"  {name:<16}{one_line(value)}" for name, value in limits.items()]
    network = body.get("network")
    if isinstance(network, dict):
        lines.append("network of one run")
        lines += [f"  {name:<16}{one_line(value)}" for name, value in network.items()]
    lines.append("budget of all its runs, in tokens")
    if budget["tokens"] is None:
        lines.append(f"  no limit; spent {told['spent']}")
    else:
        lines.append(f"  {told['left']} left of {told['tokens']}; spent {told['spent']}")
    if budget["runs_under_way"]:
        lines.append(f"  runs under way: {told['runs_under_way']}; they hold what they may spend")
    return "\n".join(lines)


def _list_text(manifest: Manifest) -> str:
    lines = [f"manifest {manifest.name}"]
    for capability in Capability:
        holders = [
            f"{token} ({_scope(capability, list(held[capability]))})"
            for token, held in sorted(manifest.grants.items())
            if capability in held
        ]
        lines.append(f"  {capability:<16}{', '.join(holders) or 'nobody'}")
    return "\n".join(lines)


def _scope(capability: str, scope: Json) -> str:
    patterns = [str(item) for item in scope] if isinstance(scope, list) else []
    if capability == Capability.NET_CONNECT:
        return "; ".join(scope_of(word).told() for word in patterns) or "nothing"
    return "everything" if patterns == ["*"] else ", ".join(patterns) or "nothing"


COMMAND = Command(
    name="cap",
    summary="show what a token may do, and what is left of its budget",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.LEDGER_READ}),
    parse=parse,
    run=run,
    recording=Recording.LOOK,
)
