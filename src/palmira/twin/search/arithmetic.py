"""Compiled arithmetic of the search: survival curves at days, Cox models, the distance to a print.

Patients stand in one order, by day and with events before censorings. Every function takes that
order and works on the patients of a row (``member``), without copying any.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

Z = 1.959963984540054
# Newton steps from the last estimate; the search starts each step where the last one ended.
STEPS = 2
RIDGE = 1e-9
# What a missed target costs, however near it is.
MISS = 0.5
# Most covariates of a model.
PARAMETERS = 9


@nb.njit(cache=True)
def after_event(at_risk: int, survival: float, variance: float) -> tuple[float, float]:
    """Kaplan and Meier's estimate and Greenwood's sum after one event among those at risk."""
    if at_risk <= 1:
        return 0.0, variance
    return (
        survival * ((at_risk - 1.0) / at_risk),
        variance + 1.0 / (at_risk * (at_risk - 1.0)),
    )


@nb.njit(cache=True)
def curve_at(
    order: Any, day: Any, event: Any, member: Any, n: int, days: Any, s: Any, v: Any
) -> None:
    """Survival ``s`` and Greenwood's sum ``v`` of ``n`` members after each of sorted ``days``."""
    at_risk = n
    survival, variance, k = 1.0, 0.0, 0
    for i in order:
        if not member[i]:
            continue
        while k < len(days) and day[i] > days[k]:
            s[k], v[k] = survival, variance
            k += 1
        if k == len(days):
            return
        if event[i]:
            survival, variance = after_event(at_risk, survival, variance)
        at_risk -= 1
    while k < len(days):
        s[k], v[k] = survival, variance
        k += 1


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
def quantile_distance(
    order: Any, day: Any, event: Any, member: Any, n: int, window: Any, work: Any
) -> float:
    """How far the median and its log-log limits are from their windows, about in patients.

    ``window``: first and last day of the median's, of the lower and of the upper limit's window; a
    first day of 0 sets the target aside, a first day of -1 wants a limit that is never reached.
    The distance is taken on the curve at the window's edges, so that it changes with each patient.
    """
    days, s, v = work[0], work[1], work[2]
    count = 0
    for q in range(3):
        first, last = window[2 * q], window[2 * q + 1]
        if first > 0:
            days[count], days[count + 1] = first - 1, last
            count += 2
    for a in range(1, count):  # insertion sort; few days
        x = days[a]
        b = a - 1
        while b >= 0 and days[b] > x:
            days[b + 1] = days[b]
            b -= 1
        days[b + 1] = x
    curve_at(order, day, event, member, n, days[:count], s, v)
    total = 0.0
    for q in range(3):
        first, last = window[2 * q], window[2 * q + 1]
        side = 0.0 if q == 0 else (1.0 if q == 1 else -1.0)
        if first > 0:
            for k in range(count):
                if days[k] == first - 1 or days[k] == last:
                    x = s[k] if q == 0 else log_log_limit(s[k], v[k], side)
                    if q and s[k] <= 0.0:
                        # Limits end with the curve: a limit not reached by then is never reached.
                        x = (
                            0.0
                            if days[k] == first - 1
                            else last_limit(order, day, event, member, n, side, last)
                        )
                    if days[k] == first - 1 and x <= 0.5:
                        total += MISS + n * (0.5 - x)
                    elif days[k] == last and x > 0.5:
                        total += MISS + n * (x - 0.5)
        elif first < 0:
            x = last_limit(order, day, event, member, n, side, 1 << 30)
            if x <= 0.5:
                total += MISS + n * (0.5 - x)
    return total


@nb.njit(cache=True)
def last_limit(
    order: Any, day: Any, event: Any, member: Any, n: int, side: float, until: int
) -> float:
    """The smallest log-log limit at any event up to a day at which the curve is above zero."""
    at_risk = n
    survival, variance, least = 1.0, 0.0, 1.0
    previous = -1
    for i in order:
        if not member[i]:
            continue
        if day[i] > until:
            break
        if previous >= 0 and day[i] != previous and survival > 0.0:
            least = min(least, log_log_limit(survival, variance, side))
        previous = day[i]
        if event[i]:
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


@nb.njit(cache=True, fastmath=True)
def cox(
    order: Any, day: Any, event: Any, member: Any, x: Any, columns: Any, beta: Any, steps: int
) -> float:
    """Fit a Cox model (Efron's ties) from ``beta`` in place; returns the SE of the first column.

    ``x``: patients by covariates, 0 or 1; ``columns``: the covariates of this model. Patients with
    the same covariates add the same to the sums over those at risk, so these terms are computed
    once a pattern and not once a patient.
    """
    p = len(columns)
    terms, n = 1 + p + p * (p + 1) // 2, len(order)
    total, tied, add = np.empty(terms), np.empty(terms), np.empty((1 << p, terms))
    score, information, mean = np.empty(p), np.empty((p, p)), np.empty(p)
    pattern = np.empty(n, dtype=np.int64)
    for k in range(n):
        i = order[k]
        pattern[k] = -1
        if member[i]:
            c = 0
            for a in range(p):
                c += int(x[i, columns[a]]) << a
            pattern[k] = c
    for step in range(steps + 1):
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
        total[:] = 0.0
        score[:] = 0.0
        information[:, :] = 0.0
        k = n - 1
        while k >= 0:
            today, last, deaths = day[order[k]], k, 0
            while k >= 0 and day[order[k]] == today:
                c = pattern[k]
                if c >= 0:
                    for t in range(terms):
                        total[t] += add[c, t]
                    if event[order[k]]:
                        deaths += 1
                        for a in range(p):
                            score[a] += c >> a & 1
                k -= 1
            if deaths == 0:
                continue
            tied[:] = 0.0
            if deaths > 1:
                for j in range(k + 1, last + 1):
                    if pattern[j] >= 0 and event[order[j]]:
                        for t in range(terms):
                            tied[t] += add[pattern[j], t]
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
        for a in range(p):
            for b in range(a):
                information[a, b] = information[b, a]
        solve(information, score, p)
        if step < steps:
            for a in range(p):
                beta[a] = min(8.0, max(-8.0, beta[a] + min(2.0, max(-2.0, score[a]))))
    return float(np.sqrt(information[0, 0]))
