"""Double data entry: every number was transcribed twice, and the two agree value by value."""

import csv
from pathlib import Path

import pytest

from palmira.record import published

HERE = Path(__file__).parent
RECORDS = ("palmira", "pace", "maintain", "postmonarch", "setting")


def lines(name):
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def first():
    """The records: trial and id of an entry, and its printed string."""
    records = {name: published(name) for name in RECORDS}
    return {(t, i): e for t, r in records.items() for i, e in r.entries.items()}


@pytest.fixture(scope="module")
def second():
    """The second entry: of the paper in one file, of everything else in another."""
    paper = {("palmira", line["id"]): line["printed"] for line in lines("second_entry.csv")}
    others = lines("second_entry_sources.csv")
    return paper | {(line["trial"], line["id"]): line["printed"] for line in others}


def test_every_number_of_the_paper_was_entered_twice(first, second):
    paper = {key for key, e in first.items() if "jco" in e.source and key[0] == "palmira"}
    assert paper == {("palmira", line["id"]) for line in lines("second_entry.csv")}


def test_every_number_of_the_other_sources_was_entered_twice(first, second):
    numbers = {key for key, e in first.items() if e.part != "text"}
    assert numbers <= set(second)


def test_the_second_entry_holds_nothing_that_the_first_lacks(first, second):
    assert set(second) <= set(first)


@pytest.mark.parametrize("trial", RECORDS)
def test_both_entries_agree_value_by_value(first, second, trial):
    differing = {
        key: (first[key].text, text)
        for key, text in second.items()
        if key[0] == trial and first[key].text != text
    }
    assert differing == {}


@pytest.mark.parametrize("name", ["second_entry.csv", "second_entry_sources.csv"])
def test_a_second_entry_lists_each_number_once(name):
    keys = [(line.get("trial"), line["id"]) for line in lines(name)]
    assert len(keys) == len(set(keys))
