"""Bayesian random-effects meta-analysis of a few trials, by numerical integration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from palmira.statistics.estimates import Estimate

Array = NDArray[np.float64]
# Gauss-Legendre points of a panel, and panels that halve toward 0: posteriors of tau that are
# narrow near 0 and ones that are wide are integrated alike.
POINTS, WEIGHTS = np.polynomial.legendre.leggauss(32)
PANELS = 24


@dataclass(frozen=True)
class Posterior:
    """What is believed of a few trials' common mean after a half-normal prior on tau.

    ``mean`` and ``prediction`` (a new trial's effect) are medians with central intervals on the
    scale that the effects came in (log hazard ratio), ``tau`` likewise; ``mean_below`` and
    ``prediction_below`` are probabilities that they lie below 0.
    """

    scale: float
    trials: int
    mean: Estimate
    sd: float
    prediction: Estimate
    tau: Estimate
    mean_below: float
    prediction_below: float

    @property
    def ratio(self) -> Estimate:
        """The mean as a ratio."""
        return self.mean.exponential

    @property
    def prediction_ratio(self) -> Estimate:
        """A new trial's effect as a ratio."""
        return self.prediction.exponential


def posterior(
    effects: ArrayLike, se: ArrayLike, scale: float = 0.5, level: float = 95.0
) -> Posterior:
    """Posterior of the normal-normal model: flat prior on the mean, half-normal(``scale``) on tau.

    Given tau the mean is normal, so its distribution is a mixture of normals over tau, and only
    tau is integrated by quadrature (Roever, J Stat Softw 2020;93(6), section 2). Raises
    ``ValueError`` for fewer than two trials or a scale that is not positive.
    """
    y, v = np.asarray(effects, dtype=float), np.asarray(se, dtype=float) ** 2
    if len(y) < 2 or len(y) != len(v) or not np.all(v > 0):
        raise ValueError("at least two trials, each with a positive standard error, are needed")
    if not scale > 0:
        raise ValueError(f"the scale of the prior on tau must be positive, it is {scale:g}")
    # Beyond the effects' own spread the likelihood falls, and the prior falls 12 deviations more.
    top = float(np.ptp(y)) + 12 * scale
    tau, width = _nodes(top)
    height = _log_density(tau, y, v, scale)
    highest = float(height.max())
    weight = width * np.exp(height - highest)
    total = float(weight.sum())
    share = weight / total
    middle, variance = _given_tau(tau, y, v)

    def below(x: float) -> float:
        """Probability of a tau below ``x``."""
        points, steps = _nodes(x)
        return float(np.sum(steps * np.exp(_log_density(points, y, v, scale) - highest))) / total

    center = float(share @ middle)
    spread, new = np.sqrt(variance), np.sqrt(variance + tau**2)
    return Posterior(
        scale=scale,
        trials=len(y),
        mean=_mixture(share, middle, spread, level),
        sd=float(np.sqrt(share @ (variance + (middle - center) ** 2))),
        prediction=_mixture(share, middle, new, level),
        tau=_median(below, 0, top, level),
        mean_below=float(share @ norm.cdf(-middle / spread)),
        prediction_below=float(share @ norm.cdf(-middle / new)),
    )


def _nodes(top: float) -> tuple[Array, Array]:
    """Points and weights of the integral from 0 to ``top``."""
    edges = top * np.concatenate([[0.0], 0.5 ** np.arange(PANELS - 1, -1, -1)])
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + POINTS)).ravel(), (half * WEIGHTS).ravel()


def _given_tau(tau: Array, y: Array, v: Array) -> tuple[Array, Array]:
    """Mean and variance of the pooled effect for each value of tau."""
    w = 1 / (v + tau[:, None] ** 2)
    total = w.sum(axis=1)
    return w @ y / total, 1 / total


def _log_density(tau: Array, y: Array, v: Array, scale: float) -> Array:
    """Log posterior density of tau, up to a constant: prior and restricted likelihood."""
    middle, variance = _given_tau(tau, y, v)
    w = 1 / (v + tau[:, None] ** 2)
    q = np.sum(w * (y - middle[:, None]) ** 2, axis=1)
    return 0.5 * (np.log(w).sum(axis=1) + np.log(variance) - q - (tau / scale) ** 2)


def _mixture(share: Array, middle: Array, spread: Array, level: float) -> Estimate:
    """Median and central interval of a mixture of normals."""
    low, high = float(np.min(middle - 12 * spread)), float(np.max(middle + 12 * spread))
    return _median(lambda x: float(share @ norm.cdf((x - middle) / spread)), low, high, level)


def _median(below: Callable[[float], float], low: float, high: float, level: float) -> Estimate:
    """Median and central interval of a distribution function between two ends."""

    def quantile(p: float) -> float:
        return float(brentq(lambda x: below(x) - p, low, high, xtol=1e-12))

    return Estimate(quantile(0.5), quantile(0.5 - level / 200), quantile(0.5 + level / 200), level)
