"""What a search aims at, as arrays, and how far a patient table is from each goal; compiled."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numba as nb
import numpy as np

from palmira.statistics.cox_batch import Cohort, cox
from palmira.twin.search import arithmetic
from palmira.twin.search.arithmetic import MISS, PARAMETERS, Curve, State, Z, outside

# One unit of distance: of a rate, of a log ratio, of a z value, of days.
RATE, LOG_RATIO, Z_UNIT, DAYS = 0.004, 0.006, 0.02, 5.0
# An interval that everything lies in, and one for what cannot be negative.
ANY = 1e9
FREE, FREE_Z = (-ANY, ANY), (0.0, ANY)
# Kinds of driven quantities: a survival rate of an arm at the first day; the restricted mean of an
# arm to it; the difference of the arms' restricted means to it; the log hazard ratio of the arms
# between the two days, without covariates.
SURVIVAL, MEAN, DIFFERENCE, RATIO = 1, 2, 3, 4


# By arm and cell of two factors: patients wanted, and patients wanted beyond a day (0: none asked
# for); the two factors' numbers.
Need = namedtuple("Need", "patients late day first second")
# A quantity to be driven as far as it goes: its kind (0: none), the arm, one or two days, the
# direction (1 up, -1 down) and what it is multiplied by.
Push = namedtuple("Push", "kind arm first last sign unit")
# Intervals that statistics must fall into; a row is all patients or a level of a factor.
# ``windows``: by row and arm first and last day of median, lower and upper limit; a first day of 0
# asks nothing, -1 asks that the limit is never reached. ``mark_days`` and ``mark_boxes``: days of
# the landmarks, and by arm and landmark the intervals of rate and limits. ``gap`` and ``gap_mark``:
# intervals of difference and limits, and the landmark it is taken at (-1: none). ``ratios`` and
# ``ratio_z``: by row intervals of log ratio and limits, and of z; ``interactions``: of the
# interactions' z, by factor. ``columns`` and ``width``: covariates of each row's model, then of
# each interaction's; ``adjusting``: the factors of adjusted models; ``scale``: what log ratios are
# multiplied by in print. ``middle``: interval of the median day of all patients, events or not.
# ``weights``: of each goal at the start of a search.
Goal = namedtuple(
    "Goal",
    "windows mark_days mark_boxes gap gap_mark ratios ratio_z interactions columns width adjusting "
    "scale need middle push weights",
)
# The last estimates of each model, and rates and variances by arm and landmark; a curve to work
# with.
Estimates = namedtuple("Estimates", "beta rate variance work")
# Where each kind of goal begins among all (curves by row and arm come first), and how many goals
# there are.
Places = namedtuple("Places", "marks gap need middle ratio interaction push total")


@nb.njit(cache=True)
def places(factors: int) -> Places:
    """Where the goals of a problem with so many factors stand."""
    rows = 1 + 2 * factors
    marks, ratio = 2 * rows, 2 * rows + 6
    push = ratio + rows + factors
    return Places(marks, marks + 2, marks + 3, marks + 5, ratio, ratio + rows, push, push + 1)


@nb.njit(cache=True)
def estimates(goal: Goal) -> Estimates:
    """Estimates to begin with."""
    marks = (2, len(goal.mark_days))
    work = Curve(np.zeros(6), np.zeros(6), np.zeros(6))
    beta = np.zeros((len(goal.width), PARAMETERS))
    return Estimates(beta, np.zeros(marks), np.zeros(marks), work)


@nb.njit(cache=True)
def off(x: float, box: Any, unit: float) -> float:
    """What it costs that a rate or difference lies outside its interval."""
    d = outside(x, box[0], box[1])
    return MISS / 2 + d / unit if d > 0 else 0.0


@nb.njit(cache=True)
def off_log(x: float, box: Any, unit: float) -> float:
    """The same for a log ratio or a z value, which may be far off."""
    d = outside(x, box[0], box[1])
    return MISS / 2 + 3 * np.log1p(d / unit / 3) if d > 0 else 0.0


@nb.njit(cache=True)
def landmark_cost(rate: Any, variance: Any, boxes: Any) -> float:
    """Distance of an arm's rates and limits from their intervals."""
    total = 0.0
    for k in range(len(rate)):
        values = arithmetic.rate_and_limits(rate[k], variance[k])
        for q in range(3):
            total += off(values[q], boxes[k, q], RATE)
    return total


@nb.njit(cache=True)
def difference_cost(rate: Any, variance: Any, box: Any) -> float:
    """Distance of the difference of two arms' rates and of its linear limits from theirs."""
    d = rate[0] - rate[1]
    se = np.sqrt(rate[0] ** 2 * variance[0] + rate[1] ** 2 * variance[1])
    values, total = (d, d - Z * se, d + Z * se), 0.0
    for q in range(3):
        total += off(values[q], box[q], RATE)
    return total


@nb.njit(cache=True)
def ratio_cost(log_ratio: float, se: float, boxes: Any, z_box: Any) -> float:
    """Distance of a log ratio, its limits and its z from their intervals."""
    values, total = (log_ratio, log_ratio - Z * se, log_ratio + Z * se), 0.0
    for q in range(3):
        total += off_log(values[q], boxes[q], LOG_RATIO)
    return total + off_log(abs(log_ratio / se), z_box, Z_UNIT)


@nb.njit(cache=True)
def need_cost(arm: int, state: State, need: Need) -> float:
    """How many patients of an arm are in the wrong cell, or short of the day."""
    if need.day <= 0:
        return 0.0
    n, late = np.zeros(4), np.zeros(4)
    for i in range(len(state.day)):
        if state.arm[i] == arm:
            c = 2 * state.level[i, need.first] + state.level[i, need.second]
            n[c] += 1
            if state.day[i] > need.day:
                late[c] += 1
    total = 0.0
    for c in range(4):
        total += 0.5 * abs(n[c] - need.patients[arm, c]) + max(0.0, need.late[arm, c] - late[c])
    return total


@nb.njit(cache=True)
def middle_cost(state: State, middle: Any) -> float:
    """Distance of the median day of all patients from its interval."""
    n, day, order = len(state.order), state.day, state.order
    half = (day[order[(n - 1) // 2]] + day[order[n // 2]]) / 2
    d = outside(half, middle[0], middle[1])
    return MISS + d / DAYS if d > 0 else 0.0


@nb.njit(cache=True)
def area(state: State, arm: int, until: float) -> float:
    """Restricted mean survival of an arm, in days."""
    at_risk = state.size[arm, 0]
    survival, before, total = 1.0, 0.0, 0.0
    for i in state.order:
        if not state.by_arm[arm, 0, i]:
            continue
        if state.day[i] >= until:
            break
        if state.event[i]:
            total += survival * (state.day[i] - before)
            before = state.day[i]
            survival *= (at_risk - 1.0) / at_risk
        at_risk -= 1
    return total + survival * (until - before)


@nb.njit(cache=True)
def quantity(state: State, push: Push) -> float:
    """The quantity that is driven."""
    if push.kind == SURVIVAL:
        curve = Curve(np.array([push.first]), np.zeros(1), np.zeros(1))
        arithmetic.curve_at(state, push.arm, 0, curve)
        return float(curve.rate[0])
    if push.kind == MEAN:
        return area(state, push.arm, push.first)
    if push.kind == DIFFERENCE:
        return area(state, 0, push.first) - area(state, 1, push.first)
    event, here = state.event & (state.day <= push.last), state.day > push.first
    beta, arm = np.zeros(1), np.zeros(1, dtype=np.int64)
    pattern = arithmetic.patterns(state.order, here, state.x, arm)
    cox(Cohort(state.order, state.day, event, pattern, arithmetic.bits(1)), beta, 6)
    return float(beta[0])


@nb.njit(cache=True, inline="always")
def model_cost(r: int, state: State, goal: Goal, found: Estimates, passes: int) -> float:
    """Distance of a hazard ratio, or of an interaction (numbered after all rows), from its goal."""
    rows, columns = len(goal.ratios), goal.columns[r, : goal.width[r]]
    if r < rows:
        asked = max(goal.ratios[r, 0, 0], goal.ratios[r, 1, 0]) > -ANY or goal.ratio_z[r, 1] < ANY
    else:
        asked = goal.interactions[r - rows, 1] < ANY
    if not asked:
        return 0.0
    pattern = arithmetic.patterns(state.order, state.member[r if r < rows else 0], state.x, columns)
    cohort = Cohort(state.order, state.day, state.event, pattern, arithmetic.bits(len(columns)))
    se = cox(cohort, found.beta[r], passes)
    if r < rows:
        log_ratio, box, z_box = found.beta[r, 0] * goal.scale, goal.ratios[r], goal.ratio_z[r]
        return ratio_cost(log_ratio, se * goal.scale, box, z_box)
    return off_log(abs(found.beta[r, 0] / se), goal.interactions[r - rows], Z_UNIT)


@nb.njit(cache=True)
def cost_of(c: int, state: State, goal: Goal, found: Estimates, passes: int) -> float:
    """Distance of a table from one goal; estimates and rates found on the way go to ``found``."""
    at = places(len(goal.interactions))
    if c < at.marks:
        return arithmetic.quantile_distance(
            state, c % 2, c // 2, goal.windows[c // 2, c % 2], found.work
        )
    if c < at.gap:
        a = c - at.marks
        arithmetic.curve_at(state, a, 0, Curve(goal.mark_days, found.rate[a], found.variance[a]))
        return landmark_cost(found.rate[a], found.variance[a], goal.mark_boxes[a])
    if c == at.gap:
        k = goal.gap_mark
        return difference_cost(found.rate[:, k], found.variance[:, k], goal.gap) if k >= 0 else 0.0
    if c < at.middle:
        return need_cost(c - at.need, state, goal.need)
    if c == at.middle:
        return middle_cost(state, goal.middle)
    if c == at.push:
        return float(10.0 - goal.push.sign * quantity(state, goal.push) * goal.push.unit)
    return model_cost(c - at.ratio, state, goal, found, passes)
