"""Sources of several records in one list, and the bracket that cites them."""

import pytest

from palmira.record import published
from palmira.record.sources import listed, mark, numbering


@pytest.fixture(scope="module")
def records():
    return {name: published(name) for name in ("palmira", "pace", "maintain", "postmonarch")}


def test_one_paper_has_one_number_among_the_sources(records):
    frame = listed(records)
    own = frame.loc[frame["key"].isin(["jco", "palmira_jco"]), "number"]
    assert len(own) == 2 and own.nunique() == 1
    numbers = frame.drop_duplicates("number")["number"]
    assert list(numbers) == list(range(1, len(numbers) + 1))


def test_every_source_that_an_entry_names_has_a_number(records):
    numbers = numbering(records)
    used = {key for r in records.values() for e in r.entries.values() for key in e.source}
    assert set(numbers) == used


def test_a_bracket_says_how_surely_and_where():
    numbers = {"a": 4, "b": 2}
    assert mark(["a", "b"], "PA", numbers) == "[PA\u00a02,\u00a04]"
    assert mark(["a"], None, numbers) == "[4]"
    assert mark([], "PA", numbers) == "[source not noted]"
