"""A patient table to start a search from, and one in the middle of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from palmira.twin.search.annealing import Rules, anneal
from palmira.twin.search.arithmetic import PARAMETERS
from palmira.twin.search.goals import ANY, Goal, State, parts
from palmira.twin.search.orderings import Ordering
from palmira.twin.search.problem import Problem

Days = NDArray[np.int64]
Flags = NDArray[np.bool_]
# Earliest day of an event.
FIRST_EVENT = 7


@dataclass(frozen=True)
class PatientTable:
    """Days, events, arms (0, 1) and levels (0, 1) by patient, and each one's first and last day."""

    day: Days
    event: Flags
    arm: Days
    level: Days
    first: Days
    last: Days

    def state(self, models: int, marks: int) -> State:
        """The table as the compiled search holds it."""
        n, factors = self.level.shape
        level, arm = self.level.copy(), self.arm
        x = np.column_stack([arm == 0, level, level * (arm == 0)[:, None]]).astype(np.int8)
        member = np.ones((1 + 2 * factors, n), dtype=bool)
        for f in range(factors):
            member[1 + 2 * f], member[2 + 2 * f] = level[:, f] == 0, level[:, f] == 1
        by_arm = np.stack([member & (arm == a) for a in range(2)])
        order = np.lexsort((~self.event, self.day)).astype(np.int64)
        return State(
            self.day.copy(), self.event, arm, level, order, x, member, by_arm, by_arm.sum(axis=2),
            np.zeros((models, PARAMETERS)), np.zeros((2, 2, max(1, marks))),
        )  # fmt: skip


def start(
    problem: Problem, horizon: int, rng: np.random.Generator, orders: list[Ordering | None]
) -> PatientTable:
    """A table with the record's sizes and events: days along the printed curve, levels dealt.

    ``orders``: by arm the order of events and censorings up to the last landmark, or None. The
    untreated are censored on day 1.
    """
    days, events, arms = [], [], []
    for a in range(2):
        d, e = _arm_days(problem, a, horizon, rng, orders[a])
        days.append(d)
        events.append(e)
        arms.append(np.full(len(d), a))
    day, event, arm = (np.concatenate(v) for v in (days, events, arms))
    level = deal(problem, arm, event, rng)
    untreated = (day == 1) & ~event
    first = np.where(event, FIRST_EVENT, np.where(untreated, 1, problem.earliest))
    last = np.where(untreated, 1, horizon)
    return PatientTable(np.clip(day, first, last), event, arm, level, first, last)


def deal(problem: Problem, arm: Days, event: Flags, rng: np.random.Generator) -> Days:
    """Levels of all factors by patient, dealt at random within each arm and status."""
    level = np.zeros((len(arm), len(problem.factors)), dtype=np.int64)
    for f in range(len(problem.factors)):
        for a in range(2):
            n, d = problem.factor_n[f, a], problem.factor_events[f, a]
            for status, count in ((True, d), (False, n - d)):
                mine = np.flatnonzero((arm == a) & (event == status))
                level[rng.permutation(mine)[:count], f] = 1
    return level


def _arm_days(
    problem: Problem, a: int, horizon: int, rng: np.random.Generator, order: Ordering | None
) -> tuple[Days, Flags]:
    n, d, untreated = problem.n[a], problem.events[a], problem.untreated[a]
    times, heights = _printed_curve(problem, a, horizon)
    if order is None:
        event = np.arange(n) < d
        at = (rng.permutation(d) + 0.5) / d
        censored = np.concatenate(
            [np.ones(untreated), rng.uniform(60, horizon * 0.6, n - d - untreated)]
        )
        day = np.concatenate([np.interp(-np.log(1 - at * 0.97), heights, times), censored])
        return np.maximum(1, day.round()).astype(np.int64), event
    rest = list("e" * (d - order.letters.count("e")) + "c" * (n - d - order.letters.count("c")))
    letters = order.letters + "".join(rng.permutation(rest).tolist())
    marks = [0.0, *problem.goal.mark_days.tolist(), float(horizon)]
    cuts = [0, *order.cuts, n]
    survival, at_risk, previous = 1.0, n, 1.0
    days: list[int] = []
    for k, letter in enumerate(letters):
        part = next(i for i in range(len(cuts) - 1) if k < cuts[i + 1])
        value = previous
        if letter == "e":
            survival *= max(at_risk - 1, 0.5) / at_risk
            value = float(np.interp(-np.log(survival), heights, times))
            previous += k > 0 and letters[k - 1] == "c"
        value = round(min(max(value, previous, marks[part] + 1), marks[part + 1]))
        if k < untreated and letter == "c":
            value = 1
        elif part == 0:
            value = max(value, problem.earliest if letter == "c" else FIRST_EVENT)
        days.append(int(value))
        previous, at_risk = value, at_risk - 1
    return np.array(days, dtype=np.int64), np.array([x == "e" for x in letters])


def events_before(problem: Problem, a: int, day: int, horizon: int) -> int:
    """Events that an arm's printed curve has before a day, about."""
    times, heights = _printed_curve(problem, a, horizon)
    return max(1, int(0.9 * problem.n[a] * (1 - np.exp(-np.interp(day, times, heights)))))


def _printed_curve(problem: Problem, a: int, horizon: int) -> tuple[list[float], list[float]]:
    """Days and cumulative hazards of the printed median and landmark rates, and a tail."""
    goal, points = problem.goal, [(0.0, 0.0)]
    window = goal.windows[a, :2]
    if window[0] > 0:
        points.append((float(window.mean()), np.log(2)))
    for day, box in zip(goal.mark_days, goal.mark_boxes[a], strict=True):
        if box[0] > -ANY:
            points.append((float(day), -np.log(box[:2].mean())))
    points.sort()
    kept = [p for i, p in enumerate(points) if i == 0 or p[1] > points[i - 1][1]]
    rate = kept[-1][1] / kept[-1][0] if len(kept) > 1 else 2.0 / horizon
    kept.append((float(horizon), kept[-1][1] + rate * (horizon - kept[-1][0]) + 1e-6))
    return [p[0] for p in kept], [p[1] for p in kept]


def improve(
    problem: Problem, table: PatientTable, goal: Goal, frozen: Flags, weights: NDArray[np.float64],
    steps: int, hot: float, cold: float, seed: int, interactions: bool = False,
    dealt: tuple[int, ...] | None = None, days: bool = True,
) -> tuple[PatientTable, NDArray[np.float64]]:  # fmt: skip
    """Anneal from a table; returns the best one met, and its distance from each goal."""
    models = len(goal.width)
    state = table.state(models, len(goal.mark_days))
    day, level = table.day.copy(), table.level.copy()
    factors = range(len(problem.factors)) if dealt is None else dealt
    rules = Rules(table.first, table.last, frozen, np.array(factors, dtype=np.int64), days)
    costs = np.zeros(parts(len(problem.factors))[-1])
    anneal(state, goal, rules, problem.adjusting, weights, costs, day, level, steps, hot, cold,
           interactions, np.random.default_rng(seed))  # fmt: skip
    best = replace(table, day=day, level=level)
    return best, distances(problem, best, goal)


def distances(problem: Problem, table: PatientTable, goal: Goal) -> NDArray[np.float64]:
    """Distance of a table from each goal."""
    state = table.state(len(goal.width), len(goal.mark_days))
    frozen = np.zeros(2, dtype=bool)
    rules = Rules(table.first, table.last, frozen, np.zeros(0, dtype=np.int64), False)
    costs = np.zeros(parts(len(problem.factors))[-1])
    anneal(state, goal, rules, problem.adjusting, np.ones(len(costs)), costs, table.day.copy(),
           table.level.copy(), 0, 1.0, 1.0, True, np.random.default_rng(0))  # fmt: skip
    return costs
