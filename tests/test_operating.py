"""The pictures and tables of operating characteristics say what the simulated trials did."""

import numpy as np
import pandas as pd
import pytest

from palmira.design.scenario import Scenario, with_survival
from palmira.design.simulate import operating_characteristics
from palmira.design.studies import INTERVALS, SCANS, STRATIFIED, TRUE
from palmira.figures import operating as figures
from palmira.tables import operating as tables

HALF = Scenario("half the hazard", 90, 2.0, (0.2,), (0.1,), 30.0, 6.0, (56, 112, 168))


def trials(scenario, analysis, **columns):
    """Results of four simulated trials of which only ``columns`` matter."""
    plain = {"scenario": scenario.name, "analysis": analysis, "log_hazard_ratio": np.log(0.5),
             "se": 0.2, "z": -3.0, "median": 7.0, "control_median": 3.5, "events": 60}  # fmt: skip
    return pd.DataFrame({**plain, **columns}, index=range(4))


def looks(early, final, fraction=0.6):
    """Two looks at some trials, by their z."""
    number = range(len(early))
    return pd.concat([pd.DataFrame({"trial": number, "fraction": f, "z": z})
                      for f, z in ((fraction, early), (1.0, final))])  # fmt: skip


def test_late_medians_are_shown_for_the_schedules_asked_for_and_three_analyses():
    rare = Scenario("every 16 weeks", 90, 2.0, (0.2,), (0.1,), 30.0, 6.0, (112, 224))
    worlds = {HALF: 0.9, rare: 1.8}
    off = {TRUE: 0.0, SCANS: 1.0, STRATIFIED: 1.0, INTERVALS: -0.1}
    results = pd.concat(
        trials(s, name, median=s.medians[0] + share * late + np.array([-0.02, 0.02, 0, 0]))
        for s, late in worlds.items() for name, share in off.items()
    )  # fmt: skip
    found = operating_characteristics(results, list(worlds))
    weeks = {HALF.name: 8.0, rare.name: 16.0}
    picture = figures.late_medians(found, weeks)
    assert len(picture.data) == 6 and STRATIFIED not in set(picture.data["analysis"])
    shown = picture.data.set_index(["analysis", "weeks"])["bias_median"]
    assert shown[SCANS, 8] == pytest.approx(0.9) and shown[INTERVALS, 16] == pytest.approx(-0.18)
    assert "0.90 months with scans every 8 weeks; 1.80 months with scans every 16" in picture.alt
    assert "off by 0.18 months at most" in picture.alt
    only = figures.late_medians(found, {HALF.name: 8.0})
    assert set(only.data["weeks"]) == {8.0} and "16 weeks" not in only.alt


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_two_looks_cost_nothing_if_they_are_one_and_most_if_they_share_no_patient(alpha):
    assert figures.either_look(1 - 1e-9, alpha) == pytest.approx(alpha, abs=1e-4)
    assert figures.either_look(0.0, alpha) == pytest.approx(1 - (1 - alpha) ** 2, abs=1e-6)
    costs = [figures.either_look(f, alpha) for f in (0.2, 0.5, 0.8, 0.95)]
    assert costs == sorted(costs, reverse=True) and costs[-1] > alpha


def test_a_trial_is_counted_once_however_many_of_its_looks_are_significant():
    seen = looks([2.5, 0.0, -2.5, 0.0, 0.0], [2.5, 2.5, 0.0, 0.0, 1.9])
    picture = figures.two_looks(seen, 0.05)
    line = picture.data.iloc[0]
    assert (line["either"], line["final"], line["trials"]) == (0.6, 0.4, 5)
    assert line["calculated"] == pytest.approx(figures.either_look(0.6, 0.05), abs=1e-4)
    assert "60.0% with 60% of the events" in picture.alt and "alone: 40.0%" in picture.alt


def test_only_trials_with_an_early_z_near_the_printed_one_say_where_it_moves():
    seen = looks([-1.5, -1.4, -1.6, -2.5, 0.0], [-1.0, -2.0, -1.2, 0.0, 0.0])
    line = figures.moved(seen, -1.5, -1.1).iloc[0]
    assert line["trials"] == 3
    assert line["middle"] == pytest.approx(-1.4)
    assert line["beyond"] == pytest.approx(1 / 3)  # toward no effect: the first alone


def test_the_picture_of_moving_z_names_each_world_and_its_range():
    rng = np.random.default_rng(1)
    seen = {}
    for name, middle in (("no effect", -1.0), ("an effect", -1.8)):
        early = np.full(200, -1.5)
        parts = [looks(early, middle + s * rng.normal(size=200), f)
                 for f, s in ((0.6, 0.8), (0.95, 0.2))]  # fmt: skip
        seen[name] = pd.concat(parts).drop_duplicates(["trial", "fraction"])
    picture = figures.moving_z(seen, -1.5, -1.2)
    assert set(picture.data["world"]) == set(seen)
    widths = (picture.data["high"] - picture.data["low"]).groupby(picture.data["fraction"]).min()
    assert all(w > 0 for w in widths)
    for world in seen:
        assert f"{world}: " in picture.alt
    assert "early z near -1.50" in picture.alt and "-1.20 (P 0.23)" in picture.alt


def test_the_table_gives_truth_bias_and_coverage_by_analysis():
    results = pd.concat([
        trials(HALF, TRUE),
        trials(HALF, SCANS, log_hazard_ratio=[*np.log([0.5, 0.5, 0.5]), 0.0],
               z=[-3.0, -3.0, -3.0, 0.0], median=HALF.medians[0] + 1),
    ])  # fmt: skip
    table = tables.characteristics(operating_characteristics(results, [HALF]), [HALF])
    true, scans = table.frame.to_dict("records")
    assert "true median PFS 6.9 and 3.5 months" in true["Scenario"]
    assert true["Significant"] == "100.0% (± 0.0)" and true["Mean HR"] == "0.50"
    assert scans["Significant"] == "75.0% (± 25.0)"
    assert scans["Mean HR"] == f"{0.5**0.75:.2f}"
    assert scans["95% interval holds the truth"] == "75.0% (± 25.0)"
    assert scans["Bias of the medians, months"].startswith("+1.00, ")
    assert "4 trials a scenario" in table.notes[0]


def test_where_hazards_cross_there_is_no_true_ratio_to_be_biased_from():
    cross = with_survival(HALF, (6, 12), (0.5, 0.2), (0.4, 0.2), "meet")
    found = operating_characteristics(trials(cross, TRUE), [cross])
    (row,) = tables.characteristics(found, [cross]).frame.to_dict("records")
    assert row["Bias of log HR"] == row["95% interval holds the truth"] == "no true HR"


def test_the_best_subgroup_leaves_out_trials_without_an_estimate():
    frame = pd.DataFrame({"best": [np.log(0.4), np.log(0.6), np.log(0.9), -np.inf, np.nan],
                          "significant": [2, 1, 0, 3, 0]})  # fmt: skip
    table = tables.best_of({"as printed": frame}, {"as printed": 0.84})
    (row,) = table.frame.to_dict("records")
    assert row["True hazard ratio, the same in all"] == "0.84 (as printed)"
    assert row["Trials with a significant subgroup"] == "66.7% (± 33.3)"
    assert row["HR of the best subgroup, typical"] == f"{(0.4 * 0.6 * 0.9) ** (1 / 3):.2f}"
    assert row["The same if significant, median"] == "0.50"
    assert table.notes[0].startswith("3 trials each")
