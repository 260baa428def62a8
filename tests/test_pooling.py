"""Pooling of trials, against metafor's published results and by its own laws."""

from math import exp, isclose, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.meta_analysis import combine_effects

from palmira.statistics.estimates import critical
from palmira.statistics.pooling import (
    ESTIMATORS,
    cochran_q,
    contrast,
    contrast_power,
    dersimonian_laird,
    paule_mandel,
    pool,
    q_profile,
    reml,
)

# The 13 trials of BCG vaccine against tuberculosis: cases and others, vaccinated and control.
BCG = np.array(
    [
        [4, 119, 11, 128],
        [6, 300, 29, 274],
        [3, 228, 11, 209],
        [62, 13536, 248, 12619],
        [33, 5036, 47, 5761],
        [180, 1361, 372, 1079],
        [8, 2537, 10, 619],
        [505, 87886, 499, 87892],
        [29, 7470, 45, 7232],
        [17, 1699, 65, 1600],
        [186, 50448, 141, 27197],
        [5, 2493, 3, 2338],
        [27, 16886, 29, 17825],
    ],
    dtype=float,
)
METHODS = [("FE", False), ("REML", True), *((method, False) for method in ESTIMATORS)]


@pytest.fixture(scope="module")
def bcg():
    """Log risk ratios and their standard errors."""
    cases, others, control_cases, control_others = BCG.T
    n, m = cases + others, control_cases + control_others
    effects = np.log((cases / n) / (control_cases / m))
    return effects, np.sqrt(1 / cases - 1 / n + 1 / control_cases - 1 / m)


@st.composite
def trials(draw, smallest=2):
    """A few trials: effects and standard errors of the size that log hazard ratios have."""
    k = draw(st.integers(smallest, 8))
    effects = draw(st.lists(st.floats(-3, 3), min_size=k, max_size=k))
    errors = draw(st.lists(st.floats(0.05, 2), min_size=k, max_size=k))
    return np.array(effects), np.array(errors)


def restricted_log_likelihood(tau2, y, v):
    w = 1 / (v + tau2)
    mean = np.sum(w * y) / np.sum(w)
    return -0.5 * (np.sum(np.log(v + tau2)) + np.log(np.sum(w)) + np.sum(w * (y - mean) ** 2))


def test_bcg_trials_pooled_as_by_metafor_dersimonian_laird(bcg):
    p = pool(*bcg, "DL")
    assert p.effect == pytest.approx(-0.714117, abs=5e-7)
    assert p.se == pytest.approx(0.178742, abs=5e-7)
    assert p.tau2 == pytest.approx(0.308760, abs=5e-7)


def test_bcg_trials_pooled_as_by_metafor_restricted_maximum_likelihood(bcg):
    p = pool(*bcg, "REML")
    assert p.effect == pytest.approx(-0.714532, abs=5e-7)
    assert p.se == pytest.approx(0.179782, abs=5e-7)
    assert p.tau2 == pytest.approx(0.313243, abs=5e-7)
    assert p.i2 == pytest.approx(92.2214, abs=5e-5)
    assert p.q == pytest.approx(152.233, abs=5e-4)
    assert p.trials == 13


def test_bcg_trials_pooled_as_by_metafor_paule_mandel(bcg):
    """metafor's own root is found to about 1e-4; ours solves Q = k - 1 exactly."""
    p = pool(*bcg, "PM")
    assert p.tau2 == pytest.approx(0.318094, abs=1e-4)
    assert cochran_q(bcg[0], bcg[1] ** 2, p.tau2) == pytest.approx(12, abs=1e-9)


@pytest.mark.parametrize(
    ("method", "tau2"),
    [
        ("DL", 0.3088),
        ("HE", 0.3286),
        ("HS", 0.2284),
        ("SJ", 0.3455),
        ("ML", 0.2800),
        ("REML", 0.3132),
        ("PM", 0.3181),
    ],
)
def test_bcg_heterogeneity_by_every_estimator_as_by_metafor(bcg, method, tau2):
    """The published table of estimators in metafor's documentation (Viechtbauer 2010)."""
    assert pool(*bcg, method).tau2 == pytest.approx(tau2, abs=5e-5)


def test_bcg_prediction_interval_with_the_normal_quantile_as_by_metafor(bcg):
    """metafor's predict() for the Wald test: -1.8667 to 0.4376."""
    new = pool(*bcg, "REML").new_trial()
    assert (round(new.lower, 4), round(new.upper, 4)) == (-1.8667, 0.4376)


def test_bcg_q_profile_interval_as_by_metafor(bcg):
    low, high = q_profile(bcg[0], bcg[1] ** 2)
    assert (round(low, 4), round(high, 4)) == (0.1197, 1.1115)


def test_bcg_trials_with_knapp_and_hartungs_interval_as_by_metafor(bcg):
    p = pool(*bcg, "REML", knapp_hartung=True)
    assert p.interval.lower == pytest.approx(-1.10844, abs=5e-6)
    assert p.interval.upper == pytest.approx(-0.320621, abs=5e-7)


def test_statsmodels_agrees_on_what_it_offers(bcg):
    theirs = combine_effects(bcg[0], bcg[1] ** 2, method_re="dl", use_t=True)
    ours = pool(*bcg, "DL", knapp_hartung=True)
    assert ours.effect == pytest.approx(theirs.mean_effect_re, abs=1e-10)
    assert ours.se == pytest.approx(theirs.sd_eff_w_re_hksj, abs=1e-10)
    assert ours.q == pytest.approx(theirs.q, abs=1e-9)
    fixed = pool(*bcg, "FE")
    assert fixed.effect == pytest.approx(theirs.mean_effect_fe, abs=1e-10)
    assert fixed.i2 == pytest.approx(100 * theirs.i2, abs=1e-8)


@given(trials(), st.sampled_from(METHODS), st.randoms())
def test_the_order_of_the_trials_does_not_matter(data, method, random):
    effects, errors = data
    order = list(range(len(effects)))
    random.shuffle(order)
    one, other = pool(effects, errors, *method), pool(effects[order], errors[order], *method)
    assert other.effect == pytest.approx(one.effect, abs=1e-6)
    assert other.se == pytest.approx(one.se, abs=1e-6)
    assert other.tau2 == pytest.approx(one.tau2, rel=1e-6, abs=1e-8)


@given(
    st.floats(-3, 3), st.lists(st.floats(0.05, 2), min_size=2, max_size=8), st.sampled_from(METHODS)
)
def test_trials_that_agree_have_no_heterogeneity_and_pool_to_their_effect(effect, errors, method):
    p = pool([effect] * len(errors), errors, *method)
    assert p.tau2 == pytest.approx(0, abs=1e-20)
    assert p.tau2_interval == (0, 0)
    assert p.effect == pytest.approx(effect, abs=1e-12)
    assert p.i2 == pytest.approx(0, abs=1e-12)
    assert p.q == pytest.approx(0, abs=1e-20)


@given(trials(), st.sampled_from(METHODS), st.floats(0.1, 10))
def test_effects_on_another_scale_pool_to_the_same_on_that_scale(data, method, factor):
    effects, errors = data
    one, other = pool(effects, errors, *method), pool(factor * effects, factor * errors, *method)
    assert other.effect == pytest.approx(factor * one.effect, rel=1e-5, abs=1e-6)
    assert other.tau2 == pytest.approx(factor**2 * one.tau2, rel=1e-5, abs=1e-6)
    assert other.q == pytest.approx(one.q, rel=1e-9, abs=1e-12)
    assert other.i2 == pytest.approx(one.i2, rel=1e-4, abs=1e-4)


@given(trials(), st.sampled_from(METHODS), st.floats(-5, 5))
def test_a_shift_of_all_effects_shifts_the_pool_and_leaves_the_heterogeneity(data, method, shift):
    effects, errors = data
    one, other = pool(effects, errors, *method), pool(effects + shift, errors, *method)
    assert other.effect == pytest.approx(one.effect + shift, abs=1e-6)
    assert other.tau2 == pytest.approx(one.tau2, rel=1e-5, abs=1e-6)


@given(trials(), st.sampled_from(METHODS))
def test_a_pool_lies_between_its_trials(data, method):
    effects, errors = data
    p = pool(effects, errors, *method)
    assert effects.min() - 1e-9 <= p.effect <= effects.max() + 1e-9
    assert p.interval.lower <= p.effect <= p.interval.upper


@given(trials())
def test_reml_finds_a_maximum_of_the_restricted_likelihood(data):
    effects, errors = data
    v = errors**2
    tau2 = reml(effects, v)
    best = restricted_log_likelihood(tau2, effects, v)
    for near in (0.99 * tau2, 1.01 * tau2 + 1e-6 * v.min()):
        assert best >= restricted_log_likelihood(near, effects, v) - 1e-9


@given(trials())
def test_maximum_likelihood_finds_a_maximum(data):
    effects, errors = data
    v = errors**2
    tau2 = ESTIMATORS["ML"](effects, v)

    def log_likelihood(x):
        w = 1 / (v + x)
        residual = effects - np.sum(w * effects) / np.sum(w)
        return -0.5 * np.sum(np.log(v + x) + w * residual**2)

    for near in (0.99 * tau2, 1.01 * tau2 + 1e-6 * v.min()):
        assert log_likelihood(tau2) >= log_likelihood(near) - 1e-9


@given(trials())
def test_paule_and_mandels_q_equals_its_degrees_of_freedom_unless_it_starts_below(data):
    effects, errors = data
    v = errors**2
    tau2 = paule_mandel(effects, v)
    q = cochran_q(effects, v, tau2)
    assert isclose(q, len(v) - 1, rel_tol=1e-6) if tau2 else q <= len(v) - 1


@given(trials())
def test_the_q_profile_interval_widens_with_its_level(data):
    effects, errors = data
    narrow, wide = q_profile(effects, errors**2, 80), q_profile(effects, errors**2, 95)
    assert wide[0] <= narrow[0] + 1e-12
    assert narrow[1] <= wide[1] + 1e-12


@given(trials())
def test_i2_from_q_and_from_dersimonian_and_lairds_tau2_agree(data):
    """Higgins and Thompson 2002: the two definitions are one for this estimator."""
    fixed, random = pool(*data, "FE"), pool(*data, "DL")
    assert random.i2 == pytest.approx(fixed.i2, rel=1e-6, abs=1e-9)


@given(trials(smallest=3))
def test_a_new_trial_is_less_certain_than_the_mean(data):
    for knapp_hartung in (False, True):
        p = pool(*data, "REML", knapp_hartung)
        assert p.prediction.lower <= p.interval.lower + 1e-12
        assert p.prediction.upper >= p.interval.upper - 1e-12


def test_reml_settles_where_plain_fisher_scoring_runs_to_and_fro():
    effects = np.array([-0.85745748, -0.3676, -1.99456, -0.43627, -0.26207, 0.31173, -0.88625])
    v = np.array([1.41007, 1.81232, 0.0762595, 8.50339, 2.28766, 0.0965562, 1.35439])
    tau2 = reml(effects, v)
    grid = np.linspace(0, 5, 501)
    best = max(grid, key=lambda x: restricted_log_likelihood(x, effects, v))
    assert tau2 == pytest.approx(best, abs=0.01)


def test_two_trials_by_hand():
    p = pool([0.0, 1.0], [0.5, 0.5], "DL")
    assert p.q == pytest.approx(2)
    assert p.tau2 == pytest.approx(0.25)  # (Q - 1) / (8 - 32 / 8)
    assert p.effect == pytest.approx(0.5)
    assert p.se == pytest.approx(0.5)
    assert p.prediction is None  # no degree of freedom is left
    assert p.interval.upper == pytest.approx(0.5 + critical(95) * 0.5)
    assert p.ratio.value == pytest.approx(exp(0.5))
    assert p.prediction_ratio is None


def test_one_common_effect_has_no_prediction_interval(bcg):
    assert pool(*bcg, "FE").prediction is None


@pytest.mark.parametrize(
    ("effects", "errors"), [([0.1], [0.2]), ([0.1, 0.2], [0.1]), ([0.1, 0.2], [0.1, 0.0])]
)
def test_what_is_no_set_of_trials_is_refused(effects, errors):
    with pytest.raises(ValueError, match="at least two trials"):
        pool(effects, errors)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="unknown method"):
        pool([0.1, 0.2], [0.1, 0.1], "EB")


def test_dersimonian_laird_is_never_negative():
    assert dersimonian_laird(np.array([0.1, 0.1001]), np.array([1.0, 1.0])) == 0


# The subgroup test.


def test_bcg_trials_by_allocation_contrasted_as_by_metafor(bcg):
    """Random allocation against the rest: rma(mods = ~random, method = "REML", test = "knha")."""
    random = np.isin(np.arange(13), [0, 1, 2, 3, 6, 7, 8])
    c = contrast(*bcg, random)
    assert c.tau2 == pytest.approx(0.318376694, abs=5e-9)
    assert c.effect == pytest.approx(-0.489998539, abs=5e-8)
    assert c.se == pytest.approx(0.347832340, abs=5e-8)
    assert c.interval.lower == pytest.approx(-1.255572359, abs=2e-7)
    assert c.p == pytest.approx(0.186551858, abs=1e-7)
    assert c.df == 11


def test_four_trials_contrasted_as_by_metafor():
    c = contrast(np.log([0.84, 1.11, 0.57, 0.73]), [0.170, 0.2049, 0.19874, 0.13031], [0, 0, 1, 1])
    assert c.tau2 == pytest.approx(0.002776170, abs=5e-9)
    assert c.effect == pytest.approx(-0.334659594, abs=5e-9)
    assert c.se == pytest.approx(0.179060240, abs=5e-9)
    assert c.interval.upper == pytest.approx(0.435774434, abs=1e-7)
    assert c.p == pytest.approx(0.202563243, abs=1e-8)
    assert c.df == 2


@given(trials(smallest=3))
def test_the_groups_of_a_contrast_can_change_places(data):
    effects, errors = data
    groups = np.arange(len(effects)) % 2 == 0
    one, other = contrast(effects, errors, groups), contrast(effects, errors, ~groups)
    assert other.effect == pytest.approx(-one.effect, rel=1e-6, abs=1e-9)
    assert other.p == pytest.approx(one.p, rel=1e-6, abs=1e-9)
    assert one.interval.lower <= one.effect <= one.interval.upper


def test_groups_without_a_difference_or_a_spread_by_hand():
    c = contrast([0.1, 0.1, 0.4, 0.4], [0.2, 0.2, 0.2, 0.2], [1, 1, 0, 0])
    assert c.effect == pytest.approx(-0.3)
    assert (c.tau2, c.se) == (0, pytest.approx(0, abs=1e-9))


@pytest.mark.parametrize("groups", [[1, 1, 1], [0, 0, 0]])
def test_a_contrast_needs_two_groups(groups):
    with pytest.raises(ValueError, match="two groups"):
        contrast([0.1, 0.2, 0.3], [0.1, 0.1, 0.1], groups)


@pytest.mark.parametrize("estimated", [True, False])
@pytest.mark.parametrize("tau2", [0.0, 0.05])
def test_without_a_difference_the_power_is_the_level(estimated, tau2):
    power = contrast_power(0.0, [0.2, 0.3, 0.1, 0.2], [0, 0, 1, 1], tau2, estimated)
    assert power == pytest.approx(0.05, abs=1e-9)


def test_the_power_of_the_wald_contrast_is_80_percent_at_its_detectable_difference():
    se = sqrt(1 / (2 / 0.04) + 1 / (2 / 0.04))
    shift = (critical(95) + critical(60)) * se
    power = contrast_power(shift, [0.2] * 4, [0, 0, 1, 1], 0.0, estimated=False)
    assert power == pytest.approx(0.8, abs=1e-4)


def test_the_power_of_the_t_contrast_is_that_of_simulated_trials():
    """Equal standard errors and the true variance: the statistic computed trial by trial."""
    rng = np.random.default_rng(20250428)
    n, se, tau, shift = 200_000, 0.2, 0.1, 0.9
    y = rng.normal([0, 0, shift, shift], sqrt(se**2 + tau**2), (n, 4))
    gap = y[:, 2:].mean(axis=1) - y[:, :2].mean(axis=1)
    spread = (y[:, :2].var(axis=1) * 2 + y[:, 2:].var(axis=1) * 2) / 2
    seen = np.mean(np.abs(gap) > 4.302653 * np.sqrt(spread))
    power = contrast_power(shift, [se] * 4, [0, 0, 1, 1], tau**2)
    assert seen == pytest.approx(power, abs=0.005)


def test_more_heterogeneity_leaves_less_power_and_more_trials_give_more():
    se, groups = [0.17, 0.2, 0.2, 0.13], [0, 0, 1, 1]
    powers = [contrast_power(0.4, se, groups, x) for x in (0, 0.02, 0.1)]
    assert powers == sorted(powers, reverse=True)
    assert contrast_power(0.4, se * 4, groups * 4, 0.02) > powers[1]
