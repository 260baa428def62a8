"""Bayesian pooling: against bayesmeta, closed forms, plain integration, and its own laws."""

from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad
from scipy.stats import norm
from test_pooling import bcg, trials  # noqa: F401  (bcg: a fixture)

from palmira.statistics.bayesian import posterior
from palmira.statistics.estimates import critical
from palmira.statistics.pooling import pool

FOUR = np.log([0.84, 1.11, 0.57, 0.73]), np.array([0.170, 0.2049, 0.19874, 0.13031])


# bayesmeta 3.4 (delta 0.001, epsilon 1e-5) on the same numbers: its mixture for the mean is
# good to a few 1e-4, its tau to the digits shown. Mean: median, SD, limits; new trial: limits;
# tau: median, limits; probability that the mean lies below 0.
BAYESMETA = {
    ("bcg", 0.25): (
        -0.69937879,
        0.16152469,
        -1.02751391,
        -0.38836806,
        -1.73430788,
        0.31542441,
        0.46888637,
        0.30932936,
        0.69968560,
        0.99995248,
    ),
    ("bcg", 0.5): (
        -0.70914111,
        0.18735039,
        -1.09126662,
        -0.34695346,
        -1.95837338,
        0.51748224,
        0.55375380,
        0.34550382,
        0.90189509,
        0.99961914,
    ),
    ("bcg", 1): (
        -0.71263024,
        0.20148175,
        -1.12447857,
        -0.32228620,
        -2.07945459,
        0.63020442,
        0.59481545,
        0.36036952,
        1.03202084,
        0.99910136,
    ),
    ("four", 0.25): (
        -0.24781925,
        0.13659806,
        -0.51765703,
        0.03312086,
        -0.77282150,
        0.29045159,
        0.15433496,
        0.00817358,
        0.45828501,
        0.96318139,
    ),
    ("four", 0.5): (
        -0.24644159,
        0.17710403,
        -0.60156815,
        0.12241285,
        -0.99031632,
        0.51193312,
        0.20989175,
        0.01188446,
        0.71038254,
        0.93343278,
    ),
    ("four", 1): (
        -0.24584559,
        0.22221049,
        -0.68893404,
        0.21207784,
        -1.20160252,
        0.72509869,
        0.24565772,
        0.01425023,
        1.01558879,
        0.91083633,
    ),
}


@pytest.mark.parametrize(("name", "scale"), BAYESMETA)
def test_the_posterior_is_that_of_bayesmeta(bcg, name, scale):  # noqa: F811
    p = posterior(*(bcg if name == "bcg" else FOUR), scale)
    ours = (
        p.mean.value,
        p.sd,
        p.mean.lower,
        p.mean.upper,
        p.prediction.lower,
        p.prediction.upper,
        p.tau.value,
        p.tau.lower,
        p.tau.upper,
        p.mean_below,
    )
    theirs = BAYESMETA[name, scale]
    assert ours[:6] == pytest.approx(theirs[:6], abs=5e-4)
    assert ours[6:9] == pytest.approx(theirs[6:9], abs=1e-7)
    assert ours[9] == pytest.approx(theirs[9], abs=5e-5)


def test_without_heterogeneity_the_posterior_is_the_fixed_effect_in_closed_form():
    fixed = pool(*FOUR, "FE")
    p = posterior(*FOUR, 1e-6)
    assert p.mean.value == pytest.approx(fixed.effect, abs=1e-9)
    assert p.sd == pytest.approx(fixed.se, abs=1e-9)
    assert p.mean.lower == pytest.approx(fixed.interval.lower, abs=1e-9)
    assert p.prediction.upper == pytest.approx(fixed.interval.upper, abs=1e-6)
    assert p.mean_below == pytest.approx(norm.cdf(-fixed.effect / fixed.se), abs=1e-9)


def test_where_the_data_know_nothing_of_tau_its_posterior_is_the_prior_in_closed_form():
    """Two trials with standard errors far above the prior: median and limits of a half-normal."""
    p = posterior([0.0, 0.0], [1e4, 1e4], 0.5)
    limits = norm.ppf([0.75, 0.5125, 0.9875]) * 0.5
    assert (p.tau.value, p.tau.lower, p.tau.upper) == pytest.approx(tuple(limits), abs=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.25, 0.5, 1.0])
def test_integrating_over_mean_and_tau_without_any_formula_gives_the_same(scale):
    y, se = FOUR

    def joint(mean, tau):
        return np.prod(norm.pdf(y, mean, np.sqrt(se**2 + tau**2))) * exp(-0.5 * (tau / scale) ** 2)

    def over(low, high):
        return dblquad(joint, 0, 8 * scale, low, high, epsabs=1e-12, epsrel=1e-9)[0]

    p = posterior(y, se, scale)
    below, above = over(-6, 0), over(0, 6)
    assert p.mean_below == pytest.approx(below / (below + above), abs=1e-6)
    assert over(-6, p.mean.lower) / (below + above) == pytest.approx(0.025, abs=1e-6)


def test_half_the_points_give_the_same(monkeypatch):
    import palmira.statistics.bayesian as module

    whole = posterior(*FOUR, 0.5)
    for name, value in zip(("POINTS", "WEIGHTS"), np.polynomial.legendre.leggauss(16), strict=True):
        monkeypatch.setattr(module, name, value)
    half = posterior(*FOUR, 0.5)
    assert half.mean.lower == pytest.approx(whole.mean.lower, abs=1e-9)
    assert half.prediction.upper == pytest.approx(whole.prediction.upper, abs=1e-9)
    assert half.tau.upper == pytest.approx(whole.tau.upper, abs=1e-9)


def test_a_wider_prior_on_tau_widens_mean_and_prediction():
    found = [posterior(*FOUR, s) for s in (0.1, 0.25, 0.5, 1, 2)]
    for x in ("mean", "prediction"):
        widths = [getattr(p, x).upper - getattr(p, x).lower for p in found]
        assert widths == sorted(widths)


@settings(max_examples=30)
@given(trials(), st.floats(0.1, 2))
def test_a_posterior_shifts_and_scales_with_its_effects(data, scale):
    effects, errors = data
    one = posterior(effects, errors, scale)
    other = posterior(2 * effects + 1, 2 * errors, 2 * scale)
    assert other.mean.value == pytest.approx(2 * one.mean.value + 1, abs=1e-6)
    assert other.tau.upper == pytest.approx(2 * one.tau.upper, rel=1e-6, abs=1e-8)
    assert one.prediction.lower <= one.mean.lower + 1e-9
    assert one.mean.upper <= one.prediction.upper + 1e-9


def test_two_precise_trials_far_apart_are_seen_to_be_so():
    """The prior is overruled: tau nears the distance, though twelve of its deviations are less."""
    p = posterior([0.0, 40.0], [0.01, 0.01], 0.25)
    assert p.tau.lower > 1
    assert p.mean.value == pytest.approx(20, abs=1e-6)


def test_the_wald_level_is_kept():
    p = posterior(*FOUR, 1e-6, level=80)
    assert p.mean.level == 80
    reach = critical(80) * sqrt(1 / np.sum(1 / FOUR[1] ** 2))
    assert log(p.ratio.upper) - p.mean.value == pytest.approx(reach, abs=1e-8)
    assert p.prediction_ratio.lower == pytest.approx(exp(p.prediction.lower))


@pytest.mark.parametrize(
    ("effects", "errors", "scale", "words"),
    [
        ([0.1], [0.2], 0.5, "two trials"),
        ([0.1, 0.2], [0.1, 0.0], 0.5, "two trials"),
        ([0.1, 0.2], [0.1, 0.1], 0.0, "scale of the prior"),
    ],
)
def test_what_cannot_be_pooled_is_refused(effects, errors, scale, words):
    with pytest.raises(ValueError, match=words):
        posterior(effects, errors, scale)
