"""Following records to the objects that they name, and to what those name in turn.

What names what is said by ``form.references``. Audits, exports and prunings all follow by this one
walk. An object that is missing, or is not what its name says, is told with the record and the way
that leads to it.
"""

from collections.abc import Callable, Iterable
from typing import Final, NoReturn, cast

from ledger.errors import DamagedError, ObjectProblem, ObjectTooLarge
from ledger.form.canonical import Digest, Json
from ledger.form.record import Record
from ledger.form.references import Reference, Role, of_record, within
from ledger.storage.objects import ObjectStore

MOST_BYTES: Final = 64 * 1024 * 1024
"""What is larger is hashed, and not looked into."""
_SEQ: Final = 1
_ATTRIBUTES: Final = 8
_PAYLOAD: Final = 9


def _refuse(seq: int, each: Reference, problem: ObjectProblem) -> NoReturn:
    raise DamagedError(seq, f"its content, {each.path}: {problem}") from problem


def _as_it_is(_seq: int, _each: Reference, problem: ObjectProblem) -> NoReturn:
    raise problem


class Content:
    """What was met so far; ``checked`` are the objects, ``namers`` those that may name others."""

    def __init__(
        self,
        *,
        hashing: bool = True,
        wide: bool = False,
        refuse: Callable[[int, Reference, ObjectProblem], None] = _refuse,
    ) -> None:
        """Nothing was met.

        Without ``hashing`` only those are read that may name others; ``wide`` is what
        ``form.references`` says; ``refuse`` is told of what does not hold, and may let it pass.
        """
        self.checked: set[Digest] = set()
        self.namers: set[Digest] = set()
        self._hashing, self._wide, self._refuse = hashing, wide, refuse

    def check(self, objects: ObjectStore, values: list[object]) -> None:
        """Follow what the record with these fields names, and whatever that names, once each.

        Raises ``DamagedError`` for the first object that does not hold.
        """
        attributes = cast("dict[str, Json]", values[_ATTRIBUTES])
        named = of_record(attributes, cast("bytes | None", values[_PAYLOAD]), wide=self._wide)
        self.follow(objects, named, cast("int", values[_SEQ]))

    def take(self, objects: ObjectStore, record: Record) -> None:
        """As ``check``, for a record."""
        named = of_record(record.attributes, record.payload, wide=self._wide)
        self.follow(objects, named, record.seq)

    def follow(self, objects: ObjectStore, named: Iterable[Reference], seq: int = -1) -> None:
        """Follow what was ``named`` in record ``seq``."""
        pending = list(named)
        while pending:
            each = pending.pop()
            met = self.checked if each.role is Role.BYTES else self.namers
            if each.name in met:
                continue
            try:
                pending.extend(within(self._read(objects, each), each, wide=self._wide))
            except ObjectProblem as problem:
                self._refuse(seq, each, problem)
                continue
            met.add(each.name)
            self.checked.add(each.name)

    def _read(self, objects: ObjectStore, each: Reference) -> bytes:
        """The bytes of what may name others; of all else nothing, once it was hashed."""
        if each.role is Role.BYTES and not self._hashing:
            return b""
        with objects.open(each.name) as file:  # which hashes the whole object first
            if each.role is Role.BYTES:
                return b""
            data = file.read(MOST_BYTES)
            if self._wide and file.read(1):
                raise ObjectTooLarge(
                    f"expected at most {MOST_BYTES} bytes to look into, found more in object "
                    f"{each.name.hex()}"
                )
        return data


def reached(records: Iterable[Record], objects: ObjectStore) -> set[Digest]:
    """All objects that ``records`` lead to: named by them, by their traces, or by trees.

    Only traces and trees are read. Raises ``DamagedError`` where one of those does not hold.
    """
    content = Content(hashing=False)
    for record in records:
        content.take(objects, record)
    return content.checked


def reached_from(tree: Digest, objects: ObjectStore) -> set[Digest]:
    """``tree`` and all objects below it; raises ``ObjectProblem`` where a tree does not hold."""
    content = Content(hashing=False, refuse=_as_it_is)
    content.follow(objects, [Reference("tree", tree, Role.TREE)])
    return content.checked
