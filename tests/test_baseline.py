"""The baseline table and the balance of the arms."""

from math import comb, inf

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from palmira.audit import audit
from palmira.record import DATA
from palmira.show import love
from palmira.statistics import balance
from palmira.statistics.proportions import clopper_pearson, count_from_percent

arm = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("count", "n", "lower", "upper"),
    [
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
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
    assert exact == pytest.approx(2 * norm.sf(0.0995 / (2 / 1000) ** 0.5), abs=0.005)


@pytest.fixture(scope="module")
def levels(shown):
    return shown["baseline-recomputed"].data


@pytest.fixture(scope="module")
def cells(shown):
    """The cells of Table 1 in print and on the twins, by source, factor, category and arm."""
    data = shown["baseline-adsl"].data
    return data.set_index(["source", "factor", "category", "arm"]).sort_index()


def test_each_printed_difference_is_that_of_its_counts(levels):
    counts = levels[["count", "n", "control_count", "control_n"]].itertuples(index=False)
    assert list(levels.smd) == pytest.approx([balance.standardized_difference(*c) for c in counts])


def test_the_range_of_chance_holds_at_least_95_percent_of_all_allocations(levels):
    for level in levels.itertuples():
        n, m, total = level.n, level.control_n, level.total
        everything = comb(n + m, n)
        below = above = at_low = at_high = 0  # allocations beyond the range, and at its ends
        for k in range(max(0, total - m), min(total, n) + 1):
            ways = comb(total, k) * comb(n + m - total, n - k)
            found = balance.standardized_difference(k, n, total - k, m)
            below += ways * (found < level.chance_low - 1e-9)
            above += ways * (found > level.chance_high + 1e-9)
            at_low += ways * (abs(found - level.chance_low) < 1e-9)
            at_high += ways * (abs(found - level.chance_high) < 1e-9)
        for outside, end in ((below, at_low), (above, at_high)):
            assert outside / everything <= 0.025 < (outside + end) / everything


def test_the_limit_of_chance_at_this_size_is_said(said, palmira):
    n, m = (palmira.size("randomized", arm).value for arm in ("palbociclib", "et"))
    spread = (1 / n + 1 / m) ** 0.5
    assert said["baseline_limit"] == f"{1.96 * spread:.2f}" == "0.30"
    assert said["baseline_share"] == f"{200 * norm.sf(0.1 / spread):.0f}%" == "51%"


def test_the_number_of_factors_beyond_the_mark_is_held_against_chance(levels, said):
    mark, chances, observed = float(said["baseline_rule"]), [], 0
    for _, factor in levels.groupby("factor"):
        n, m = factor.n.iloc[0], factor.control_n.iloc[0]
        chances.append(balance.chance_exactly(mark, list(factor.total), n, m))
        observed += factor.smd.abs().max() > mark
    assert said["baseline_expected"] == f"{sum(chances):.1f}"
    assert (said["baseline_observed"], said["baseline_factors"]) == (str(observed), "14")
    number = [1.0]  # distribution of a sum of independent events, one after the other
    for p in chances:
        more, less = [0, *number], [*number, 0]
        number = [(1 - p) * a + p * b for a, b in zip(less, more, strict=True)]
    below = [sum(number[: k + 1]) for k in range(len(number))]
    ends = [next(k for k, x in enumerate(below) if x >= tail) for tail in (0.025, 0.975)]
    assert said["baseline_expected_range"] == f"{ends[0]} to {ends[1]}"


def test_the_levels_of_every_factor_fill_its_denominator_in_both_arms(levels):
    for _, group in levels.groupby("factor"):
        assert group["count"].sum() == group.n.iloc[0]
        assert group.control_count.sum() == group.control_n.iloc[0]


def test_every_counted_factor_of_the_table_is_there_and_age_comes_from_the_forest_plot(levels):
    assert len(levels.factor.unique()) == 14
    assert set(levels[levels.place == "Figure 3"].factor) == {"Age"}


def test_the_best_response_is_a_share_of_the_patients_treated_for_advanced_disease(levels, said):
    rows = levels[levels.factor == "Best response to previous palbociclib"]
    assert set(zip(rows.n, rows.control_n, strict=True)) == {(135, 61)}
    fits = [int(said[f"baseline_fit_{kind}"]) for kind in ("advanced", "printed", "arm")]
    assert fits[0] == fits[1] == 9 > fits[2]


def test_the_printed_table_shows_every_cell_and_marks_every_repair(palmira, shown):
    table, data = shown["baseline-table1"].table, shown["baseline-table1"].data
    block = palmira.block("table1")
    assert len(table) == len(block.rows)
    assert len(data) == len(palmira.cells("table1.*")) == 3 * len(block.rows)
    marks = table.apply(lambda c: c.str.contains("†")).sum().sum()
    assert marks == data.repaired.sum() == sum(len(row.repairs) for row in block.rows)
    counted = data.set_index(["row", "arm"]).loc[("ecog.0", "palbociclib")]
    assert (counted["count"], counted["percent"]) == (90, 66.2)
    assert "90\u00a0(66.2)" in set(table.iloc[:, 2])


def test_what_the_table_flags_is_what_the_ledger_does_not_reproduce(palmira, shown):
    findings = {}
    for check in audit(palmira, only=["A1", "A3"]):
        findings.setdefault(check.entry, check)
    wrong = {
        ".".join(f.entry.split(".")[1:3])
        for f in findings.values()
        if f.entry.startswith("table1.") and f.verdict != "consistent"
    }
    table = shown["baseline-recomputed"].table
    said = table[table["Published otherwise"].str.contains("truncated|but")]
    labels = {palmira[f"table1.{row}.total.count"].category for row in wrong}
    assert set(said["Characteristic"]) == labels
    assert wrong == {"receptor.pgr_negative", "last_dose.75"}


def test_the_love_plot_draws_one_row_for_two_levels_and_says_what_lies_outside(shown):
    picture = shown["baseline-balance"]
    assert len(picture.data) == 18
    assert set(picture.data.loc[picture.data.outside, "label"]) == {
        "Age: ≥65 years",
        "ECOG performance status: ≥1",
    }
    for text in ("18 baseline characteristics", "−0.33", "+0.22", "0.30", "136 and 62", "≥65"):
        assert text in picture.alt
    assert picture.data.label.str.contains(r"\*").sum() == 2


def test_the_curves_fall_and_a_larger_trial_lies_below(shown):
    picture = shown["baseline-chance"]
    by_size = {n: g.set_index("mark").percent for n, g in picture.data.groupby("patients")}
    assert all(line.is_monotonic_decreasing and line[0] == 100 for line in by_size.values())
    assert (by_size[198] >= by_size[792]).all()
    assert "51.4% with 198 patients" in picture.alt


def test_the_differences_of_means_are_those_of_the_patients(said):
    for key, variable in (("age", "AGE"), ("duration", "PCDKDUR")):
        found = []
        for twin in ("neutral", "full"):
            patients = pd.read_csv(DATA / "twin" / twin / "adsl.csv")
            one, other = (patients.loc[k == patients.TRT01PN, variable] for k in (1, 2))
            spread = ((one.std() ** 2 + other.std() ** 2) / 2) ** 0.5
            found.append(f"{(one.mean() - other.mean()) / spread:+.2f}".replace("-", "−"))
        assert said[f"baseline_mean_{key}"] == " and ".join(found)


def test_the_table_from_adsl_counts_the_patients_of_each_cell_and_stands_beside_the_print(
    palmira, cells, shown, said
):
    table = shown["baseline-adsl"].table
    assert len(table) == len(palmira.block("table1").rows) + 2  # and two groups of age
    patients = pd.read_csv(DATA / "twin" / "neutral" / "adsl.csv").query("TRT01PN == 2")
    cell = cells.loc[("neutral", "ECOG performance status", "≥1", "et")]
    assert cell["count"] == (patients.ECOGBL >= 1).sum()
    assert cell["percent"] == pytest.approx(100 * (patients.ECOGBL >= 1).mean())
    years = pd.read_csv(DATA / "twin" / "full" / "adsl.csv").query("TRT01PN == 2").AGE
    age = cells.loc[("full", "Age", "Median (range)", "et")]
    assert tuple(age[["median", "minimum", "maximum"]]) == (
        years.median(),
        years.min(),
        years.max(),
    )
    differs = cells[cells.as_printed.astype(str) == "False"].reset_index()
    assert set(zip(differs.category, differs.arm, strict=True)) == {  # no patients can have these
        ("ER-positive and PgR-negative", "total"),
        ("75 mg", "total"),
    }
    marked = table.apply(lambda c: c.str.contains("≠")).sum().sum()
    assert marked == int(said["baseline_cells"]) - int(said["baseline_cells_met"]) == 2


def test_the_twins_have_the_printed_age_groups(cells):
    for category, arms in {"<65 years": (94, 33), "≥65 years": (42, 29)}.items():
        for source in ("published", "neutral", "full"):
            counts = [
                cells.loc[(source, "Age", category, arm), "count"].item()
                for arm in ("palbociclib", "et")
            ]
            assert tuple(counts) == arms


def test_a_wrong_percent_is_flagged(altered, rerun):
    record = altered('["10 (7.4)", "4 (6.5)"', '["10 (7.9)", "4 (6.5)"')
    frame = rerun("baseline", record).shown["baseline-recomputed"].table
    said = frame.loc[frame.Characteristic == "Other", "Published otherwise"].item()
    assert said == "Palbociclib + ET: 7.9, but 7.35 recomputed"


def test_a_changed_count_moves_its_point(palmira, reprinted, rerun, shown):
    record = reprinted(palmira, table1__ecog__0__et__count="41", table1__ecog__ge1__et__count="21")
    before, after = (
        exhibits["baseline-balance"].data.set_index("label").smd["ECOG performance status: ≥1"]
        for exhibits in (shown, rerun("baseline", record).shown)
    )
    assert before == pytest.approx(-0.33, abs=0.005)
    assert after == pytest.approx(0, abs=0.01)


def test_another_age_cut_moves_the_rows_of_age_and_nothing_in_print(rerun, shown):
    found = rerun("baseline", edits=[("cut = 65 ", "cut = 70 ")]).shown
    table = found["baseline-adsl"].table.set_index("Characteristic")
    patients = [pd.read_csv(DATA / "twin" / t / "adsl.csv") for t in ("neutral", "full")]
    older = [[(d[arm == d.TRT01PN].AGE >= 70).sum() for arm in (1, 2)] for d in patients]
    both = [f"{d[1]}\u00a0({100 * d[1] / 62:.1f})" for d in older]
    assert table.loc["≥70 years", "ET alone (n = 62)"] == " | ".join(both)
    for twin, (one, other) in zip(("neutral", "full"), older, strict=True):
        data = found["baseline-adsl"].data
        cell = data[(data["source"] == twin) & (data["category"] == "≥70 years")]
        assert list(cell["count"]) == [one, other, one + other]
        smd = balance.standardized_difference(one, 136, other, 62)
        assert f"{smd:+.2f}".replace("-", "−") in table.loc["≥70 years", "SMD"]
    assert "≥65 years" not in table.index
    for name in ("baseline-table1", "baseline-recomputed", "baseline-balance"):
        assert len(found[name].data) == len(shown[name].data)


def test_a_cell_that_only_one_twin_prints_is_marked_and_both_are_shown(rerun):
    changed = (
        'for twin in ("neutral", "full")\n}',
        'for twin in ("neutral", "full")\n}\n'
        "first = adsl['full'].index[adsl['full']['ECOGBL'] == 0][0]\n"
        "adsl['full'].loc[first, ['ECOGBL', 'ECOGGROUP']] = [1, '≥1']",
    )
    frame = rerun("baseline", edits=[changed]).shown["baseline-adsl"].table
    cell = frame.loc[frame.Characteristic == "≥1", "All patients (n = 198)"].item()
    assert cell == "77\u00a0(38.9) ≠ 77\u00a0(38.9) | 78\u00a0(39.4)"


LINES = pd.DataFrame(
    {
        "label": ["Age: ≥65 years", "A factor with a long name: a level"],
        "smd": [0.4, -0.1],
        "low": [-0.3, -0.3],
        "high": [0.3, 0.3],
        "stratum": [False, True],
    }
)


def test_a_love_plot_marks_what_is_beyond_its_bar_on_a_page_and_on_a_phone():
    picture = love(LINES, alt="two lines")
    for figure in (picture.figure, picture.narrow()):
        ax = figure.axes[0]
        points = {
            line.get_xdata()[0]: line.get_marker()
            for line in ax.lines
            if len(line.get_xdata()) == 1
        }
        assert points == {0.4: "D", -0.1: "o"}
        bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
        assert bars == [pytest.approx((-0.3, 0.3))] * 2
        assert {t.get_text() for t in ax.texts} >= {"+0.40", "−0.10", "SMD"}
        assert len({bar.get_facecolor() for bar in ax.patches}) == 2
    assert picture.data is LINES


def test_a_love_plot_needs_rows_and_columns():
    with pytest.raises(ValueError, match="at least one row"):
        love(LINES.iloc[:0], alt="none")
    with pytest.raises(ValueError, match="lacks"):
        love(LINES.drop(columns="low"), alt="none")
