"""State images save time and decide nothing: whatever is wrong with one, the state is right."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger import Digest, Entry, Record, encode
from os2shell.kernel.engine import Engine
from os2shell.kernel.images import (
    BOOKMARK,
    STATE_IMAGED,
    load_image,
    open_state,
    remember,
    take_image,
)
from os2shell.kernel.state import State
from os2shell.model.capability import Capability
from os2shell.model.fold import Fact, Fold
from os2shell.policy.grants import POLICY
from tests.kernel.engine_room import (
    FOLDS,
    NO_GRANTS,
    TESTER,
    CountedLedger,
    command,
    engine_on,
    folded,
    looking,
    manifest,
    memory_ledger,
    of_kind,
    submit,
)

DEEDS = 6


class Folded:
    """A fold that counts the records it sees."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.fold: Fold[int] = Fold("count", 1, 0, self._evolve, lambda n: n, self._load)

    def _evolve(self, counted: int, fact: Fact) -> int:
        self.seen.append(fact.seq)
        return counted + 1

    @staticmethod
    def _load(body: Any) -> int:
        return int(body)


class Imaged:
    """A ledger with some deeds, an image, and one more deed."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.ledger = memory_ledger()
        self.counting = Folded()
        self.folds = (*FOLDS, self.counting.fold)
        engine = engine_on(self.ledger)
        for turn in range(DEEDS):
            submit(engine, command(looking), str(turn))
        state, _ = open_state(self.ledger, self.folds, cache)
        imaging = Engine(self.ledger, state, self._no_world())
        take_image(imaging, cache, TESTER)
        self.image = next(of_kind(self.ledger, STATE_IMAGED))
        submit(engine, command(looking), "after")

    @staticmethod
    def _no_world() -> Any:
        return None  # an image asks the world nothing

    def truth(self) -> dict[str, Any]:
        """The state by the records alone."""
        return folded(self.ledger).dump()

    def opened(self, folds: tuple[Fold[Any], ...] | None = None) -> tuple[dict[str, Any], int]:
        """The state as opened, and the image it began from; ``seen`` starts anew."""
        self.counting.seen.clear()
        state, began = open_state(self.ledger, folds or self.folds, self.cache)
        assert state.position == self.ledger.head.size
        dumped = state.dump()
        return {name: dumped[name] for name in self.truth()}, began


@pytest.fixture
def imaged(tmp_path: Path) -> Imaged:
    return Imaged(tmp_path / "cache")


def test_opening_begins_at_the_image(imaged: Imaged) -> None:
    state, began = imaged.opened()
    assert state == imaged.truth()
    assert began == imaged.image.seq
    assert sorted(set(imaged.counting.seen)) == list(
        range(imaged.image.seq, imaged.ledger.head.size)
    )


def test_the_image_carries_what_was_folded_before_it(imaged: Imaged) -> None:
    state, _ = open_state(imaged.ledger, imaged.folds, imaged.cache)
    facts = sum(1 for _ in imaged.ledger.read())  # no test command leaves events
    assert state.view(imaged.counting.fold) == facts


def test_an_image_names_its_content_and_versions(imaged: Imaged) -> None:
    assert imaged.image.attributes["position"] == imaged.image.seq
    assert imaged.image.attributes["folds"] == {"policy": 1, "intents": 1, "spent": 2, "count": 1}
    assert imaged.ledger.objects.has(Digest(imaged.image.attributes["image"]))


def _deleted(imaged: Imaged) -> None:
    (imaged.cache / BOOKMARK).unlink()


def _no_number(imaged: Imaged) -> None:
    (imaged.cache / BOOKMARK).write_bytes(b"\xff not a number")


def _beyond(imaged: Imaged) -> None:
    remember(imaged.cache, imaged.ledger.head.size + 7)


def _negative(imaged: Imaged) -> None:
    remember(imaged.cache, -3)


def _another_record(imaged: Imaged) -> None:
    remember(imaged.cache, imaged.image.seq - 1)


def _no_folder(imaged: Imaged) -> None:
    _deleted(imaged)
    imaged.cache.rmdir()


@pytest.mark.parametrize(
    "spoil", [_deleted, _no_number, _beyond, _negative, _another_record, _no_folder]
)
def test_a_bad_bookmark_only_costs_time(imaged: Imaged, spoil: Callable[[Imaged], None]) -> None:
    spoil(imaged)
    state, _ = imaged.opened()
    assert state == imaged.truth()
    assert imaged.counting.seen[0] == 0, "folded from the first record"


def test_without_a_bookmark_the_newest_image_is_still_known(imaged: Imaged) -> None:
    _deleted(imaged)
    assert imaged.opened()[1] == imaged.image.seq


def test_an_image_of_older_folds_is_not_believed(imaged: Imaged) -> None:
    newer = replace(imaged.counting.fold, version=2)
    state, _ = imaged.opened((*FOLDS, newer))
    assert state == imaged.truth()
    assert imaged.counting.seen[0] == 0


def test_an_image_without_a_fold_that_came_later_is_not_believed(imaged: Imaged) -> None:
    later = replace(imaged.counting.fold, name="later")
    state, _ = imaged.opened((*FOLDS, later))
    assert state == imaged.truth()
    assert imaged.counting.seen[0] == 0


@pytest.mark.parametrize("spoiled", [b"", b"forged", None])
def test_a_spoiled_image_object_is_not_believed(imaged: Imaged, spoiled: bytes | None) -> None:
    content: dict[Digest, bytes] = imaged.ledger.objects._content  # type: ignore[attr-defined]
    name = Digest(imaged.image.attributes["image"])
    if spoiled is None:
        del content[name]
    else:
        content[name] = spoiled
    state, _ = imaged.opened()
    assert state == imaged.truth()
    assert imaged.counting.seen[0] == 0


def test_an_object_in_the_image_s_place_gives_no_power(imaged: Imaged) -> None:
    """Whoever may write objects, but not sign, makes a state in which everything is granted."""
    forged, _ = open_state(imaged.ledger, imaged.folds, imaged.cache)
    forged.assume(forged.position, POLICY, manifest({Capability.FS_WRITE: ("*",)}, "forged"))
    content: dict[Digest, bytes] = imaged.ledger.objects._content  # type: ignore[attr-defined]
    content[Digest(imaged.image.attributes["image"])] = encode(forged.dump())
    assert imaged.opened()[0] == imaged.truth()


def test_an_image_for_another_place_is_not_believed(imaged: Imaged) -> None:
    attributes = {**imaged.image.attributes, "position": 1}
    (record,) = imaged.ledger.append(Entry(STATE_IMAGED, attributes))
    remember(imaged.cache, record.seq)
    state, _ = imaged.opened()
    assert state == imaged.truth()
    assert imaged.counting.seen[0] == 0


def test_a_revocation_after_the_image_counts(imaged: Imaged) -> None:
    engine = engine_on(imaged.ledger, policy=manifest(NO_GRANTS, "none"))
    with pytest.raises(Exception, match="does not hold"):
        submit(engine, command(looking))
    state, began = open_state(imaged.ledger, imaged.folds, imaged.cache)
    assert began == imaged.image.seq
    policy = state.view(POLICY)
    assert policy
    assert policy.name == "none"


class Breaking(CountedLedger):
    """A ledger whose tail cannot be read at the first attempt, as after damage that was healed."""

    broken = True

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        from ledger import DamagedError  # noqa: PLC0415

        for record in super().read(start, stop):
            if self.broken and record.seq > start + 1 and start:
                raise DamagedError(record.seq, "a bad frame")
            yield record


def test_damage_behind_the_image_folds_from_the_beginning(imaged: Imaged) -> None:
    imaged.ledger.__class__ = Breaking
    state, _ = imaged.opened()
    assert state == imaged.truth()
    assert imaged.counting.seen[-1] == imaged.ledger.head.size - 1


def test_a_fold_that_came_later_begins_at_its_beginning(imaged: Imaged) -> None:
    """An image of a shell that knew no such facts is believed; without its word it is not."""
    later = replace(imaged.counting.fold, name="later")
    state = State((*imaged.folds, replace(later, added=True)))
    assert load_image(state, imaged.image, imaged.ledger.objects)
    assert state.position == imaged.image.seq
    unknown = State((*imaged.folds, later))
    assert not load_image(unknown, imaged.image, imaged.ledger.objects)
