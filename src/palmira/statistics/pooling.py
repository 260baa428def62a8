"""Meta-analysis of a few trials on the log hazard-ratio scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import chi, chi2, norm, t

from palmira.statistics.estimates import Estimate, critical

Array = NDArray[np.float64]
POINTS, WEIGHTS = np.polynomial.legendre.leggauss(200)


@dataclass(frozen=True)
class Pool:
    """A pooled effect on the scale it was given in (log hazard ratio or log risk ratio).

    ``prediction`` is the interval for a new trial's effect, with t on k - 2 degrees of freedom;
    None in a fixed-effect model, where all trials share one, and for two trials, which leave none.
    """

    method: str
    trials: int
    effect: float
    se: float
    interval: Estimate
    prediction: Estimate | None
    tau2: float
    tau2_interval: tuple[float, float]
    q: float
    q_p: float
    i2: float

    @property
    def ratio(self) -> Estimate:
        """The pooled effect as a ratio."""
        return self.interval.exponential

    @property
    def prediction_ratio(self) -> Estimate | None:
        """The prediction interval as ratios."""
        return self.prediction.exponential if self.prediction else None

    def new_trial(self, df: float = inf) -> Estimate:
        """The prediction interval with other degrees of freedom, for comparison.

        With ``inf``, the default, the quantile is the normal one: Hartung's interval, and what
        metafor gives for the Wald test. It gives k - 1 for Knapp and Hartung's.
        """
        quantile = float(t.ppf(0.5 + self.interval.level / 200, df))
        reach = quantile * sqrt(self.se**2 + self.tau2)
        return Estimate.symmetric(self.effect, reach, self.interval.level)


def cochran_q(effects: Array, variances: Array, tau2: float = 0.0) -> float:
    """Generalized Q statistic; Cochran's at ``tau2`` = 0."""
    w = 1 / (variances + tau2)
    return float(np.sum(w * (effects - np.sum(w * effects) / np.sum(w)) ** 2))


def _tau2_at(effects: Array, variances: Array, target: float) -> float:
    """The between-trial variance at which the generalized Q falls to ``target``; 0 if it starts
    below. Q falls steadily as the variance grows, so there is one solution."""
    if cochran_q(effects, variances) <= target:
        return 0.0
    top = float(np.max(variances))
    while cochran_q(effects, variances, top) > target:
        top *= 4
    return float(
        brentq(lambda x: cochran_q(effects, variances, x) - target, 0, top, xtol=1e-14 * top)
    )


def q_profile(effects: Array, variances: Array, level: float = 95.0) -> tuple[float, float]:
    """Q-profile interval of the between-trial variance (Viechtbauer, Stat Med 2007;26:37)."""
    tail, df = (1 - level / 100) / 2, len(effects) - 1
    return (
        _tau2_at(effects, variances, float(chi2.ppf(1 - tail, df))),
        _tau2_at(effects, variances, float(chi2.ppf(tail, df))),
    )


def dersimonian_laird(effects: Array, variances: Array) -> float:
    """Between-trial variance by the method of moments (DerSimonian and Laird 1986), at least 0."""
    w = 1 / variances
    spread = np.sum(w) - np.sum(w**2) / np.sum(w)
    return max(0.0, float((cochran_q(effects, variances) - len(effects) + 1) / spread))


def paule_mandel(effects: Array, variances: Array) -> float:
    """Between-trial variance at which Q equals its k - 1 degrees of freedom (Paule and Mandel)."""
    return _tau2_at(effects, variances, len(effects) - 1)


def hedges(effects: Array, variances: Array) -> float:
    """Between-trial variance by Hedges: the effects' variance less the mean sampling variance."""
    return max(0.0, float(np.var(effects, ddof=1) - np.mean(variances)))


def hunter_schmidt(effects: Array, variances: Array) -> float:
    """Between-trial variance by Hunter and Schmidt: Cochran's Q against the number of trials."""
    q = cochran_q(effects, variances)
    return max(0.0, float((q - len(effects)) / np.sum(1 / variances)))


def sidik_jonkman(effects: Array, variances: Array) -> float:
    """Between-trial variance by Sidik and Jonkman (2005), positive unless all effects are one."""
    rough = float(np.var(effects))
    return rough * cochran_q(effects, variances, rough) / (len(effects) - 1)


def reml(effects: Array, variances: Array, groups: NDArray[np.bool_] | None = None) -> float:
    """Between-trial variance by restricted maximum likelihood (Viechtbauer 2005), at least 0.

    With ``groups`` (True and False by trial) each group has a mean of its own and the variance is
    common to both. Raises ``ArithmeticError`` where it does not settle.
    """
    parts = [slice(None)] if groups is None else [groups, ~groups]

    def terms(tau2: float) -> Array:
        by_part = [_reml_terms(effects[p], variances[p] + tau2) for p in parts]
        return np.asarray(np.sum(by_part, axis=0))

    return _scored(terms, effects, variances)


def maximum_likelihood(effects: Array, variances: Array) -> float:
    """Between-trial variance by maximum likelihood, at least 0; too small on average.

    Raises ``ArithmeticError`` where it does not settle.
    """

    def terms(tau2: float) -> Array:
        w = 1 / (variances + tau2)
        residual = effects - np.sum(w * effects) / np.sum(w)
        return np.array([np.sum((w * residual) ** 2) - np.sum(w), np.sum(w**2)])

    return _scored(terms, effects, variances)


def _scored(terms: Callable[[float], Array], effects: Array, variances: Array) -> float:
    """The between-trial variance at the top of a likelihood, by Fisher scoring as in metafor.

    ``terms`` gives twice the slope at a variance, and the information that scales it. A step that
    would lead below 0 or back where it came from is halved.
    """
    tau2, last = dersimonian_laird(effects, variances), 0.0
    small = 1e-10 * float(np.min(variances))
    for _ in range(10_000):
        slope, information = terms(tau2)
        step = float(slope / information)
        if step * last < 0:
            step /= 2
        while tau2 + step < 0 and -step > small:
            step /= 2
        new = max(0.0, tau2 + step)
        if abs(new - tau2) <= small + 1e-12 * tau2:
            return 0.0 if new <= 10 * small else new
        tau2, last = new, step
    raise ArithmeticError("the likelihood of the between-trial variance did not settle")


def _reml_terms(effects: Array, variances: Array) -> tuple[float, float]:
    """Twice the slope of the restricted log likelihood, and the Fisher information that scales it,
    for trials of one mean whose ``variances`` hold the between-trial variance already."""
    w = 1 / variances
    residual = effects - np.sum(w * effects) / np.sum(w)
    trace = np.sum(w) - np.sum(w**2) / np.sum(w)
    information = np.sum(w**2) - 2 * np.sum(w**3) / np.sum(w) + (np.sum(w**2) / np.sum(w)) ** 2
    return float(np.sum((w * residual) ** 2) - trace), float(information)


ESTIMATORS: dict[str, Callable[[Array, Array], float]] = {
    "DL": dersimonian_laird,
    "PM": paule_mandel,
    "REML": reml,
    "ML": maximum_likelihood,
    "HE": hedges,
    "HS": hunter_schmidt,
    "SJ": sidik_jonkman,
}


def pool(
    effects: ArrayLike,
    se: ArrayLike,
    method: str = "REML",
    knapp_hartung: bool = False,
    level: float = 95.0,
) -> Pool:
    """Pool trials' effects with standard errors ``se``.

    ``method`` is "FE" (one common effect) or a key of ``ESTIMATORS``: "DL" (DerSimonian-Laird),
    "PM" (Paule-Mandel), "REML", "ML", "HE" (Hedges), "HS" (Hunter-Schmidt), "SJ" (Sidik-Jonkman).
    The prediction interval has k - 2 degrees of freedom, with ``knapp_hartung`` and without
    (Higgins, Thompson and Spiegelhalter, J R Stat Soc A 2009;172:137). The Knapp-Hartung variance
    is not truncated at the ordinary one. Raises ``ValueError`` for fewer than two trials.
    """
    y, v = np.asarray(effects, dtype=float), np.asarray(se, dtype=float) ** 2
    if len(y) < 2 or len(y) != len(v) or not np.all(v > 0):
        raise ValueError("at least two trials, each with a positive standard error, are needed")
    if method not in ("FE", *ESTIMATORS):
        raise ValueError(f"unknown method {method!r}: use FE, {', '.join(ESTIMATORS)}")
    k, q = len(y), cochran_q(y, v)
    tau2 = 0.0 if method == "FE" else ESTIMATORS[method](y, v)
    i2 = _i2_of_q(q, k) if method == "FE" else 100 * tau2 / (tau2 + _typical_variance(v))
    w = 1 / (v + tau2)
    effect, variance = float(np.sum(w * y) / np.sum(w)), 1 / float(np.sum(w))
    if knapp_hartung:
        variance *= cochran_q(y, v, tau2) / (k - 1)
    upper = 0.5 + level / 200
    reach = sqrt(variance) * (float(t.ppf(upper, k - 1)) if knapp_hartung else critical(level))
    prediction = None
    if method != "FE" and k > 2:
        wide = float(t.ppf(upper, k - 2)) * sqrt(variance + tau2)
        prediction = Estimate.symmetric(effect, wide, level)
    return Pool(
        method=method + (" + Knapp-Hartung" if knapp_hartung else ""),
        trials=k,
        effect=effect,
        se=sqrt(variance),
        interval=Estimate.symmetric(effect, reach, level),
        prediction=prediction,
        tau2=tau2,
        tau2_interval=q_profile(y, v, level),
        q=q,
        q_p=float(chi2.sf(q, k - 1)),
        i2=i2,
    )


def _i2_of_q(q: float, trials: int) -> float:
    """I2 in percent from Cochran's Q, for a model without a between-trial variance."""
    return 0.0 if q == 0 else max(0.0, 100 * (q - trials + 1) / q)


def _typical_variance(variances: Array) -> float:
    """The trials' typical sampling variance, for I2 (Higgins and Thompson 2002)."""
    w = 1 / variances
    return float((len(w) - 1) * np.sum(w) / (np.sum(w) ** 2 - np.sum(w**2)))


@dataclass(frozen=True)
class Contrast:
    """Difference of two groups' mean effects, with the between-trial variance that they share."""

    effect: float
    se: float
    df: int
    interval: Estimate
    p: float
    tau2: float


def contrast(effects: ArrayLike, se: ArrayLike, groups: ArrayLike, level: float = 95.0) -> Contrast:
    """The subgroup test of a meta-analysis: mean effect where ``groups`` is true less the other.

    Mixed-effects meta-regression on one binary moderator: one between-trial variance for both
    groups by restricted maximum likelihood, Knapp and Hartung's variance (Stat Med 2003;22:2693)
    and a t distribution on k - 2 degrees of freedom. Raises ``ValueError`` for fewer than three
    trials or an empty group.
    """
    y, v = np.asarray(effects, dtype=float), np.asarray(se, dtype=float) ** 2
    g = np.asarray(groups, dtype=bool)
    if len(y) < 3 or g.all() or not g.any():
        raise ValueError("at least three trials in two groups are needed")
    tau2, df = reml(y, v, g), len(y) - 2
    w = 1 / (v + tau2)
    one, other = (float(np.average(y[x], weights=w[x])) for x in (g, ~g))
    scale = (cochran_q(y[g], v[g], tau2) + cochran_q(y[~g], v[~g], tau2)) / df
    effect, error = one - other, sqrt(scale) * _contrast_se(v, g, tau2)
    reach = float(t.ppf(0.5 + level / 200, df)) * error
    p = float(2 * t.sf(abs(effect) / error, df)) if error else float(effect == 0)
    interval = Estimate.symmetric(effect, reach, level)
    return Contrast(effect, error, df, interval, p, tau2)


def _contrast_se(variances: Array, groups: NDArray[np.bool_], tau2: float) -> float:
    w = 1 / (variances + tau2)
    return sqrt(1 / float(np.sum(w[groups])) + 1 / float(np.sum(w[~groups])))


def contrast_power(
    effect: float, se: ArrayLike, groups: ArrayLike, tau2: float, estimated: bool = True
) -> float:
    """Power of the subgroup test (two-sided 5%) for a true difference ``effect``, from 0 to 1.

    ``estimated``: Knapp and Hartung's test on k - 2 degrees of freedom, whose statistic has a
    noncentral t distribution when the trials are weighted by the true ``tau2``. Else the Wald test
    that takes ``tau2`` for known.
    """
    v, g = np.asarray(se, dtype=float) ** 2, np.asarray(groups, dtype=bool)
    shift = abs(effect) / _contrast_se(v, g, tau2)
    if not estimated:
        z = critical(95)
        return float(norm.sf(z - shift) + norm.cdf(-z - shift))
    df = len(v) - 2
    limit = float(t.ppf(0.975, df)) / sqrt(df)
    # Over the residual deviation, a chi: scipy's own noncentral t fails where the shift is large.
    top = float(chi.isf(1e-15, df))
    s = top * (POINTS + 1) / 2
    beyond = norm.sf(limit * s - shift) + norm.cdf(-limit * s - shift)
    return float(np.sum(WEIGHTS * top / 2 * chi.pdf(s, df) * beyond))
