"""Compiled arithmetic of the search: survival curves at days, Cox models, the distance to a print.

Patients stand in one order, by day and with events before censorings. Every function takes that
order and works on the patients of a row, without copying any.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numba as nb
import numpy as np

Z = 1.959963984540054
RIDGE = 1e-9
# What a missed target costs, however near it is.
MISS = 0.5
# Most covariates of a model.
PARAMETERS = 9
# Signs of the spread of a rate itself, its lower and its upper log-log limit.
SIDES = (0.0, 1.0, -1.0)


# A patient table: day, event, arm (0 or 1) and levels (0 or 1) by factor, the ``order`` of the
# patients by day, and what follows from these: covariates, members of each row (all patients,
# then each level of each factor), of each row in each arm, and how many these are.
State = namedtuple("State", "day event arm level order x member by_arm size")
# Survival rates and Greenwood's sums after each of some sorted days.
Curve = namedtuple("Curve", "days rate variance")
# The patients of a Cox model: their order by day, days, events, who is in the model, and
# covariates (0 or 1).
Cohort = namedtuple("Cohort", "order day event member x")
# Sums of a Cox model: what a patient of each pattern of covariates adds to them, those over all
# at risk and over a day's events (hazard, hazard times covariates, times pairs of these), the
# covariates' means, score and information.
Sums = namedtuple("Sums", "add total tied mean score information")


@nb.njit(cache=True)
def after_event(at_risk: int, survival: float, variance: float) -> tuple[float, float]:
    """Kaplan and Meier's estimate and Greenwood's sum after one event among those at risk."""
    if at_risk <= 1:
        return 0.0, variance
    return (
        survival * ((at_risk - 1.0) / at_risk),
        variance + 1.0 / (at_risk * (at_risk - 1.0)),
    )


@nb.njit(cache=True, inline="always")
def curve_at(state: State, arm: int, row: int, curve: Curve) -> None:
    """Fill in a curve: that of the patients of an arm and row (a level of a factor, or all)."""
    order, day, event = state.order, state.day, state.event
    days, rate, greenwood = curve.days, curve.rate, curve.variance
    member, at_risk = state.by_arm[arm, row], state.size[arm, row]
    survival, variance, k = 1.0, 0.0, 0
    for i in order:
        if not member[i]:
            continue
        while k < len(days) and day[i] > days[k]:
            rate[k], greenwood[k] = survival, variance
            k += 1
        if k == len(days):
            return
        if event[i]:
            survival, variance = after_event(at_risk, survival, variance)
        at_risk -= 1
    rate[k:] = survival
    greenwood[k:] = variance


@nb.njit(cache=True)
def log_log_limit(s: float, v: float, side: float) -> float:
    """Limit of a survival rate on the log-log scale; ``side``: 1 the lower, -1 the upper."""
    if s >= 1.0:
        return 1.0
    if s <= 0.0:
        return -1.0
    log_s = np.log(s)
    return float(np.exp(log_s * np.exp(-side * Z * np.sqrt(v) / log_s)))


@nb.njit(cache=True)
def outside(x: float, low: float, high: float) -> float:
    """Distance of ``x`` from an interval."""
    if x < low:
        return low - x
    if x > high:
        return x - high
    return 0.0


@nb.njit(cache=True)
def rate_and_limits(rate: float, variance: float) -> tuple[float, float, float]:
    """A survival rate with its lower and upper log-log limit."""
    return rate, log_log_limit(rate, variance, 1.0), log_log_limit(rate, variance, -1.0)


@nb.njit(cache=True, inline="always")
def edges(windows: Any, work: Curve) -> Curve:
    """The part of ``work`` that holds, sorted, the last day before each window and its last day."""
    days, count = work.days, 0
    for q in range(3):
        if windows[q, 0] > 0:
            days[count], days[count + 1] = windows[q, 0] - 1, windows[q, 1]
            count += 2
    for a in range(1, count):  # insertion sort; few days
        x = days[a]
        b = a - 1
        while b >= 0 and days[b] > x:
            days[b + 1] = days[b]
            b -= 1
        days[b + 1] = x
    return Curve(days[:count], work.rate[:count], work.variance[:count])


@nb.njit(cache=True, inline="always")
def height(curve: Curve, k: int, side: float) -> float:
    """A curve's rate, or its log-log limit on a side, after one of its days."""
    rate = curve.rate[k]
    return log_log_limit(rate, curve.variance[k], side) if side else rate


@nb.njit(cache=True, inline="always")
def quantile_distance(state: State, arm: int, row: int, windows: Any, work: Curve) -> float:
    """How far the median and its log-log limits are from their windows, about in patients.

    ``windows``: first and last day for the median, the lower and the upper limit; a first day of 0
    sets the target aside, a first day of -1 wants a limit that is never reached. The distance is
    taken on the curve at the windows' edges, so that it changes with each patient.
    """
    curve, n = edges(windows, work), state.size[arm, row]
    curve_at(state, arm, row, curve)
    days, total = curve.days, 0.0
    for q in range(3):
        side, first, last = SIDES[q], windows[q, 0], windows[q, 1]
        if first < 0:
            x = last_limit(state, arm, row, side, 1 << 30)
            total += MISS + n * (0.5 - x) if x <= 0.5 else 0.0
        for k in range(len(days) if first > 0 else 0):
            if days[k] == first - 1:
                x = max(0.0, height(curve, k, side))
                total += MISS + n * (0.5 - x) if x <= 0.5 else 0.0
            elif days[k] == last:
                x = height(curve, k, side)
                if side and curve.rate[k] <= 0.0:
                    # Limits end with the curve: a limit not reached by then is never reached.
                    x = last_limit(state, arm, row, side, last)
                total += MISS + n * (x - 0.5) if x > 0.5 else 0.0
    return total


@nb.njit(cache=True)
def last_limit(state: State, arm: int, row: int, side: float, until: int) -> float:
    """The smallest log-log limit at any event up to a day at which the curve is above zero."""
    member, at_risk, day = state.by_arm[arm, row], state.size[arm, row], state.day
    survival, variance, least = 1.0, 0.0, 1.0
    previous = -1
    for i in state.order:
        if not member[i]:
            continue
        if day[i] > until:
            break
        if previous >= 0 and day[i] != previous and survival > 0.0:
            least = min(least, log_log_limit(survival, variance, side))
        previous = day[i]
        if state.event[i]:
            survival, variance = after_event(at_risk, survival, variance)
        at_risk -= 1
    if survival > 0.0:
        least = min(least, log_log_limit(survival, variance, side))
    return least


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
def patterns(cohort: Cohort, columns: Any) -> Any:
    """Each patient's covariates as one number, in order; -1 for those outside the model."""
    order, member, x = cohort.order, cohort.member, cohort.x
    pattern = np.empty(len(order), dtype=np.int64)
    for k in range(len(order)):
        i = order[k]
        pattern[k] = -1
        if member[i]:
            c = 0
            for a in range(len(columns)):
                c += int(x[i, columns[a]]) << a
            pattern[k] = c
    return pattern


@nb.njit(cache=True, fastmath=True, inline="always")
def weigh(add: Any, beta: Any, p: int) -> None:
    """What a patient of each pattern adds: the hazard, and it times each covariate and pair."""
    for c in range(1 << p):
        eta = 0.0
        for a in range(p):
            if c >> a & 1:
                eta += beta[a]
        w = np.exp(eta)
        add[c, 0] = w
        m = 1 + p
        for a in range(p):
            has = c >> a & 1
            add[c, 1 + a] = w if has else 0.0
            for b in range(a, p):
                add[c, m] = w if has and c >> b & 1 else 0.0
                m += 1


# The three parts of a day are inlined: calls with so many arrays would cost more than they do.
@nb.njit(cache=True, fastmath=True, inline="always")
def enter(cohort: Cohort, pattern: Any, sums: Sums, last: int) -> tuple[int, int]:
    """Add all patients of one day to those at risk, from the ``last`` of them back; returns the
    place before the first of them, and how many have an event."""
    order, day, event = cohort.order, cohort.day, cohort.event
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
                    score[a] += c >> a & 1
        k -= 1
    return k, deaths


@nb.njit(cache=True, fastmath=True, inline="always")
def tie(cohort: Cohort, pattern: Any, sums: Sums, first: int, last: int) -> None:
    """Sums over the events of one day, whose patients stand from ``first`` to ``last``."""
    order, event, add, tied = cohort.order, cohort.event, sums.add, sums.tied
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
def sum_up(cohort: Cohort, pattern: Any, sums: Sums) -> None:
    """Score and information of a Cox model, over all days from the last one back."""
    total, tied, information = sums.total, sums.tied, sums.information
    total[:] = 0.0
    sums.score[:] = 0.0
    information[:, :] = 0.0
    k = len(pattern) - 1
    while k >= 0:
        last = k
        k, deaths = enter(cohort, pattern, sums, last)
        if deaths == 0:
            continue
        tied[:] = 0.0
        if deaths > 1:
            tie(cohort, pattern, sums, k + 1, last)
        leave(sums, deaths)
    for a in range(len(information)):
        for b in range(a):
            information[a, b] = information[b, a]


@nb.njit(cache=True, fastmath=True)
def cox(cohort: Cohort, columns: Any, beta: Any, steps: int) -> float:
    """Fit a Cox model (Efron's ties) from ``beta`` in place; returns the SE of the first column.

    ``columns``: the covariates of this model. Patients with the same covariates add the same to the
    sums over those at risk, so these terms are computed once a pattern and not once a patient.
    """
    p = len(columns)
    terms = 1 + p + p * (p + 1) // 2
    sums = Sums(
        add=np.empty((1 << p, terms)),
        total=np.empty(terms),
        tied=np.empty(terms),
        mean=np.empty(p),
        score=np.empty(p),
        information=np.empty((p, p)),
    )
    pattern = patterns(cohort, columns)
    for step in range(steps + 1):
        weigh(sums.add, beta, p)
        sum_up(cohort, pattern, sums)
        solve(sums.information, sums.score, p)
        if step < steps:
            for a in range(p):
                beta[a] = min(8.0, max(-8.0, beta[a] + min(2.0, max(-2.0, sums.score[a]))))
    return float(np.sqrt(sums.information[0, 0]))
