"""Simulated annealing over a patient table with fixed margins, compiled.

Arm, event or censoring, and the number of patients at each level by arm and event never change: a
move exchanges a level, or the days, of two patients of the same arm and status, or shifts one
patient's day. So all events and sizes hold at every step, and what is searched is the rest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb
import numpy as np

from palmira.twin.search.goals import Goal, State, cost_of, parts

LEVEL, DAYS, SHIFT, STATUS = 0, 1, 2, 3
TRIES = 40


class Rules(NamedTuple):
    """What a move may do: first and last day of each patient, whether an arm keeps its order of
    events and censorings, the factors whose levels may be exchanged, and whether days may move."""

    first: Any
    last: Any
    frozen: Any
    dealt: Any
    days: bool


@nb.njit(cache=True)
def place(state: State, i: int) -> int:
    """Place in the order: by day, events before censorings."""
    return int(2 * state.day[i] + (0 if state.event[i] else 1))


@nb.njit(cache=True)
def insert(state: State, i: int) -> None:
    """Move a patient, whose day has changed, to its place in an otherwise sorted order."""
    order = state.order
    n, k = len(order), 0
    while order[k] != i:
        k += 1
    mine = place(state, i)
    while k > 0 and place(state, order[k - 1]) > mine:
        order[k] = order[k - 1]
        k -= 1
    while k < n - 1 and place(state, order[k + 1]) < mine:
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
    for m in marks:
        if (state.day[i] > m) != (d > m):
            return False
    mine, then = place(state, i), 2 * d + (0 if state.event[i] else 1)
    for j in range(len(state.day)):
        if state.arm[j] == state.arm[i] and state.event[j] != state.event[i]:
            k = place(state, j)
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
def propose(state: State, goal: Goal, rules: Rules, costs: Any, upto: int, rng: Any) -> Any:
    """A move (kind, patient, patient, factor or old day), made at once; kind -1 if none was found.

    Most moves are aimed at a goal that is missed.
    """
    n, factors = state.level.shape
    marks, gap, _, _, ratio, z, push, _ = parts(factors)
    row, arm = -1, -1
    if rng.random() < 0.6:
        c = rng.integers(0, upto)
        for _ in range(upto):
            if costs[c] > 0:
                break
            c = (c + 1) % upto
        if costs[c] > 0:
            if c < marks:
                row, arm = c // 2, c % 2
            elif c < gap:
                arm = c - marks
            elif ratio <= c < z:
                row = c - ratio
            elif z <= c < push:
                row = 1 + 2 * (c - z) + rng.integers(0, 2)
    i = rng.integers(0, n)
    for _ in range(TRIES):
        if (row < 0 or state.member[row, i]) and (arm < 0 or state.arm[i] == arm):
            break
        i = rng.integers(0, n)
    if row < 0 or rng.random() < 0.2:
        row = rng.integers(0, 1 + 2 * factors)
    u = rng.random()
    if (u < 0.5 or not rules.days) and len(rules.dealt):
        own = row > 0 and (rules.dealt == (row - 1) // 2).any()
        f = (row - 1) // 2 if own else rules.dealt[rng.integers(0, len(rules.dealt))]
        for _ in range(TRIES):
            j = rng.integers(0, n)
            alike = state.arm[j] == state.arm[i] and state.event[j] == state.event[i]
            if alike and state.level[j, f] != state.level[i, f]:
                exchange_levels(state, i, j, f)
                return LEVEL, i, j, f
        return -1, 0, 0, 0
    if not rules.days:
        return -1, 0, 0, 0
    if u < 0.65:
        j = partner(state, rules, i, True, rng)
        if j >= 0:
            exchange_days(state, i, j)
        return DAYS if j >= 0 else -1, i, j, 0
    if u > 0.93:
        j = -1 if rules.frozen[state.arm[i]] else partner(state, rules, i, False, rng)
        if j >= 0:
            exchange_days(state, i, j)
        return STATUS if j >= 0 else -1, i, j, 0
    window = goal.windows[2 * row + state.arm[i]]
    q, w, old = rng.integers(0, 3), rng.random(), state.day[i]
    if w < 0.4 and window[2 * q] > 0:
        d = window[2 * q] + rng.integers(0, window[2 * q + 1] - window[2 * q] + 1)
    else:
        reach = 12 if w < 0.85 else 90
        d = old + rng.integers(-reach, reach + 1)
    d = min(rules.last[i], max(rules.first[i], d))
    if d == old or (rules.frozen[state.arm[i]] and not keeps_order(state, i, d, goal.mark_days)):
        return -1, 0, 0, 0
    state.day[i] = d
    insert(state, i)
    return SHIFT, i, i, old


@nb.njit(cache=True)
def undo(state: State, move: Any) -> None:
    """Take a move back."""
    kind, i, j, f = move
    if kind == LEVEL:
        exchange_levels(state, i, j, f)
    elif kind == SHIFT:
        state.day[i] = f
        insert(state, i)
    else:
        exchange_days(state, i, j)


@nb.njit(cache=True)
def touched(state: State, goal: Goal, move: Any, adjusting: Any, dirty: Any) -> None:
    """Mark the goals that a move may have changed."""
    factors = state.level.shape[1]
    marks, gap, need, middle, ratio, z, push, _ = parts(factors)
    kind, i, j, f = move
    a = state.arm[i]
    dirty[:] = False
    dirty[push] = True
    if kind == LEVEL:
        dirty[2 * (1 + 2 * f) + a] = True
        dirty[2 * (2 + 2 * f) + a] = True
        dirty[need + a] = True
        dirty[z + f] = True
        dirty[ratio + 1 + 2 * f] = True
        dirty[ratio + 2 + 2 * f] = True
        if adjusting[f]:
            dirty[ratio:push] = True
        return
    dirty[need + a] = True
    dirty[ratio:push] = True
    for g in range(factors):
        if kind != DAYS or state.level[i, g] != state.level[j, g]:
            dirty[2 * (1 + 2 * g + state.level[i, g]) + a] = True
            dirty[2 * (1 + 2 * g + state.level[j, g]) + a] = True
        for level in range(2):
            if state.level[i, g] != level and state.level[j, g] != level:
                dirty[ratio + 1 + 2 * g + level] = False
    if kind != DAYS:
        dirty[a] = True
        dirty[marks + a] = True
        dirty[gap] = True
        dirty[middle] = True


@nb.njit(cache=True, nogil=True)
def anneal(
    state: State, goal: Goal, rules: Rules, adjusting: Any, weights: Any, costs: Any, best: Any,
    best_level: Any, steps: int, hot: float, cold: float, interactions: bool, rng: Any,
) -> float:  # fmt: skip
    """Anneal in place for a number of steps; returns the lowest sum of distances.

    ``costs`` ends as the distances of the last table, ``best`` and ``best_level`` as the days and
    levels of the best. It stops early where nothing is missed. The threshold of acceptance is drawn
    first, the cheap distances come first: most moves end early. ``rng``: numpy's generator.
    """
    factors = state.level.shape[1]
    _, _, _, _, ratio, z, push, goals = parts(factors)
    pushing = goal.push[0] > 0
    upto = push if interactions else z
    work = (np.zeros(6), np.zeros(6), np.zeros(6))
    dirty = np.zeros(goals, dtype=np.bool_)
    new, beta, at = costs.copy(), state.beta.copy(), state.at.copy()
    lowest, heat, base = 1e18, hot, weights.copy()
    cooling = (cold / hot) ** (1.0 / max(1, steps))
    for c in range(goals):
        costs[c] = 0.0
        if c < upto or (pushing and c == push):
            costs[c] = cost_of(c, state, goal, state.beta, state.at, work, 12)
    for step in range(steps + 1):
        if step > 0:
            heat *= cooling
            move = propose(state, goal, rules, costs, upto, rng)
            if move[0] < 0:
                continue
            touched(state, goal, move, adjusting, dirty)
            dirty[push] = pushing
            if not interactions:
                dirty[z:push] = False
            limit = -heat * np.log(1.0 - rng.random())
            for c in range(goals):
                if dirty[c]:
                    limit += weights[c] * costs[c]
            change = 0.0
            at[:, :, :] = state.at
            for c in range(goals):
                if dirty[c]:
                    if ratio <= c < push:
                        beta[c - ratio] = state.beta[c - ratio]
                    new[c] = cost_of(c, state, goal, beta, at, work, 1)
                    change += weights[c] * new[c]
                    if change > limit:
                        break
            if change > limit:
                undo(state, move)
                continue
            for c in range(goals):
                if dirty[c]:
                    costs[c] = new[c]
                    if ratio <= c < push:
                        state.beta[c - ratio] = beta[c - ratio]
            state.at[:, :, :] = at
        plain = 0.0
        for c in range(upto):
            plain += costs[c]
        if pushing:
            plain = costs[push] if plain <= 0.0 else 1e18
        if plain < lowest:
            lowest = plain
            best[:] = state.day
            best_level[:, :] = state.level
            if lowest <= 0.0:
                break
        if step % 20000 == 19999:
            for c in range(upto):
                up = weights[c] * (1.05 if costs[c] > 0 else 0.99)
                weights[c] = min(max(up, base[c]), 8.0 * base[c])
    return lowest
