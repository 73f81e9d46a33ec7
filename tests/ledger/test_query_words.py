"""Words and moments: what text is searchable, and what a question means."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import (
    Entry,
    Index,
    MemoryStore,
    Query,
    QueryError,
    TokenSignatureLedger,
    instant,
    needle,
    scan,
)
from ledger.query.words import searchable

TEXT = st.text(
    st.one_of(
        st.sampled_from("aAbßİ\u0131 Ἀ=._-9\x00\n版"), st.characters(exclude_categories=["Cs"])
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None, database=None)  # a checkout may be read-only
@given(st.lists(TEXT, min_size=1, max_size=8), st.data())
def test_any_text_is_found_as_reading_finds_it(texts: list[str], data: st.DataObject) -> None:
    ledger = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n")
    ledger.append(*(Entry("k", {"t": text}) for text in texts))
    chosen = data.draw(st.sampled_from(texts))
    low = data.draw(st.integers(0, len(chosen)))
    part = chosen[low : data.draw(st.integers(low, len(chosen)))]
    sought = data.draw(st.one_of(st.just(part), TEXT)).strip() or "x"
    query = Query(text=sought)
    with Index(ledger) as index:
        assert list(index.search(query)) == list(scan(ledger, query))
        assert index.trouble is None  # and no honest index is taken for a liar


@settings(database=None, deadline=None)  # a checkout may be read-only
@given(TEXT.filter(str.strip), TEXT)
def test_an_index_that_proposes_what_it_must_misses_nothing(sought: str, text: str) -> None:
    it = needle(sought)
    if it.found_in(searchable(text or "k", {})):
        assert it.proposed_for(searchable(text or "k", {}))


def test_what_is_searchable() -> None:
    text = searchable("K.ind", {"a": [1, {"b": "Two"}], "c": True, "d": None, "e": b"hi \xc3\xa9"})
    assert sorted(text.split("\n")) == ["1", "a", "b=two", "c=true", "d=none", "e=hi é", "k.ind"]
    assert searchable("k", {"short": b"\xff" * 64}) == "k\nshort=" + "ff" * 64
    assert searchable("k", {"long": b"\xff" * 65}) == "k\nlong="


@pytest.mark.parametrize(
    "asked",
    [{"text": " "}, {"start": -1}, {"stop": -1}, {"limit": -1}, {"since": datetime(2024, 1, 1)}],  # noqa: DTZ001
    ids=str,
)
def test_questions_without_answer(asked: dict[str, object]) -> None:
    with pytest.raises(QueryError, match="expected"):
        Query(**asked)  # type: ignore[arg-type]


def test_moments() -> None:
    now = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert instant("2h", now) == now - timedelta(hours=2)
    assert instant("90s", now) == now - timedelta(seconds=90)
    assert instant("1w", now) == now - timedelta(days=7)
    assert instant("2024-01-02T03:04:05Z", now) == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert instant("2024-01-02", now).replace(tzinfo=None) == datetime(2024, 1, 2)  # noqa: DTZ001
    for bad in ("", "2", "h", "-2h", "2y", "yesterday", "999999999w", "2024-13-01"):
        with pytest.raises(QueryError, match="expected a time"):
            instant(bad, now)


def test_the_example_of_the_format() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ledger-format.md").read_text()
    section = page.split("## Searchable text")[1].split("\n## ")[0]
    example = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    attributes = {
        "n": 7,
        "what": {"colour": "Größe", "ok": True},
        "list": [None, "a b"],
        "raw": b"\xff\0",
        "text": b"hi",
    }
    text = searchable("run.done", attributes)  # type: ignore[arg-type]
    assert sorted(text.split("\n")) == sorted(example[1:])
    found = [needle(sought).found_in(text) for sought in ("Colour=GR", "RÖSSE", "=größe")]
    assert found == [True, False, True]
