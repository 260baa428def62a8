"""Single members of an ensemble: drawn at random, and driven as far as a quantity goes.

A member meets all that is printed of all patients. Orders of events and censorings come first, then
days within what they allow (``search.timing``); a short search brings the hazard ratio in.
Levels of the factors that adjust it are dealt to patients; others leave these numbers as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palmira.record import Record
from palmira.twin.search.goals import ANY
from palmira.twin.search.make import earliest_censoring, horizon_of
from palmira.twin.search.orderings import Ordering, draw_order, rate_at
from palmira.twin.search.patient_table import PatientTable, distances, events_before, improve, start
from palmira.twin.search.pfs import small_orders, weights
from palmira.twin.search.problem import Goal, Problem, aimed, pfs_problem
from palmira.twin.search.timing import Days, drawn, envelope, fitted
from palmira.twin.targets.target import main_analysis, targets

# Tries for one member; orders of the larger arm tried for one of the smaller arm before it is taken
# for impossible; shares of the way to an extreme from which a quantity is driven.
TRIES, PROBES, SHARES = 12, 8, (1.0, 0.85, 0.7, 0.5, 0.3, 0.0)
# Kinds of driven quantities (see goals.quantity).
RATE, MEAN, DIFFERENCE, RATIO = 1, 2, 3, 4


class Effort(NamedTuple):
    """Steps of a search with its first and last temperature."""

    steps: int
    hot: float
    cold: float


# What brings the hazard ratio in; what drives a quantity.
SETTLE, DRIVE = Effort(30_000, 0.5, 0.02), Effort(6_000, 0.1, 0.005)


class Push(NamedTuple):
    """A quantity to be driven as far as it goes: its kind, the arm, one or two days, the direction
    (1 up, -1 down) and what it is multiplied by."""

    kind: int
    arm: int
    first: float
    last: float
    sign: float
    unit: float


@dataclass(frozen=True)
class Setting:
    """A record's problem with the targets of all patients alone, and the ``whole`` one, its last
    day, the smaller arm and its orders (empty: days are left to the search)."""

    problem: Problem
    whole: Problem
    horizon: int
    small: int
    orders: list[Ordering]


@dataclass(frozen=True)
class Member:
    """A patient table and both arms' orders (None: left to the search)."""

    table: PatientTable
    orders: tuple[Ordering | None, Ordering | None]


def setting(record: Record, scale: str, seed: int) -> Setting:
    """What all members of a scale share. Raises ``RecordError`` for a record without a problem."""
    full = pfs_problem(record, scale)
    full = replace(full, earliest=earliest_censoring(record, full))
    keep = np.flatnonzero(full.adjusting)
    few = replace(
        full,
        factors=[full.factors[f] for f in keep],
        levels=[full.levels[f] for f in keep],
        factor_n=full.factor_n[keep],
        factor_events=full.factor_events[keep],
        adjusting=full.adjusting[keep],
    )
    analyses = (None, main_analysis(record))
    overall = (t for t in targets(record, scale) if t.attainable and not t.of.factor)
    pfs = [t for t in overall if t.of.endpoint == full.endpoint and t.of.analysis in analyses]
    problem = aimed(few, pfs)
    a, orders = small_orders(problem)
    if (problem.goal.mark_boxes[1 - a][:, 0] <= -ANY).any():
        orders = []
    made = Setting(problem, full, horizon_of(record, full), a, orders)
    return replace(made, orders=_possible(made, np.random.default_rng([seed, 1])))


def _possible(made: Setting, rng: np.random.Generator) -> list[Ordering]:
    """The smaller arm's orders that go with an order of the larger arm. Orders that share rate and
    variance where the difference is taken are alike in this."""
    verdict: dict[tuple[float, float], bool] = {}
    for order in made.orders:
        alike = _gap(made, order)
        if alike not in verdict:
            verdict[alike] = any(_partner(made, order, rng) for _ in range(PROBES))
    return [o for o in made.orders if verdict[_gap(made, o)]]


def _gap(made: Setting, order: Ordering) -> tuple[float, float]:
    mark = max(0, int(made.problem.goal.gap[6]))
    rate, variance = rate_at(order, made.problem.n[made.small], mark)
    return round(rate, 12), round(variance, 12)


def _partner(made: Setting, order: Ordering, rng: np.random.Generator) -> Ordering | None:
    """An order of the larger arm that goes with one of the smaller arm."""
    p, a = made.problem, 1 - made.small
    mark = max(0, int(p.goal.gap[6]))
    about = events_before(p, a, p.earliest, made.horizon)
    gap = np.append(p.goal.gap, 1.0 if a == 0 else -1.0)
    other, boxes = rate_at(order, p.n[made.small], mark), p.goal.mark_boxes[a]
    least = int(rng.integers(about // 2, about * 3 // 2 + 1))
    return draw_order(p.n[a], p.events[a], p.untreated[a], boxes, gap, other, least, rng)


def member(made: Setting, seed: list[int]) -> Member | None:
    """A table that meets all goals; None if none was found."""
    rng, p = np.random.default_rng(seed), made.problem
    for _ in range(TRIES):
        found = _drawn(made, rng)
        if found is None:
            continue
        settled, distance = _annealed(p, found, p.goal, SETTLE, rng)
        if distance <= 0:
            return settled
    return None


def _annealed(
    problem: Problem, found: Member, goal: Goal, effort: Effort, rng: np.random.Generator
) -> tuple[Member, float]:
    """The member after a search that keeps its orders, and its distance from all goals but a
    push."""
    frozen, seed = _frozen(found), int(rng.integers(1 << 31))
    table, costs = improve(problem, found.table, goal, frozen, weights(problem), *effort, seed)
    return replace(found, table=table), float(costs[:-1].sum())


def _drawn(made: Setting, rng: np.random.Generator) -> Member | None:
    """Orders, statuses, days and levels at random; None where no days fit the orders."""
    p = made.problem
    if not made.orders:
        return Member(start(p, made.horizon, rng, [None, None]), (None, None))
    one = made.orders[int(rng.integers(len(made.orders)))]
    other = _partner(made, one, rng)
    if other is None:
        return None
    orders = (one, other) if made.small == 0 else (other, one)
    table = start(p, made.horizon, rng, list(orders))
    day = table.day.copy()
    for a, order in enumerate(orders):
        mine = table.arm == a
        bounds = envelope(p, a, table.event[mine], order.cuts, made.horizon)
        if bounds is None:
            return None
        day[mine] = drawn(p, a, table.event[mine], order.cuts, bounds, rng)
    return Member(replace(table, day=day), orders)


def _frozen(found: Member) -> NDArray[np.bool_]:
    """Which arms keep their order."""
    return np.array([o is not None for o in found.orders])


def drive(made: Setting, found: Member, push: Push, seed: list[int]) -> PatientTable | None:
    """A table in which a quantity is driven as far as the search gets, all goals holding.

    The days are set as far towards what the orders allow as the hazard ratio can still be brought
    in from, and the quantity is then annealed.
    """
    rng, p = np.random.default_rng(seed), made.problem
    goal = p.goal._replace(push=np.array(push, dtype=float))
    for share in SHARES if _frozen(found).all() else SHARES[-1:]:
        moved = replace(found, table=towards(made, found, push, share))
        settled, distance = _annealed(p, moved, p.goal, SETTLE, rng)
        if distance > 0:
            continue
        driven, _ = _annealed(p, settled, goal, DRIVE, rng)
        holds = distances(p, driven.table, p.goal)[:-1].sum() <= 0
        return driven.table if holds else None
    return None


def towards(made: Setting, found: Member, push: Push, share: float) -> PatientTable:
    """The table with days moved by a share of the way to where a quantity is extreme."""
    table = found.table
    day = table.day.copy()
    for arm, order in enumerate(found.orders):
        if order is None or (push.kind in (RATE, MEAN) and arm != push.arm):
            continue
        late = push.sign > 0
        if push.kind in (DIFFERENCE, RATIO):
            late = late == ((arm == 0) == (push.kind == DIFFERENCE))
        mine = np.flatnonzero(table.arm == arm)
        mine = mine[np.lexsort((~table.event[mine], table.day[mine]))]
        event = table.event[mine]
        bounds = envelope(made.problem, arm, event, order.cuts, made.horizon)
        if bounds is not None:
            move = _later if late else _earlier
            if push.kind != RATE:
                move = _on_the_way
            day[mine] = fitted(move(table.day[mine], bounds[late], push, share), event, bounds)
    return replace(table, day=day)


def _on_the_way(day: Days, end: Days, push: Push, share: float) -> Days:
    """An arm's sorted days, those in the quantity's time a share of the way to their ends."""
    begin, until = (push.first, push.last) if push.kind == RATIO else (0.0, push.first)
    here = (day > begin) & (day <= until)
    return np.where(here, day + share * (end - day), day).astype(np.int64)


def _later(day: Days, end: Days, push: Push, share: float) -> Days:
    """A share of the days that can come after a rate's day do, the nearest first."""
    able = np.flatnonzero((day <= push.first) & (end > push.first))
    out = day.copy()
    out[able[len(able) - round(share * len(able)) :]] = int(push.first) + 1
    return out


def _earlier(day: Days, end: Days, push: Push, share: float) -> Days:
    """A share of the days that can come until a rate's day do, the nearest first."""
    able = np.flatnonzero((day > push.first) & (end <= push.first))
    out = day.copy()
    out[able[: round(share * len(able))]] = int(push.first)
    return out
