"""Following records to the objects that they name, and to what those name in turn.

What names what is said by ``form.references``. An object that is missing, or is not what its name
says, is told with the record and the way that leads to it.
"""

from typing import Final, cast

from ledger.errors import DamagedError, ObjectProblem
from ledger.form.canonical import Digest, Json
from ledger.form.references import Reference, Role, of_record, within
from ledger.storage.objects import ObjectStore

MOST_BYTES: Final = 64 * 1024 * 1024
"""What is larger is hashed, and not looked into."""
_SEQ: Final = 1
_ATTRIBUTES: Final = 8
_PAYLOAD: Final = 9


class Content:
    """What was met so far; ``checked`` are the objects whose bytes are right."""

    def __init__(self) -> None:
        """Nothing was met."""
        self.checked: set[Digest] = set()
        self._followed: set[Digest] = set()

    def check(self, objects: ObjectStore, values: list[object]) -> None:
        """Hash what the record with these fields names, and whatever that names, once each.

        Raises ``DamagedError`` for the first object that does not hold.
        """
        attributes = cast("dict[str, Json]", values[_ATTRIBUTES])
        pending = list(of_record(attributes, cast("bytes | None", values[_PAYLOAD])))
        while pending:
            each = pending.pop()
            met = self.checked if each.role is Role.BYTES else self._followed
            if each.name in met:
                continue
            try:
                pending.extend(within(_looked_into(objects, each), each))
            except ObjectProblem as problem:
                seq = cast("int", values[_SEQ])
                raise DamagedError(seq, f"its content, {each.path}: {problem}") from problem
            met.add(each.name)
            self.checked.add(each.name)


def _looked_into(objects: ObjectStore, each: Reference) -> bytes:
    """The bytes of what may name others; of all else nothing, once it was hashed."""
    with objects.open(each.name) as file:  # which hashes the whole object first
        return b"" if each.role is Role.BYTES else file.read(MOST_BYTES)
