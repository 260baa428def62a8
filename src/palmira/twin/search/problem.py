"""A record's targets as the arrays of a search: sizes, events, and intervals to fall into."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil, floor, log

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from palmira.record import Record
from palmira.record.schema import RecordError
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.twin.search.goals import ANY, FREE, Goal, parts
from palmira.twin.targets.attainable import SCALES
from palmira.twin.targets.target import Target, main_analysis, targets

# Targets are met with this margin, so that another program's last digits do not matter.
MARGIN = 1e-6
PARTS = ("estimate", "lower", "upper")
Array = NDArray[np.float64]
Days = NDArray[np.int64]


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
    n: tuple[int, int]
    events: tuple[int, int]
    untreated: tuple[int, int]
    factors: list[str]
    levels: list[tuple[str, str]]
    factor_n: NDArray[np.int64]
    factor_events: NDArray[np.int64]
    adjusting: NDArray[np.bool_]
    goal: Goal
    names: list[list[str]] = field(default_factory=list)
    earliest: int = 30

    def row(self, factor: str | None, category: str | None) -> int:
        """The row of a level of a factor, 0 for all patients; -1 where it is none."""
        if factor is None:
            return 0
        if factor not in self.factors:
            return -1
        f = self.factors.index(factor)
        return 1 + 2 * f + self.levels[f].index(str(category))


def _sizes(record: Record, endpoint: str, arms: tuple[str, str]) -> dict[str, tuple[int, int]]:
    """Patients and events by arm. Raises ``RecordError`` saying what is missing."""
    chosen = [e for e in record.entries.values() if not e.version and not e.quotes and not e.factor]
    found: dict[str, list[int]] = {"n": [], "events": []}
    for arm in arms:
        sizes = record.sheet.populations.get("randomized", {})
        if arm in sizes:
            found["n"].append(int(record[sizes[arm]].value))
        rows = [e for e in chosen if e.measure == "events" and e.endpoint == endpoint
                and e.arm == arm and e.part in ("count", "events")]  # fmt: skip
        if rows:
            found["events"].append(int(rows[0].value))
    missing = [w for k, w in (("n", "the arms' sizes (population randomized)"),
                              ("events", f"{endpoint} events by arm"))
               if len(found[k]) < len(arms)]  # fmt: skip
    if missing:
        raise RecordError(
            f"{record.trial}: a twin needs {' and '.join(missing)}. Mend: add them to the record, "
            "if the paper prints them."
        )
    return {k: (v[0], v[1]) for k, v in found.items()}


def _factors(
    record: Record, endpoint: str, arms: tuple[str, str]
) -> dict[str, dict[str, list[tuple[int, int]]]]:
    """Patients and events by factor, level and arm, of factors with two levels."""
    found: dict[str, dict[str, list[tuple[int, int]]]] = {}
    for e in record.entries.values():
        if e.part != "events" or e.endpoint != endpoint or not e.factor or e.version:
            continue
        n = record.cell(e).get("n")
        if e.arm in arms and n is not None:
            levels = found.setdefault(e.factor, {})
            levels.setdefault(str(e.category), []).append((int(e.value), int(n.value)))
    return {f: v for f, v in found.items()
            if len(v) == 2 and all(len(x) == 2 for x in v.values())}  # fmt: skip


def pfs_problem(record: Record, scale: str, endpoint: str = "PFS") -> Problem:
    """The search problem of an end point on a scale ("full" or "neutral").

    Raises ``RecordError`` where the record lacks arm sizes, events by arm, or any median or
    landmark rate with its limits.
    """
    arms = record.two_arms()
    sizes = _sizes(record, endpoint, arms)
    found = _factors(record, endpoint, arms)
    factors = list(found)
    names = [list(v) for v in found.values()]
    levels = [(v[0], v[1]) for v in names]
    second = [list(v.values())[1] for v in found.values()]
    adjusting = np.array([f in record.sheet.strata for f in factors], dtype=bool)
    wanted = [t for t in targets(record, scale) if t.attainable and t.of.endpoint == endpoint
              and t.of.analysis in (None, main_analysis(record))]  # fmt: skip
    problem = Problem(
        endpoint, arms, sizes["n"], sizes["events"], _untreated(record, arms), factors, levels,
        np.array([[b[1] for b in arm] for arm in second], dtype=np.int64).reshape(-1, 2),
        np.array([[b[0] for b in arm] for arm in second], dtype=np.int64).reshape(-1, 2),
        adjusting, empty_goal(len(factors), adjusting, 1 / SCALES[scale]),
    )  # fmt: skip
    problem = aimed(problem, wanted)
    if not any(problem.names[: parts(len(factors))[1]]):
        raise RecordError(
            f"{record.trial}: a twin needs medians or landmark rates of {endpoint} with their "
            "limits, by arm. Mend: add them to the record, if the paper prints them."
        )
    return problem


def aimed(problem: Problem, wanted: list[Target]) -> Problem:
    """The problem with these targets as its goal, and no others."""
    factors = len(problem.factors)
    # The search wants a landmark at least; one on day 0 asks nothing.
    marks = sorted({float(str(t.of.time)) for t in wanted if t.kind == "rate"}) or [0.0]
    goal = empty_goal(factors, problem.adjusting, problem.goal.scale)._replace(
        mark_days=np.array([floor(m * DAYS_PER_MONTH) for m in marks], dtype=float),
        mark_boxes=np.tile(FREE[:6], (2, len(marks), 1)),
    )
    out = replace(problem, goal=goal, names=[[] for _ in range(parts(factors)[-1])])
    for t in wanted:
        _aim(out, t, marks)
    return out


def empty_goal(factors: int, adjusting: NDArray[np.bool_], scale: float) -> Goal:
    """A goal that asks nothing, with the covariates of each row's and interaction's model."""
    rows = 1 + 2 * factors
    columns = np.zeros((rows + factors, 3 + factors), dtype=np.int64)
    width = np.zeros(rows + factors, dtype=np.int64)
    for r in range(rows + factors):
        own = r - rows if r >= rows else (r - 1) // 2 if r else -1
        use = [1 + factors + own] if r >= rows else []
        use += [0, *(1 + f for f in range(factors) if (adjusting[f] and f != own)
                     or (r >= rows and f == own))]  # fmt: skip
        columns[r, : len(use)], width[r] = use, len(use)
    return Goal(
        windows=np.zeros((2 * rows, 6), dtype=np.int64),
        mark_days=np.zeros(0), mark_boxes=np.zeros((2, 0, 6)),
        gap=np.array([*FREE[:6], -1.0]),
        ratios=np.tile(FREE, (rows, 1)),
        z=np.tile([0.0, ANY], (factors, 1)),
        columns=columns, width=width, scale=scale,
        need=np.zeros((3, 2, 4)), middle=np.array([-ANY, ANY]), push=np.zeros(6),
    )  # fmt: skip


def _untreated(record: Record, arms: tuple[str, str]) -> tuple[int, int]:
    counts = []
    for arm in arms:
        treated = record.entries.get(f"results.treated.{arm}.count")
        n = record.entries.get(f"results.randomized.{arm}.count")
        counts.append(int(n.value - treated.value) if n and treated else 0)
    return counts[0], counts[1]


def _narrow(box: Array, low: float, high: float) -> None:
    """Narrow an interval to what it shares with another, with a margin."""
    room = min(MARGIN, (high - low) / 4)
    box[0], box[1] = max(box[0], low + room), min(box[1], high - room)


def _aim(problem: Problem, t: Target, marks: list[float]) -> None:
    """Enter one target into the goal."""
    goal, e = problem.goal, t.of
    at_marks, at_gap, _, _, at_ratio, at_z, _, _ = parts(len(problem.factors))
    row = problem.row(e.factor, e.category)
    arm = problem.arms.index(e.arm) if e.arm in problem.arms else -1
    printed, part = t.entry.printed, t.entry.part
    if row < 0 or printed is None or (part not in PARTS and part != "p"):
        return
    k = PARTS.index(part) if part in PARTS else 3
    if t.kind == "median" and arm >= 0:
        window = goal.windows[2 * row + arm, 2 * k : 2 * k + 2]
        if printed.exact is None:
            window[:] = -1, 0
        else:
            low = ceil(printed.low * DAYS_PER_MONTH - 1e-6)
            high = floor(printed.high * DAYS_PER_MONTH - 1e-6)
            window[:] = max(window[0], low), min(window[1], high) if window[0] > 0 else high
        problem.names[2 * row + arm].append(t.id)
    elif t.kind == "rate" and arm >= 0 and row == 0:
        box = goal.mark_boxes[arm, marks.index(float(str(e.time))), 2 * k : 2 * k + 2]
        _narrow(box, printed.low / 100, printed.high / 100)
        problem.names[at_marks + arm].append(t.id)
    elif t.kind == "difference" and part in PARTS and float(str(e.time)) in marks:
        _narrow(goal.gap[2 * k : 2 * k + 2], printed.low / 100, printed.high / 100)
        goal.gap[6] = marks.index(float(str(e.time)))
        problem.names[at_gap].append(t.id)
    elif t.kind == "hazard ratio" and part in PARTS:
        _narrow(goal.ratios[row, 2 * k : 2 * k + 2], log(printed.low), log(printed.high))
        problem.names[at_ratio + row].append(t.id)
    elif t.kind == "hazard ratio":
        _narrow(goal.ratios[row, 6:8], norm.isf(printed.high / 2), norm.isf(printed.low / 2))
        problem.names[at_ratio + row].append(t.id)
    elif t.kind == "interaction":
        f = (row - 1) // 2
        _narrow(goal.z[f], norm.isf(printed.high / 2), norm.isf(printed.low / 2))
        problem.names[at_z + f].append(t.id)
