"""The table of epochs: its rules, its text, who must sign which head, and what a pin proves."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import DamagedError, EpochError, Epochs, NoteError, Signer
from ledger.form.canonical import Digest
from ledger.form.record import genesis
from ledger.trust.endorsement import (
    MAX_ROWS,
    KeyHistory,
    covered,
    endorse,
    judge,
    read_endorsement,
    verified_endorsement,
)
from ledger.trust.epochs import Epoch, successor

ORIGIN = "test.example/log"


def key(number: int, origin: str = ORIGIN) -> Signer:
    return Signer(origin, number.to_bytes(32, "big"))


def chain(number: int) -> Digest:
    return Digest(bytes([number % 256]) * 32)


def table(*firsts: int) -> Epochs:
    made = Epochs.begun(key(0).public)
    for number, first in enumerate(firsts, 1):
        made = made.rotated(first, key(number).public, chain(number))
    return made


def history(epochs: Epochs, *notes: bytes, root: Signer | None = None) -> KeyHistory:
    named = root.public if root is not None else None
    return KeyHistory(epochs, named, tuple(enumerate(notes, 50)))


def test_the_old_key_signs_its_own_rotation() -> None:
    epochs = table(5, 6, 100)
    signers = [epochs.at(size).number for size in (0, 1, 5, 6, 7, 100, 101, 10**9)]
    assert signers == [0, 0, 0, 1, 2, 2, 3, 3]
    assert epochs.key_at(6) == key(1).public
    assert epochs.current == Epoch(3, 100, key(3).public, chain(3))
    assert [epochs.stop(number) for number in range(4)] == [5, 6, 100, None]
    assert [row.number for row in epochs] == [0, 1, 2, 3]
    assert epochs.find(key(2).public) == epochs.rows[2]
    assert epochs.find(key(9).public) is None
    assert table() == Epochs.begun(key(0).public)
    assert epochs.until(1) == table(5)
    assert epochs.until(7) == epochs
    assert epochs.begins_with(table(5))
    assert not table(5).begins_with(epochs)


def test_rules_of_a_rotation() -> None:
    epochs = table(5)
    for size in (0, 4, 5):
        with pytest.raises(EpochError, match="after record 5"):
            epochs.rotated(size, key(2).public, chain(2))
    for number in (0, 1):
        with pytest.raises(EpochError, match="never returns"):
            epochs.rotated(9, key(number).public, chain(2))
    with pytest.raises(EpochError, match="expected a key named"):
        epochs.rotated(9, key(2, "other").public, chain(2))
    assert epochs.current.number == 1, "a table never changes"


@settings(database=None)
@given(st.lists(st.integers(1, 1000), max_size=12))
def test_text_and_digest_say_the_same(gaps: list[int]) -> None:
    firsts = [sum(gaps[: count + 1]) for count in range(len(gaps))]
    epochs = table(*firsts)
    assert Epochs.parse(epochs.text()) == epochs
    assert Epochs.of(list(epochs)).digest == epochs.digest
    assert epochs.digest != table(*firsts, sum(gaps) + 1).digest
    probes = {0, 1, *firsts, *(first + 1 for first in firsts)}
    for size in probes:
        naive = max((row for row in epochs if row.first < size), default=epochs.rows[0])
        assert epochs.at(size) == naive


@settings(database=None)
@given(st.data())
def test_every_other_text_is_refused_or_says_otherwise(data: st.DataObject) -> None:
    epochs = table(5, 17)
    text = epochs.text()
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(min_codepoint=10, max_codepoint=126))
    changed = text[:at] + letter + text[at + 1 :]
    try:
        found = Epochs.parse(changed)
    except EpochError:
        return
    assert found.text() == changed
    assert (found == epochs) == (changed == text)


def test_texts_that_are_no_table() -> None:
    rows = table(5, 17).text().splitlines(keepends=True)
    swapped = "".join([rows[0], rows[1], rows[3], rows[2]])
    skipped = "".join([rows[0], rows[1], rows[3]])
    headless = "".join([rows[0], *rows[2:]])
    foreign = "".join(["elsewhere\n", *rows[1:]])
    moved = "".join(rows).replace("epoch 0 0", "epoch 0 1")
    spelt = "".join(rows).replace("epoch 1 5 ", "epoch 1 05 ")
    for text in ("", "\n", rows[0], "".join(rows)[:-1], swapped, skipped, headless):
        with pytest.raises(EpochError):
            Epochs.parse(text)
    for text in (foreign, moved, spelt, "".join(rows) + "\n"):
        with pytest.raises(EpochError):
            Epochs.parse(text)


def test_what_a_rotation_record_must_say() -> None:
    text = str(key(1).public)
    assert successor({"epoch": 1, "public_key": text}) == (1, key(1).public)
    spoiled: list[object] = [
        None,
        {},
        {"epoch": 1},
        {"epoch": 1, "public_key": text, "more": 1},
        {"epoch": True, "public_key": text},
        {"epoch": "1", "public_key": text},
        {"epoch": 1, "public_key": 7},
        {"epoch": 1, "public_key": text + "\n"},
        {"epoch": 1, "public_key": text[:-4]},
    ]
    for attributes in spoiled:
        with pytest.raises(EpochError):
            successor(attributes)


def test_an_endorsement_covers_what_it_lists() -> None:
    root, epochs = key(99, "root.example"), table(5, 17)
    whole, part = endorse(root, epochs), endorse(root, epochs, 2)
    assert verified_endorsement(whole.note, root.public) == whole
    assert read_endorsement(part.note)[0].rows == epochs.rows[2:]
    assert covered(root.public, history(epochs, part.note)) == {2}
    assert covered(root.public, history(epochs, part.note, whole.note)) == {0, 1, 2}
    with pytest.raises(NoteError):
        verified_endorsement(whole.note, key(98, "root.example").public)
    with pytest.raises(EpochError, match="nothing is left"):
        endorse(root, epochs, 3)
    with pytest.raises(EpochError, match="root key that signs no heads"):
        endorse(key(1), epochs)


def test_many_epochs_take_several_endorsements() -> None:
    epochs, root = table(*range(1, MAX_ROWS + 10)), key(9999, "root.example")
    first = endorse(root, epochs)
    second = endorse(root, epochs, MAX_ROWS)
    assert len(first.note) < 60_000
    assert (len(first.rows), len(second.rows)) == (MAX_ROWS, 10)
    shown = history(epochs, first.note, second.note, root=root)
    found = judge(root.public, shown, 10**6)
    assert found == f"the root you gave endorsed all {MAX_ROWS + 10} epochs"


def test_a_key_of_any_epoch_is_enough_once_it_has_signed() -> None:
    epochs = table(5, 17)
    for number in range(3):
        assert f"epoch {number}" in judge(key(number).public, history(epochs), 18)
    assert "unbroken chain" in judge(key(0).public, history(epochs), 18)
    assert judge(key(0).public, history(table()), 1) == "the key you gave signs this ledger"
    with pytest.raises(DamagedError, match="found only that it was named for epoch"):
        judge(key(2).public, history(epochs), 17)
    with pytest.raises(DamagedError, match="expected a ledger of key"):
        judge(key(7).public, history(epochs), 18)
    with pytest.raises(DamagedError, match="found one of root"):
        judge(key(7).public, history(epochs, root=key(99, "r")), 18)


def test_an_uncovered_epoch_is_named_by_its_records() -> None:
    root, epochs = key(99, "root.example"), table(5, 17, 120)
    note = endorse(root, epochs.until(2)).note
    with pytest.raises(DamagedError, match="records 120 to 240 in epoch 3, which is not"):
        judge(root.public, history(epochs, note, root=root), 241)
    late = endorse(root, epochs, 3).note
    with pytest.raises(DamagedError, match="records 0 to 4 in epoch 0"):
        judge(root.public, history(epochs, late), 241)
    assert "all 4 epochs" in judge(root.public, history(epochs, note, late), 241)
    with pytest.raises(DamagedError, match="records 0 to 4 in epoch 0"):
        judge(root.public, history(epochs, root=root), 241)


def test_an_endorsement_of_another_past_is_loud() -> None:
    root, epochs = key(99, "root.example"), table(5, 17)
    forged = Epochs.of([*table(5), replace_chain(epochs.rows[2], chain(66))])
    with pytest.raises(DamagedError, match="expected epoch 2 as the root endorsed it"):
        judge(root.public, history(epochs, endorse(root, forged).note), 20)
    longer = table(5, 17, 19)
    with pytest.raises(DamagedError, match="expected epoch 3 as the root endorsed it"):
        judge(root.public, history(epochs, endorse(root, longer).note), 20)
    elsewhere = Epochs.begun(key(0, "elsewhere").public)
    with pytest.raises(DamagedError, match="'elsewhere'"):
        judge(root.public, history(epochs, endorse(root, elsewhere).note), 20)
    broken = endorse(root, epochs).note.replace(b"epoch 1 5 ", b"epoch 1 6 ")
    with pytest.raises(DamagedError, match="does not hold"):
        judge(root.public, history(epochs, broken, root=root), 20)


def replace_chain(row: Epoch, other: Digest) -> Epoch:
    return row._replace(chain=other)


def test_a_table_as_pin_binds_both_ends() -> None:
    epochs = table(5, 17)
    assert "all 2 epochs you gave" in judge(epochs.until(1), history(epochs), 20)
    with pytest.raises(DamagedError, match="another history of keys"):
        judge(epochs, history(table(5)), 20)
    rewritten = Epochs.begun(key(1).public)
    with pytest.raises(DamagedError, match="epoch 0"):
        judge(epochs, history(rewritten), 20)
    other = replace(epochs, rows=(*epochs.rows[:2], replace_chain(epochs.rows[2], chain(9))))
    with pytest.raises(DamagedError, match="epoch 2"):
        judge(epochs, history(other), 20)


def test_the_worked_digest() -> None:
    begun = Epochs.begun(key(0).public)
    assert begun.current.chain == genesis(ORIGIN)
    assert begun.text() == f"{ORIGIN}\n{begun.current.line()}\n"


def test_a_history_takes_the_next_rotation_only() -> None:
    known = history(table(5))
    fresh = {"epoch": 2, "public_key": str(key(2).public)}
    assert known.rotated(8, fresh, chain(2)).epochs == table(5, 9)
    for number in (0, 1, 3):
        with pytest.raises(EpochError, match="expected a rotation to epoch 2"):
            known.rotated(8, {**fresh, "epoch": number}, chain(2))


def test_a_history_checks_endorsements_of_the_root_it_knows() -> None:
    root, epochs = key(99, "root.example"), table(5)
    text = endorse(root, epochs).note.decode()
    assert history(epochs, root=root).endorsed(7, {"note": text}).notes == ((7, text.encode()),)
    assert history(epochs).endorsed(7, {"note": text}).notes == ((7, text.encode()),)
    for attributes in ({}, {"note": 1}, {"note": text, "more": 1}, None):
        with pytest.raises(EpochError):
            history(epochs).endorsed(7, attributes)
    with pytest.raises(NoteError):
        history(epochs, root=key(98, "root.example")).endorsed(7, {"note": text})
    with pytest.raises(EpochError, match="expected epoch 1 as the root endorsed it"):
        history(table(), root=root).endorsed(7, {"note": text})


def test_heads_state_the_table_from_epoch_1_on() -> None:
    epochs = table(5, 9)
    said = [epochs.statement(size) for size in (0, 5, 6, 9, 10)]
    assert said[:2] == [None, None]
    assert said[2] == said[3] == table(5).statement(6)
    assert said[4] is not None
    assert said[4].startswith("3 ")
