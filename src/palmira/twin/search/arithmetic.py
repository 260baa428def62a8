"""Compiled arithmetic of the search: survival curves at days, the distance to a print.

Patients stand in one order, by day and with events before censorings. Every function takes that
order and works on the patients of a row, without copying any.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numba as nb
import numpy as np

Z = 1.959963984540054  # critical(95), frozen into compiled code: no import of what is not compiled
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


@nb.njit(cache=True)
def after_event(at_risk: int, survival: float, variance: float) -> tuple[float, float]:
    """Kaplan and Meier's estimate and Greenwood's sum after one event among those at risk."""
    if at_risk <= 1:
        return 0.0, variance
    left = (at_risk - 1.0) / at_risk
    return survival * left, variance + 1.0 / (at_risk * (at_risk - 1.0))


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


@nb.njit(cache=True, fastmath=True, inline="always")
def patterns(order: Any, member: Any, x: Any, columns: Any) -> Any:
    """Each patient's covariates (0 or 1) as one number, in order; -1 for those outside a model."""
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


@nb.njit(cache=True, inline="always")
def bits(p: int) -> Any:
    """The covariates of each pattern of ``p`` of them."""
    covariates = np.empty((1 << p, p))
    for c in range(1 << p):
        for a in range(p):
            covariates[c, a] = c >> a & 1
    return covariates
