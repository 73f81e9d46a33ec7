"""Token budgets: what each token has spent in this ledger, as a fold, and what is left of a limit.

A run spends one token per request it makes and one per started four bytes of its output, counted
outside the sandbox. Its admission holds what it may spend at most (its own budget, or else all that
is left), its end lets that go, and what it really spent is recorded with its usage; of a shell that
died, the spool tells the output. So runs that are under way at once, in any shells of this ledger,
never spend more together than the budget.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ledger import Json
from os2shell.model.capability import TokenId
from os2shell.model.errors import Denied
from os2shell.model.fold import Fact, Fold
from os2shell.model.guest import BYTES_PER_TOKEN
from os2shell.policy.manifest import Manifest

ENDS = frozenset({"command.finished", "command.failed", "command.interrupted"})


@dataclass(frozen=True, slots=True)
class Account:
    """One token's: what it spent, and what runs under way hold, by the seq of their admission.

    A hold of None is all that is left.
    """

    spent: int = 0
    holds: Mapping[int, int | None] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def before_newest(self) -> list[int | None]:
        """The holds of others, seen by the run that was admitted last."""
        return [self.holds[seq] for seq in sorted(self.holds)[:-1]]


Accounts = Mapping[TokenId, Account]
NOTHING = Account()


def left_of(policy: Manifest | None, spent: int, holds: Collection[int | None]) -> int | None:
    """What may still be spent beside ``holds``; None where the manifest sets no budget."""
    if policy is None or policy.token_budget is None:
        return None
    if None in holds:
        return 0
    return max(0, policy.token_budget - spent - sum(held or 0 for held in holds))


def allowance(
    policy: Manifest, account: Account, token: TokenId, own: int | None = None
) -> int | None:
    """What a run may spend: the lesser of its ``own`` budget and what is left of its token's.

    None: anything. Raises ``Denied`` where nothing is left.
    """
    others = account.before_newest
    left = left_of(policy, account.spent, others)
    if left == 0 and left_of(policy, account.spent, ()) != 0:
        raise Denied(
            f"{len(others)} runs under way hold what token {token} may still spend",
            rule="token_budget",
            remedy="wait for them, or give runs that go on side by side a --token-budget each",
        )
    if left == 0:
        raise Denied(
            f"token {token} has spent its budget of {policy.token_budget} tokens",
            rule="token_budget",
            remedy="`os2 cap show` tells more; a manifest may allow more",
        )
    given = [each for each in (own, left) if each is not None]
    return min(given) if given else None


def _evolve(accounts: Accounts, fact: Fact) -> Accounts:
    match fact.kind, fact.body:
        case "command.admitted", {"arguments": {"entry": _, "target": _, **given}}:
            held = given.get("token_budget")
            account = accounts.get(fact.token, NOTHING)
            holds = {**account.holds, fact.seq: held if isinstance(held, int) else None}
            return {**accounts, fact.token: Account(account.spent, holds)}
        case "python_vm_sandbox_released", {"usage": {"tokens": int(tokens)}}:
            return _spend(accounts, fact.token, tokens)
        case kind, {"admitted": int(seq)} if kind in ENDS:
            return _end(accounts, seq, _shown(fact.body))
        case _:
            return accounts


def _spend(accounts: Accounts, token: TokenId, tokens: int) -> Accounts:
    account = accounts.get(token, NOTHING)
    return {**accounts, token: Account(account.spent + tokens, account.holds)}


def _end(accounts: Accounts, seq: int, tokens: int) -> Accounts:
    """Let go what ``seq`` held; ``tokens`` more were spent where its shell died."""
    for token, account in accounts.items():
        if seq in account.holds:
            holds = {each: held for each, held in account.holds.items() if each != seq}
            return {**accounts, token: Account(account.spent + tokens, holds)}
    return accounts


def _shown(body: Json) -> int:
    """What output a dead shell's spool held, in tokens."""
    match body:
        case {"stdout": {"size": int(out)}, "stderr": {"size": int(err)}}:
            return -(-(out + err) // BYTES_PER_TOKEN)
        case _:
            return 0


def _dump(accounts: Accounts) -> Json:
    return {
        str(token): [account.spent, [[seq, held] for seq, held in account.holds.items()]]
        for token, account in accounts.items()
    }


def _load(body: Json) -> Accounts:
    accounts: dict[TokenId, Account] = {}
    for token, account in body.items() if isinstance(body, dict) else ():
        match account:
            case [int(spent), list(rows)]:
                holds = dict(_hold(row) for row in rows)
                accounts[TokenId(token)] = Account(spent, holds)
            case _:
                raise ValueError("a dumped account has no known form")
    return accounts


def _hold(row: Json) -> tuple[int, int | None]:
    match row:
        case [int(seq), int() | None as held]:
            return seq, held
        case _:
            raise ValueError("a dumped hold has no known form")


SPENT: Fold[Accounts] = Fold("spent", 2, MappingProxyType({}), _evolve, _dump, _load)
"""Each token's account since the ledger began."""
