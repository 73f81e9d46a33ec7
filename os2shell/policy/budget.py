"""Token budgets: what each token has spent in this ledger, as a fold, and what is left of a limit.

A run spends one token per request it makes and one per started four bytes of its output, counted
outside the sandbox. What it spent is recorded with its usage; of a shell that died, the spool tells
the output. Runs that are under way at once each begin with what was left at their admission.
"""

from collections.abc import Mapping

from ledger import Json
from os2shell.model.capability import TokenId
from os2shell.model.fold import Fact, Fold
from os2shell.model.guest import BYTES_PER_TOKEN
from os2shell.policy.manifest import Manifest

Spent = Mapping[TokenId, int]


def left_of(policy: Manifest | None, spent: Spent, token: TokenId) -> int | None:
    """What ``token`` may still spend; None where its manifest sets no budget."""
    if policy is None or policy.token_budget is None:
        return None
    return max(0, policy.token_budget - spent.get(token, 0))


def _evolve(spent: Spent, fact: Fact) -> Spent:
    match fact.kind, fact.body:
        case "python_vm_sandbox_released", {"usage": {"tokens": int(tokens)}}:
            pass
        case "command.interrupted", {"stdout": {"size": int(out)}, "stderr": {"size": int(err)}}:
            tokens = -(-(out + err) // BYTES_PER_TOKEN)
        case _:
            return spent
    return {**spent, fact.token: spent.get(fact.token, 0) + tokens} if tokens else spent


def _dump(spent: Spent) -> Json:
    return {str(token): tokens for token, tokens in spent.items()}


def _load(body: Json) -> Spent:
    pairs = body.items() if isinstance(body, dict) else ()
    return {TokenId(token): int(str(tokens)) for token, tokens in pairs}


SPENT: Fold[Spent] = Fold("spent", 1, {}, _evolve, _dump, _load)
"""Tokens spent by each token since the ledger began."""
