"""Which environments there are, and which one runs have: a fold of the ledger.

Nothing of an environment is known from elsewhere: the folder that a sandbox mounts is a copy of the
tree that the last record names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ledger import Digest, Json
from os2shell.model.fold import Fact, Fold

DEFAULT = "default"
"""What the first installation makes where no environment was chosen."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment; ``tree`` and ``lock`` are None while nothing was installed."""

    tree: Digest | None = None
    lock: Digest | None = None


@dataclass(frozen=True, slots=True)
class Environments:
    """All of them by name; ``active`` is empty where runs have none."""

    named: Mapping[str, Environment] = field(default_factory=lambda: MappingProxyType({}))
    active: str = ""

    @property
    def packages(self) -> Digest | None:
        """The tree that runs have now."""
        return self.named.get(self.active, Environment()).tree

    def having(self, name: str, environment: Environment) -> "Environments":
        """With ``name`` as ``environment``."""
        return replace(self, named={**self.named, name: environment})


def _evolve(found: Environments, fact: Fact) -> Environments:
    match fact.kind, fact.body:
        case "python_vm_env_created", {"name": str(name), "tree": tree, "lock": lock}:
            return found.having(name, Environment(_digest(tree), _digest(lock)))
        case "python_vm_env_selected", {"name": str(name)}:
            return replace(found, active=name)
        case (
            "pip_install_completed",
            {"environment": str(name), "tree": bytes(tree), "lock": bytes(lock)},
        ):
            return found.having(name, Environment(Digest(tree), Digest(lock)))
        case _:
            return found


def _digest(value: Json) -> Digest | None:
    return Digest(value) if isinstance(value, bytes) else None


def _dump(found: Environments) -> Json:
    named: dict[str, Json] = {
        name: [environment.tree, environment.lock] for name, environment in found.named.items()
    }
    return {"named": named, "active": found.active}


def _load(body: Json) -> Environments:
    match body:
        case {"named": dict(named), "active": str(active)}:
            return Environments({name: _environment(row) for name, row in named.items()}, active)
        case _:
            raise ValueError("dumped environments have no known form")


def _environment(row: Json) -> Environment:
    match row:
        case [tree, lock]:
            return Environment(_digest(tree), _digest(lock))
        case _:
            raise ValueError("a dumped environment has no known form")


ENVIRONMENTS: Fold[Environments] = Fold(
    "environments", 1, Environments(), _evolve, _dump, _load, added=True
)
"""The environments of this ledger's workspace."""
