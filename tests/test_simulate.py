"""Simulated trials: the compiled analyses, what is observed at scans, and the book-keeping."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from palmira.record import published
from palmira.simulation import two_arm_analyses as kernels
from palmira.simulation.draw import Observed, at_once, at_scans, draw, sort_keys
from palmira.simulation.operating_characteristics import operating_characteristics, simulate
from palmira.simulation.sample_size import schoenfeld_power
from palmira.simulation.scenario import (
    Scenario,
    expected_events,
    of_record,
    with_hazard_ratio,
    with_survival,
)
from palmira.simulation.studies import best_subgroup, looks

BASE = Scenario("no effect", 200, 2.0, (0.2,), (0.2,), 30.0, 6.0, tuple(range(56, 1120, 56)))
ROUGH = replace(
    BASE,
    name="rough",
    window=7,
    fatal=0.3,
    dropout=0.02,
    block=6,
    strata=((0.6, 1.0), (0.4, 2.0)),
)


def either_look(fraction, alpha=0.05):
    """Probability, with no effect, that one of two looks has P below ``alpha``."""
    z, r = norm.ppf(1 - alpha / 2), np.sqrt(fraction)
    inside = multivariate_normal(mean=[0, 0], cov=[[1, r], [r, 1]])
    return 1 - inside.cdf(np.array([z, z]), lower_limit=np.array([-z, -z]))


def observed(time, event):
    time = np.atleast_2d(time)
    return Observed(time, np.atleast_2d(event) == 1, time > 0, np.zeros_like(time))


@st.composite
def patients(draw):
    """Day (many ties), event, arm and stratum of some patients, with events in both arms."""
    n = draw(st.integers(8, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    time, event = rng.integers(1, 15, n), rng.random(n) < 0.7
    arm, stratum = rng.integers(0, 2, n), rng.integers(0, 3, n)
    time[:2], event[:2], arm[:2], time[2:4], arm[2:4] = 3, True, (0, 1), 20, (0, 1)
    stratum[:4] = 0
    return time, event.astype(int), arm, stratum


@settings(max_examples=60)
@given(patients())
def test_tied_trials_are_analyzed_as_by_statsmodels_plain_and_stratified(data):
    time, event, arm, stratum = data
    for strata in (None, stratum):
        by = None if strata is None else strata[None]
        out = kernels.two_arms(sort_keys(observed(time, event), arm[None], by))
        chi_square, _ = survdiff(time, event, arm, strata=strata)
        assert out.gap[0] ** 2 / out.variance[0] == pytest.approx(chi_square, rel=1e-9)
        model = PHReg(
            time.astype(float),
            arm[:, None].astype(float),
            status=event,
            strata=strata,
            ties="efron",
        )
        fit = model.fit(tol=1e-13)
        assert out.log_hazard_ratio[0] == pytest.approx(fit.params[0], abs=1e-7)
        assert out.se[0] == pytest.approx(fit.bse[0], rel=1e-6)


@settings(max_examples=40)
@given(patients())
def test_a_median_is_the_first_day_on_which_half_or_fewer_are_left(data):
    time, event, arm, _ = data
    found = kernels.medians(sort_keys(observed(time, event), arm[None]))
    for k in range(2):
        curve = SurvfuncRight(time[arm == k], event[arm == k])
        below = curve.surv_times[curve.surv_prob <= 0.5 + 1e-12]
        assert found[k][0] == below[0] if len(below) else np.isnan(found[k][0])


def test_grouped_times_give_what_a_complementary_log_log_model_of_the_intervals_gives():
    trials = draw(replace(BASE, experimental=(0.14,)), 3, np.random.default_rng(4))
    seen = at_scans(trials)
    out = kernels.grouped(seen.clear, seen.event, trials.arm, seen.entered, np.array(BASE.scans))
    for t in range(3):
        rows = [
            (j, trials.arm[t, i], seen.event[t, i] and j == seen.clear[t, i])
            for i in range(BASE.n)
            for j in range(seen.clear[t, i] + seen.event[t, i])
        ]
        frame = pd.DataFrame(rows, columns=["interval", "arm", "event"])
        inside = frame.groupby("interval")["event"].transform("mean").between(1e-9, 1 - 1e-9)
        frame = frame[inside]
        design = pd.get_dummies(frame["interval"], dtype=float).assign(arm=frame["arm"])
        family = sm.families.Binomial(sm.families.links.CLogLog())
        fit = sm.GLM(frame["event"].astype(float), design, family=family).fit(
            method="newton", tol=1e-12, maxiter=100
        )
        assert out.log_hazard_ratio[t] == pytest.approx(fit.params["arm"], abs=1e-5)
        assert out.se[t] == pytest.approx(fit.bse["arm"], rel=1e-3)


def test_one_arm_without_events_gives_no_hazard_ratio():
    keys = sort_keys(observed([3, 4, 5, 6], [1, 1, 0, 0]), np.array([[0, 0, 1, 1]]))
    out = kernels.two_arms(keys)
    assert np.isnan([out.log_hazard_ratio[0], out.se[0]]).all()


def test_progression_is_dated_by_a_scan_and_death_by_its_day():
    trials = draw(ROUGH, 50, np.random.default_rng(1))
    seen, known = at_scans(trials), at_once(trials)
    progressed, died = seen.event & ~trials.fatal, seen.event & trials.fatal
    assert (seen.time[died] == trials.event[died]).all()
    assert (seen.time[progressed] >= trials.event[progressed]).all()
    days = np.broadcast_to(trials.scans, (*seen.time.shape, trials.scans.shape[2]))
    assert (days == seen.time[..., None]).any(axis=2)[progressed].all()
    assert not (seen.event & ~known.event).any()
    assert (seen.time[~seen.event] <= np.maximum(known.time[~seen.event], 1)).all()


def test_blocks_hold_the_ratio_within_each_stratum():
    trials = draw(ROUGH, 40, np.random.default_rng(2))
    for level in range(2):
        here = trials.stratum == level
        excess = (trials.arm * here).sum(axis=1) - here.sum(axis=1) * 2 / 3
        assert np.abs(excess).max() < 4
    shuffled = draw(BASE, 5, np.random.default_rng(2))
    assert set(shuffled.arm.sum(axis=1)) == {BASE.arms[0]}


def test_without_an_effect_five_percent_are_significant_and_with_one_as_many_as_calculated():
    worlds = [BASE, with_hazard_ratio(BASE, 0.65, "an effect")]
    table = operating_characteristics(simulate(worlds, 2000, 11), worlds)
    row = table.set_index(["scenario", "analysis"])
    for analysis in ("true dates", "scan dates", "intervals"):
        r = row.loc[("no effect", analysis)]
        assert abs(r["rejected"] - 0.05) < 4 * r["rejected_error"]
        assert abs(r["bias_log"]) < 4 * r["bias_log_error"]
        assert abs(r["covered"] - 0.95) < 4 * r["covered_error"]
    r = row.loc[("an effect", "true dates")]
    assert r["rejected"] == pytest.approx(schoenfeld_power(r["events"], 0.65, ratio=2), abs=0.03)
    late = row["bias_median"].xs("an effect")
    assert abs(late["intervals"]) < 0.15 < 0.5 < late["scan dates"]


def test_two_looks_reject_more_often_the_fewer_events_the_first_one_had():
    frame = simulate([BASE], 2000, 5, looks, fractions=(0.5, 0.9))
    wide = frame.pivot_table(index="trial", columns="fraction", values="z")
    assert wide.corr().loc[0.5, 1.0] == pytest.approx(np.sqrt(0.5), abs=0.05)
    beyond = wide.abs() > 1.959964
    for f in (0.5, 0.9):
        share = (beyond[f] | beyond[1.0]).mean()
        assert share == pytest.approx(either_look(f), abs=0.02)
    assert either_look(0.5) == pytest.approx(0.083, abs=0.0005)  # Armitage's two equal looks


def test_the_best_subgroup_looks_better_than_the_truth_that_all_share():
    world = with_hazard_ratio(BASE, 0.8, "all alike")
    frame = simulate([world], 500, 6, best_subgroup, factors=((0.5, 0.5), (0.3, 0.7)))
    whole, best = np.exp(frame[["log_hazard_ratio", "best"]].mean())
    assert whole == pytest.approx(0.8, abs=0.03) and best < 0.72


def test_the_scenario_of_the_record_expects_the_printed_events_with_the_printed_medians():
    record = published("palmira")
    ratio = (
        record["results.pfs.median.et.estimate"].value
        / record["results.pfs.median.palbociclib.estimate"].value
    )
    scenario = of_record(record, "palbociclib", "et", ratio, "like the trial")
    events = record["results.pfs.events.total.count"].value
    assert expected_events(scenario) == pytest.approx(events, abs=0.01)
    assert scenario.medians[1] == pytest.approx(record["results.pfs.median.et.estimate"].value)
    drawn = simulate([scenario], 500, 7).query("analysis == 'scan dates'")
    assert drawn["events"].mean() == pytest.approx(events, abs=1.5)


def test_a_curve_passes_through_the_rates_that_are_asked_for():
    world = with_survival(BASE, (6, 12), (0.4, 0.12), (0.3, 0.12), "meeting")
    known = at_once(draw(replace(world, follow_up=60.0), 400, np.random.default_rng(8)))
    arm = draw(replace(world, follow_up=60.0), 400, np.random.default_rng(8)).arm
    for k, rates in ((1, (0.4, 0.12)), (0, (0.3, 0.12))):
        for months, rate in zip((6, 12), rates, strict=True):
            share = (known.time[arm == k] > months * 30.4375).mean()
            assert share == pytest.approx(rate, abs=0.01)
    assert np.isnan(world.hazard_ratio)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 3}, "4 patients"),
        ({"control": (0.1, 0.2)}, "one hazard more"),
        ({"control": (0.0,)}, "hazards: positive"),
        ({"window": 30}, "two windows"),
        ({"strata": ((0.5, 1.0),)}, "add up to 1"),
        ({"block": 4}, "ratio divides"),
    ],
)
def test_a_scenario_that_makes_no_trial_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(BASE, **change)
    with pytest.raises(ValueError, match="names of their own"):
        simulate([BASE, BASE], 10, 1)
