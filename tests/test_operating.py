"""What the pages say of simulated trials is what the simulation gives, and what theory expects."""

import numpy as np
import pytest
from scipy.stats import norm

pytestmark = pytest.mark.site


def either_look(fraction, alpha=0.05, trials=400_000):
    """The share of two correlated normal z values of which one is beyond, by drawing them."""
    rng = np.random.default_rng(1)
    first, rest = rng.standard_normal((2, trials))
    final = np.sqrt(fraction) * first + np.sqrt(1 - fraction) * rest
    z = norm.ppf(1 - alpha / 2)
    return float(((np.abs(first) > z) | (np.abs(final) > z)).mean())


def test_every_truth_is_analyzed_in_three_ways_and_without_effect_the_level_is_kept(shown):
    data = shown["operating-table"].data
    assert data.groupby("scenario").size().eq(3).all() and data["scenario"].nunique() == 5
    none = data[data["scenario"] == "No difference"]
    assert ((none["rejected"] - 0.05).abs() < 4 * none["rejected_error"]).all()


def test_power_rises_with_the_effect_and_intervals_cover_it(shown):
    data = shown["operating-table"].data.query("analysis == 'scan dates'").set_index("scenario")
    order = [
        "No difference",
        "HR as printed, and neutral",
        "HR on the full scale (conditional)",
        "HR of the sample size",
    ]
    assert data.loc[order, "rejected"].is_monotonic_increasing
    assert data.loc[order, "covered"].between(0.93, 0.97).all()


def test_where_hazards_cross_there_is_no_true_ratio_to_be_biased_from(shown):
    exhibit = shown["operating-table"]
    rows = exhibit.table[exhibit.table["group"].str.startswith("Curves that meet")]
    assert len(rows) == 3
    assert (
        set(rows["Bias of log HR"]) == set(rows["95% interval holds the truth"]) == {"no true HR"}
    )
    assert exhibit.data.query("scenario == 'Curves that meet'")["covered"].isna().all()


def test_a_median_dated_by_scans_is_later_the_rarer_the_scans(shown):
    exhibit = shown["operating-medians"]
    late = exhibit.data.query("analysis == 'scan dates'").sort_values("weeks")
    assert late["weeks"].tolist() == [4, 8, 12, 16]
    assert late["bias_median"].is_monotonic_increasing
    # About half the time between scans, and hardly more than the whole of it.
    months = late["weeks"] * 7 * 12 / 365.25
    assert (late["bias_median"] / months).between(0.4, 1).all()
    near = exhibit.data.query("analysis == 'intervals'")["bias_median"].abs().max()
    assert near < 0.15 and f"off by {near:.2f} months at most" in exhibit.alt
    for row in late.itertuples():
        assert f"{row.bias_median:.2f} months with scans every {row.weeks} weeks" in exhibit.alt


def test_two_looks_cost_as_much_as_two_correlated_tests_do(shown):
    data = shown["operating-looks"].data
    for row in data.itertuples():
        assert row.calculated == pytest.approx(either_look(row.fraction), abs=0.002)
        assert abs(row.either - row.calculated) < 4 * row.either_error
    assert data["calculated"].is_monotonic_decreasing
    assert (data["calculated"] > 0.05).all() and (data["final"] - 0.05).abs().max() < 0.015


def test_the_more_events_the_early_look_had_the_less_the_final_z_moves(shown, said):
    exhibit = shown["operating-z"]
    for world, mine in exhibit.data.groupby("world", sort=False):
        width = mine["high"] - mine["low"]
        assert width.iloc[-1] < width.iloc[0]
        assert (mine["trials"] > 50).all() and f"{world}: " in exhibit.alt
    assert f"early z near {said['operating_first_z'].replace('−', '-')}" in exhibit.alt


def test_the_best_of_many_subgroups_flatters_in_every_world(shown, palmira):
    data = shown["operating-best"].data
    assert (np.exp(data["best_log"]) < data["true"] - 0.1).all()
    assert (data["best_significant"] < data["true"]).all()
    assert data["any_significant"].is_monotonic_increasing
    table = shown["operating-best"].table
    assert table["Trials with a significant subgroup"].str.match(r"\d+\.\d% \(±.\d\.\d\)").all()


def test_the_ratios_that_trials_report_scatter_about_the_truth(shown, palmira):
    data = shown["operating-ratios"].data.set_index("scenario")
    assert data.loc["No difference", "median"] == pytest.approx(1, abs=0.02)
    printed = palmira["contrasts.pfs.hazard_ratio.estimate"].value
    assert data.loc["HR as printed, and neutral", "median"] == pytest.approx(printed, abs=0.02)
    assert (data["p2_5"] < printed).all()
