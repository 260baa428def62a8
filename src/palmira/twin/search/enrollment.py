"""The second stage: on which day of the trial each patient was randomly assigned."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, floor

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.schema import RecordError
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.twin.adam.study_days import DAYS_PER_WEEK, VISIT_WINDOW, timeline
from palmira.twin.facts import Ints, chosen, count, dated, draw, ids, number, where
from palmira.twin.search.arithmetic import cox
from palmira.twin.search.goals import ratio_cost
from palmira.twin.search.problem import Array, Problem, aimed
from palmira.twin.targets.attainable import SCALES
from palmira.twin.targets.target import main_analysis, targets

FIRST, LAST, CUTOFF = (f"timeline.{k}" for k in ("first_randomized", "last_randomized", "cutoff"))
# Accrual at the end over accrual at the start: our assumption.
RISE = 1.5
# Exchanges of two days tried for the analyses at earlier dates, and how often from a new start.
STEPS, TRIES = 6000, 4
HOT, COLD = 1.0, 0.05


@dataclass(frozen=True)
class Calendar:
    """Days since the first random assignment (day 0) of the last one and of the cutoff; days and
    problems of the analyses at earlier dates; the days that follow-up may last at most."""

    last: int
    cutoff: int
    longest: int
    cuts: list[tuple[int, Problem]] = field(default_factory=list)


@dataclass(frozen=True)
class _Patients:
    """Days and events with covariates by patient, and first and last possible day of assignment."""

    day: Ints
    event: NDArray[np.bool_]
    x: NDArray[np.int8]
    low: Ints
    high: Ints


def enroll(
    record: Record, problem: Problem, patients: pd.DataFrame, seed: int | list[int]
) -> pd.DataFrame:
    """Adds ``enrolled`` (days since the first random assignment) and ``on_treatment``.

    The first and the last random assignment of the record have a patient, and accrual between them
    rises slowly. Nobody's PFS ends after the cutoff. Patients on treatment at the cutoff, in the
    printed number (all censored ones where none is printed), had their last assessment, with which
    their PFS is censored, no longer before it than the next one was due. Analyses of PFS at earlier
    dates, of the patients assigned before, print their hazard ratios on the scale of ``problem``.
    Raises ``RecordError`` naming the entries where no such days are found.
    """
    calendar = calendar_of(record, problem)
    rng = np.random.default_rng(seed)
    for k in range(TRIES):
        out = patients.copy()
        low, high, going = _windows(record, problem, out, calendar, rng)
        enrolled = _accrual(low, high, going, calendar.last, rng)
        out["enrolled"], out["on_treatment"] = enrolled, going
        level = [out[f] == levels[1] for f, levels in zip(problem.factors, problem.levels,
                                                          strict=True)]  # fmt: skip
        arm = (out["arm"] == problem.arms[0]).to_numpy()
        x = np.column_stack([arm, *level]).astype(np.int8)
        about = _Patients(out["pfs"].to_numpy(np.int64), out["pfs_event"].to_numpy(bool), x,
                          low, high)  # fmt: skip
        missed = _exchange(about, enrolled, where(~going), calendar.cuts, rng)
        if not missed:
            break
        if k == TRIES - 1:
            entries = ids(*(record.entries[id] for id in missed))
            raise RecordError(
                f"{entries}: not met at that date by any days of random assignment that were "
                "tried. Mend: correct them or the date, or let the final data be others."
            )
    out["enrolled"] = enrolled
    ends = dated(record) and LAST in record.entries
    if (dated(record) and enrolled.min() != 0) or (ends and enrolled.max() != calendar.last):
        raise RecordError(
            f"{ids(*_dates(record))}: no patient's PFS lets random assignment be on the first and "
            "on the last of these days. Mend: correct the dates."
        )
    return out


def calendar_of(record: Record, problem: Problem) -> Calendar:
    """The record's dates as days, and the earlier analyses with what they print.

    Without dates they are nominal (see ``timeline``), and there are no earlier analyses.
    """
    first, last, cutoff = (
        timeline(record, row) for row in ("first_randomized", "last_randomized", "cutoff")
    )
    if not first <= last <= cutoff:
        raise RecordError(f"{ids(*_dates(record))}: not in this order. Mend: correct the dates.")
    whole, scale = (cutoff - first).days, scale_of(problem)
    ratios = [t for t in targets(record, scale) if t.attainable and t.kind == "hazard ratio"
              and t.of.endpoint == problem.endpoint and not t.of.factor]  # fmt: skip
    cuts = []
    for analysis in dict.fromkeys(t.of.analysis for t in ratios):
        if analysis not in (None, main_analysis(record)):
            day = (timeline(record, str(analysis)) - first).days
            cuts.append((day, aimed(problem, [t for t in ratios if t.of.analysis == analysis])))
    longest = follow_up(record, scale).get("maximum", (1, whole + 1))[1]
    return Calendar((last - first).days, whole, min(longest, whole + 1), cuts)


def _dates(record: Record) -> list[Entry | None]:
    return [record.entries.get(id) for id in (FIRST, LAST, CUTOFF)]


def scale_of(problem: Problem) -> str:
    """Name of the scale of a problem's hazard ratios."""
    return next(name for name, factor in SCALES.items() if 1 / factor == problem.goal.scale)


def follow_up(record: Record, scale: str) -> dict[str, tuple[int, int]]:
    """First and last day that print as the median, minimum and maximum of all patients' follow-up,
    as far as these are printed."""
    found = {}
    for t in targets(record, scale):
        total = t.of.arm is None or record.sheet.arms[t.of.arm].role == "total"
        if t.attainable and t.kind == "follow-up" and total:
            low, high = (DAYS_PER_MONTH * x for x in t.interval)
            found[t.of.part] = max(1, ceil(low + 1e-6)), floor(high - 1e-6)
    return found


def _windows(
    record: Record, problem: Problem, out: pd.DataFrame, calendar: Calendar,
    rng: np.random.Generator,
) -> tuple[Ints, Ints, NDArray[np.bool_]]:  # fmt: skip
    """First and last possible day of random assignment, and who is on treatment at the cutoff."""
    pfs = out["pfs"].to_numpy(np.int64)
    high = np.minimum(calendar.last, calendar.cutoff + 1 - pfs)
    too_long = max(pfs.max() - calendar.longest, -high.min())
    if too_long > 0:
        raise RecordError(
            f"{ids(*_dates(record))}: a PFS of {pfs.max()} days does "
            "not fit in between, or not into the longest follow-up. Mend: correct the dates."
        )
    low = np.zeros(len(out), dtype=np.int64)
    since = np.maximum(calendar.cutoff + 1 - pfs - _interval(record, pfs),
                       calendar.cutoff + 1 - calendar.longest)  # fmt: skip
    censored = (out["treated"] & ~out["pfs_event"]).to_numpy(dtype=bool)
    going = np.zeros(len(out), dtype=bool)
    for arm in problem.arms:
        pool = where(censored & (out["arm"] == arm).to_numpy())
        able = pool[np.maximum(since, 0)[pool] <= high[pool]]
        k = count(record, "results.on_treatment", arm)
        k = len(able) if k is None else k
        if k > len(able):
            entries = chosen(record, row="on_treatment", arm=arm, part="count")
            raise RecordError(
                f"{ids(*entries)}: of {len(pool)} treated patients of arm {arm} with censored PFS "
                f"only {len(able)} can have been on treatment at the cutoff, the others are "
                "censored too early for that. Mend: correct the number, the events or the dates."
            )
        going[draw(rng, able, k, pfs[able].astype(float))] = True
    return np.where(going, np.maximum(since, 0), low), high, going


def _interval(record: Record, day: Ints) -> Ints:
    """Days after which the assessment after one on ``day`` was done at the latest; where the record
    lacks the intervals, the whole trial."""
    stem = "methods.assessment"
    first, until, later = (
        number(record, f"{stem}.{k}") for k in ("first_interval", "first_until", "later_interval")
    )
    if first is None:
        return np.full(len(day), np.int64(1 << 20))
    early = day + DAYS_PER_WEEK * first <= (until or np.inf) * DAYS_PER_MONTH
    weeks = np.where(early, first, later or first)
    return (DAYS_PER_WEEK * weeks).astype(np.int64) + VISIT_WINDOW - 1


def _accrual(
    low: Ints, high: Ints, going: NDArray[np.bool_], last: int, rng: np.random.Generator
) -> Ints:
    """Days of random assignment along a slowly rising accrual, each within its patient's window."""
    n = len(low)
    share = (np.arange(n) + rng.uniform(size=n)) / n
    a = (RISE - 1) / 2
    # The distribution function is (u + a u^2) / (1 + a) on the share u of the period.
    slots = np.floor((last + 1) * (np.sqrt(1 + 4 * a * (1 + a) * share) - 1) / (2 * a))
    free = np.sort(slots.astype(np.int64))
    free[0], free[-1] = 0, last
    enrolled = np.full(n, -1, dtype=np.int64)
    # Those with narrow windows choose first; then from the latest day to the earliest.
    for i in sorted(where(going), key=lambda i: (int(high[i] - low[i]), int(i))):
        inside = where((free >= low[i]) & (free <= high[i]))
        if len(inside):
            k = int(rng.choice(inside))
            enrolled[i] = free[k]
        else:
            enrolled[i] = rng.integers(low[i], high[i] + 1)
            k = 1 + int(np.argmin(np.abs(free[1:-1] - enrolled[i])))
        free = np.delete(free, k)
    waiting = where(~going)
    for day in free[::-1]:
        able = waiting[high[waiting] >= day]
        i = int(rng.choice(able)) if len(able) else int(waiting[np.argmax(high[waiting])])
        enrolled[i] = min(int(day), int(high[i]))
        waiting = waiting[waiting != i]
    return enrolled


def _exchange(
    about: _Patients, enrolled: Ints, movable: Ints, cuts: list[tuple[int, Problem]],
    rng: np.random.Generator,
) -> list[str]:  # fmt: skip
    """Exchange days of random assignment in place until the earlier analyses print what they
    should; returns the ids of the targets that are still missed."""
    beta = [np.zeros(int(p.goal.width[0])) for _, p in cuts]
    costs = [_cost(about, enrolled, cut, b, 8) for cut, b in zip(cuts, beta, strict=True)]
    now = sum(costs)
    for heat in np.geomspace(HOT, COLD, STEPS):
        if now <= 0:
            break
        i, j = rng.choice(movable, 2)
        a, b = enrolled[i], enrolled[j]
        if not (about.low[i] <= b <= about.high[i] and about.low[j] <= a <= about.high[j]):
            continue
        enrolled[i], enrolled[j] = b, a
        new = [_cost(about, enrolled, cut, b, 3) for cut, b in zip(cuts, beta, strict=True)]
        if sum(new) - now > -heat * np.log(1 - rng.random()):
            enrolled[i], enrolled[j] = a, b
            continue
        costs, now = new, sum(new)
    return [id for c, (_, p) in zip(costs, cuts, strict=True) if c > 0
            for names in p.names for id in names]  # fmt: skip


def _cost(
    about: _Patients, enrolled: Ints, cut: tuple[int, Problem], beta: Array, steps: int
) -> float:
    """How far the adjusted hazard ratio is from its print if the data are cut at a day."""
    day, problem = cut
    known = day - enrolled + 1
    event = about.event & (about.day <= known)
    time = np.minimum(about.day, known)
    order = np.lexsort((~event, time))
    goal = problem.goal
    columns = goal.columns[0, : goal.width[0]]
    se = cox(order, time, event, enrolled < day, about.x, columns, beta, steps)
    return float(ratio_cost(beta[0], se, goal.scale, goal.ratios[0]))
