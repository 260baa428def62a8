"""Simulated annealing over a patient table with fixed margins, compiled.

Arm, event or censoring, and the number of patients at each level by arm and event never change: a
move exchanges a level, or the days, of two patients of the same arm and status, or shifts one
patient's day. So all events and sizes hold at every step, and what is searched is the rest.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numba as nb
import numpy as np

from palmira.twin.search.arithmetic import State
from palmira.twin.search.goals import Goal, cost_of, estimates, places

NONE, LEVEL, DAYS, SHIFT, STATUS = -1, 0, 1, 2, 3
TRIES = 40
# Steps after which weights are set anew; factors for goals missed and met; most of the first ones.
PERIOD, UP, DOWN, MOST = 20_000, 1.05, 0.99, 8.0


# What a move may do: first and last day of each patient, whether an arm keeps its order of events
# and censorings, the factors whose levels may be exchanged, whether days may move, and whether
# interactions count.
Rules = namedtuple("Rules", "first last frozen dealt days interactions")
# Steps of a search, and its temperature at the start and at the end.
Cooling = namedtuple("Cooling", "steps hot cold")
# The patient that a move begins with, and the row that it is to change.
Aim = namedtuple("Aim", "patient row")
# A move that was made: its kind, one or two patients, the factor and the first one's day before.
Move = namedtuple("Move", "kind one other factor day")
# Distance from each goal of the table before a move and after it, with the estimates; which goals
# count at all, and which the move may have changed; weights.
Scores = namedtuple("Scores", "costs new found tried counts touched weights")
# The best days and levels, and the sum of their distances.
Best = namedtuple("Best", "day level cost")


@nb.njit(cache=True)
def place(day: int, event: bool) -> int:
    """Place in the order: by day, events before censorings."""
    return 2 * day + (0 if event else 1)


@nb.njit(cache=True)
def insert(state: State, i: int) -> None:
    """Move a patient, whose day has changed, to its place in an otherwise sorted order."""
    order, day, event = state.order, state.day, state.event
    n, k = len(order), 0
    while order[k] != i:
        k += 1
    mine = place(day[i], event[i])
    while k > 0 and place(day[order[k - 1]], event[order[k - 1]]) > mine:
        order[k] = order[k - 1]
        k -= 1
    while k < n - 1 and place(day[order[k + 1]], event[order[k + 1]]) < mine:
        order[k] = order[k + 1]
        k += 1
    order[k] = i


@nb.njit(cache=True)
def exchange_days(state: State, i: int, j: int) -> None:
    """Exchange two patients' days."""
    d = state.day[i]
    state.day[i] = state.day[j]
    insert(state, i)
    state.day[j] = d
    insert(state, j)


@nb.njit(cache=True)
def exchange_levels(state: State, i: int, j: int, f: int) -> None:
    """Exchange two patients' levels of a factor, which differ, everywhere they are kept."""
    factors = state.level.shape[1]
    members = state.by_arm[state.arm[i]]
    for k in (i, j):
        r = 1 + 2 * f + state.level[k, f]
        state.member[r, k] = False
        members[r, k] = False
        state.level[k, f] = 1 - state.level[k, f]
        r = 1 + 2 * f + state.level[k, f]
        state.member[r, k] = True
        members[r, k] = True
        state.x[k, 1 + f] = state.level[k, f]
        state.x[k, 1 + factors + f] = state.level[k, f] * state.x[k, 0]


@nb.njit(cache=True)
def keeps_order(state: State, i: int, d: int, marks: Any) -> bool:
    """Whether an arm keeps its order, and its sides of landmarks, if a patient moves to ``d``."""
    day, event = state.day, state.event
    for m in marks:
        if (day[i] > m) != (d > m):
            return False
    mine, then = place(day[i], event[i]), place(d, event[i])
    for j in range(len(day)):
        if state.arm[j] == state.arm[i] and event[j] != event[i]:
            k = place(day[j], event[j])
            if (k > mine) != (k > then):
                return False
    return True


@nb.njit(cache=True)
def partner(state: State, rules: Rules, i: int, alike: bool, rng: Any) -> int:
    """A patient of the same arm, of the same status or not, whose day can be exchanged; or -1."""
    first, last, day = rules.first, rules.last, state.day
    for _ in range(TRIES):
        j = rng.integers(0, len(day))
        same = (state.event[j] == state.event[i]) == alike
        if state.arm[j] != state.arm[i] or not same or day[j] == day[i]:
            continue
        if first[i] <= day[j] <= last[i] and first[j] <= day[i] <= last[j]:
            return j
    return -1


@nb.njit(cache=True)
def missed_goal(costs: Any, factors: int, rng: Any) -> tuple[int, int]:
    """Row and arm of a goal that is missed, each -1 where it has none; most often, not always."""
    at = places(factors)
    if rng.random() >= 0.6:
        return -1, -1
    c = rng.integers(0, len(costs))
    for _ in range(len(costs)):
        if costs[c] > 0:
            break
        c = (c + 1) % len(costs)
    if costs[c] > 0:
        if c < at.marks:
            return c // 2, c % 2
        if c < at.gap:
            return -1, c - at.marks
        if at.ratio <= c < at.interaction:
            return c - at.ratio, -1
        if at.interaction <= c < at.push:
            return 1 + 2 * (c - at.interaction) + rng.integers(0, 2), -1
    return -1, -1


@nb.njit(cache=True)
def aim(state: State, costs: Any, rng: Any) -> Aim:
    """Where a move begins: mostly with a patient who bears on a goal that is missed."""
    n, factors = state.level.shape
    row, arm = missed_goal(costs, factors, rng)
    i = rng.integers(0, n)
    for _ in range(TRIES):
        if (row < 0 or state.member[row, i]) and (arm < 0 or state.arm[i] == arm):
            break
        i = rng.integers(0, n)
    if row < 0 or rng.random() < 0.2:
        row = rng.integers(0, 1 + 2 * factors)
    return Aim(i, row)


@nb.njit(cache=True, inline="always")
def deal(state: State, rules: Rules, at: Aim, rng: Any) -> Move:
    """Exchange a level with a patient of the same arm and status: of the row's factor if it may."""
    i, f = at.patient, (at.row - 1) // 2
    if at.row <= 0 or not (rules.dealt == f).any():
        f = rules.dealt[rng.integers(0, len(rules.dealt))]
    for _ in range(TRIES):
        j = rng.integers(0, len(state.day))
        alike = state.arm[j] == state.arm[i] and state.event[j] == state.event[i]
        if alike and state.level[j, f] != state.level[i, f]:
            exchange_levels(state, i, j, f)
            return Move(LEVEL, i, j, f, state.day[i])
    return Move(NONE, i, i, f, state.day[i])


@nb.njit(cache=True)
def swap(state: State, rules: Rules, i: int, alike: bool, rng: Any) -> Move:
    """Exchange days with a patient of the same status, or the other: this may change the order."""
    day = state.day[i]
    j = -1 if not alike and rules.frozen[state.arm[i]] else partner(state, rules, i, alike, rng)
    if j < 0:
        return Move(NONE, i, i, 0, day)
    exchange_days(state, i, j)
    return Move(DAYS if alike else STATUS, i, j, 0, day)


@nb.njit(cache=True, inline="always")
def shift(state: State, goal: Goal, rules: Rules, at: Aim, rng: Any) -> Move:
    """Move one patient's day: into a window of the row's median or limits, or a little, or far."""
    i = at.patient
    window, old = goal.windows[at.row, state.arm[i], rng.integers(0, 3)], state.day[i]
    w = rng.random()
    if w < 0.4 and window[0] > 0:
        d = window[0] + rng.integers(0, window[1] - window[0] + 1)
    else:
        reach = 12 if w < 0.85 else 90
        d = old + rng.integers(-reach, reach + 1)
    d = min(rules.last[i], max(rules.first[i], d))
    if d == old or (rules.frozen[state.arm[i]] and not keeps_order(state, i, d, goal.mark_days)):
        return Move(NONE, i, i, 0, old)
    state.day[i] = d
    insert(state, i)
    return Move(SHIFT, i, i, 0, old)


@nb.njit(cache=True, inline="always")
def propose(state: State, goal: Goal, rules: Rules, costs: Any, rng: Any) -> Move:
    """A move, made at once; its kind is ``NONE`` if none was found."""
    at, u = aim(state, costs, rng), rng.random()
    if (u < 0.5 or not rules.days) and len(rules.dealt):
        return deal(state, rules, at, rng)
    if not rules.days:
        return Move(NONE, at.patient, at.patient, 0, 0)
    if u < 0.65 or u > 0.93:
        return swap(state, rules, at.patient, u < 0.65, rng)
    return shift(state, goal, rules, at, rng)


@nb.njit(cache=True, inline="always")
def undo(state: State, move: Move) -> None:
    """Take a move back."""
    if move.kind == LEVEL:
        exchange_levels(state, move.one, move.other, move.factor)
    elif move.kind == SHIFT:
        state.day[move.one] = move.day
        insert(state, move.one)
    else:
        exchange_days(state, move.one, move.other)


@nb.njit(cache=True, inline="always")
def touch(state: State, goal: Goal, move: Move, scores: Scores) -> None:
    """Mark the goals that a changed level, or changed days, bear on, of those that count."""
    at, a, touched = places(state.level.shape[1]), state.arm[move.one], scores.touched
    touched[:] = False
    touched[at.push] = touched[at.need + a] = True
    if move.kind == LEVEL:
        touched[at.interaction + move.factor] = True
        for row in (1 + 2 * move.factor, 2 + 2 * move.factor):
            touched[2 * row + a] = touched[at.ratio + row] = True
    if move.kind != LEVEL or goal.adjusting[move.factor]:
        touched[at.ratio : at.push] = True
    if move.kind != LEVEL:
        for f in range(state.level.shape[1]):
            one, other = state.level[move.one, f], state.level[move.other, f]
            if move.kind != DAYS or one != other:
                touched[2 * (1 + 2 * f + one) + a] = touched[2 * (1 + 2 * f + other) + a] = True
            if one == other:
                touched[at.ratio + 2 + 2 * f - one] = False
        if move.kind != DAYS:
            touched[a] = touched[at.marks + a] = touched[at.gap] = touched[at.middle] = True
    for c in range(len(touched)):
        touched[c] &= scores.counts[c]


@nb.njit(cache=True)
def begin(state: State, goal: Goal, interactions: bool) -> Scores:
    """The distance of a table from each goal that counts."""
    at = places(len(goal.interactions))
    counts = np.ones(at.total, dtype=np.bool_)
    counts[at.push] = goal.push.kind > 0
    if not interactions:
        counts[at.interaction : at.push] = False
    costs, found, tried = np.zeros(at.total), estimates(goal), estimates(goal)
    for c in range(at.total):
        if counts[c]:
            costs[c] = cost_of(c, state, goal, found, 12)
    touched = np.zeros(at.total, dtype=np.bool_)
    return Scores(costs, costs.copy(), found, tried, counts, touched, goal.weights.copy())


@nb.njit(cache=True, inline="always")
def accepts(state: State, goal: Goal, scores: Scores, limit: float) -> bool:
    """Whether the table after a move may stay: its weighted distances rise no more than ``limit``.

    The cheap distances come first: most moves end early. What it gives is kept if it stays.
    """
    at, found, tried = places(len(goal.interactions)), scores.found, scores.tried
    for c in range(at.total):
        if scores.touched[c]:
            limit += scores.weights[c] * scores.costs[c]
    change = 0.0
    tried.rate[:, :] = found.rate
    tried.variance[:, :] = found.variance
    for c in range(at.total):
        if scores.touched[c]:
            if at.ratio <= c < at.push:
                tried.beta[c - at.ratio] = found.beta[c - at.ratio]
            scores.new[c] = cost_of(c, state, goal, tried, 1)
            change += scores.weights[c] * scores.new[c]
            if change > limit:
                return False
    for c in range(at.total):
        if scores.touched[c]:
            scores.costs[c] = scores.new[c]
            if at.ratio <= c < at.push:
                found.beta[c - at.ratio] = tried.beta[c - at.ratio]
    found.rate[:, :] = tried.rate
    found.variance[:, :] = tried.variance
    return True


@nb.njit(cache=True)
def total(costs: Any, pushing: bool) -> float:
    """The sum of the distances; where a quantity is driven, what it costs if all else is met."""
    plain = 0.0
    for c in range(len(costs) - 1):
        plain += costs[c]
    if pushing:
        return float(costs[-1]) if plain <= 0.0 else 1e18
    return plain


@nb.njit(cache=True)
def reweigh(scores: Scores, base: Any) -> None:
    """Raise the weights of goals that are missed, lower those of others, within bounds."""
    for c in range(len(base) - 1):
        weight = scores.weights[c] * (UP if scores.costs[c] > 0 else DOWN)
        scores.weights[c] = min(max(weight, base[c]), MOST * base[c])


@nb.njit(cache=True, nogil=True)
def anneal(state: State, goal: Goal, rules: Rules, cooling: Cooling, rng: Any) -> Best:
    """Anneal a table in place; returns the best met on the way, early where nothing is missed.

    ``rng``: numpy's generator. The threshold of acceptance is drawn before the distances are known.
    """
    at = places(len(goal.interactions))
    scores = begin(state, goal, rules.interactions)
    aimed = scores.costs[: at.push if rules.interactions else at.interaction]
    day, level, lowest, heat = state.day.copy(), state.level.copy(), 1e18, cooling.hot
    colder = (cooling.cold / cooling.hot) ** (1.0 / max(1, cooling.steps))
    for step in range(cooling.steps + 1):
        if step > 0:
            heat *= colder
            move = propose(state, goal, rules, aimed, rng)
            if move.kind == NONE:
                continue
            touch(state, goal, move, scores)
            if not accepts(state, goal, scores, -heat * np.log(1.0 - rng.random())):
                undo(state, move)
                continue
        cost = total(scores.costs, goal.push.kind > 0)
        if cost < lowest:
            lowest = cost
            day[:] = state.day
            level[:, :] = state.level
            if lowest <= 0.0:
                break
        if step % PERIOD == PERIOD - 1:
            reweigh(scores, goal.weights)
    return Best(day, level, lowest)
