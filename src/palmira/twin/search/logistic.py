"""Logistic models of grouped patients, thousands at a time, with profile-likelihood limits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from palmira.statistics.estimates import critical

Floats = NDArray[np.float64]


def fit(
    x: Floats, n: Floats, totals: Floats, fixed: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """Logistic models of grouped patients by Newton's method, many at a time.

    ``n``: patients by model and group; ``totals``: by model, the benefit added up over each column
    of ``x``, which is all that the likelihood needs of the benefit table. ``fixed``: by model, a
    value at which the second coefficient is held. Returns coefficients, their covariance and the
    log-likelihood; a model without finite estimates gives NaN.
    """
    free = [0, 2, 3] if fixed is not None else [0, 1, 2, 3]
    beta = np.zeros((len(n), 4))
    beta[:, 0] = np.log(totals[:, 0] / (n.sum(axis=1) - totals[:, 0]))
    if fixed is not None:
        beta[:, 1] = fixed
    information = np.zeros((len(n), len(free), len(free)))
    z, left = x[:, free], np.arange(len(n))
    for _ in range(30):
        p = 1 / (1 + np.exp(-beta[left] @ x.T))
        weights = n[left] * p * (1 - p)
        information[left] = (weights @ (z[:, :, None] * z[:, None, :]).reshape(len(x), -1)).reshape(
            -1, len(free), len(free)
        ) + 1e-12 * np.eye(len(free))
        score = totals[left][:, free] - (n[left] * p) @ z
        step = np.linalg.solve(information[left], score[..., None])[..., 0]
        beta[left[:, None], free] += np.clip(step, -2, 2)
        left = left[np.abs(step).max(axis=1) > 1e-8]
        if not len(left):
            break
    beta[left] = np.nan
    with np.errstate(invalid="ignore"):
        likelihood = (totals * beta).sum(axis=1) - (n * np.logaddexp(0, beta @ x.T)).sum(axis=1)
    return beta, np.asarray(np.linalg.inv(information)), likelihood


def profile_limits(x: Floats, n: Floats, totals: Floats, level: float) -> tuple[Floats, Floats]:
    """Limits (``level`` percent) of the second coefficient by profile likelihood, one a model."""
    beta, covariance, best = fit(x, n, totals)
    drop, z = chi2.ppf(level / 100, 1) / 2, critical(level)
    limits = []
    for side in (-1, 1):
        inner = beta[:, 1].copy()
        outer = inner + side * 2 * z * np.sqrt(covariance[:, 1, 1])
        for _ in range(32):
            middle = (inner + outer) / 2
            beyond = fit(x, n, totals, middle)[2] < best - drop
            outer, inner = np.where(beyond, middle, outer), np.where(beyond, inner, middle)
        limits.append((inner + outer) / 2)
    return limits[0], limits[1]
