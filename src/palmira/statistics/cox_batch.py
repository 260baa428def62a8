"""Cox models of many small sets of patients, compiled: Efron's ties, several covariates.

Patients with the same covariates add the same to the sums over those at risk, so these terms are
computed once a pattern of covariates, and not once a patient. The synthetic patients' search fits
hundreds of thousands of models of the same patients so, the audit those of its simulated trials.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

RIDGE = 1e-9
# Steps of Newton's method for models that are fitted once, from no effect.
STEPS = 4

# The patients of a model: their order by day (events first), days, events; by place in that order
# the number of each one's pattern of covariates, -1 for patients outside the model; and the
# covariates by pattern.
Cohort = namedtuple("Cohort", "order day event pattern covariates")
# Sums of a Cox model: what a patient of each pattern of covariates adds to them, those over all
# at risk and over a day's events (hazard, hazard times covariates, times pairs of these), the
# covariates' means, score and information.
Sums = namedtuple("Sums", "add total tied mean score information")


@nb.njit(cache=True)
def solve(a: Any, b: Any, p: int) -> None:
    """Solve a p x p symmetric positive definite system in place; ``a`` becomes its inverse."""
    inverse = np.zeros((p, p))
    for i in range(p):
        a[i, i] += RIDGE
        inverse[i, i] = 1.0
    for i in range(p):
        pivot = a[i, i]
        for k in range(p):
            a[i, k] /= pivot
            inverse[i, k] /= pivot
        for j in range(p):
            if j != i:
                f = a[j, i]
                if f != 0.0:
                    for k in range(p):
                        a[j, k] -= f * a[i, k]
                        inverse[j, k] -= f * inverse[i, k]
    x = np.zeros(p)
    for i in range(p):
        for k in range(p):
            x[i] += inverse[i, k] * b[k]
    for i in range(p):
        b[i] = x[i]
        for k in range(p):
            a[i, k] = inverse[i, k]


@nb.njit(cache=True, fastmath=True, inline="always")
def weigh(add: Any, covariates: Any, beta: Any) -> None:
    """What a patient of each pattern adds: the hazard, and it times each covariate and pair."""
    patterns, p = covariates.shape
    for c in range(patterns):
        eta = 0.0
        for a in range(p):
            if covariates[c, a]:
                eta += beta[a] * covariates[c, a]
        add[c, 0] = w = np.exp(eta)
        m = 1 + p
        for a in range(p):
            add[c, 1 + a] = w * covariates[c, a]
            for b in range(a, p):
                add[c, m] = add[c, 1 + a] * covariates[c, b]
                m += 1


# The three parts of a day are inlined: calls with so many arrays would cost more than they do.
@nb.njit(cache=True, fastmath=True, inline="always")
def enter(cohort: Cohort, sums: Sums, last: int) -> tuple[int, int]:
    """Add all patients of one day to those at risk, from the ``last`` of them back; returns the
    place before the first of them, and how many have an event."""
    order, day, event = cohort.order, cohort.day, cohort.event
    pattern, covariates = cohort.pattern, cohort.covariates
    add, total, score = sums.add, sums.total, sums.score
    k, deaths, today = last, 0, day[order[last]]
    while k >= 0 and day[order[k]] == today:
        c = pattern[k]
        if c >= 0:
            for t in range(len(total)):
                total[t] += add[c, t]
            if event[order[k]]:
                deaths += 1
                for a in range(len(score)):
                    score[a] += covariates[c, a]
        k -= 1
    return k, deaths


@nb.njit(cache=True, fastmath=True, inline="always")
def tie(cohort: Cohort, sums: Sums, first: int, last: int) -> None:
    """Sums over the events of one day, whose patients stand from ``first`` to ``last``."""
    order, event, pattern = cohort.order, cohort.event, cohort.pattern
    add, tied = sums.add, sums.tied
    for j in range(first, last + 1):
        if pattern[j] >= 0 and event[order[j]]:
            for t in range(len(tied)):
                tied[t] += add[pattern[j], t]


@nb.njit(cache=True, fastmath=True, inline="always")
def leave(sums: Sums, deaths: int) -> None:
    """Score and information of one day's events, which leave one after the other."""
    total, tied, mean, p = sums.total, sums.tied, sums.mean, len(sums.mean)
    score, information = sums.score, sums.information
    for d in range(deaths):
        f = d / deaths
        share = 1.0 / (total[0] - f * tied[0])
        m = 1 + p
        for a in range(p):
            mean[a] = (total[1 + a] - f * tied[1 + a]) * share
            score[a] -= mean[a]
        for a in range(p):
            for b in range(a, p):
                information[a, b] += (total[m] - f * tied[m]) * share - mean[a] * mean[b]
                m += 1


@nb.njit(cache=True, fastmath=True, inline="always")
def sum_up(cohort: Cohort, sums: Sums) -> None:
    """Score and information of a Cox model, over all days from the last one back."""
    total, tied, information = sums.total, sums.tied, sums.information
    total[:] = 0.0
    sums.score[:] = 0.0
    information[:, :] = 0.0
    k = len(cohort.order) - 1
    while k >= 0:
        last = k
        k, deaths = enter(cohort, sums, last)
        if deaths == 0:
            continue
        tied[:] = 0.0
        if deaths > 1:
            tie(cohort, sums, k + 1, last)
        leave(sums, deaths)
    for a in range(len(information)):
        for b in range(a):
            information[a, b] = information[b, a]


@nb.njit(cache=True, fastmath=True)
def cox(cohort: Cohort, beta: Any, steps: int) -> float:
    """Fit a Cox model (Efron's ties) from ``beta`` in place; returns the SE of the first column."""
    patterns, p = cohort.covariates.shape
    terms = 1 + p + p * (p + 1) // 2
    add, total, tied = np.empty((patterns, terms)), np.empty(terms), np.empty(terms)
    sums = Sums(add, total, tied, np.empty(p), np.empty(p), np.empty((p, p)))
    for step in range(steps + 1):
        weigh(sums.add, cohort.covariates, beta)
        sum_up(cohort, sums)
        solve(sums.information, sums.score, p)
        if step < steps:
            for a in range(p):
                beta[a] = min(8.0, max(-8.0, beta[a] + min(2.0, max(-2.0, sums.score[a]))))
    return float(np.sqrt(sums.information[0, 0]))


@nb.njit(cache=True, nogil=True)
def _each(event: Any, pattern: Any, covariates: Any) -> Any:
    """The first covariate's standard error in each row of ``event`` and ``pattern``."""
    trials, n = event.shape
    order, se = np.arange(n), np.empty(trials)
    for t in range(trials):
        cohort = Cohort(order, order, event[t], pattern[t], covariates)
        se[t] = cox(cohort, np.zeros(covariates.shape[1]), STEPS)
    return se


def standard_errors(
    covariates: Sequence[NDArray[np.int64]], event: NDArray[np.bool_], member: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Model-based standard errors of the first covariate's log hazard ratio, one a trial.

    ``covariates`` (whole numbers), ``event`` and ``member`` (who is in the model) have a row a
    trial and a column a patient, in the order of time and without ties.
    """
    least = [int(x.min()) for x in covariates]
    shape = [int(x.max()) - low + 1 for x, low in zip(covariates, least, strict=True)]
    places = tuple(x - low for x, low in zip(covariates, least, strict=True))
    pattern = np.where(member, np.ravel_multi_index(places, shape), -1)
    values = np.stack(np.unravel_index(np.arange(np.prod(shape)), shape), axis=1) + least
    se: NDArray[np.float64] = _each(event, pattern, values.astype(float))
    return se
