"""The paper's table of adverse events by maximum severity, as the twins are dealt from it."""

import pytest

from palmira.record import adverse_event_table as safety


@pytest.fixture(scope="module")
def events(palmira):
    return safety.adverse_events(palmira)


def test_the_grades_of_every_row_add_up_to_any_grade(palmira, events):
    arms = palmira.arms()
    frame = palmira.frame[(palmira.frame.block == "table2") & (palmira.frame.part == "count")]
    printed = frame.set_index(["term", "arm", "grade"]).value.to_dict()
    for (term, role), rows in events.groupby(["term", "role"]):
        assert rows["count"].sum() == printed[term, arms[role], "any"]
        assert (rows["count"] >= 0).all()
        assert rows.n.unique() == [135 if role == "experimental" else 60]


def test_grades_3_to_5_are_what_the_text_says_in_both_arms(palmira, events):
    severe = events[(events.term == "Any") & (events.grade != "1-2")].groupby("role")["count"].sum()
    assert severe["experimental"] == palmira["safety.teae.grade3.palbociclib.count"].value == 64
    assert severe["control"] == palmira["safety.teae.grade3.et.count"].value == 6


def test_the_percents_of_the_text_follow_from_the_table(palmira, events):
    mine = events[(events.role == "experimental") & events.grade.isin(["3", "4"])]
    shares = 100 * mine.groupby("term")["count"].sum() / 135
    for term in ("neutropenia", "leukopenia", "anemia"):
        printed = palmira[f"safety.grade34.{term}.palbociclib.percent"].printed
        assert printed.rounds_from(shares[term.capitalize()])
    assert "Thrombocytopenia" not in shares


def test_a_row_whose_grades_exceed_any_grade_is_refused(altered):
    record = altered('["37 (27.4)", "0 (0)"', '["37 (27.4)", "38 (28.1)"')
    with pytest.raises(ValueError, match="Fatigue, palbociclib: the grades exceed"):
        safety.adverse_events(record)


def test_a_missing_grade_column_is_empty_only_if_the_text_shows_it(altered):
    record = altered('values: ["64 (47.4)", "6 (10.0)"]', 'values: ["64 (47.4)", "7 (11.7)"]')
    with pytest.raises(ValueError, match="no column for grade 5, and no proof"):
        safety.adverse_events(record)
