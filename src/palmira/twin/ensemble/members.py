"""Single members of an ensemble: drawn at random, and driven as far as a quantity goes.

A member meets all that is printed of all patients. Orders of events and censorings come first, then
days within what they allow (``search.timing``); a short search brings the hazard ratio in.
Levels of the factors that adjust it are dealt to patients; others leave these numbers as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from palmira.record import Record
from palmira.twin.search.goals import ANY
from palmira.twin.search.make import earliest_censoring, horizon_of
from palmira.twin.search.orderings import Ordering, draw_order, rate_at
from palmira.twin.search.patient_table import PatientTable, distances, events_before, improve, start
from palmira.twin.search.pfs import small_orders, weights
from palmira.twin.search.problem import Problem, aimed, pfs_problem
from palmira.twin.search.timing import Days, drawn, envelope, fitted
from palmira.twin.targets.target import main_analysis, targets

# Tries for one member; steps and temperatures that bring the hazard ratio in.
TRIES, STEPS, HOT, COLD = 12, 30_000, 0.5, 0.02
# Orders of the larger arm tried for one of the smaller arm before it is taken for impossible.
PROBES = 8
# Shares of the way to an extreme from which a quantity is driven; steps and temperatures.
SHARES, PUSH_STEPS, PUSH_HOT, PUSH_COLD = (1.0, 0.85, 0.7, 0.5, 0.3, 0.0), 6_000, 0.1, 0.005
# Kinds of driven quantities (see goals.quantity).
RATE, MEAN, DIFFERENCE, RATIO = 1, 2, 3, 4
Push = tuple[float, ...]


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
    keep, horizon = full.adjusting, horizon_of(record, full)
    few = replace(
        full, factors=[f for f, k in zip(full.factors, keep, strict=True) if k],
        levels=[v for v, k in zip(full.levels, keep, strict=True) if k],
        factor_n=full.factor_n[keep], factor_events=full.factor_events[keep], adjusting=keep[keep],
    )  # fmt: skip
    wanted = [t for t in targets(record, scale) if t.attainable and not t.of.factor
              and t.of.endpoint == full.endpoint
              and t.of.analysis in (None, main_analysis(record))]  # fmt: skip
    problem = aimed(few, wanted)
    a, orders = small_orders(problem)
    if (problem.goal.mark_boxes[1 - a][:, 0] <= -ANY).any():
        orders = []
    made = Setting(problem, full, horizon, a, orders)
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
    return draw_order(
        p.n[a], p.events[a], p.untreated[a], p.goal.mark_boxes[a],
        np.append(p.goal.gap, 1.0 if a == 0 else -1.0), rate_at(order, p.n[made.small], mark),
        int(rng.integers(about // 2, about * 3 // 2 + 1)), rng,
    )  # fmt: skip


def member(made: Setting, seed: list[int]) -> Member | None:
    """A table that meets all goals; None if none was found."""
    rng, p = np.random.default_rng(seed), made.problem
    for _ in range(TRIES):
        found = _drawn(made, rng)
        if found is None:
            continue
        table, costs = improve(p, found.table, p.goal, frozen(found), weights(p), STEPS, HOT, COLD,
                               int(rng.integers(1 << 31)))  # fmt: skip
        if costs[:-1].sum() <= 0:
            return replace(found, table=table)
    return None


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


def frozen(found: Member) -> NDArray[np.bool_]:
    """Which arms keep their order."""
    return np.array([o is not None for o in found.orders])


def drive(made: Setting, found: Member, push: Push, seed: list[int]) -> PatientTable | None:
    """A table in which a quantity is driven as far as the search gets, all goals holding.

    The days are set as far towards what the orders allow as the hazard ratio can still be brought
    in from, and the quantity is then annealed. ``push``: see ``goals.Goal``.
    """
    rng, p = np.random.default_rng(seed), made.problem
    goal = p.goal._replace(push=np.array(push, dtype=float))
    for share in SHARES if frozen(found).all() else SHARES[-1:]:
        table = towards(made, found, push, share)
        table, costs = improve(p, table, p.goal, frozen(found), weights(p), STEPS, HOT, COLD,
                               int(rng.integers(1 << 31)))  # fmt: skip
        if costs[:-1].sum() > 0:
            continue
        table, _ = improve(p, table, goal, frozen(found), weights(p), PUSH_STEPS, PUSH_HOT,
                           PUSH_COLD, int(rng.integers(1 << 31)))  # fmt: skip
        return table if distances(p, table, p.goal)[:-1].sum() <= 0 else None
    return None


def towards(made: Setting, found: Member, push: Push, share: float) -> PatientTable:
    """The table with days moved by a share of the way to where a quantity is extreme."""
    table, (kind, a, _, _, sign, _) = found.table, push
    day = table.day.copy()
    for arm, order in enumerate(found.orders):
        if order is None or (kind in (RATE, MEAN) and arm != a):
            continue
        late = sign > 0
        if kind in (DIFFERENCE, RATIO):
            late = late == ((arm == 0) == (kind == DIFFERENCE))
        mine = np.flatnonzero(table.arm == arm)
        mine = mine[np.lexsort((~table.event[mine], table.day[mine]))]
        event = table.event[mine]
        bounds = envelope(made.problem, arm, event, order.cuts, made.horizon)
        if bounds is not None:
            new = _moved(table.day[mine], bounds[1] if late else bounds[0], late, push, share)
            day[mine] = fitted(new, event, bounds)
    return replace(table, day=day)


def _moved(day: Days, end: Days, late: bool, push: Push, share: float) -> Days:
    """An arm's sorted days on the way to their ends: for a rate a share of those that can change
    sides of its day, the nearest first; else a share of the way for all in the quantity's time."""
    kind, _, first, last, *_ = push
    if kind != RATE:
        begin, until = (first, last) if kind == RATIO else (0.0, first)
        here = (day > begin) & (day <= until)
        return np.where(here, day + share * (end - day), day).astype(np.int64)
    if late:
        able = np.flatnonzero((day <= first) & (end > first))
        chosen, to = able[len(able) - round(share * len(able)) :], int(first) + 1
    else:
        able = np.flatnonzero((day > first) & (end <= first))
        chosen, to = able[: round(share * len(able))], int(first)
    out = day.copy()
    out[chosen] = to
    return out
