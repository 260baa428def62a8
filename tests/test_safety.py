"""Adverse events, their differences and ratios, and benefit beside harm."""

from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from palmira import safety
from palmira.figures import safety as figures
from palmira.proportions import odds_ratio, risk_difference, risk_ratio
from palmira.tables import safety as tables


@pytest.fixture(scope="module")
def events(palmira):
    return safety.adverse_events(palmira)


arm = st.integers(2, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("counts", "lower", "upper"),
    [((56, 70, 48, 80), 0.0524, 0.3339), ((9, 10, 3, 10), 0.1705, 0.8090),
     ((6, 7, 2, 7), 0.0582, 0.8062), ((5, 56, 0, 29), -0.0381, 0.1926),
     ((0, 10, 0, 20), -0.1611, 0.2775), ((10, 10, 0, 20), 0.6791, 1.0)],
)  # fmt: skip
def test_risk_differences_agree_with_newcombes_published_intervals(counts, lower, upper):
    found = risk_difference(*counts)
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=6e-5)


def test_a_risk_ratio_agrees_with_koopmans_published_example():
    found = risk_ratio(36, 40, 16, 80)
    assert (found.value, found.lower, found.upper) == pytest.approx((4.5, 2.94, 7.15), abs=0.005)


@given(arm, arm)
def test_a_risk_ratio_excludes_1_exactly_where_pearsons_test_is_significant(a, b):
    (k, n), (j, m) = a, b
    assume(0 < k + j < n + m)
    p = chi2_contingency([[k, n - k], [j, m - j]], correction=False).pvalue
    assume(abs(p - 0.05) > 1e-6)
    found = risk_ratio(k, n, j, m)
    assert (found.lower > 1 or found.upper < 1) == (p < 0.05)


@given(arm, arm)
def test_a_risk_ratio_lies_in_its_interval_and_turns_over_with_the_arms(a, b):
    assume(a[0] + b[0] > 0)
    found, turned = risk_ratio(*a, *b), risk_ratio(*b, *a)
    assert found.lower <= found.value <= found.upper
    assert found.lower == pytest.approx(1 / turned.upper if turned.upper < inf else 0, rel=1e-6)


def test_without_cases_in_an_arm_the_ratio_is_bounded_on_one_side_only():
    none = risk_ratio(0, 135, 1, 60)
    assert none.value == none.lower == 0
    assert 1 < none.upper < inf
    all_in_one = risk_ratio(52, 135, 0, 60)
    assert all_in_one.value == all_in_one.upper == inf
    assert 1 < all_in_one.lower < inf
    assert risk_ratio(0, 135, 0, 60) is None


def test_two_full_arms_have_a_ratio_of_1_with_the_score_limits():
    z2 = 1.959963984540054**2
    found = risk_ratio(135, 135, 60, 60)
    assert (found.lower, found.value, found.upper) == pytest.approx(
        (135 / (135 + z2), 1, (60 + z2) / 60)
    )


def test_woolfs_interval_needs_four_filled_cells():
    with pytest.raises(ValueError, match="four filled cells"):
        odds_ratio(5, 10, 0, 10)


def test_the_grades_of_every_row_add_up_to_any_grade(palmira, events):
    arms = safety.arms(palmira)
    frame = palmira.frame[(palmira.frame.block == "table2") & (palmira.frame.part == "count")]
    printed = frame.set_index(["term", "arm", "grade"]).value.to_dict()
    for (term, role), rows in events.groupby(["term", "role"]):
        assert rows["count"].sum() == printed[term, arms[role], "any"]
        assert (rows["count"] >= 0).all()
        assert rows.n.unique() == [135 if role == "experimental" else 60]


def test_grades_3_to_5_are_what_the_text_says_in_both_arms(palmira, events):
    severe = safety.by_span(events).set_index(["term", "span"]).loc[("Any", safety.SEVERE)]
    assert severe["count"] == palmira["safety.teae.grade3.palbociclib.count"].value == 64
    assert severe.control_count == palmira["safety.teae.grade3.et.count"].value == 6


def test_the_percents_of_the_text_follow_from_the_table(palmira, events):
    spans = safety.by_span(events).set_index(["term", "span"])
    for term in ("neutropenia", "leukopenia", "anemia"):
        row = spans.loc[(term.capitalize(), "3-4")]
        printed = palmira[f"safety.grade34.{term}.palbociclib.percent"].printed
        assert printed.rounds_from(100 * row["count"] / row.n)
    assert "Thrombocytopenia" not in spans.index.get_level_values("term")


def test_a_row_whose_grades_exceed_any_grade_is_refused(altered):
    record = altered('["37 (27.4)", "0 (0)"', '["37 (27.4)", "38 (28.1)"')
    with pytest.raises(ValueError, match="Fatigue, palbociclib: the grades exceed"):
        safety.adverse_events(record)


def test_a_missing_grade_column_is_empty_only_if_the_text_shows_it(altered):
    record = altered('values: ["64 (47.4)", "6 (10.0)"]', 'values: ["64 (47.4)", "7 (11.7)"]')
    with pytest.raises(ValueError, match="no column for grade 5, and no proof"):
        safety.adverse_events(record)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_patients_in_both_classes_are_counted_by_inclusion_and_exclusion(patients):
    one, other = sum(a for a, _ in patients), sum(b for _, b in patients)
    either = sum(a or b for a, b in patients)
    assert safety.in_both(one, other, either) == sum(a and b for a, b in patients)


@pytest.mark.parametrize(("one", "other", "either"), [(5, 3, 4), (5, 3, 9)])
def test_impossible_classes_are_refused(one, other, either):
    with pytest.raises(ValueError, match="no patients can be"):
        safety.in_both(one, other, either)


def test_five_patients_have_grade_3_or_higher_in_both_classes(events):
    found = safety.classes(safety.by_span(events)).set_index(["role", "span"]).both
    assert found["experimental", safety.SEVERE] == 5
    assert found["experimental", "4-5"] == 0
    assert found["control", safety.SEVERE] == 0


def test_comparisons_hold_the_published_counts_and_no_ratio_without_a_case(events):
    frame = safety.comparisons(safety.by_span(events)).set_index(["term", "span"])
    severe = frame.loc[("Any", safety.SEVERE)]
    assert severe.difference == pytest.approx(64 / 135 - 6 / 60)
    assert severe.ratio == pytest.approx(64 / 135 / (6 / 60))
    assert isnan(frame.loc[("Fatigue", safety.SEVERE)].ratio)
    assert np.isinf(frame.loc[("Neutropenia", safety.SEVERE)].ratio)


def test_the_benefit_differences_agree_with_the_printed_ones(palmira):
    rows = safety.benefit_and_harm(palmira).set_index("outcome")
    six = rows.loc["Free of progression at 6 months"]
    for part, name in (("lower", "lower"), ("upper", "upper"), ("value", "estimate")):
        printed = palmira[f"contrasts.pfs.difference_6.{name}"].value
        assert six[part] == pytest.approx(printed, abs=0.15)
    assert list(rows.kind) == ["benefit"] * 4 + ["harm"] * 4
    assert set(rows.n[rows.kind == "benefit"]) == {136}
    assert set(rows.n[rows.kind == "harm"]) == {135}
    assert (rows.lower < rows.value).all()
    assert (rows.value < rows.upper).all()


def test_a_response_rate_that_fits_no_count_is_refused(altered):
    record = altered(
        'population: randomized, values: ["41.9 (33.5 to 50.7)"',
        'population: randomized, values: ["42.0 (33.5 to 50.7)"',
    )
    with pytest.raises(ValueError, match=r"results.cbr.palbociclib.estimate: 42.0% of 136"):
        safety.benefit_and_harm(record)


def test_the_printed_table_shows_every_cell(palmira):
    table = tables.printed_adverse_events(palmira)
    rows = palmira.block("table2").rows
    assert table.frame.shape == (len(rows), 9)
    assert [tuple(r) for r in table.data.iloc[:, 2:].to_numpy()] == [tuple(r.values) for r in rows]
    assert table.html.count('scope="rowgroup"') == 3


def test_the_table_of_differences_leaves_out_single_patients_only(palmira):
    frame = tables.differences(palmira).frame
    assert "Acidosis" not in set(frame["Adverse event"])
    assert list(frame.Grade.value_counts(sort=False)) == [10, 8]
    line = frame[(frame["Adverse event"] == "Neutropenia")].iloc[1]
    assert line["Ratio (95% CI)"].startswith("∞ (6.38 to")


@pytest.mark.parametrize(
    ("numbers", "text"),
    [((4.74, 2.296, 10.35), "4.74 (2.30 to 10.3)"), ((31.6, 5.9, 179.2), "31.6 (5.90 to 179)"),
     ((inf, 1.7, inf), "∞ (1.70 to ∞)"), ((nan, nan, nan), "–")],
)  # fmt: skip
def test_a_ratio_is_written_with_three_figures(numbers, text):
    assert tables.ratio_text(*numbers) == text


def test_the_exposure_table_holds_each_row_of_the_text_that_is_no_adverse_event(palmira):
    frame = tables.exposure(palmira).frame
    assert len(frame) == 8
    assert "5 (3.7)" in set(frame["Palbociclib + ET"])


def test_the_bars_hold_every_patient_and_the_alt_text_says_what_differs(palmira, events):
    picture = figures.events_by_grade(palmira)
    assert len(picture.data) == len(events) == 14 * 2 * 4
    for text in ("92.6% v 86.7%", "47.4% v 10.0%", "38.5% v 0.0%", "11.1% v 10.0%"):
        assert text in picture.alt
    bars = [p.get_width() for p in picture.figure.axes[0].patches]
    assert sum(abs(w) for w in bars) == pytest.approx(picture.data.percent.sum())
    assert sum(w for w in bars if w < 0) == pytest.approx(
        -picture.data.percent[picture.data.role == "control"].sum()
    )


def test_the_picture_of_benefit_and_harm_follows_the_record(palmira, altered):
    picture = figures.benefit_beside_harm(palmira)
    for text in ("+13.0 (−1.6 to 27.6)", "+37.4 (24.3 to 47.3)", "Benefits:", "Harms:"):
        assert text in picture.alt
    record = altered('"10 (7.4)", "2 (3.3)"', '"20 (14.8)", "2 (3.3)"')
    after = figures.benefit_beside_harm(record).data.set_index("outcome")
    assert after.experimental["Serious adverse event"] == pytest.approx(2000 / 135)
