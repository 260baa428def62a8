"""The first stage: days, events and factors of the main end point."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.record import Record
from palmira.record.schema import RecordError
from palmira.twin.facts import number
from palmira.twin.search import benefit
from palmira.twin.search import patient_table as tables
from palmira.twin.search.annealing import Cooling
from palmira.twin.search.benefit import BenefitTable, Frame
from palmira.twin.search.goals import ANY, FREE, FREE_Z, Goal, Need, places
from palmira.twin.search.orderings import Ordering, draw_order, orderings
from palmira.twin.search.patient_table import PatientTable, Stage, improve
from palmira.twin.search.problem import Array, Days, Flags, Problem, no_need

STABLE = "methods.outcomes.stable_disease"
# Distance of a benefit table that wants one patient more beyond the day than the curve leaves.
SHORT = 20
# Steps and temperatures: of the curves alone; then with the hazard ratios of all patients and of
# the strata, whose factors enter every adjusted model; of each other factor's levels, days held;
# of the whole at the end. A quick twin has one short search after the curves.
CURVES = Cooling(400_000, 1.5, 0.1)
CORE = Cooling(2_000_000, 0.8, 0.05)
LEVELS = tuple(Cooling(600_000, hot, 0.05) for hot in (1.0, 2.0, 0.5, 3.0))
POLISH = tuple(Cooling(600_000, hot, 0.03) for hot in (0.3, 0.6, 1.0))
QUICK = Cooling(400_000, 0.5, 0.06)
# Starts from other orders where no order of the large arm goes with that of the small one.
ORDERS = 40
# Weight of all curves in the whole search at the end, where one patient more or less decides.
FIRM = 5.0


@dataclass(frozen=True)
class Found:
    """A patient table, its distance from each goal, the goals that it was held against, and which
    arms keep their order of events and censorings."""

    table: PatientTable
    costs: Array
    goal: Goal
    frozen: Flags

    @property
    def missed(self) -> NDArray[np.intp]:
        """Positions of the goals that are missed."""
        return np.flatnonzero(self.costs[:-1] > 0)

    @property
    def score(self) -> tuple[int, int, float]:
        """Goals of all patients that are missed, goals missed in all, and by how much."""
        first = np.isin(self.missed, overall(self.goal)).sum()
        return int(first), len(self.missed), float(self.costs[:-1].sum())


def overall(goal: Goal) -> list[int]:
    """Places of the goals of all patients: curves, landmarks, their difference, hazard ratio."""
    at = places(len(goal.interactions))
    return [0, 1, at.marks, at.marks + 1, at.gap, at.ratio]


def small_orders(problem: Problem) -> tuple[int, list[Ordering]]:
    """The smaller arm, and all orders of it that meet its landmarks; none where they are too many
    to try, or an arm has no landmarks."""
    a = int(np.argmin(problem.n))
    if (problem.goal.mark_boxes[:, :, 0, 0] <= -ANY).any():
        return a, []
    return a, orderings(problem.landmarks(a))


def draw_orders(
    problem: Problem, small: tuple[int, list[Ordering]], horizon: int, rng: np.random.Generator
) -> list[Ordering | None]:
    """Orders of events and censorings of both arms that meet all landmarks and their difference;
    None for an arm whose order is left to the search."""
    a, known = small
    found: list[Ordering | None] = [None, None]
    if not known:
        return found
    least = tables.events_before(problem, 1 - a, problem.earliest, horizon)
    for _ in range(ORDERS):
        one = found[a] = known[int(rng.integers(len(known)))]
        gap = problem.difference(a, one)
        found[1 - a] = draw_order(problem.landmarks(1 - a), gap, least, rng)
        if found[1 - a] is not None:
            return found
    return found


def with_ratios(goal: Goal, factors: Iterable[int], everyone: bool = True) -> Goal:
    """The goal with the hazard ratios and interactions of these factors alone, and, unless not
    ``everyone``, the hazard ratio of all patients."""
    kept = np.repeat([everyone, *np.isin(range(len(goal.interactions)), list(factors))], 2)[1:]
    return goal._replace(
        ratios=np.where(kept[:, None, None], goal.ratios, FREE),
        ratio_z=np.where(kept[:, None], goal.ratio_z, FREE_Z),
        interactions=np.where(kept[1::2, None], goal.interactions, FREE_Z),
    )


def curves_of_factor(goal: Goal, f: int) -> Goal:
    """The goal with the medians of one factor's levels, and nothing else but ratios."""
    windows, rows = np.zeros_like(goal.windows), slice(1 + 2 * f, 3 + 2 * f)
    windows[rows] = goal.windows[rows]
    return goal._replace(
        windows=windows,
        gap_mark=-1,
        mark_boxes=np.tile(FREE, (2, len(goal.mark_days), 3, 1)),
        need=no_need(),
        middle=np.array(FREE),
    )


def of_factor(goal: Goal, f: int) -> Goal:
    """The goal of one factor's levels and their interaction, and nothing else."""
    return with_ratios(curves_of_factor(goal, f), [f], everyone=False)


def medians_of_factor(goal: Goal, f: int, room: int) -> Goal:
    """The goal of the medians of one factor's levels, with ``room`` days more on either side, and
    of the hazard ratio of all patients."""
    found = with_ratios(curves_of_factor(goal, f), [])
    found.windows[:, :, 1:] = 0
    found.windows[found.windows[:, :, 0, 0] > 0, 0] += np.array([-room, room])
    return found


def begin(record: Record, problem: Problem, horizon: int, seed: int, quick: bool = False) -> Found:
    """A table on the printed curves, and the goals of the search; ``horizon``: the last day.

    ``quick``: only curves and the hazard ratio of all patients are aimed at.
    """
    rng = np.random.default_rng(seed)
    orders = draw_orders(problem, small_orders(problem), horizon, rng)
    frozen = np.array([o is not None for o in orders])
    curves = Stage(with_ratios(problem.goal, [], everyone=False), CURVES, frozen)
    table, _ = improve(tables.start(problem, horizon, rng, orders), curves, seed)
    known = [] if quick or problem.scale != "full" else benefit.benefit_tables(record)
    goal = with_ratios(problem.goal, []) if quick else problem.goal
    goal = goal._replace(need=benefit_needs(record, problem, table, known))
    return Found(table, tables.distances(table, goal), goal, frozen)


def attempt(record: Record, problem: Problem, horizon: int, seed: int) -> Found:
    """One whole search from a start of its own.

    A factor outside the adjusted models is in its own rows and its own interaction only. So days
    and strata come first, on all curves; then each other factor's levels are dealt by themselves,
    for the days found.
    """
    found = begin(record, problem, horizon, seed)
    strata = with_ratios(found.goal, np.flatnonzero(problem.adjusting).tolist())
    table, _ = improve(found.table, Stage(strata, CORE, found.frozen, interactions=True), seed)
    costs = tables.distances(table, found.goal)
    return deal(problem, replace(found, table=table, costs=costs), seed)


def deal(problem: Problem, found: Found, seed: int) -> Found:
    """The levels of each factor outside the adjusted models dealt anew, days held, where it has
    goals that are missed and fewer can be."""
    level = found.table.level.copy()
    for f in np.flatnonzero(~problem.adjusting).tolist():
        goal = of_factor(found.goal, f)
        least = replace(found, costs=tables.distances(found.table, goal)).score
        for k, cooling in enumerate(LEVELS):
            if not least[1]:
                break
            stage = Stage(goal, cooling, found.frozen, True, dealt=(f,), days=False)
            dealt, costs = improve(found.table, stage, 10 * seed + k)
            if (score := replace(found, costs=costs).score) < least:
                least, level[:, f] = score, dealt.level[:, f]
    table = replace(found.table, level=level)
    return replace(found, table=table, costs=tables.distances(table, found.goal))


def polish(
    problem: Problem, found: Found, seed: int, cooling: Cooling, free: bool = False
) -> Found:
    """The table improved with all goals at once, or as it was where no fewer are missed; ``free``:
    the order of the larger arm may change."""
    if not len(found.missed):
        return found
    weights, frozen = found.goal.weights.copy(), found.frozen.copy()
    weights[: places(len(problem.factors)).marks] *= FIRM
    frozen[int(np.argmax(problem.n))] &= not free
    firm = Stage(found.goal._replace(weights=weights), cooling, frozen, interactions=True)
    table, costs = improve(found.table, firm, seed)
    return min(found, replace(found, table=table, costs=costs), key=lambda x: x.score)


# Patients by arm and cell and sums of benefit that may be aimed at, and how far these are from a
# patient table.
_Option = namedtuple("_Option", "far n sums")


def benefit_needs(
    record: Record, problem: Problem, table: PatientTable, known: list[BenefitTable]
) -> Need:
    """Patients by arm and cell of both strata, and those whose PFS must be long enough for clinical
    benefit, so that its printed odds ratio can be met; of the ``known`` tables that print it (none:
    it is not asked for) the one nearest to ``table``. None where the record has no such numbers."""
    about, weeks = benefit.frame(record), number(record, STABLE)
    if about is None or weeks is None or problem.adjusting.sum() != 2:
        return no_need()
    f, g = (problem.factors.index(s) for s in about.strata)
    cell = 4 * table.arm + 2 * table.level[:, f] + table.level[:, g]
    n = np.bincount(cell, minlength=8)
    late = np.bincount(cell[table.day > 7 * weeks], minlength=8).astype(float)
    share = np.repeat(about.benefit / np.maximum(late.reshape(2, 4).sum(axis=1), 1), 4)
    expected = np.clip(late * share, 0.3, n)
    near = [_option(about, t, n, late, expected) for t in known]
    if not near:
        sums = benefit.design(about).T @ _rounded(expected, about.benefit)
        near = [_Option(0.0, n, sums.round().astype(np.int64))]
    best = min(near, key=lambda o: o.far)
    expected = np.maximum(expected * best.n / np.maximum(n, 1), 0.3)
    nearest = benefit.nearest_table(about, best.n, best.sums, expected)
    if nearest is None:
        return no_need()
    patients, wanted = (x.reshape(2, 4).astype(float) for x in (best.n, nearest))
    return Need(patients, wanted, float(7 * weeks), f, g)


def _option(about: Frame, t: BenefitTable, n: Days, late: Array, expected: Array) -> _Option:
    """A table of benefit as one to be aimed at: how far it is in patients by cell, in sums of
    benefit over strata, and in patients beyond the day that the curve leaves too few of."""
    cells, given = (
        np.array([x[a][c] for a in about.arms for c in about.cells]) for x in (t.n, t.benefit)
    )
    x = benefit.design(about)
    sums = (x.T @ given).round().astype(np.int64)
    far = np.abs(cells - n).sum() + 2 * np.abs(sums - x.T @ expected)[2:].sum()
    far += SHORT * np.maximum(0, by_level(given) - by_level(late)).sum()
    return _Option(float(far), cells, sums)


def by_level(cells: Array | Days) -> Array:
    """Sums over each level of both strata, by arm, of counts by arm and cell."""
    square = np.asarray(cells, dtype=float).reshape(2, 2, 2)
    return np.concatenate([square.sum(axis=1), square.sum(axis=2)], axis=None)


def _rounded(expected: Array, totals: Days) -> Array:
    """Whole numbers near to ``expected`` with each arm's total, by largest remainder."""
    out = []
    for values, total in zip(expected.reshape(2, 4), totals, strict=True):
        scaled = values * total / values.sum()
        low = np.floor(scaled)
        low[np.argsort(low - scaled)[: int(total - low.sum())]] += 1
        out.append(low)
    return np.concatenate(out)


def refuse(record: Record, problem: Problem, found: Found) -> None:
    """Raises ``RecordError`` naming the entries where the overall numbers were not met."""
    first = overall(found.goal)
    if ids := [id for c in found.missed if int(c) in first for id in problem.names[int(c)]]:
        raise RecordError(
            f"{record.trial}: no patient table was found in which these hold together: "
            f"{', '.join(ids)}. Mend: correct the entries, or search longer."
        )


def patients_frame(problem: Problem, table: PatientTable) -> pd.DataFrame:
    """One line a patient, experimental arm first: arm, pfs (days), pfs_event, treated, factors."""
    columns = {
        "arm": np.array(problem.arms)[table.arm],
        "pfs": table.day,
        "pfs_event": table.event,
        "treated": table.last > 1,
    }
    for f, (factor, levels) in enumerate(zip(problem.factors, problem.levels, strict=True)):
        columns[factor] = np.array(levels)[table.level[:, f]]
    return pd.DataFrame(columns)
