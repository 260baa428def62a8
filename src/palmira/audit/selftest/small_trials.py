"""Estimators for many small simulated trials: fast enough for thousands of papers.

They are a second implementation beside ``survival`` and ``proportions`` of ``palmira.statistics``;
a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from palmira.statistics.estimates import Estimate, critical, two_sided_p

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Score = Callable[[Array], tuple[Array, Array]]  # gradient and information at some coefficients
STEPS, CONVERGED, TOO_FAR = 25, 1e-9, 8.0


class Outcome(NamedTuple):
    """Times of patients in days, and 1 for those that an event ended."""

    time: Array
    event: Array

    @property
    def events(self) -> int:
        """Number of events."""
        return int(self.event.sum())

    def among(self, who: Mask) -> Outcome:
        """That of some of the patients."""
        return Outcome(self.time[who], self.event[who])


@dataclass(frozen=True)
class Fit:
    """Log ratios of a model and their covariance; the first is that of the arm."""

    beta: Array
    covariance: Array

    @property
    def log(self) -> float:
        """Log ratio of the arms."""
        return float(self.beta[0])

    @property
    def se(self) -> float:
        """Model-based standard error of ``log``."""
        return float(np.sqrt(self.covariance[0, 0]))

    @property
    def p(self) -> float:
        """Two-sided Wald P value of ``log``."""
        return two_sided_p(self.log / self.se)

    def joint_p(self, last: int) -> float:
        """Wald P value of the last few coefficients together."""
        b, v = self.beta[-last:], self.covariance[-last:, -last:]
        return float(chi2.sf(b @ np.linalg.solve(v, b), last))


def _newton(score: Score, width: int) -> Fit | None:
    """Newton's steps; None where the likelihood has no maximum within reach."""
    beta: Array = np.zeros(width)
    for _ in range(STEPS):
        gradient, information = score(beta)
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            return None
        beta = beta + np.clip(step, -2, 2)
        if not np.isfinite(beta).all() or np.abs(beta).max() > TOO_FAR:
            return None
        if np.abs(step).max() < CONVERGED:
            return Fit(beta, np.linalg.inv(score(beta)[1]).astype(np.float64))
    return None


def cox(time: Array, event: Array, covariates: Array) -> Fit | None:
    """Cox model with Efron's ties; ``covariates`` has a column each. None where none converges.

    Source: Efron, J Am Stat Assoc 1977;72:557.
    """
    order = np.argsort(time, kind="stable")
    t, d, x = time[order], event[order] > 0, covariates[order]
    x = x - x.mean(axis=0)
    width = x.shape[1]
    times = np.unique(t[d])
    first = np.searchsorted(t, times)
    group = np.searchsorted(times, t[d])
    deaths = np.bincount(group)
    start = np.concatenate([[0], np.cumsum(deaths)[:-1]])
    share = ((np.arange(d.sum()) - start[group]) / deaths[group])[:, None]
    # Columns of 1, x and the products x_j x_k, so that one pass sums them all.
    pairs = np.triu_indices(width)
    terms = np.column_stack([np.ones(len(t)), x, x[:, pairs[0]] * x[:, pairs[1]]])
    observed = x[d].sum(axis=0)

    def score(beta: Array) -> tuple[Array, Array]:
        weighted = terms * np.exp(x @ beta)[:, None]
        at_risk = np.cumsum(weighted[::-1], axis=0)[::-1][first]
        tied = np.add.reduceat(weighted[d], start, axis=0)
        sums = at_risk[group] - share * tied[group]
        means = sums[:, 1:] / sums[:, :1]
        mean = means[:, :width]
        upper = means[:, width:].sum(axis=0) - (mean[:, pairs[0]] * mean[:, pairs[1]]).sum(axis=0)
        information = np.zeros((width, width))
        information[pairs] = upper
        information.T[pairs] = upper
        return observed - mean.sum(axis=0), information

    return _newton(score, width) if d.any() else None


def logistic(response: Array, covariates: Array) -> Fit | None:
    """Logistic model with an intercept; the coefficients are those of ``covariates``."""
    x = np.column_stack([covariates, np.ones(len(response))])

    def score(beta: Array) -> tuple[Array, Array]:
        p = 1 / (1 + np.exp(-x @ beta))
        return x.T @ (response - p), (x * (p * (1 - p))[:, None]).T @ x

    return _newton(score, x.shape[1])


def log_rank_p(time: Array, event: Array, arm: Array, stratum: NDArray[np.int64]) -> float:
    """P value of the log-rank test, stratified where ``stratum`` has several values."""
    gap = variance = 0.0
    for level in np.unique(stratum):
        here = stratum == level
        t, d, x = time[here], event[here] > 0, arm[here] > 0
        times = np.unique(t[d])
        n = len(t) - np.searchsorted(np.sort(t), times)
        treated = np.sort(t[x])
        n1 = len(treated) - np.searchsorted(treated, times)
        deaths = np.bincount(np.searchsorted(times, t[d]), minlength=len(times))
        gap += float((d & x).sum() - (deaths * n1 / n).sum())
        spread = deaths * (n1 / n) * (1 - n1 / n) * (n - deaths) / np.maximum(n - 1, 1)
        variance += float(spread.sum())
    return two_sided_p(gap / np.sqrt(variance)) if variance > 0 else nan


class Mark(NamedTuple):
    """A curve at one time: S, its Greenwood standard error and that of log(-log S)."""

    survival: float
    se: float
    log_log_se: float


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier curve at its event times, with Greenwood's sum."""

    times: Array
    survival: Array
    greenwood: Array

    @classmethod
    def of(cls, time: Array, event: Array) -> Curve:
        """The curve of patients with these times; ``event`` is 1 for an event."""
        d = event > 0
        times, deaths = np.unique(time[d], return_counts=True)
        n = len(time) - np.searchsorted(np.sort(time), times)
        with np.errstate(divide="ignore"):
            greenwood = np.cumsum(deaths / (n * (n - deaths)))
        survival = np.cumprod(1 - deaths / n).astype(np.float64)
        return cls(times.astype(np.float64), survival, greenwood)

    @cached_property
    def log_log_se(self) -> Array:
        """Standard error of log(-log S) at the event times; NaN where S is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            se = np.sqrt(self.greenwood) / -np.log(self.survival)
        return np.where(self.survival > 0, se, np.nan)

    def _first_below(self, curve: Array) -> float:
        below = np.flatnonzero(curve <= 0.5 + 1e-12)
        return float(self.times[below[0]]) if len(below) else nan

    def median(self, level: float) -> Estimate:
        """First time with S <= 0.5, and the limits where the log-log bands cross 0.5; NaN where
        they do not. Source: Brookmeyer and Crowley, Biometrics 1982;38:29."""
        width = np.exp(critical(level) * self.log_log_se)
        bands = (self.survival, self.survival**width, self.survival ** (1 / width))
        middle, low, high = (self._first_below(b) for b in bands)
        return Estimate(middle, low, high, level)

    def at(self, time: float) -> Mark:
        """The curve at a time."""
        k = int(np.searchsorted(self.times, time, side="right")) - 1
        if k < 0:
            return Mark(1.0, 0.0, 0.0)
        if self.survival[k] <= 0:
            return Mark(0.0, nan, nan)
        s = float(self.survival[k])
        return Mark(s, s * float(np.sqrt(self.greenwood[k])), float(self.log_log_se[k]))
