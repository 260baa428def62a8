"""Double data entry: the paper was transcribed twice, and the two agree value by value."""

import csv
from pathlib import Path

import pytest

from palmira.record import published

SECOND = Path(__file__).with_name("second_entry.csv")


@pytest.fixture(scope="module")
def first():
    palmira = published("palmira")
    return {i: e.text for i, e in palmira.entries.items() if "jco" in e.source}


@pytest.fixture(scope="module")
def second():
    with SECOND.open(encoding="utf-8", newline="") as file:
        return {line["id"]: line["printed"] for line in csv.DictReader(file)}


def test_both_entries_hold_the_same_numbers(first, second):
    assert set(first) == set(second)


def test_both_entries_agree_value_by_value(first, second):
    differing = {id: (first[id], second[id]) for id in first if first[id] != second.get(id)}
    assert differing == {}


def test_the_second_entry_lists_each_number_once():
    with SECOND.open(encoding="utf-8", newline="") as file:
        ids = [line["id"] for line in csv.DictReader(file)]
    assert len(ids) == len(set(ids))
