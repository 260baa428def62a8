"""What events say of a hazard ratio's interval, and what P values cannot say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lifelines import datasets

from palmira.readings.three_readings import reading
from palmira.record import published
from palmira.record.printed import Printed
from palmira.statistics.estimates import log_se, p_text, ratio
from palmira.statistics.hazard_ratios import (
    events_needed,
    full_scale,
    interaction,
    neutral,
    smallest_se,
    smallest_se_of_total,
    three_ways,
    wald_p,
)
from palmira.statistics.standard_errors import simulate, two_arm_errors
from palmira.statistics.survival import cox

EVENTS = st.integers(1, 5000)
RATIOS = st.floats(0.05, 20)
ERRORS = st.floats(0.02, 2)


@st.composite
def two_arms(draw):
    """A small trial with tied times, censoring and a second covariate."""
    n = draw(st.integers(8, 40))
    column = st.lists(st.integers(0, 1), min_size=n, max_size=n)
    frame = pd.DataFrame(
        {
            "time": draw(st.lists(st.integers(1, 12), min_size=n, max_size=n)),
            "event": draw(column),
            "arm": draw(column),
            "visceral": draw(column),
        }
    )
    return frame


@pytest.mark.filterwarnings("ignore:Newton-Raphson")
@settings(max_examples=60)
@given(two_arms(), st.sampled_from(["efron", "breslow"]), st.booleans())
def test_no_cox_model_reports_a_smaller_standard_error_than_its_events_allow(frame, ties, adjust):
    deaths = frame.groupby("arm")["event"].sum()
    assume(len(deaths) == 2 and deaths.min() >= 2)
    assume(not adjust or frame.groupby(["arm", "visceral"])["event"].sum().min() >= 1)
    assume(not adjust or frame.groupby(["arm", "visceral"]).ngroups == 4)
    # A monotone likelihood has no estimate: both arms have events while both are at risk.
    last = frame.groupby("arm")["time"].max().min()
    within = frame[(frame["time"] <= last) & (frame["event"] == 1)]
    assume(within["arm"].nunique() == 2)
    covariates = ["arm", "visceral"] if adjust else ["arm"]
    with np.errstate(all="ignore"):
        try:
            fit = cox(frame, "time", "event", covariates, ties)
        except Exception:  # no convergence: nothing to hold against the bound
            assume(False)
    assume(abs(fit.log_hazard_ratio).max() < 8)
    assert fit.se["arm"] >= smallest_se(deaths[1], deaths[0]) * (1 - 1e-6)


@given(EVENTS, EVENTS)
def test_knowing_only_the_total_of_events_never_raises_the_bound(events, control_events):
    total = smallest_se_of_total(events + control_events)
    assert total <= smallest_se(events, control_events) * (1 + 1e-12)
    assert smallest_se(events, events) == pytest.approx(smallest_se_of_total(2 * events))
    assert events_needed(total) == pytest.approx(events + control_events)


@given(RATIOS, ERRORS)
def test_the_full_scale_leaves_z_and_p_unchanged(hazard_ratio, se):
    printed = ratio(hazard_ratio, se)
    full = full_scale(printed)
    full_se = log_se(full.lower, full.upper)
    assert full_se == pytest.approx(se * 2**0.5)
    assert wald_p(full.value, full_se) == pytest.approx(wald_p(hazard_ratio, se), abs=1e-12)


@given(RATIOS, EVENTS, EVENTS)
def test_the_neutral_interval_contains_the_printed_estimate_and_is_as_wide_as_the_bound(
    hazard_ratio, events, control_events
):
    e = neutral(hazard_ratio, events, control_events)
    assert e.lower < hazard_ratio < e.upper
    assert e.value == hazard_ratio
    assert log_se(e.lower, e.upper) == pytest.approx(smallest_se(events, control_events))


@given(RATIOS, ERRORS, EVENTS, EVENTS)
def test_the_three_readings_keep_what_they_promise(hazard_ratio, se, events, control_events):
    e = ratio(hazard_ratio, se)
    ways = three_ways(e, events, control_events)
    assert ways.printed.value == ways.neutral.value == hazard_ratio
    assert ways.se_ratio == pytest.approx(se / smallest_se(events, control_events))


@pytest.mark.parametrize(
    ("estimate", "lower", "upper", "events", "control_events"),
    [
        ("0.73", "0.56", "0.95", 106, 120),
        ("0.84", "0.59", "1.19", 54, 74),
        ("0.80", "0.55", "1.18", 54, 49),
        ("1.19", "0.20", "7.11", 2, 3),
    ],
)
def test_genuine_intervals_are_within_rounding_as_wide_as_their_events_ask(
    estimate, lower, upper, events, control_events
):
    low, high = Printed(lower), Printed(upper)
    assert log_se(low.low, high.high) >= smallest_se(events, control_events)
    assert float(lower) < float(estimate) < float(upper)


def test_the_printed_intervals_of_palmira_are_narrower_than_their_events_allow():
    palmira = published("palmira")
    for cell in (
        "contrasts.pfs.hazard_ratio",
        "contrasts.pfs.preplanned",
        "contrasts.os.hazard_ratio",
    ):
        r = reading(palmira, cell)
        assert r.ways.se_ratio < r.largest_ratio < 1, cell
    assert reading(palmira, "asco2023.hazard_ratio").largest_ratio > 1


def test_a_reading_says_what_is_known_of_the_events():
    palmira = published("palmira")
    final = reading(palmira, "contrasts.pfs.hazard_ratio")
    assert final.events == (107, 51)
    assert final.events_text == "107 and 51 events"
    assert final.p is not None and final.p.text == ".149"
    assert reading(palmira, "contrasts.pfs.preplanned").events_text == "at most 158 events"
    assert reading(palmira, "asco2023.hazard_ratio").texts["printed"] == "0.8 (0.6 to 1.1)"
    survival = reading(palmira, "contrasts.os.hazard_ratio")
    assert survival.ways.smallest_se == pytest.approx(2 / 70**0.5)
    with pytest.raises(ValueError, match="no events"):
        reading(published("pace"), "contrasts.pfs.hazard_ratio")


@given(RATIOS, ERRORS)
def test_equal_subgroups_do_not_interact(hazard_ratio, se):
    quotient, p = interaction(hazard_ratio, se, hazard_ratio, se)
    assert (quotient.value, p) == (pytest.approx(1), pytest.approx(1))


@pytest.mark.parametrize("events", [(0, 5), (5, 0), (-1, 5)])
def test_an_arm_without_events_has_no_bound(events):
    with pytest.raises(ValueError, match="events"):
        smallest_se(*events)


@pytest.mark.parametrize(
    ("name", "time", "event", "covariates"),
    [
        ("lung", "time", "status", ["sex", "age", "ph.ecog"]),
        ("rossi", "week", "arrest", ["fin"]),
        ("leukemia", "t", "status", ["Rx", "logWBC"]),
        ("lymphoma", "Time", "Censor", ["Stage_group"]),
    ],
)
def test_public_data_sets_respect_the_bound_with_breslows_ties_too(name, time, event, covariates):
    frame = getattr(datasets, f"load_{name}")()[[time, event, *covariates]].dropna()
    deaths = frame.groupby(covariates[0])[event].sum()
    assert cox(frame, time, event, covariates, "breslow").se.iloc[0] >= smallest_se(*deaths)


def test_the_three_standard_errors_agree_with_lifelines():
    from lifelines import CoxPHFitter
    from statsmodels.duration.survfunc import survdiff

    generator = np.random.default_rng(3)
    arm = np.repeat([1.0, 0.0], [40, 20])
    time = generator.exponential(1 / np.where(arm == 1, 0.7, 1.0))
    event = (time < 1.2).astype(float)
    found = two_arm_errors(time[None], event[None], arm[None]).iloc[0]
    frame = pd.DataFrame({"time": time, "event": event, "arm": arm})
    for robust, name in ((False, "model"), (True, "robust")):
        model = CoxPHFitter().fit(
            frame, "time", "event", robust=robust, fit_options={"precision": 1e-12}
        )
        assert found["log_hazard_ratio"] == pytest.approx(model.params_["arm"], rel=1e-6)
        assert found[name] == pytest.approx(model.standard_errors_["arm"], rel=1e-6)
    chi2, _ = survdiff(time, event, arm)
    at_risk = [(arm[time >= t].mean(), x) for t, x, d in zip(time, arm, event, strict=True) if d]
    excess = sum(x - share for share, x in at_risk)
    assert excess**2 * found["peto"] ** 2 == pytest.approx(chi2, rel=1e-6)


def test_only_robust_and_log_rank_errors_fall_below_the_bound_in_simulated_trials():
    errors = simulate((136, 62), 158, 0.84, trials=500, seed=1)
    assert (errors["events"] + errors["control_events"] == 158).all()
    assert errors["model_ratio"].min() >= 1
    assert 0.8 < errors["robust_ratio"].min() < 1
    assert (errors["peto"] >= smallest_se_of_total(158) * (1 - 1e-12)).all()
    again = simulate((136, 62), 158, 0.84, trials=500, seed=1)
    pd.testing.assert_frame_equal(errors, again)
    with pytest.raises(ValueError, match="events"):
        simulate((10, 10), 21, 0.84, trials=5, seed=1)


@pytest.mark.parametrize(
    ("p", "text"), [(0.149, ".149"), (0.0004, "< .001"), (0.9999, "1.00"), (0.0804, ".080")]
)
def test_p_values_are_printed_as_the_journal_does(p, text):
    assert p_text(p) == text
