"""What a search aims at, as arrays, and how far a patient table is from each goal; compiled."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb
import numpy as np

from palmira.twin.search.arithmetic import (
    MISS,
    Z,
    cox,
    curve_at,
    log_log_limit,
    outside,
    quantile_distance,
)

# One unit of distance: of a rate, of a log ratio, of a z value, of days.
RATE, LOG_RATIO, Z_UNIT, DAYS = 0.004, 0.006, 0.02, 5.0
# An interval that everything lies in; those of a ratio, its limits and z where nothing is asked.
ANY = 1e9
FREE = (-ANY, ANY, -ANY, ANY, -ANY, ANY, 0.0, ANY)


class Goal(NamedTuple):
    """Intervals that statistics must fall into; a row is all patients or a level of a factor.

    ``windows``: by row and arm (2 a row) first and last day of median, lower and upper limit; a
    first day of 0 asks nothing, -1 asks that the limit is never reached. ``mark_days`` and
    ``mark_boxes``: days of the landmarks, and by arm and landmark the intervals of rate and limits.
    ``gap``: intervals of difference and limits, and the landmark it is taken at (-1: none).
    ``ratios``: by row intervals of log ratio, log limits and z. ``z``: intervals of the
    interactions' z. ``columns`` and ``width``: covariates of each row's model, then of each
    interaction's. ``scale``: what log ratios are multiplied by in print. ``need``: by arm and cell
    of two factors patients wanted, and patients wanted beyond a day; then day and factors.
    ``middle``: interval of the median day of all patients, events or not. ``push``: kind (0: none),
    arm, two days and direction of a quantity to be driven as far as it goes.
    """

    windows: Any
    mark_days: Any
    mark_boxes: Any
    gap: Any
    ratios: Any
    z: Any
    columns: Any
    width: Any
    scale: float
    need: Any
    middle: Any
    push: Any


class State(NamedTuple):
    """A patient table: day, event, arm (0 or 1) and levels (0 or 1) by factor, the ``order`` of the
    patients by day, and what follows from these: covariates, members of each row, of each row in
    each arm (and how many), the last estimates of each model, and rates and variances at the
    landmarks."""

    day: Any
    event: Any
    arm: Any
    level: Any
    order: Any
    x: Any
    member: Any
    by_arm: Any
    size: Any
    beta: Any
    at: Any


@nb.njit(cache=True)
def parts(factors: int) -> tuple[int, int, int, int, int, int, int, int]:
    """Where each kind of goal begins among all: quantiles, landmarks, difference, needs, middle,
    ratios, interactions, push; the last is the number of goals."""
    rows = 1 + 2 * factors
    marks, gap = 2 * rows, 2 * rows + 2
    need, middle = gap + 1, gap + 3
    ratio = middle + 1
    z = ratio + rows
    return marks, gap, need, middle, ratio, z, z + factors, z + factors + 1


@nb.njit(cache=True)
def landmark_cost(s: Any, v: Any, boxes: Any) -> float:
    """Distance of an arm's rates and limits from their intervals."""
    total = 0.0
    for k in range(len(s)):
        low, high = log_log_limit(s[k], v[k], 1.0), log_log_limit(s[k], v[k], -1.0)
        for x, a, b in ((s[k], 0, 1), (low, 2, 3), (high, 4, 5)):
            d = outside(x, boxes[k, a], boxes[k, b])
            if d > 0:
                total += MISS / 2 + d / RATE
    return total


@nb.njit(cache=True)
def difference_cost(at: Any, gap: Any) -> float:
    """Distance of a difference of two rates and of its linear limits from their intervals."""
    k = int(gap[6])
    if k < 0:
        return 0.0
    d = at[0, 0, k] - at[1, 0, k]
    se = np.sqrt(at[0, 0, k] ** 2 * at[0, 1, k] + at[1, 0, k] ** 2 * at[1, 1, k])
    total = 0.0
    for x, a, b in ((d, 0, 1), (d - Z * se, 2, 3), (d + Z * se, 4, 5)):
        far = outside(x, gap[a], gap[b])
        if far > 0:
            total += MISS / 2 + far / RATE
    return total


@nb.njit(cache=True)
def ratio_cost(beta: float, se: float, scale: float, box: Any) -> float:
    """Distance of a log ratio, its limits and its z, printed on ``scale``, from their intervals."""
    b, s = beta * scale, se * scale
    total = 0.0
    for x, k in ((b, 0), (b - Z * s, 2), (b + Z * s, 4)):
        d = outside(x, box[k], box[k + 1])
        if d > 0:
            total += MISS / 2 + 3 * np.log1p(d / LOG_RATIO / 3)
    d = outside(abs(b / s), box[6], box[7])
    return total + (MISS / 2 + 3 * np.log1p(d / Z_UNIT / 3) if d > 0 else 0.0)


@nb.njit(cache=True)
def need_cost(arm: int, state: State, need: Any) -> float:
    """How many patients of an arm are in the wrong cell, or short of the day."""
    day, f, g = need[2, 0, 0], int(need[2, 0, 1]), int(need[2, 1, 0])
    if day <= 0:
        return 0.0
    n, late = np.zeros(4), np.zeros(4)
    for i in range(len(state.day)):
        if state.arm[i] == arm:
            c = 2 * state.level[i, f] + state.level[i, g]
            n[c] += 1
            if state.day[i] > day:
                late[c] += 1
    total = 0.0
    for c in range(4):
        total += 0.5 * abs(n[c] - need[arm, 0, c]) + max(0.0, need[arm, 1, c] - late[c])
    return total


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
def quantity(state: State, goal: Goal) -> float:
    """The quantity that is driven: 1 a survival rate of an arm at the first day; 2 the restricted
    mean of an arm to it; 3 the difference of the arms' restricted means to it; 4 the log hazard
    ratio of the arms between the two days, without covariates."""
    kind, arm, first, last = goal.push[0], int(goal.push[1]), goal.push[2], goal.push[3]
    if kind == 1:
        days = np.array([first])
        s, v = np.zeros(1), np.zeros(1)
        curve_at(state.order, state.day, state.event, state.by_arm[arm, 0], state.size[arm, 0],
                 days, s, v)  # fmt: skip
        return float(s[0])
    if kind == 2:
        return area(state, arm, first)
    if kind == 3:
        return area(state, 0, first) - area(state, 1, first)
    event = np.zeros(len(state.day), dtype=np.bool_)
    here = np.zeros(len(state.day), dtype=np.bool_)
    for i in range(len(state.day)):
        here[i] = state.day[i] > first
        event[i] = state.event[i] and state.day[i] <= last
    beta = np.zeros(5)
    columns = np.zeros(1, dtype=np.int64)
    cox(state.order, state.day, event, here, state.x, columns, beta, 6)
    return float(beta[0])


@nb.njit(cache=True)
def cost_of(c: int, state: State, goal: Goal, beta: Any, at: Any, work: Any, passes: int) -> float:
    """Distance of a table from one goal; estimates and rates found on the way go to ``beta`` and
    ``at``."""
    factors = state.level.shape[1]
    marks, gap, need, middle, ratio, z, push, _ = parts(factors)
    if c < marks:
        members = state.by_arm[c % 2, c // 2]
        return quantile_distance(state.order, state.day, state.event, members,
                                 state.size[c % 2, c // 2], goal.windows[c], work)  # fmt: skip
    if c < gap:
        a = c - marks
        s, v = at[a, 0], at[a, 1]
        curve_at(state.order, state.day, state.event, state.by_arm[a, 0], state.size[a, 0],
                 goal.mark_days, s, v)  # fmt: skip
        return landmark_cost(s, v, goal.mark_boxes[a])
    if c == gap:
        return difference_cost(at, goal.gap)
    if c < middle:
        return need_cost(c - need, state, goal.need)
    if c == middle:
        n = len(state.order)
        half = (state.day[state.order[(n - 1) // 2]] + state.day[state.order[n // 2]]) / 2
        d = outside(half, goal.middle[0], goal.middle[1])
        return MISS + d / DAYS if d > 0 else 0.0
    if c == push:
        return float(10.0 - goal.push[4] * quantity(state, goal) * goal.push[5])
    r = c - ratio
    columns = goal.columns[r, : goal.width[r]]
    if c < z:
        if goal.ratios[r, 0] <= -ANY and goal.ratios[r, 2] <= -ANY and goal.ratios[r, 7] >= ANY:
            return 0.0
        members = state.member[r]
        se = cox(state.order, state.day, state.event, members, state.x, columns, beta[r], passes)
        return ratio_cost(beta[r, 0], se, goal.scale, goal.ratios[r])
    if goal.z[c - z, 1] >= ANY:
        return 0.0
    members = state.member[0]
    se = cox(state.order, state.day, state.event, members, state.x, columns, beta[r], passes)
    d = outside(abs(beta[r, 0] / se), goal.z[c - z, 0], goal.z[c - z, 1])
    return MISS / 2 + 3 * np.log1p(d / Z_UNIT / 3) if d > 0 else 0.0
