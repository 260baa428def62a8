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
from palmira.statistics.cox_batch import Cohort, cox
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.twin.adam.study_days import DAYS_PER_WEEK, VISIT_WINDOW, timeline
from palmira.twin.facts import Ints, count, dated, draw, ids, number, where
from palmira.twin.search.arithmetic import bits, patterns
from palmira.twin.search.goals import ratio_cost
from palmira.twin.search.problem import Array, Flags, Problem, aimed
from palmira.twin.targets.target import Target, main_analysis, targets

FIRST, LAST, CUTOFF = (f"timeline.{k}" for k in ("first_randomized", "last_randomized", "cutoff"))
# Accrual at the end over accrual at the start: our assumption.
RISE = 1.5
# Exchanges of two days tried for the analyses at earlier dates, and how often from a new start.
STEPS, TRIES = 6000, 4
HOT, COLD = 1.0, 0.05


@dataclass(frozen=True)
class Cut:
    """The day of an analysis at an earlier date, and its problem."""

    day: int
    problem: Problem


@dataclass(frozen=True)
class Calendar:
    """Days since the first random assignment (day 0) of the last one and of the cutoff; the days
    that follow-up may last at most; the analyses at earlier dates."""

    last: int
    cutoff: int
    longest: int
    cuts: list[Cut] = field(default_factory=list)


@dataclass(frozen=True)
class _Windows:
    """First and last possible day of assignment, and who is on treatment at the cutoff."""

    low: Ints
    high: Ints
    going: Flags


@dataclass(frozen=True)
class _Patients:
    """Days and events with covariates by patient."""

    day: Ints
    event: Flags
    x: NDArray[np.int8]


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
    arm, event = patients["arm"] == problem.arms[0], patients["pfs_event"].to_numpy(bool)
    x = np.column_stack([arm, problem.dealt(patients)]).astype(np.int8)
    about = _Patients(patients["pfs"].to_numpy(np.int64), event, x)
    for _ in range(TRIES):
        windows = _windows(record, problem, patients, calendar, rng)
        enrolled = _accrual(windows, calendar.last, rng)
        missed = _exchange(about, windows, enrolled, calendar.cuts, rng)
        if not missed:
            break
    else:
        raise RecordError(
            f"{ids(*(record.entries[id] for id in missed))}: not met at that date by any days of "
            "random assignment that were tried. Mend: correct them or the date, or let the final "
            "data be others."
        )
    out = patients.assign(enrolled=enrolled, on_treatment=windows.going)
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
    whole, main = (cutoff - first).days, (None, main_analysis(record))
    earlier: dict[str, list[Target]] = {}
    for t in targets(record, problem.scale):
        own = t.of.endpoint == problem.endpoint and not t.of.factor and t.of.analysis not in main
        if t.attainable and t.kind == "hazard ratio" and own:
            earlier.setdefault(str(t.of.analysis), []).append(t)
    cuts = [
        Cut((timeline(record, analysis) - first).days, aimed(problem, wanted))
        for analysis, wanted in earlier.items()
    ]
    longest = follow_up(record, problem.scale).get("maximum", (1, whole + 1))[1]
    return Calendar((last - first).days, whole, min(longest, whole + 1), cuts)


def _dates(record: Record) -> list[Entry | None]:
    return [record.entries.get(id) for id in (FIRST, LAST, CUTOFF)]


def follow_up(record: Record, scale: str) -> dict[str, tuple[int, int]]:
    """First and last day that print as the printed median and extremes of follow-up of all."""
    found = {}
    for t in targets(record, scale):
        total = t.of.arm is None or record.roles[t.of.arm] == "total"
        if t.attainable and t.kind == "follow-up" and total:
            low, high = (DAYS_PER_MONTH * x for x in t.interval)
            found[t.of.part] = max(1, ceil(low + 1e-6)), floor(high - 1e-6)
    return found


def _windows(
    record: Record,
    problem: Problem,
    patients: pd.DataFrame,
    calendar: Calendar,
    rng: np.random.Generator,
) -> _Windows:
    """Draws who is on treatment at the cutoff, and with it each patient's window."""
    pfs = patients["pfs"].to_numpy(np.int64)
    high = np.minimum(calendar.last, calendar.cutoff + 1 - pfs)
    too_long = max(pfs.max() - calendar.longest, -high.min())
    if too_long > 0:
        raise RecordError(
            f"{ids(*_dates(record))}: a PFS of {pfs.max()} days does "
            "not fit in between, or not into the longest follow-up. Mend: correct the dates."
        )
    back = np.minimum(pfs + _interval(record, pfs), calendar.longest)
    since = np.maximum(calendar.cutoff + 1 - back, 0)
    censored = (patients["treated"] & ~patients["pfs_event"]).to_numpy(dtype=bool)
    going = np.zeros(len(pfs), dtype=bool)
    for arm in problem.arms:
        pool = where(censored & (patients["arm"] == arm).to_numpy())
        able = pool[since[pool] <= high[pool]]
        k = count(record, "results.on_treatment", arm)
        k = len(able) if k is None else k
        if k > len(able):
            entries = record.where(row="on_treatment", arm=arm, part="count")
            raise RecordError(
                f"{ids(*entries)}: of {len(pool)} treated patients of arm {arm} with censored PFS "
                f"only {len(able)} can have been on treatment at the cutoff, the others are "
                "censored too early for that. Mend: correct the number, the events or the dates."
            )
        going[draw(rng, able, k, pfs[able].astype(float))] = True
    return _Windows(np.where(going, since, 0), high, going)


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


def _accrual(windows: _Windows, last: int, rng: np.random.Generator) -> Ints:
    """Days of random assignment along a slowly rising accrual, each within its patient's window."""
    low, high, n = windows.low, windows.high, len(windows.low)
    share = (np.arange(n) + rng.uniform(size=n)) / n
    a = (RISE - 1) / 2
    # The distribution function is (u + a u^2) / (1 + a) on the share u of the period.
    slots = np.floor((last + 1) * (np.sqrt(1 + 4 * a * (1 + a) * share) - 1) / (2 * a))
    free = np.sort(slots.astype(np.int64))
    free[0], free[-1] = 0, last
    enrolled = np.full(n, -1, dtype=np.int64)
    # Those with narrow windows choose first; then from the latest day to the earliest.
    narrow = where(windows.going)
    for i in narrow[np.argsort((high - low)[narrow], kind="stable")]:
        inside = where((free >= low[i]) & (free <= high[i]))
        if len(inside):
            k = int(rng.choice(inside))
            enrolled[i] = free[k]
        else:
            enrolled[i] = rng.integers(low[i], high[i] + 1)
            k = 1 + int(np.argmin(np.abs(free[1:-1] - enrolled[i])))
        free = np.delete(free, k)
    waiting = where(~windows.going)
    for day in free[::-1]:
        able = waiting[high[waiting] >= day]
        i = int(rng.choice(able)) if len(able) else int(waiting[np.argmax(high[waiting])])
        enrolled[i] = min(int(day), int(high[i]))
        waiting = waiting[waiting != i]
    return enrolled


def _exchange(
    about: _Patients, windows: _Windows, enrolled: Ints, cuts: list[Cut], rng: np.random.Generator
) -> list[str]:
    """Exchange days of random assignment of those off treatment in place until the earlier analyses
    print what they should; returns the ids of the targets that are still missed."""
    low, high, movable = windows.low, windows.high, where(~windows.going)
    models = [(cut, np.zeros(int(cut.problem.goal.width[0]))) for cut in cuts]
    costs = [_cost(about, enrolled, cut, beta, 8) for cut, beta in models]
    for heat in np.geomspace(HOT, COLD, STEPS):
        if sum(costs) <= 0:
            break
        i, j = rng.choice(movable, 2)
        a, b = enrolled[i], enrolled[j]
        if not (low[i] <= b <= high[i] and low[j] <= a <= high[j]):
            continue
        enrolled[i], enrolled[j] = b, a
        new = [_cost(about, enrolled, cut, beta, 3) for cut, beta in models]
        if sum(new) - sum(costs) > -heat * np.log(1 - rng.random()):
            enrolled[i], enrolled[j] = a, b
            continue
        costs = new
    missed = (cut for cost, cut in zip(costs, cuts, strict=True) if cost > 0)
    return [id for cut in missed for names in cut.problem.names for id in names]


def _cost(about: _Patients, enrolled: Ints, cut: Cut, beta: Array, steps: int) -> float:
    """How far the adjusted hazard ratio is from its print if the data are cut at a day."""
    known, goal = cut.day - enrolled + 1, cut.problem.goal
    event, day = about.event & (about.day <= known), np.minimum(about.day, known)
    order = np.lexsort((~event, day))
    columns = goal.columns[0, : goal.width[0]]
    pattern = patterns(order, enrolled < cut.day, about.x, columns)
    se = cox(Cohort(order, day, event, pattern, bits(len(columns))), beta, steps)
    return float(ratio_cost(beta[0] * goal.scale, se * goal.scale, goal.ratios[0], goal.ratio_z[0]))
