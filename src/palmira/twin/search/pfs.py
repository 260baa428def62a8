"""The first stage: days, events and factors of the main end point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.record import Record
from palmira.record.schema import RecordError
from palmira.twin.facts import number
from palmira.twin.search.benefit import benefit_tables, design, frame, nearest_table
from palmira.twin.search.goals import ANY, FREE, Goal, parts
from palmira.twin.search.orderings import Ordering, draw_order, orderings, rate_at
from palmira.twin.search.patient_table import PatientTable, distances, events_before, improve, start
from palmira.twin.search.problem import Problem

Array = NDArray[np.float64]
STABLE = "methods.outcomes.stable_disease"
# Distance of a benefit table that wants one patient more beyond the day than the curve leaves.
SHORT = 20
# Steps and temperatures: of the curves alone; then with the hazard ratios of all patients and of
# the strata, whose factors enter every adjusted model; of each other factor's levels, days held;
# of the whole at the end. A quick twin has one short search after the curves.
CURVES = (400_000, 1.5, 0.1)
CORE = (2_000_000, 0.8, 0.05)
LEVELS = ((600_000, 1.0, 0.05), (600_000, 2.0, 0.05), (600_000, 0.5, 0.05), (600_000, 3.0, 0.05))
POLISH, HEATS = 600_000, ((0.3, 0.03), (0.6, 0.03), (1.0, 0.03))
QUICK = (400_000, 0.5, 0.06)
# Starts from other orders where no order of the large arm goes with that of the small one.
ORDERS = 40
# Weight of all curves in the whole search at the end, where one patient more or less decides.
FIRM = 5.0
# Weight of the landmarks; of a small subgroup's curve, which few moves change; of the smaller
# arm's curves, once they are met; of the patients that clinical benefit needs.
LANDMARKS, SMALL, SMALLER, NEEDED = 20.0, 60.0, 10.0, 3.0


@dataclass(frozen=True)
class Found:
    """A patient table, its distance from each goal, the goals that it was held against, and which
    arms keep their order of events and censorings."""

    table: PatientTable
    costs: Array
    goal: Goal
    frozen: NDArray[np.bool_]

    @property
    def missed(self) -> NDArray[np.intp]:
        """Positions of the goals that are missed."""
        return np.flatnonzero(self.costs[:-1] > 0)

    @property
    def score(self) -> tuple[int, int, float]:
        """How many goals of all patients are missed, how many in all, and by how much; less is
        better."""
        first = np.isin(self.missed, overall(self.goal)).sum()
        return int(first), len(self.missed), float(self.costs[:-1].sum())


def overall(goal: Goal) -> list[int]:
    """Positions of the goals of all patients: curves, landmarks, their difference, hazard ratio."""
    marks, gap, _, _, ratio, *_ = parts(len(goal.z))
    return [0, 1, marks, marks + 1, gap, ratio]


def weights(problem: Problem) -> Array:
    """Weight of each goal at the start: more for landmarks and for small subgroups."""
    marks, gap, need, middle, ratio, z, _, goals = parts(len(problem.factors))
    w, n = np.ones(goals), np.zeros((z - ratio, 2))
    n[0] = problem.n
    n[2::2] = problem.factor_n
    n[1::2] = np.array(problem.n) - problem.factor_n
    w[:marks] = np.clip(SMALL / n.ravel(), 1, 10) ** 0.75
    w[ratio:z] = np.clip(2 * SMALL / n.sum(axis=1), 1, 8) ** 0.75
    w[marks : gap + 1] = LANDMARKS
    w[int(np.argmin(problem.n)) : marks : 2] *= SMALLER
    w[need:middle] = NEEDED
    return w


def small_orders(problem: Problem) -> tuple[int, list[Ordering]]:
    """The smaller arm, and all orders of it that meet its landmarks (none: too many to try)."""
    a = int(np.argmin(problem.n))
    boxes = problem.goal.mark_boxes[a]
    if not len(boxes) or (boxes[:, 0] <= -ANY).any():
        return a, []
    return a, orderings(problem.n[a], problem.events[a], problem.untreated[a], boxes)


def draw_orders(
    problem: Problem, small: tuple[int, list[Ordering]], horizon: int, rng: np.random.Generator
) -> list[Ordering | None]:
    """Orders of events and censorings of both arms that meet all landmarks and their difference;
    None for an arm whose order is left to the search."""
    a, known = small
    found: list[Ordering | None] = [None, None]
    boxes = problem.goal.mark_boxes[1 - a]
    if not known or (boxes[:, 0] <= -ANY).any():
        return found
    sign = 1.0 if a == 1 else -1.0
    k = max(0, int(problem.goal.gap[6]))
    least = events_before(problem, 1 - a, problem.earliest, horizon)
    for _ in range(ORDERS):
        one = found[a] = known[int(rng.integers(len(known)))]
        other = rate_at(one, problem.n[a], k)
        gap = np.append(problem.goal.gap, sign)
        rest = (problem.n[1 - a], problem.events[1 - a], problem.untreated[1 - a])
        found[1 - a] = draw_order(*rest, boxes, gap, other, least, rng)
        if found[1 - a] is not None:
            return found
    return found


def with_ratios(goal: Goal, factors: Iterable[int], everyone: bool = True) -> Goal:
    """The goal with the hazard ratios and interactions of these factors alone, and, unless not
    ``everyone``, the hazard ratio of all patients."""
    ratios, z, kept = goal.ratios.copy(), goal.z.copy(), set(factors)
    for f in set(range(len(z))) - kept:
        ratios[1 + 2 * f : 3 + 2 * f], z[f] = FREE, [0.0, ANY]
    if not everyone:
        ratios[0] = FREE
    return goal._replace(ratios=ratios, z=z)


def of_factor(goal: Goal, f: int) -> Goal:
    """The goal of one factor's levels and their interaction, and nothing else."""
    windows, gap, rows = np.zeros_like(goal.windows), goal.gap.copy(), slice(2 + 4 * f, 6 + 4 * f)
    windows[rows], gap[6] = goal.windows[rows], -1
    return with_ratios(goal, [f], everyone=False)._replace(
        windows=windows, gap=gap, mark_boxes=np.tile(FREE[:6], (2, len(goal.mark_days), 1)),
        need=np.zeros_like(goal.need), middle=np.array([-ANY, ANY]),
    )  # fmt: skip


def medians_of_factor(goal: Goal, f: int, room: int) -> Goal:
    """The goal of the medians of one factor's levels, with ``room`` days more on either side, and
    of the hazard ratio of all patients."""
    alone = of_factor(goal, f)
    windows, ratios = alone.windows, with_ratios(goal, []).ratios
    windows[:, 2:] = 0
    asked = windows[:, 0] > 0
    windows[asked, :2] += np.array([-room, room])
    return alone._replace(windows=windows, ratios=ratios, z=with_ratios(goal, []).z)


def begin(
    record: Record, problem: Problem, scale: str, horizon: int, seed: int, quick: bool = False
) -> Found:
    """A table on the printed curves, and the goals of the search; ``horizon``: the last day.

    ``quick``: only curves and the hazard ratio of all patients are aimed at.
    """
    rng = np.random.default_rng(seed)
    orders = draw_orders(problem, small_orders(problem), horizon, rng)
    frozen = np.array([o is not None for o in orders])
    table = start(problem, horizon, rng, orders)
    curves = with_ratios(problem.goal, [], everyone=False)
    table, _ = improve(problem, table, curves, frozen, weights(problem), *CURVES, seed=seed)
    goal = with_ratios(problem.goal, []) if quick else problem.goal
    goal = goal._replace(need=benefit_needs(record, problem, "" if quick else scale, table))
    return Found(table, distances(problem, table, goal), goal, frozen)


def attempt(record: Record, problem: Problem, scale: str, horizon: int, seed: int) -> Found:
    """One whole search from a start of its own.

    A factor outside the adjusted models is in its own rows and its own interaction only. So days
    and strata come first, on all curves; then each other factor's levels are dealt by themselves,
    for the days found.
    """
    found = begin(record, problem, scale, horizon, seed)
    strata = np.flatnonzero(problem.adjusting).tolist()
    goal, w = found.goal, weights(problem)
    table, _ = improve(problem, found.table, with_ratios(goal, strata), found.frozen, w.copy(),
                       *CORE, seed=seed, interactions=True)  # fmt: skip
    return deal(problem, replace(found, table=table, costs=distances(problem, table, goal)), seed)


def deal(problem: Problem, found: Found, seed: int) -> Found:
    """The levels of each factor outside the adjusted models dealt anew, days held, where it has
    goals that are missed and fewer can be."""
    level, w = found.table.level.copy(), weights(problem)
    for f in np.flatnonzero(~problem.adjusting).tolist():
        goal = of_factor(found.goal, f)
        least = replace(found, costs=distances(problem, found.table, goal)).score
        for k, (steps, hot, cold) in enumerate(LEVELS):
            if not least[1]:
                break
            dealt, costs = improve(
                problem, found.table, goal, found.frozen, w.copy(), steps, hot, cold, 10 * seed + k,
                interactions=True, dealt=(f,), days=False,
            )  # fmt: skip
            if (score := replace(found, costs=costs).score) < least:
                least, level[:, f] = score, dealt.level[:, f]
    table = replace(found.table, level=level)
    return replace(found, table=table, costs=distances(problem, table, found.goal))


def polish(
    problem: Problem, found: Found, seed: int, effort: tuple[int, float, float],
    free: bool = False,
) -> Found:  # fmt: skip
    """The table improved with all goals at once, or as it was where no fewer are missed; ``free``:
    the order of the larger arm may change."""
    if not len(found.missed):
        return found
    w, frozen = weights(problem), found.frozen.copy()
    w[: parts(len(problem.factors))[0]] *= FIRM
    frozen[int(np.argmax(problem.n))] &= not free
    table, costs = improve(problem, found.table, found.goal, frozen, w, *effort, seed=seed,
                           interactions=True)  # fmt: skip
    other = replace(found, table=table, costs=costs)
    return min(found, other, key=lambda x: x.score)


def benefit_needs(record: Record, problem: Problem, scale: str, table: PatientTable) -> Array:
    """Patients by arm and cell of both strata, and those whose PFS must be long enough for clinical
    benefit, so that the printed odds ratio of clinical benefit can be met; zeros where none is
    asked for. Of the tables that print it the one nearest to ``table``."""
    need, about = np.zeros((3, 2, 4)), frame(record)
    weeks, which = number(record, STABLE), np.flatnonzero(problem.adjusting)
    if about is None or weeks is None or len(which) != 2:
        return need
    f, g = (problem.factors.index(s) for s in about.strata)
    cell = 4 * table.arm + 2 * table.level[:, f] + table.level[:, g]
    n = np.bincount(cell, minlength=8)
    late = np.bincount(cell[table.day > 7 * weeks], minlength=8).astype(float)
    share = np.repeat(about.benefit / np.maximum(late.reshape(2, 4).sum(axis=1), 1), 4)
    expected = np.clip(late * share, 0.3, n)
    x = design(about)
    options = [(0.0, n, (x.T @ _rounded(expected, about.benefit)).round().astype(np.int64))]
    known = benefit_tables(record, scale) if scale == "full" else []
    for t in known:
        cells = np.array([t.n[a][c] for a in about.arms for c in about.cells])
        given = np.array([t.benefit[a][c] for a in about.arms for c in about.cells])
        sums = (x.T @ given).round().astype(np.int64)
        far = np.abs(cells - n).sum() + 2 * np.abs(sums - x.T @ expected)[2:].sum()
        far += SHORT * np.maximum(0, by_level(given) - by_level(late)).sum()
        options.append((float(far), cells, sums))
    _, cells, sums = min(options[1:] or options, key=lambda o: o[0])
    expected = np.maximum(expected * cells / np.maximum(n, 1), 0.3)
    nearest = nearest_table(about, cells, sums, expected)
    if nearest is not None:
        need[:2, 0], need[:2, 1] = cells.reshape(2, 4), nearest.reshape(2, 4)
        need[2, 0, 0], need[2, 0, 1], need[2, 1, 0] = 7 * weeks, f, g
    return need


def by_level(cells: Array | NDArray[np.int64]) -> Array:
    """Sums over each level of both strata, by arm, of counts by arm and cell."""
    square = np.asarray(cells, dtype=float).reshape(2, 2, 2)
    return np.concatenate([square.sum(axis=1), square.sum(axis=2)], axis=None)


def _rounded(expected: Array, totals: NDArray[np.int64]) -> Array:
    """Whole numbers near to ``expected`` with each arm's total, by largest remainder."""
    out = []
    for values, total in zip(expected.reshape(2, 4), totals, strict=True):
        scaled = values * total / values.sum()
        low = np.floor(scaled)
        low[np.argsort(low - scaled)[: int(total - low.sum())]] += 1
        out.append(low)
    return np.concatenate(out)


def collisions(problem: Problem, found: Found) -> list[str]:
    """Ids of the targets of all patients that the search could not meet together."""
    first = overall(found.goal)
    return [id for c in found.missed if int(c) in first for id in problem.names[int(c)]]


def refuse(record: Record, problem: Problem, found: Found) -> None:
    """Raises ``RecordError`` naming the entries where the overall numbers were not met."""
    if ids := collisions(problem, found):
        raise RecordError(
            f"{record.trial}: no patient table was found in which these hold together: "
            f"{', '.join(ids)}. Mend: correct the entries, or search longer."
        )


def patients_frame(problem: Problem, table: PatientTable) -> pd.DataFrame:
    """One line a patient, experimental arm first: arm, pfs (days), pfs_event, treated, factors."""
    columns = {
        "arm": np.array(problem.arms)[table.arm], "pfs": table.day, "pfs_event": table.event,
        "treated": table.last > 1,
    }  # fmt: skip
    for f, (factor, levels) in enumerate(zip(problem.factors, problem.levels, strict=True)):
        columns[factor] = np.array(levels)[table.level[:, f]]
    return pd.DataFrame(columns)
