"""The policy in force, as a fold: the last manifest that was recorded, or none."""

from ledger import Json
from os2shell.model.fold import Fact, Fold
from os2shell.policy.manifest import Manifest, from_body

MANIFEST_LOADED = "manifest.loaded"


def _evolve(policy: Manifest | None, fact: Fact) -> Manifest | None:
    return from_body(fact.body) if fact.kind == MANIFEST_LOADED else policy


def _dump(policy: Manifest | None) -> Json:
    return policy.body() if policy else None


def _load(body: Json) -> Manifest | None:
    return None if body is None else from_body(body)


POLICY: Fold[Manifest | None] = Fold("policy", 1, None, _evolve, _dump, _load)
"""The manifest in force. Before the first one is recorded nobody may do anything."""
