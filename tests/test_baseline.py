"""The baseline table and the balance of the arms."""

from math import comb, inf, isinf

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from palmira import balance
from palmira.audit import audit
from palmira.figures import baseline as figures
from palmira.proportions import clopper_pearson, count_from_percent
from palmira.tables import baseline as tables
from palmira.tables import computed
from palmira.twin.store import committed
from palmira.twin.verify import verify


@pytest.fixture(scope="module")
def twins(palmira):
    return committed(palmira.trial)


@pytest.fixture(scope="module")
def levels(palmira):
    return balance.characteristics(palmira)


arm = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("count", "n", "lower", "upper"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0, 0.1684),
     (1, 29, 0.0009, 0.1776)],
)  # fmt: skip
def test_exact_intervals_agree_with_newcombes_published_ones(count, n, lower, upper):
    exact = clopper_pearson(count, n)
    assert (exact.lower, exact.upper) == pytest.approx((lower, upper), abs=5e-5)


@pytest.mark.parametrize(("count", "n"), [(-1, 10), (11, 10), (0, 0)])
def test_a_count_beyond_its_patients_is_no_proportion(count, n):
    with pytest.raises(ValueError, match="not a proportion"):
        clopper_pearson(count, n)


def test_a_whole_percent_of_fifty_patients_is_even():
    for percent in range(6, 17):
        assert bool(count_from_percent(percent, 0.5, 50)) == (percent % 2 == 0)


@given(arm)
def test_a_printed_percent_leads_back_to_its_count(patients):
    count, n = patients
    assert count in count_from_percent(round(100 * count / n, 1), 0.05, n)


def test_a_standardized_difference_equals_its_definition():
    assert balance.standardized_difference(50, 100, 40, 100) == pytest.approx(
        0.1 / ((0.25 + 0.24) / 2) ** 0.5
    )


@given(arm, arm)
def test_a_standardized_difference_changes_only_its_sign_with_the_arms_and_with_the_level(a, b):
    here = balance.standardized_difference(*a, *b)
    assert balance.standardized_difference(*b, *a) == pytest.approx(-here)
    (k, n), (j, m) = a, b
    assert balance.standardized_difference(n - k, n, m - j, m) == pytest.approx(-here)
    assert (here > 0) == (k * m > j * n)


def test_a_characteristic_of_all_in_one_arm_and_none_in_the_other_differs_without_limit():
    assert balance.standardized_difference(5, 5, 0, 7) == inf
    assert balance.standardized_difference(0, 5, 7, 7) == -inf
    assert balance.standardized_difference(5, 5, 7, 7) == 0


def test_chance_keeps_95_percent_of_differences_within_its_limit():
    limit = balance.chance_limit(136, 62)
    assert balance.chance_beyond(limit, 136, 62) == pytest.approx(0.05)
    assert balance.chance_limit(4 * 136, 4 * 62) == pytest.approx(limit / 2)


@given(st.integers(1, 60), st.integers(5, 40), st.integers(5, 40))
def test_the_exact_range_holds_at_least_95_percent_of_all_allocations(total, n, control_n):
    assume(total < n + control_n)
    low, high = balance.chance_range(total, n, control_n)
    inside = sum(
        comb(total, k) * comb(n + control_n - total, n - k)
        for k in range(max(0, total - control_n), min(total, n) + 1)
        if low <= balance.standardized_difference(k, n, total - k, control_n) <= high
    )
    assert inside / comb(n + control_n, n) >= 0.95


def test_the_exact_chance_of_an_imbalance_counts_allocations():
    # Two of four patients have it, two in each arm: 4 of 6 allocations are even.
    assert balance.chance_exactly(0.1, [2, 2], 2, 2) == pytest.approx(2 / 6)
    # One level alone is always even; a third, empty level changes nothing.
    assert balance.chance_exactly(0.1, [4], 2, 2) == 0
    assert balance.chance_exactly(0.1, [2, 2, 0], 2, 2) == pytest.approx(2 / 6)
    with pytest.raises(ValueError, match="levels of 3 patients"):
        balance.chance_exactly(0.1, [1, 2], 2, 2)


def test_the_exact_chance_is_near_the_normal_one_in_large_arms():
    exact = balance.chance_exactly(0.0995, [1000, 1000], 1000, 1000)
    assert exact == pytest.approx(balance.chance_beyond(0.0995, 1000, 1000), abs=0.005)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_the_number_of_events_has_the_sum_of_their_probabilities_as_its_mean(chances):
    distribution = balance.number_beyond(chances)
    assert distribution.sum() == pytest.approx(1)
    assert sum(k * p for k, p in enumerate(distribution)) == pytest.approx(sum(chances))


def test_a_certain_event_is_the_whole_central_range():
    assert balance.central_range(balance.number_beyond([1, 1, 0])) == (2, 2)


def test_the_levels_of_every_factor_fill_its_denominator_in_both_arms(levels):
    for _, group in levels.groupby("factor"):
        assert group["count"].sum() == group.n.iloc[0]
        assert group.control_count.sum() == group.control_n.iloc[0]


def test_every_counted_factor_of_the_table_is_there_and_age_comes_from_the_forest_plot(levels):
    assert len(levels.factor.unique()) == 14
    assert set(levels[levels.place == "Figure 3"].factor) == {"Age"}


def test_the_best_response_is_a_share_of_the_patients_treated_for_advanced_disease(palmira, levels):
    rows = levels[levels.factor == "Best response to previous palbociclib"]
    assert set(zip(rows.n, rows.control_n, strict=True)) == {(135, 61)}
    fits = tables.denominators_that_fit(palmira, "Best response to previous palbociclib")
    assert fits["prior_advanced"] == fits["printed"] == 9 > fits["randomized"]


def test_the_printed_table_shows_every_cell_and_marks_every_repair(palmira):
    table = tables.printed_characteristics(palmira)
    block = palmira.block("table1")
    assert len(table.frame) == len(block.rows)
    marks = table.frame.apply(lambda c: c.astype(str).str.contains(tables.REPAIRED)).sum().sum()
    assert marks == sum(len(row.repairs) for row in block.rows)
    assert "90\u00a0(66.2)" in table.html
    assert (table.data.total == [row.values[2] for row in block.rows]).all()


def test_what_the_table_flags_is_what_the_ledger_does_not_reproduce(palmira):
    findings = {}
    for check in audit(palmira, only=["A1", "A3"]):
        findings.setdefault(check.entry, check)
    wrong = {
        ".".join(f.entry.split(".")[1:3])
        for f in findings.values()
        if f.entry.startswith("table1.") and f.verdict != "consistent"
    }
    frame = tables.recomputed_characteristics(palmira).frame
    rows = balance.characteristics(palmira).row
    said = frame["In print"].str.contains("cut off|but")
    assert set(rows[said.to_numpy()]) == wrong == {"receptor.pgr_negative", "last_dose.75"}


def test_a_wrong_percent_is_flagged(altered):
    record = altered('["10 (7.4)", "4 (6.5)"', '["10 (7.9)", "4 (6.5)"')
    frame = tables.recomputed_characteristics(record).frame
    said = frame.loc[frame.Characteristic == "Other", "In print"].item()
    assert said == "Palbociclib + ET: 7.9, but 7.35 recomputed"


def test_the_balance_plot_draws_one_row_for_two_levels_and_says_what_lies_outside(palmira, levels):
    picture = figures.balance_plot(palmira)
    assert len(picture.data) == 18
    assert set(picture.data.loc[picture.data.outside, "label"]) == {
        "Age: ≥65 years", "ECOG performance status: ≥1"
    }  # fmt: skip
    for text in ("18 baseline characteristics", "−0.33", "+0.22", "0.30", "136 and 62", "≥65"):
        assert text in picture.alt
    assert picture.data.label.str.contains(r"\*").sum() == 2


def test_a_changed_count_moves_its_point(palmira, altered):
    record = altered('"90 (66.2)", "31 (50.0)", "121', '"90 (66.2)", "41 (66.1)", "131')
    before, after = (
        figures.balance_plot(r).data.set_index("label").smd["ECOG performance status: ≥1"]
        for r in (
            palmira,
            altered('"46 (33.8)", "31 (50.0)", "77', '"46 (33.8)", "21 (33.9)", "67'),
        )
    )
    assert before == pytest.approx(-0.33, abs=0.005)
    assert after == pytest.approx(0, abs=0.01)
    assert record["table1.ecog.0.et.count"].value == 41


def test_the_curves_fall_and_a_larger_trial_lies_below():
    picture = figures.chance_curves(136, 62)
    by_size = {n: g.set_index("mark").percent for n, g in picture.data.groupby("patients")}
    assert all(line.is_monotonic_decreasing and line[0] == 100 for line in by_size.values())
    assert (by_size[198] >= by_size[792]).all()
    assert "51.4% with 198 patients" in picture.alt
    assert not any(isinf(x) for x in picture.data.percent)


def test_the_standardized_difference_of_means_equals_its_definition():
    patients = pd.DataFrame({"TRT01PN": [1, 1, 1, 2, 2, 2], "X": [1, 2, 3, 3, 5, 7]})
    assert balance.smd_of_means(patients, "X") == pytest.approx(-3 / ((1 + 4) / 2) ** 0.5)
    with pytest.raises(ValueError, match="X: no spread"):
        balance.smd_of_means(patients.assign(X=1), "X")


def test_the_table_from_adsl_counts_the_patients_of_each_cell_and_stands_beside_the_print(
    palmira, twins
):
    verified = {s: verify(f, palmira, s, ["Baseline"]) for s, f in twins.items()}
    table = computed.characteristics(verified, palmira)
    assert len(table.frame) == len(palmira.block("table1").rows)
    cell = table.data.set_index(["row", "column"]).loc[("ecog.ge1", "et")]
    mine = twins["neutral"]["adsl"].query("TRT01PN == 2").ECOGBL
    assert cell.neutral == f"{(mine >= 1).sum()}\u00a0({100 * (mine >= 1).mean():.1f})"
    age = table.data.set_index(["row", "column"]).loc[("age", "et")]
    years = twins["full"]["adsl"].query("TRT01PN == 2").AGE
    assert age.full == f"{years.median():.0f} ({years.min():.0f} to {years.max():.0f})"
    differs = set(table.data[table.data.differs == "yes"].row)
    assert {"receptor.pgr_negative", "last_dose.75"} <= differs  # no patients can have these
    marked = table.frame.apply(lambda c: c.str.contains("≠")).sum().sum()
    assert marked == (table.data.differs == "yes").sum()


def test_a_cell_that_only_one_twin_prints_is_marked_and_both_are_shown(palmira, twins):
    adsl = twins["full"]["adsl"].copy()
    adsl.loc[adsl.index[adsl.ECOGBL == 0][0], "ECOGBL"] = 1
    changed = {**twins, "full": {**twins["full"], "adsl": adsl}}
    verified = {s: verify(f, palmira, s, ["Baseline"]) for s, f in changed.items()}
    frame = computed.characteristics(verified, palmira).frame
    cell = frame.loc[frame.Characteristic == "≥1", "All patients, twins"].item()
    assert cell == "77\u00a0(38.9) | 78\u00a0(39.4) ≠"
