"""Compiled analyses of many two-arm trials: log-rank, Cox with Efron's ties, medians, intervals.

Keys are sorted (see ``draw.sort_keys``), a row a trial. Two arms need counts at event times alone:
a fraction of the work of ``statistics.cox_batch``.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from palmira.simulation.draw import DAY_BITS

Rows = NDArray[Any]

STEPS, CONVERGED, TOO_FAR = 40, 1e-10, 12.0


class TwoArms(NamedTuple):
    """A value a trial: events, those of the experimental arm, the log-rank's observed minus
    expected events of that arm and their (hypergeometric) variance, Cox's log hazard ratio and its
    standard error. The last two are NaN where the partial likelihood has no maximum."""

    events: Rows
    treated_events: Rows
    gap: Rows
    variance: Rows
    log_hazard_ratio: Rows
    se: Rows

    @property
    def z(self) -> Rows:
        """The log-rank's z; NaN where no patient of the other arm was ever at risk."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.variance > 0, self.gap / np.sqrt(self.variance), np.nan)


# At risk and events of control and experimental arm at each event time of one trial.
AtRisk = namedtuple("AtRisk", "control treated control_events treated_events")
# Days, a value a trial; NaN where a curve does not fall to one half.
Medians = namedtuple("Medians", "control experimental")
# A value a trial: log hazard ratio, its standard error, and the arms' medians in days; NaN where
# there is none.
Grouped = namedtuple("Grouped", "log_hazard_ratio se medians")
# The intervals between scans of one trial. ``at_risk`` and ``failed``: a column an arm.
# ``silent``: it tells nothing of the arms. The rest is the likelihood's, an interval each.
Intervals = namedtuple("Intervals", "at_risk failed silent log_hazard information cross score")


def _unknown(trials: int) -> Rows:
    return np.full(trials, np.nan)


def two_arms(keys: Rows) -> TwoArms:
    """Log-rank test and Cox model of each trial, stratified where the keys hold strata.

    Sources: Mantel, Cancer Chemother Rep 1966;50:163; Efron, J Am Stat Assoc 1977;72:557.
    """
    trials, n = keys.shape
    out = TwoArms(*(_unknown(trials) for _ in TwoArms._fields))
    _two_arms(keys, AtRisk(*(np.empty(n) for _ in AtRisk._fields)), out)
    return out


@nb.njit(cache=True, nogil=True)
def _two_arms(keys: Any, table: Any, out: Any) -> None:
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
                table.control[times], table.treated[times] = n0, n1
                table.control_events[times], table.treated_events[times] = d0, d1
                times += 1
        out.events[t], out.treated_events[t] = events, treated
        out.gap[t], out.variance[t] = gap, variance
        out.log_hazard_ratio[t], out.se[t] = _newton(table, times)


@nb.njit(cache=True, nogil=True)
def _newton(table: Any, times: int) -> tuple[float, float]:
    """Cox's log hazard ratio with Efron's ties, and its standard error."""
    beta = 0.0
    for _ in range(STEPS):
        ratio = np.exp(beta)
        score = information = 0.0
        for j in range(times):
            d0, d1 = table.control_events[j], table.treated_events[j]
            d = int(d0 + d1)
            score += d1
            for done in range(d):
                f = done / d
                treated = (table.treated[j] - f * d1) * ratio
                p = treated / (treated + table.control[j] - f * d0)
                score -= p
                information += p * (1 - p)
        if information <= 0.0:
            break
        step = score / information
        beta += min(2.0, max(-2.0, step))
        if abs(beta) > TOO_FAR:
            break
        if abs(step) < CONVERGED:
            return beta, 1 / np.sqrt(information)
    return np.nan, np.nan


def medians(keys: Rows) -> Medians:
    """Kaplan-Meier median of each arm, the first day with S <= 0.5. For keys without strata."""
    out = Medians(_unknown(len(keys)), _unknown(len(keys)))
    _medians(keys, 0, out.control)
    _medians(keys, 1, out.experimental)
    return out


@nb.njit(cache=True, nogil=True)
def _medians(keys: Any, arm: int, out: Any) -> None:
    trials, n = keys.shape
    for t in range(trials):
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
                    out[t] = day
                    break
            at_risk -= gone


def grouped(clear: Rows, event: Rows, arm: Rows, entered: Rows, ends: Rows) -> Grouped:
    """Proportional hazards for times known to an interval between scans only.

    ``clear``: scans without progression; ``event``: an event in the interval after them; ``ends``:
    the planned days of the scans. The ratio is by the likelihood of grouped times; the medians (a
    column an arm, control first) are from the product of the intervals' survival with a constant
    hazard inside an interval. Source: Prentice and Gloeckler, Biometrics 1978;34:57.
    """
    trials, count = len(clear), len(ends) + 1
    out = Grouped(_unknown(trials), _unknown(trials), np.full((trials, 2), np.nan))
    silent = np.empty(count, dtype=np.bool_)
    pairs, sums = np.empty((2, count, 2)), np.empty((4, count))
    work = Intervals(pairs[0], pairs[1], silent, sums[0], sums[1], sums[2], sums[3])
    _grouped(clear, event, arm, entered, ends, work, out)
    return out


@nb.njit(cache=True, nogil=True)
def _grouped(
    clear: Any, event: Any, arm: Any, entered: Any, ends: Any, work: Any, out: Any
) -> None:
    for t in range(len(clear)):
        _count(clear[t], event[t], arm[t], entered[t], work)
        out.log_hazard_ratio[t], out.se[t] = _grouped_newton(work)
        for a in range(2):
            out.medians[t, a] = _median_between(work.at_risk[:, a], work.failed[:, a], ends)


@nb.njit(cache=True, nogil=True)
def _count(clear: Any, event: Any, arm: Any, entered: Any, work: Any) -> None:
    """At risk and failed in each interval by arm, into ``work``."""
    work.at_risk[:] = 0.0
    work.failed[:] = 0.0
    for i in range(len(clear)):
        if entered[i]:
            a, last = arm[i], clear[i]
            for j in range(last):
                work.at_risk[j, a] += 1
            if event[i]:
                work.at_risk[last, a] += 1
                work.failed[last, a] += 1


@nb.njit(cache=True, nogil=True)
def _median_between(at_risk: Any, failed: Any, ends: Any) -> float:
    """Day on which survival falls to one half, NaN if it does not."""
    survival, start = 1.0, 0.0
    for j in range(len(ends)):
        if at_risk[j] == 0:
            break
        after = survival * (1 - failed[j] / at_risk[j])
        if after <= 0.5:
            # Where all have failed no hazard is finite: a straight line then.
            part = (survival - 0.5) / survival
            if after > 0:
                part = np.log(survival / 0.5) / np.log(survival / after)
            return start + part * (ends[j] - start)
        survival, start = after, ends[j]
    return np.nan


@nb.njit(cache=True, nogil=True)
def _grouped_newton(work: Any) -> tuple[float, float]:
    """Log hazard ratio and SE by Newton's steps; the border of the information is eliminated."""
    count = len(work.at_risk)
    beta = 0.0
    for j in range(count):
        (n0, n1), (d0, d1) = work.at_risk[j], work.failed[j]
        n, d = n0 + n1, d0 + d1
        work.silent[j] = n0 == 0 or n1 == 0 or d == 0 or d == n
        if not work.silent[j]:
            work.log_hazard[j] = np.log(-np.log(1 - d / n))
    for _ in range(STEPS):
        score, information = _scores(work, beta)
        if information <= 0.0:
            break
        step = min(1.0, max(-1.0, score / information))
        largest = abs(step)
        for j in range(count):
            if not work.silent[j]:
                move = (work.score[j] - work.cross[j] * step) / work.information[j]
                work.log_hazard[j] += min(1.0, max(-1.0, move))
                largest = max(largest, abs(move))
        beta += step
        if abs(beta) > TOO_FAR:
            break
        if largest < CONVERGED:
            return beta, 1 / np.sqrt(information)
    return np.nan, np.nan


@nb.njit(cache=True, nogil=True)
def _scores(work: Any, beta: float) -> tuple[float, float]:
    """Score and information of the log hazard ratio, those of the intervals into ``work``."""
    score = information = 0.0
    for j in range(len(work.at_risk)):
        if work.silent[j]:
            continue
        work.information[j] = work.score[j] = 0.0
        for a in range(2):
            d, n = work.failed[j, a], work.at_risk[j, a]
            mean = np.exp(work.log_hazard[j] + beta * a)
            odds = 1 / (np.exp(mean) - 1)
            u = d * mean * odds - (n - d) * mean
            h = d * mean * odds * (mean * (1 + odds) - 1) + (n - d) * mean
            work.information[j] += h
            work.score[j] += u
            if a:
                work.cross[j] = h
                score += u
                information += h
        score -= work.cross[j] / work.information[j] * work.score[j]
        information -= work.cross[j] * work.cross[j] / work.information[j]
    return score, information
