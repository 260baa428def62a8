"""The third stage: death or last contact of each patient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.schema import RecordError
from palmira.twin.facts import Ints, chosen, draw, ids, where
from palmira.twin.search.enrollment import CUTOFF, FIRST, Calendar, calendar_of, follow_up
from palmira.twin.search.goals import parts
from palmira.twin.search.patient_table import PatientTable, improve
from palmira.twin.search.problem import Problem, aimed
from palmira.twin.targets.target import Target, main_analysis, targets

ENDPOINT = "OS"
# Share of PFS events that are deaths, beyond the fatal adverse events; deaths per PFS event where
# the paper prints no number. Our assumptions.
DEATHS_FIRST, DEATHS_OF_EVENTS = 0.03, 0.45
STEPS, HOT, COLD = 60_000, 0.3, 0.05
# Of the median follow-up, which few moves change: it holds at the start and should not be left.
WEIGHT = 6.0
# Divisions of the deaths between the arms that are tried, and new starts of each.
SPLITS, STARTS = 6, 2
# Days before the longest follow-up within which that of others ends who could be followed on.
SPREAD = 120


@dataclass(frozen=True)
class _Bounds:
    """First and last possible day of death or last contact, and who may die when."""

    first: Ints
    last: Ints
    died: NDArray[np.bool_]


def survive(
    record: Record, problem: Problem, patients: pd.DataFrame, seed: int | list[int], scale: str
) -> pd.DataFrame:
    """Adds ``os`` (days to death or last contact) and ``died``.

    ``problem`` is that of PFS, for arms and factors. Medians with their limits, landmark rates, the
    hazard ratio on the scale ("full" or "neutral"), the number of deaths and the follow-up are the
    printed ones. Nobody is followed beyond the cutoff; patients on treatment then are alive, those
    never treated are last seen on their first day. Some PFS events are deaths (``os`` equals
    ``pfs``), of each arm enough for its fatal adverse events. Where only the deaths of both arms
    together are printed, their division is that of the PFS events, or the nearest that agrees with
    the hazard ratio. Raises ``RecordError`` naming the entries that are not met.
    """
    rng = np.random.default_rng(seed)
    calendar, seen = calendar_of(record, problem), follow_up(record, scale)
    wanted = [t for t in targets(record, scale) if t.attainable and t.of.endpoint == ENDPOINT
              and t.of.analysis in (None, main_analysis(record))]  # fmt: skip
    best: tuple[float, list[str]] = (np.inf, [])
    splits = _splits(record, problem)
    for split in splits * STARTS:
        mine = _problem(problem, split, wanted, seen)
        bounds = _bounds(record, mine, patients, calendar, seen, rng)
        table = _start(mine, patients, bounds, seen, rng)
        _, _, _, middle, _, end, _, goals = parts(len(mine.factors))
        mine.names[middle].extend(e.id for e in chosen(record, row="follow_up", part="median"))
        weights = np.ones(goals)
        weights[middle] = WEIGHT
        table, costs = improve(
            mine, table, mine.goal, np.zeros(2, dtype=bool), weights, STEPS, HOT, COLD,
            int(rng.integers(1 << 31)), dealt=(),
        )  # fmt: skip
        missed = costs[:end]
        if missed.sum() < best[0]:
            names = [id for c in np.flatnonzero(missed) for id in mine.names[c]]
            best = float(missed.sum()), names
        if best[0] <= 0:
            out = patients.assign(os=table.day, died=table.event)
            _check_range(record, out, seen)
            return out
    missing = (record.entries[id] for id in dict.fromkeys(best[1]))
    raise RecordError(
        f"{ids(*missing, *_printed_deaths(record))}: no times of death or last contact that print "
        f"so were found; {splits[0][0]} and {splits[0][1]} deaths in the arms came first, then "
        "other divisions. Mend: correct these entries, or let PFS or the dates be others."
    )


def _printed_deaths(record: Record) -> list[Entry]:
    """The entries with numbers of deaths, by arm or in total."""
    rows = chosen(record, endpoint=ENDPOINT, measure="events")
    return [e for e in rows if not e.factor and not e.quotes and e.part in ("count", "events")]


def _splits(record: Record, problem: Problem) -> list[tuple[int, int]]:
    """Deaths by arm: the printed ones; or divisions of the printed total, from that of the PFS
    events outwards."""
    rows = _printed_deaths(record)
    one, other = (next((int(e.value) for e in rows if e.arm == a), None) for a in problem.arms)
    if one is not None and other is not None:
        return [(one, other)]
    total = next((int(e.value) for e in rows if e.arm not in problem.arms), None)
    if total is None:
        total = round(DEATHS_OF_EVENTS * sum(problem.events))
    center = round(total * problem.events[0] / sum(problem.events))
    tried = (center + (k + 1) // 2 * (-1 if k % 2 else 1) for k in range(SPLITS))
    return [(d, total - d) for d in tried if 0 <= d <= total]


def _problem(
    problem: Problem, split: tuple[int, int], wanted: list[Target], seen: dict[str, tuple[int, int]]
) -> Problem:
    """The search problem of overall survival: factors of the adjusted model or with targets."""
    named = {t.of.factor for t in wanted}
    keep = [f for f, name in enumerate(problem.factors) if problem.adjusting[f] or name in named]
    mine = aimed(
        replace(
            problem, endpoint=ENDPOINT, events=split, factors=[problem.factors[f] for f in keep],
            levels=[problem.levels[f] for f in keep], factor_n=problem.factor_n[keep],
            factor_events=problem.factor_events[keep], adjusting=problem.adjusting[keep],
        ),
        wanted,
    )  # fmt: skip
    if "median" in seen:
        mine.goal.middle[:] = seen["median"]
    return mine


def _bounds(
    record: Record, problem: Problem, patients: pd.DataFrame, calendar: Calendar,
    seen: dict[str, tuple[int, int]], rng: np.random.Generator,
) -> _Bounds:  # fmt: skip
    """Who dies, whose PFS event that is, and who is followed for the shortest and longest time."""
    pfs = patients["pfs"].to_numpy(np.int64)
    event, treated, going = (
        patients[c].to_numpy(dtype=bool) for c in ("pfs_event", "treated", "on_treatment")
    )
    until = calendar.cutoff + 1 - patients["enrolled"].to_numpy(np.int64)
    first, last = np.where(going, until, pfs), np.where(treated, until, pfs)
    last = np.where(going, until, np.minimum(last, calendar.longest))
    died = np.zeros(len(pfs), dtype=bool)
    for arm, deaths in zip(problem.arms, problem.events, strict=True):
        mine = (patients["arm"] == arm).to_numpy() & treated & ~going
        fatal = [int(e.value) for e in chosen(record, arm=arm, grade="5", part="count")]
        able = where(mine & event)
        at_once = max(fatal, default=0) + ceil(DEATHS_FIRST * len(able))
        now = draw(rng, able, min(at_once, deaths), np.ones(len(able)))
        last[now], died[now] = pfs[now], True
        able = where(mine & ~died & (last > pfs))
        if deaths - len(now) > len(able):
            k = len(now) + len(able)
            raise RecordError(
                f"{ids(*_printed_deaths(record))}: of arm {arm} only {k} patients "
                "off treatment can have died before the cutoff. Mend: correct the number of deaths."
            )
        # Likelier those who were followed for longer after PFS.
        later = draw(rng, able, deaths - len(now), (last - pfs)[able].astype(float))
        first[later], died[later] = pfs[later] + 1, True
    for part, (low, high) in seen.items():
        if part == "median" or ((first == last) & (low <= first) & (first <= high)).any():
            continue
        able = where(~died & (first < last) & (first <= high) & (last >= low))
        if not len(able):
            printed = chosen(record, row="follow_up", part=part)
            raise RecordError(
                f"{ids(*printed, *(record.entries.get(id) for id in (FIRST, CUTOFF)))}: no patient "
                "alive can have been followed for that long. Mend: correct them."
            )
        i = int(rng.choice(able))
        first[i] = last[i] = rng.integers(max(low, first[i]), min(high, last[i]) + 1)
    # The others who could be followed for longer than anybody was are lost to it at various days.
    for i in where(~died & (first < last) & (until > calendar.longest)):
        last[i] = rng.integers(max(int(first[i]), calendar.longest - SPREAD), calendar.longest + 1)
    return _Bounds(first, last, died)


def _start(
    problem: Problem, patients: pd.DataFrame, bounds: _Bounds, seen: dict[str, tuple[int, int]],
    rng: np.random.Generator,
) -> PatientTable:  # fmt: skip
    """Deaths anywhere between their bounds, and others lost to follow-up at a constant rate that
    gives its printed median; without one they are followed to the cutoff."""
    first, last, died = bounds.first, bounds.last, bounds.died
    early = first + (last - first) * rng.uniform(size=len(first))
    lost, day = rng.exponential(size=len(first)), np.where(died, early, last)
    for rate in np.geomspace(1e-5, 3e-2, 200) if "median" in seen else ():
        if np.median(day) <= seen["median"][1]:
            break
        day = np.where(died, early, np.minimum(last, first + lost / rate))
    # Who is followed to the cutoff stays so.
    first = np.where(~died & (day >= last), last, first)
    level = np.column_stack([
        patients[f] == levels[1] for f, levels in zip(problem.factors, problem.levels, strict=True)
    ]) if problem.factors else np.zeros((len(day), 0))  # fmt: skip
    arm = (patients["arm"] != problem.arms[0]).to_numpy().astype(np.int64)
    return PatientTable(
        day.round().astype(np.int64), died, arm, level.astype(np.int64), first, last
    )


def _check_range(record: Record, out: pd.DataFrame, seen: dict[str, tuple[int, int]]) -> None:
    """Whether the shortest and the longest follow-up are the printed ones."""
    for part, day in (("minimum", out["os"].min()), ("maximum", out["os"].max())):
        low, high = seen.get(part, (day, day))
        if not low <= day <= high:
            raise RecordError(
                f"{ids(*chosen(record, row='follow_up', part=part))}: follow-up is {day} days at "
                f"the {part}, by the days of PFS and of treatment. Mend: correct it."
            )
