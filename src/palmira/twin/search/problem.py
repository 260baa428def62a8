"""A record's targets as the arrays of a search: sizes, events, and intervals to fall into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor, log
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.schema import RecordError
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.twin.search.goals import FREE, FREE_Z, Goal, Need, Push, places
from palmira.twin.search.orderings import Gap, Landmarks, Ordering, rate_at
from palmira.twin.targets.attainable import SCALES
from palmira.twin.targets.target import Target, main_analysis, targets

# Targets are met with this margin, so that another program's last digits do not matter.
MARGIN = 1e-6
PARTS = ("estimate", "lower", "upper")
# Weight of the landmarks; of a small subgroup's curve, which few moves change; of the smaller
# arm's curves, once they are met; of the patients that clinical benefit needs.
LANDMARKS, SMALL, SMALLER, NEEDED = 20.0, 60.0, 10.0, 3.0
Array = NDArray[np.float64]
Days = NDArray[np.int64]
Flags = NDArray[np.bool_]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Problem:
    """A time-to-event end point of two arms: what the record fixes, and what the search aims at.

    ``n`` and ``events`` by arm; ``factors`` and their two ``levels``; ``factor_n`` and
    ``factor_events`` by factor and arm, of the second level; ``adjusting`` marks the factors of the
    adjusted models; ``untreated`` by arm; ``names``: ids of the targets behind each goal;
    ``earliest``: first day on which a treated patient can be censored.
    """

    endpoint: str
    arms: tuple[str, str]
    n: Pair
    events: Pair
    untreated: Pair
    factors: list[str]
    levels: list[tuple[str, str]]
    factor_n: Days
    factor_events: Days
    adjusting: Flags
    goal: Goal
    names: list[list[str]] = field(default_factory=list)
    earliest: int = 30

    @property
    def scale(self) -> str:
        """Name of the scale of the hazard ratios."""
        return next(name for name, x in SCALES.items() if 1 / x == self.goal.scale)

    def row(self, factor: str | None, category: str | None) -> int:
        """The row of a level of a factor, 0 for all patients; -1 where it is none."""
        if factor is None:
            return 0
        if factor not in self.factors:
            return -1
        f = self.factors.index(factor)
        return 1 + 2 * f + self.levels[f].index(str(category))

    def dealt(self, patients: pd.DataFrame) -> Days:
        """The levels (0, 1) by patient and factor of a table with the factors as columns."""
        second = [levels[1] for levels in self.levels]
        return np.asarray(patients[self.factors] == second, dtype=np.int64)

    def landmarks(self, a: int) -> Landmarks:
        """What the landmarks of an arm leave to its order of events and censorings."""
        boxes = self.goal.mark_boxes[a]
        return Landmarks(self.n[a], self.events[a], self.untreated[a], boxes)

    def difference(self, a: int, order: Ordering) -> Gap:
        """The printed difference as it binds the other arm where arm ``a`` has this order."""
        goal = self.goal
        rate, variance = rate_at(order, self.n[a], max(0, goal.gap_mark))
        return Gap(goal.gap, goal.gap_mark, 1.0 if a == 1 else -1.0, rate, variance)

    def with_factors(self, keep: Sequence[int] | Days) -> Problem:
        """The problem with these of its factors (by number) alone; its goal is to be set anew."""
        factors, levels = [self.factors[f] for f in keep], [self.levels[f] for f in keep]
        n, events = self.factor_n[keep], self.factor_events[keep]
        found = replace(self, factors=factors, levels=levels, factor_n=n, factor_events=events)
        return replace(found, adjusting=self.adjusting[keep])


def _sizes(record: Record, arms: tuple[str, str]) -> list[int]:
    """Patients by arm, as far as the record has them."""
    sizes = record.sheet.populations.get("randomized", {})
    return [int(record[sizes[arm]].value) for arm in arms if arm in sizes]


def _events(record: Record, endpoint: str, arms: tuple[str, str]) -> list[int]:
    """Events by arm, as far as the record has them."""

    def counted(e: Entry) -> bool:
        own = not e.version and not e.quotes and not e.factor and e.endpoint == endpoint
        return own and e.measure == "events" and e.part in ("count", "events")

    rows = [e for e in record.entries.values() if counted(e)]
    first = (next((e for e in rows if e.arm == arm), None) for arm in arms)
    return [int(e.value) for e in first if e is not None]


def _factors(
    record: Record, endpoint: str, arms: tuple[str, str]
) -> dict[str, dict[str, list[Pair]]]:
    """Patients and events by factor, level and arm, of factors with two levels."""
    found: dict[str, dict[str, list[Pair]]] = {}
    for e in record.entries.values():
        if e.part != "events" or e.endpoint != endpoint or not e.factor or e.version:
            continue
        n = record.cell(e).get("n")
        if e.arm in arms and n is not None:
            levels = found.setdefault(e.factor, {})
            levels.setdefault(str(e.category), []).append((int(n.value), int(e.value)))
    whole = {f: v for f, v in found.items() if all(len(x) == 2 for x in v.values())}
    return {f: v for f, v in whole.items() if len(v) == 2}


def main_targets(record: Record, scale: str, endpoint: str) -> list[Target]:
    """The attainable targets of an end point's main analysis."""
    main = (None, main_analysis(record))
    own = (t for t in targets(record, scale) if t.attainable and t.of.endpoint == endpoint)
    return [t for t in own if t.of.analysis in main]


def pfs_problem(record: Record, scale: str, endpoint: str = "PFS") -> Problem:
    """The search problem of an end point on a scale ("full" or "neutral").

    Raises ``RecordError`` where the record lacks arm sizes, events by arm, or any median or
    landmark rate with its limits.
    """
    arms = record.two_arms()
    n, events = _sizes(record, arms), _events(record, endpoint, arms)
    wants = {"the arms' sizes (population randomized)": n, f"{endpoint} events by arm": events}
    if missing := [words for words, values in wants.items() if len(values) < len(arms)]:
        raise RecordError(
            f"{record.trial}: a twin needs {' and '.join(missing)}. Mend: add them to the record, "
            "if the paper prints them."
        )
    found = _factors(record, endpoint, arms)
    second = np.array([list(v.values())[1] for v in found.values()], dtype=np.int64)
    second = second.reshape(-1, 2, 2)  # factor, arm, patients and events
    adjusting = np.array([f in record.sheet.strata for f in found], dtype=bool)
    totals = (n[0], n[1]), (events[0], events[1]), _untreated(record, arms)
    levels = [(one, other) for one, other in found.values()]
    sizes, occurred = second[:, :, 0], second[:, :, 1]
    goal, names = empty_goal(adjusting, 1 / SCALES[scale]), list(found)
    problem = Problem(endpoint, arms, *totals, names, levels, sizes, occurred, adjusting, goal)
    problem = aimed(problem, main_targets(record, scale, endpoint))
    if not any(problem.names[: places(len(found)).gap]):
        raise RecordError(
            f"{record.trial}: a twin needs medians or landmark rates of {endpoint} with their "
            "limits, by arm. Mend: add them to the record, if the paper prints them."
        )
    return problem


def aimed(problem: Problem, wanted: list[Target]) -> Problem:
    """The problem with these targets as its goal, and no others."""
    # The search wants a landmark at least; one on day 0 asks nothing.
    marks = sorted({_month(t) for t in wanted if t.kind == "rate"}) or [0.0]
    wanted = [t for t in wanted if _bears(problem, t)]
    gaps = [_month(t) for t in wanted if t.kind == "difference" and t.entry.part in PARTS]
    gap_marks = [marks.index(month) for month in gaps if month in marks]
    goal = empty_goal(problem.adjusting, problem.goal.scale)._replace(
        mark_days=np.array([floor(m * DAYS_PER_MONTH) for m in marks], dtype=float),
        mark_boxes=np.tile(FREE, (2, len(marks), 3, 1)),
        gap_mark=gap_marks[-1] if gap_marks else -1,
        weights=weights(problem),
    )
    out = replace(problem, goal=goal, names=[[] for _ in goal.weights])
    for t in wanted:
        if (place := _aim(out, t, marks)) is not None:
            out.names[place].append(t.id)
    return out


def weights(problem: Problem) -> Array:
    """Weight of each goal at the start: more for landmarks and for small subgroups."""
    at = places(len(problem.factors))
    w, n = np.ones(at.total), np.zeros((at.interaction - at.ratio, 2))
    n[0] = problem.n
    n[2::2] = problem.factor_n
    n[1::2] = np.array(problem.n) - problem.factor_n
    w[: at.marks] = np.clip(SMALL / n.ravel(), 1, 10) ** 0.75
    w[at.ratio : at.interaction] = np.clip(2 * SMALL / n.sum(axis=1), 1, 8) ** 0.75
    w[at.marks : at.need] = LANDMARKS
    w[int(np.argmin(problem.n)) : at.marks : 2] *= SMALLER
    w[at.need : at.middle] = NEEDED
    return w


def empty_goal(adjusting: Flags, scale: float) -> Goal:
    """A goal that asks nothing, with the covariates of each row's and interaction's model."""
    factors = len(adjusting)
    rows = 1 + 2 * factors
    columns = np.zeros((rows + factors, 3 + factors), dtype=np.int64)
    width = np.zeros(rows + factors, dtype=np.int64)
    for r in range(rows + factors):
        interaction = r >= rows
        own = r - rows if interaction else (r - 1) // 2 if r else -1
        use = [1 + factors + own] if interaction else []
        use += [0, *(1 + f for f in range(factors) if (interaction if f == own else adjusting[f]))]
        columns[r, : len(use)], width[r] = use, len(use)
    asks: dict[str, Any] = {"gap_mark": -1, "gap": np.tile(FREE, (3, 1)), "middle": np.array(FREE)}
    asks |= {"mark_days": np.zeros(0), "mark_boxes": np.zeros((2, 0, 3, 2)), "need": no_need()}
    asks |= {"windows": np.zeros((rows, 2, 3, 2), dtype=np.int64)}
    asks |= {"ratios": np.tile(FREE, (rows, 3, 1)), "ratio_z": np.tile(FREE_Z, (rows, 1))}
    asks |= {"interactions": np.tile(FREE_Z, (factors, 1)), "push": Push(0, 0, 0.0, 0.0, 0.0, 0.0)}
    models = {"columns": columns, "width": width, "adjusting": adjusting, "scale": scale}
    return Goal(**asks, **models, weights=np.ones(places(factors).total))


def no_need() -> Need:
    """No patients wanted in any cell."""
    return Need(np.zeros((2, 4)), np.zeros((2, 4)), 0.0, 0, 0)


def _untreated(record: Record, arms: tuple[str, str]) -> Pair:
    counts = []
    for arm in arms:
        treated = record.entries.get(f"results.treated.{arm}.count")
        n = record.entries.get(f"results.randomized.{arm}.count")
        counts.append(int(n.value - treated.value) if n and treated else 0)
    return counts[0], counts[1]


def _month(t: Target) -> float:
    return float(str(t.of.time))


def _bears(problem: Problem, t: Target) -> bool:
    """Whether a target is one that the search can hold: of a known row, a part of the print."""
    known = problem.row(t.of.factor, t.of.category) >= 0 and t.entry.printed is not None
    return known and t.entry.part in (*PARTS, "p")


def _narrow(box: Array, low: float, high: float) -> None:
    """Narrow an interval to what it shares with another, with a margin."""
    room = min(MARGIN, (high - low) / 4)
    box[0], box[1] = max(box[0], low + room), min(box[1], high - room)


def _narrow_window(window: Days, t: Target) -> None:
    """Narrow a median's or limit's window to the days that print as a target's text."""
    printed = t.entry.printed
    if printed is None or printed.exact is None:
        window[:] = -1, 0
        return
    low = ceil(printed.low * DAYS_PER_MONTH - 1e-6)
    high = floor(printed.high * DAYS_PER_MONTH - 1e-6)
    window[:] = max(window[0], low), min(window[1], high) if window[0] > 0 else high


def _aim(problem: Problem, t: Target, marks: list[float]) -> int | None:
    """Enter one target into the goal; returns its place among the goals, None for no goal."""
    goal, at, e, part = problem.goal, places(len(problem.factors)), t.of, t.entry.part
    low, high = (t.entry.printed.low, t.entry.printed.high) if t.entry.printed else FREE
    row = problem.row(e.factor, e.category)
    arm = problem.arms.index(e.arm) if e.arm in problem.arms else -1
    q = PARTS.index(part) if part in PARTS else -1
    if t.kind == "median" and arm >= 0:
        _narrow_window(goal.windows[row, arm, q], t)
        return 2 * row + arm
    if t.kind == "rate" and arm >= 0 and row == 0:
        _narrow(goal.mark_boxes[arm, marks.index(_month(t)), q], low / 100, high / 100)
        return at.marks + arm
    if t.kind == "difference" and q >= 0 and _month(t) in marks:
        _narrow(goal.gap[q], low / 100, high / 100)
        return at.gap
    if t.kind == "hazard ratio" and q >= 0:
        _narrow(goal.ratios[row, q], log(low), log(high))
        return at.ratio + row
    if t.kind == "hazard ratio":
        _narrow(goal.ratio_z[row], norm.isf(high / 2), norm.isf(low / 2))
        return at.ratio + row
    if t.kind == "interaction":
        f = (row - 1) // 2
        _narrow(goal.interactions[f], norm.isf(high / 2), norm.isf(low / 2))
        return at.interaction + f
    return None
