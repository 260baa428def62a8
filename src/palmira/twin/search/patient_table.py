"""A patient table to start a search from, and one in the middle of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from palmira.twin.search.annealing import Cooling, Rules, anneal, begin
from palmira.twin.search.arithmetic import State
from palmira.twin.search.goals import ANY, Goal
from palmira.twin.search.orderings import Ordering
from palmira.twin.search.problem import Array, Days, Flags, Problem

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

    def state(self) -> State:
        """A copy of the table as the compiled search holds it."""
        level, arm = self.level.copy(), self.arm
        x = np.column_stack([arm == 0, level, level * (arm == 0)[:, None]]).astype(np.int8)
        rows = [mine for f in level.T for mine in (f == 0, f == 1)]
        member = np.array([np.ones(len(arm), dtype=bool), *rows])
        by_arm = np.stack([member & (arm == a) for a in range(2)])
        order = np.lexsort((~self.event, self.day)).astype(np.int64)
        size = by_arm.sum(axis=2)
        return State(self.day.copy(), self.event, arm, level, order, x, member, by_arm, size)


def start(
    problem: Problem, horizon: int, rng: np.random.Generator, orders: list[Ordering | None]
) -> PatientTable:
    """A table with the record's sizes and events: days along the printed curve, levels dealt.

    ``orders``: by arm the order of events and censorings up to the last landmark, or None. The
    untreated are censored on day 1.
    """
    halves = [_arm_days(problem, a, horizon, rng, order) for a, order in enumerate(orders)]
    day, event = (np.concatenate(both) for both in zip(*halves, strict=True))
    arm = np.repeat([0, 1], [len(days) for days, _ in halves])
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
    if order is None:
        return _free_days(problem, a, horizon, rng)
    n, d = problem.n[a], problem.events[a]
    rest = list("e" * (d - order.letters.count("e")) + "c" * (n - d - order.letters.count("c")))
    letters = order.letters + "".join(rng.permutation(rest).tolist())
    times, heights = _printed_curve(problem, a, horizon)
    marks = [0.0, *problem.goal.mark_days.tolist(), float(horizon)]
    ends = np.array([*order.cuts, n])
    survival, at_risk, previous = 1.0, n, 1.0
    days: list[int] = []
    for k, letter in enumerate(letters):
        part = int(np.searchsorted(ends, k, side="right"))
        value = previous
        if letter == "e":
            survival *= max(at_risk - 1, 0.5) / at_risk
            value = float(np.interp(-np.log(survival), heights, times))
            previous += k > 0 and letters[k - 1] == "c"
        value = round(min(max(value, previous, marks[part] + 1), marks[part + 1]))
        if k < problem.untreated[a] and letter == "c":
            value = 1
        elif part == 0:
            value = max(value, problem.earliest if letter == "c" else FIRST_EVENT)
        days.append(int(value))
        previous, at_risk = value, at_risk - 1
    return np.array(days, dtype=np.int64), np.array([x == "e" for x in letters])


def _free_days(
    problem: Problem, a: int, horizon: int, rng: np.random.Generator
) -> tuple[Days, Flags]:
    """Days and events of an arm in any order: events along the curve, censorings anywhere."""
    n, d, untreated = problem.n[a], problem.events[a], problem.untreated[a]
    times, heights = _printed_curve(problem, a, horizon)
    at = (rng.permutation(d) + 0.5) / d
    events = np.interp(-np.log(1 - at * 0.97), heights, times)
    censored = rng.uniform(60, horizon * 0.6, n - d - untreated)
    day = np.concatenate([events, np.ones(untreated), censored])
    return np.maximum(1, day.round()).astype(np.int64), np.arange(n) < d


def events_before(problem: Problem, a: int, day: int, horizon: int) -> int:
    """Events that an arm's printed curve has before a day, about."""
    times, heights = _printed_curve(problem, a, horizon)
    return max(1, int(0.9 * problem.n[a] * (1 - np.exp(-np.interp(day, times, heights)))))


def _printed_curve(problem: Problem, a: int, horizon: int) -> tuple[list[float], list[float]]:
    """Days and cumulative hazards of the printed median and landmark rates, and a tail."""
    goal, points = problem.goal, [(0.0, 0.0)]
    median = goal.windows[0, a, 0]
    if median[0] > 0:
        points.append((float(median.mean()), np.log(2)))
    for day, (rate, *_) in zip(goal.mark_days, goal.mark_boxes[a], strict=True):
        if rate[0] > -ANY:
            points.append((float(day), -np.log(rate.mean())))
    points.sort()
    kept = [p for i, p in enumerate(points) if i == 0 or p[1] > points[i - 1][1]]
    slope = kept[-1][1] / kept[-1][0] if len(kept) > 1 else 2.0 / horizon
    kept.append((float(horizon), kept[-1][1] + slope * (horizon - kept[-1][0]) + 1e-6))
    return [p[0] for p in kept], [p[1] for p in kept]


@dataclass(frozen=True)
class Stage:
    """A stage of the search: what it aims at, how it cools, which arms keep their order of events
    and censorings, whether interactions count, the factors whose levels may be exchanged (None:
    all), and whether days may move."""

    goal: Goal
    cooling: Cooling
    frozen: Flags
    interactions: bool = False
    dealt: tuple[int, ...] | None = None
    days: bool = True


def improve(table: PatientTable, stage: Stage, seed: int) -> tuple[PatientTable, Array]:
    """Anneal from a table; returns the best one met, and its distance from each goal."""
    factors = range(table.level.shape[1]) if stage.dealt is None else stage.dealt
    dealt = np.array(factors, dtype=np.int64)
    rules = Rules(table.first, table.last, stage.frozen, dealt, stage.days, stage.interactions)
    rng = np.random.default_rng(seed)
    found = anneal(table.state(), stage.goal, rules, stage.cooling, rng)
    best = replace(table, day=found.day, level=found.level)
    return best, distances(best, stage.goal)


def distances(table: PatientTable, goal: Goal) -> Array:
    """Distance of a table from each goal."""
    costs: Array = begin(table.state(), goal, True).costs
    return costs
