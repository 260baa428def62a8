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
from palmira.twin.search import patient_table as tables
from palmira.twin.search.annealing import Cooling
from palmira.twin.search.goals import DIFFERENCE, MEAN, RATIO, SURVIVAL, Push
from palmira.twin.search.make import earliest_censoring, horizon_of
from palmira.twin.search.orderings import Ordering, draw_order
from palmira.twin.search.patient_table import PatientTable, Stage, improve
from palmira.twin.search.pfs import small_orders
from palmira.twin.search.problem import Days, Problem, aimed, main_targets, pfs_problem
from palmira.twin.search.timing import drawn, envelope, fitted

# Tries for one member; steps and temperatures that bring the hazard ratio in.
TRIES, COOLING = 12, Cooling(30_000, 0.5, 0.02)
# Orders of the larger arm tried for one of the smaller arm before it is taken for impossible.
PROBES = 8
# Shares of the way to an extreme from which a quantity is driven; steps and temperatures.
SHARES, PUSHED = (1.0, 0.85, 0.7, 0.5, 0.3, 0.0), Cooling(6_000, 0.1, 0.005)


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
    wanted = [t for t in main_targets(record, scale, full.endpoint) if not t.of.factor]
    problem = aimed(full.with_factors(np.flatnonzero(full.adjusting)), wanted)
    made = Setting(problem, full, horizon_of(record, full), *small_orders(problem))
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
    gap = made.problem.difference(made.small, order)
    return round(gap.rate, 12), round(gap.variance, 12)


def _partner(made: Setting, order: Ordering, rng: np.random.Generator) -> Ordering | None:
    """An order of the larger arm that goes with one of the smaller arm."""
    p, a = made.problem, 1 - made.small
    about = tables.events_before(p, a, p.earliest, made.horizon)
    least = int(rng.integers(about // 2, about * 3 // 2 + 1))
    return draw_order(p.landmarks(a), p.difference(made.small, order), least, rng)


def member(made: Setting, seed: list[int]) -> Member | None:
    """A table that meets all goals; None if none was found."""
    rng, p = np.random.default_rng(seed), made.problem
    for _ in range(TRIES):
        found = _drawn(made, rng)
        if found is None:
            continue
        stage = Stage(p.goal, COOLING, frozen(found))
        table, costs = improve(found.table, stage, int(rng.integers(1 << 31)))
        if costs[:-1].sum() <= 0:
            return replace(found, table=table)
    return None


def _drawn(made: Setting, rng: np.random.Generator) -> Member | None:
    """Orders, statuses, days and levels at random; None where no days fit the orders."""
    p = made.problem
    if not made.orders:
        return Member(tables.start(p, made.horizon, rng, [None, None]), (None, None))
    one = made.orders[int(rng.integers(len(made.orders)))]
    other = _partner(made, one, rng)
    if other is None:
        return None
    orders = (one, other) if made.small == 0 else (other, one)
    table = tables.start(p, made.horizon, rng, list(orders))
    day = table.day.copy()
    for a, order in enumerate(orders):
        mine = table.arm == a
        bounds = envelope(p, a, table.event[mine], order.cuts, made.horizon)
        if bounds is None:
            return None
        day[mine] = drawn(bounds, rng)
    return Member(replace(table, day=day), orders)


def frozen(found: Member) -> NDArray[np.bool_]:
    """Which arms keep their order."""
    return np.array([o is not None for o in found.orders])


def drive(made: Setting, found: Member, push: Push, seed: list[int]) -> PatientTable | None:
    """A table in which a quantity is driven as far as the search gets, all goals holding.

    The days are set as far towards what the orders allow as the hazard ratio can still be brought
    in from, and the quantity is then annealed.
    """
    rng, p = np.random.default_rng(seed), made.problem
    settle = Stage(p.goal, COOLING, frozen(found))
    driving = Stage(p.goal._replace(push=push), PUSHED, frozen(found))
    for share in SHARES if frozen(found).all() else SHARES[-1:]:
        table = towards(made, found, push, share)
        table, costs = improve(table, settle, int(rng.integers(1 << 31)))
        if costs[:-1].sum() > 0:
            continue
        table, _ = improve(table, driving, int(rng.integers(1 << 31)))
        return table if tables.distances(table, p.goal)[:-1].sum() <= 0 else None
    return None


def towards(made: Setting, found: Member, push: Push, share: float) -> PatientTable:
    """The table with days moved by a share of the way to where a quantity is extreme."""
    table, day = found.table, found.table.day.copy()
    for arm, order in enumerate(found.orders):
        if order is None or (push.kind in (SURVIVAL, MEAN) and arm != push.arm):
            continue
        late = push.sign > 0
        if push.kind in (DIFFERENCE, RATIO):
            late = late == ((arm == 0) == (push.kind == DIFFERENCE))
        mine = np.flatnonzero(table.arm == arm)
        mine = mine[np.lexsort((~table.event[mine], table.day[mine]))]
        event = table.event[mine]
        bounds = envelope(made.problem, arm, event, order.cuts, made.horizon)
        if bounds is not None:
            end, move = (bounds.last, _later) if late else (bounds.first, _earlier)
            if push.kind != SURVIVAL:
                move = _on_the_way
            day[mine] = fitted(move(table.day[mine], end, push, share), bounds)
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
