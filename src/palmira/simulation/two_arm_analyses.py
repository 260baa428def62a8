"""Compiled analyses of many two-arm trials: log-rank, Cox with Efron's ties, medians, intervals.

Every function takes sorted keys (see ``draw.sort_keys``), a row a trial, and gives a row a trial.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from palmira.simulation.draw import DAY_BITS

Rows = NDArray[Any]

STEPS, CONVERGED, TOO_FAR = 40, 1e-10, 12.0


def two_arms(keys: Rows) -> Rows:
    """Log-rank test and Cox model of each trial, stratified where the keys hold strata.

    Columns: events, events of the experimental arm, the log-rank's observed minus expected events
    of that arm and their (hypergeometric) variance, Cox's log hazard ratio and its standard error.
    The last two are NaN where the partial likelihood has no maximum.
    Sources: Mantel, Cancer Chemother Rep 1966;50:163; Efron, J Am Stat Assoc 1977;72:557.
    """
    out = np.full((len(keys), 6), np.nan)
    _two_arms(keys, np.empty((keys.shape[1], 4)), out)
    return out


@nb.njit(cache=True, nogil=True)
def _two_arms(keys: Any, table: Any, out: Any) -> None:
    """``table`` takes at risk and events of control and experimental arm at each event time."""
    trials, n = keys.shape
    for t in range(trials):
        row = keys[t]
        times, stratum, k = 0, np.int64(-1), n - 1
        events = treated = gap = variance = 0.0
        n0 = n1 = 0.0
        while k >= 0 and row[k] >= 0:
            day = row[k] >> 2
            if day >> DAY_BITS != stratum:
                stratum = day >> DAY_BITS
                n0 = n1 = 0.0
            d0 = d1 = 0.0
            while k >= 0 and row[k] >> 2 == day:
                arm, event = row[k] & 1, row[k] >> 1 & 1
                n1 += arm
                n0 += 1 - arm
                d1 += arm & event
                d0 += (1 - arm) & event
                k -= 1
            d, at_risk = d0 + d1, n0 + n1
            if d == 0:
                continue
            events += d
            treated += d1
            gap += d1 - d * n1 / at_risk
            if at_risk > 1:
                variance += d * n1 * n0 * (at_risk - d) / (at_risk * at_risk * (at_risk - 1))
            if n0 > 0 and n1 > 0:
                table[times, 0], table[times, 1] = n0, n1
                table[times, 2], table[times, 3] = d0, d1
                times += 1
        out[t, 0], out[t, 1], out[t, 2], out[t, 3] = events, treated, gap, variance
        _newton(table, times, out, t)


@nb.njit(cache=True, nogil=True)
def _newton(table: Any, times: int, out: Any, t: int) -> None:
    beta = 0.0
    for _ in range(STEPS):
        ratio = np.exp(beta)
        score = information = 0.0
        for j in range(times):
            d = int(table[j, 2] + table[j, 3])
            score += table[j, 3]
            for done in range(d):
                f = done / d
                treated = (table[j, 1] - f * table[j, 3]) * ratio
                p = treated / (treated + table[j, 0] - f * table[j, 2])
                score -= p
                information += p * (1 - p)
        if information <= 0.0:
            return
        step = score / information
        beta += min(2.0, max(-2.0, step))
        if abs(beta) > TOO_FAR:
            return
        if abs(step) < CONVERGED:
            out[t, 4], out[t, 5] = beta, 1 / np.sqrt(information)
            return


def medians(keys: Rows) -> Rows:
    """Kaplan-Meier median of each arm, control first: the first day with S <= 0.5, or NaN.

    For keys without strata.
    """
    out = np.full((len(keys), 2), np.nan)
    _medians(keys, out)
    return out


@nb.njit(cache=True, nogil=True)
def _medians(keys: Any, out: Any) -> None:
    trials, n = keys.shape
    for t in range(trials):
        for arm in range(2):
            at_risk, survival, k = 0, 1.0, 0
            for i in range(n):
                if keys[t, i] >= 0 and keys[t, i] & 1 == arm:
                    at_risk += 1
            while k < n:
                day, deaths, gone = keys[t, k] >> 2, 0, 0
                while k < n and keys[t, k] >> 2 == day:
                    if day >= 0 and keys[t, k] & 1 == arm:
                        deaths += keys[t, k] >> 1 & 1
                        gone += 1
                    k += 1
                if deaths:
                    survival *= 1 - deaths / at_risk
                    if survival <= 0.5 + 1e-12:
                        out[t, arm] = day
                        break
                at_risk -= gone


def grouped(clear: Rows, event: Rows, arm: Rows, entered: Rows, ends: Rows) -> Rows:
    """Proportional hazards for times known to an interval between scans only.

    ``clear``: scans without progression; ``event``: an event in the interval after them; ``ends``:
    the planned days of the scans. Columns: log hazard ratio and its standard error by the
    likelihood of grouped times, medians of control and experimental arm in days, from the product
    of the intervals' survival with a constant hazard inside an interval. NaN where there is none.
    Source: Prentice and Gloeckler, Biometrics 1978;34:57.
    """
    out = np.full((len(clear), 4), np.nan)
    # At risk in an interval and failed in it, of each arm; the interval's log hazard.
    _grouped(clear, event, arm, entered, ends, np.empty((len(ends) + 1, 8)), out)
    return out


@nb.njit(cache=True, nogil=True)
def _grouped(
    clear: Any, event: Any, arm: Any, entered: Any, ends: Any, work: Any, out: Any
) -> None:
    trials, n = clear.shape
    count = len(ends) + 1
    for t in range(trials):
        for j in range(count):
            for c in range(8):
                work[j, c] = 0.0
        for i in range(n):
            if entered[t, i]:
                a, last = arm[t, i], clear[t, i]
                for j in range(last):
                    work[j, a] += 1
                if event[t, i]:
                    work[last, a] += 1
                    work[last, 2 + a] += 1
        _grouped_newton(work, out, t)
        for a in range(2):
            survival, start = 1.0, 0.0
            for j in range(count - 1):
                if work[j, a] == 0:
                    break
                after = survival * (1 - work[j, 2 + a] / work[j, a])
                if after <= 0.5:
                    # Where all have failed no hazard is finite: a straight line then.
                    part = (survival - 0.5) / survival
                    if after > 0:
                        part = np.log(survival / 0.5) / np.log(survival / after)
                    out[t, 2 + a] = start + part * (ends[j] - start)
                    break
                survival, start = after, ends[j]


@nb.njit(cache=True, nogil=True)
def _grouped_newton(work: Any, out: Any, t: int) -> None:
    """Newton's steps; the information is an arrow, so its border is eliminated.

    Columns of ``work``: at risk and failed (two each), log hazard, own and cross information,
    score.
    """
    count = len(work)
    beta = 0.0
    for j in range(count):
        m, d = work[j, 0] + work[j, 1], work[j, 2] + work[j, 3]
        if work[j, 0] == 0 or work[j, 1] == 0 or d == 0 or d == m:
            work[j, 5] = -1.0  # tells nothing of the arms
        else:
            work[j, 4] = np.log(-np.log(1 - d / m))
    for _ in range(STEPS):
        score = information = 0.0
        for j in range(count):
            if work[j, 5] < 0:
                continue
            work[j, 5] = work[j, 7] = 0.0
            for a in range(2):
                d, m = work[j, 2 + a], work[j, a]
                mean = np.exp(work[j, 4] + beta * a)
                odds = 1 / (np.exp(mean) - 1)
                u = d * mean * odds - (m - d) * mean
                h = d * mean * odds * (mean * (1 + odds) - 1) + (m - d) * mean
                work[j, 5] += h
                work[j, 7] += u
                if a:
                    work[j, 6] = h
                    score += u
                    information += h
            score -= work[j, 6] / work[j, 5] * work[j, 7]
            information -= work[j, 6] * work[j, 6] / work[j, 5]
        if information <= 0.0:
            return
        step = min(1.0, max(-1.0, score / information))
        largest = abs(step)
        for j in range(count):
            if work[j, 5] >= 0:
                move = (work[j, 7] - work[j, 6] * step) / work[j, 5]
                work[j, 4] += min(1.0, max(-1.0, move))
                largest = max(largest, abs(move))
        beta += step
        if abs(beta) > TOO_FAR:
            return
        if largest < CONVERGED:
            out[t, 0], out[t, 1] = beta, 1 / np.sqrt(information)
            return
