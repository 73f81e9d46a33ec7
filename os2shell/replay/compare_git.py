"""Comparing a run of git with the recorded one: the work, not git's bookkeeping.

Compared are output, ending, what the repository points at, the work tree, and what was refused. Not
compared are ``.git/index`` and the reflog, which hold times and inodes, the form of packs, and
standard error with its progress.
"""

from collections.abc import Mapping

from ledger import Json, ObjectStore, encode
from os2shell.replay.compare import Difference, compare_text, compare_trees, shown

_NOT_COMPARED = frozenset({"stderr", "tree"})
_TOLD = {
    "code": "the exit code",
    "cause": "the exit cause",
    "refused": "what was refused",
    "skipped": "what was skipped",
}
_REPOSITORY = ("head", "commit", "tree", "refs", "refs_count", "refs_digest", "folder")


def compare_runs_of_git(
    recorded: Mapping[str, Json], present: Mapping[str, Json], objects: ObjectStore
) -> Difference | None:
    """The first difference in the order a reader would look."""
    found = compare_text("stdout", recorded["stdout"], present["stdout"], objects)
    for part, told in _TOLD.items():
        if found is None and recorded[part] != present[part]:
            found = Difference(told, shown(recorded[part]), shown(present[part]))
    found = found or _compare_repositories(recorded["repository"], present["repository"])
    if found is None and recorded["work"] != present["work"]:
        return compare_trees(recorded["work"], present["work"], objects)
    one, other = _compared(recorded), _compared(present)
    if found is None and encode(one) != encode(other):
        return Difference("the result", shown(one), shown(other))
    return found


def _compare_repositories(one: Json, other: Json) -> Difference | None:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return None if one == other else Difference("the repository", shown(one), shown(other))
    for part in _REPOSITORY:
        if one.get(part) != other.get(part):
            return Difference(
                f"the repository's {part}", shown(one.get(part)), shown(other.get(part))
            )
    return None


def _compared(result: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in result.items() if name not in _NOT_COMPARED}
