"""Which objects may go with the pruned records that lead to them.

Those that nothing which stays may still mean. Doubt keeps an object: what stays is followed widely,
and where a trace or tree that it names cannot be read, nobody knows what else is meant, so nothing
is pruned. A tree that lies there although no record names it claims what it names too: whoever
finds it (a shell that captures its workspace, say) takes the rest to lie there as well.

Nobody can claim an object here that was put and is not named by a record yet.
"""

from collections.abc import Callable, Iterable

from ledger.chain.content import Content
from ledger.errors import DamagedError, ObjectMissing, ObjectProblem
from ledger.form.canonical import Digest
from ledger.form.record import fields
from ledger.form.references import TREE_BEGINS, Reference, Role
from ledger.storage.file_objects import FileObjects


def dispensable(
    objects: FileObjects,
    going: Iterable[bytes],
    staying: Iterable[bytes],
    keep: Callable[[Digest], bool],
) -> list[Digest]:
    """What may go with the bodies ``going``: first what names others, then what is named.

    In that order no crash leaves a trace or tree without what it names. What ``keep`` claims stays
    with all that it leads to. Raises ``DamagedError`` where what stays does not hold.
    """
    gone = Content(hashing=False, refuse=lambda _seq, each, _problem: gone.checked.add(each.name))
    for body in going:
        gone.check(objects, fields(body))
    claimed = Content(hashing=False, wide=True, refuse=_refuse)
    for body in staying:
        claimed.check(objects, fields(body))
    left = {name for name in gone.checked - claimed.checked if objects.has(name)}
    for name in sorted(left):
        if keep(name):
            claimed.follow(objects, [Reference("what is claimed", name, Role.ANY)])
    for name in objects.names() if left else ():
        if name not in gone.checked and objects.beginning(name, len(TREE_BEGINS)) == TREE_BEGINS:
            claimed.follow(objects, [Reference("a tree that nobody names", name, Role.TREE)])
    left -= claimed.checked
    return sorted(left & gone.namers) + sorted(left - gone.namers)


def _refuse(seq: int, each: Reference, problem: ObjectProblem) -> None:
    if each.role is Role.ANY and isinstance(problem, ObjectMissing):
        return  # 32 bytes that name nothing
    raise DamagedError(
        seq,
        f"its content, {each.path}: {problem}; nothing was pruned, because nobody knows what else "
        "it names: restore it, or prune without objects",
    ) from problem
