"""The third stage: death or last contact of each patient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import pandas as pd

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.schema import RecordError
from palmira.twin.facts import Ints, draw, ids, where
from palmira.twin.search.annealing import Cooling
from palmira.twin.search.enrollment import CUTOFF, FIRST, Calendar, calendar_of, follow_up
from palmira.twin.search.goals import places
from palmira.twin.search.patient_table import PatientTable, Stage, improve
from palmira.twin.search.problem import Flags, Problem, aimed, main_targets
from palmira.twin.targets.target import Target

ENDPOINT = "OS"
# Share of PFS events that are deaths, beyond the fatal adverse events; deaths per PFS event where
# the paper prints no number. Our assumptions.
DEATHS_FIRST, DEATHS_OF_EVENTS = 0.03, 0.45
COOLING = Cooling(60_000, 0.3, 0.05)
# Of the median follow-up, which few moves change: it holds at the start and should not be left.
WEIGHT = 6.0
# Divisions of the deaths between the arms that are tried, and new starts of each.
SPLITS, STARTS = 6, 2
# Days before the longest follow-up within which that of others ends who could be followed on.
SPREAD = 120


@dataclass(frozen=True)
class _Followed:
    """The record, its patients with their PFS and days of random assignment, its calendar, and the
    first and last day of the printed ``median``, ``minimum`` and ``maximum`` of follow-up."""

    record: Record
    patients: pd.DataFrame
    calendar: Calendar
    seen: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class _Bounds:
    """First and last possible day of death or last contact, and who may die when."""

    first: Ints
    last: Ints
    died: Flags


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
    about = _Followed(record, patients, calendar_of(record, problem), follow_up(record, scale))
    wanted = main_targets(record, scale, ENDPOINT)
    best: tuple[float, list[str]] = (np.inf, [])
    splits = _splits(record, problem)
    for split in splits * STARTS:
        mine = _problem(problem, split, wanted, about)
        table = _start(about, mine, _bounds(about, mine, rng), rng)
        stage = Stage(mine.goal, COOLING, np.zeros(2, dtype=bool), dealt=())
        table, costs = improve(table, stage, int(rng.integers(1 << 31)))
        missed = costs[: places(len(mine.factors)).interaction]
        if missed.sum() < best[0]:
            names = [id for c in np.flatnonzero(missed) for id in mine.names[c]]
            best = float(missed.sum()), names
        if best[0] <= 0:
            out = patients.assign(os=table.day, died=table.event)
            _check_range(about, out)
            return out
    missing = (record.entries[id] for id in dict.fromkeys(best[1]))
    raise RecordError(
        f"{ids(*missing, *_printed_deaths(record))}: no times of death or last contact that print "
        f"so were found; {splits[0][0]} and {splits[0][1]} deaths in the arms came first, then "
        "other divisions. Mend: correct these entries, or let PFS or the dates be others."
    )


def _printed_deaths(record: Record) -> list[Entry]:
    """The entries with numbers of deaths, by arm or in total."""
    rows = record.where(endpoint=ENDPOINT, measure="events")
    return [e for e in rows if not e.factor and not e.quotes and e.part in ("count", "events")]


def _splits(record: Record, problem: Problem) -> list[tuple[int, int]]:
    """Deaths by arm: those printed, or divisions of the total, from the PFS events' outwards."""
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
    problem: Problem, split: tuple[int, int], wanted: list[Target], about: _Followed
) -> Problem:
    """The search problem of overall survival: factors of the adjusted model or with targets."""
    named = {t.of.factor for t in wanted}
    keep = [f for f, name in enumerate(problem.factors) if problem.adjusting[f] or name in named]
    own = replace(problem.with_factors(keep), endpoint=ENDPOINT, events=split)
    mine, middle = aimed(own, wanted), places(len(keep)).middle
    mine.goal.weights[:] = 1.0
    mine.goal.weights[middle] = WEIGHT
    if "median" in about.seen:
        mine.goal.middle[:] = about.seen["median"]
    printed = about.record.where(row="follow_up", part="median")
    mine.names[middle].extend(e.id for e in printed)
    return mine


def _bounds(about: _Followed, problem: Problem, rng: np.random.Generator) -> _Bounds:
    """Who dies, whose PFS event that is, and who is followed for the shortest and longest time."""
    patients, longest = about.patients, about.calendar.longest
    pfs = patients["pfs"].to_numpy(np.int64)
    treated, going = (patients[c].to_numpy(dtype=bool) for c in ("treated", "on_treatment"))
    until = about.calendar.cutoff + 1 - patients["enrolled"].to_numpy(np.int64)
    first, last = np.where(going, until, pfs), np.where(treated, until, pfs)
    last = np.where(going, until, np.minimum(last, longest))
    bounds = _Bounds(first, last, np.zeros(len(pfs), dtype=bool))
    for arm, deaths in zip(problem.arms, problem.events, strict=True):
        _let_die(about, arm, deaths, bounds, rng)
    for part in about.seen:
        if part != "median":
            _let_follow(about, part, bounds, rng)
    # The others who could be followed for longer than anybody was are lost to it at various days.
    for i in where(~bounds.died & (first < last) & (until > longest)):
        last[i] = rng.integers(max(int(first[i]), longest - SPREAD), longest + 1)
    return bounds


def _let_die(
    about: _Followed, arm: str, deaths: int, bounds: _Bounds, rng: np.random.Generator
) -> None:
    """Draw who dies in an arm: some with the PFS event, enough for the fatal adverse events, and
    others later; changes ``bounds``."""
    patients, first, last = about.patients, bounds.first, bounds.last
    pfs = patients["pfs"].to_numpy(np.int64)
    mine = (patients["arm"] == arm) & patients["treated"] & ~patients["on_treatment"]
    fatal = [int(e.value) for e in about.record.where(arm=arm, grade="5", part="count")]
    able = where(mine & patients["pfs_event"])
    at_once = max(fatal, default=0) + ceil(DEATHS_FIRST * len(able))
    now = draw(rng, able, min(at_once, deaths), np.ones(len(able)))
    last[now], bounds.died[now] = pfs[now], True
    able = where(mine & ~bounds.died & (last > pfs))
    if deaths - len(now) > len(able):
        raise RecordError(
            f"{ids(*_printed_deaths(about.record))}: of arm {arm} only {len(now) + len(able)} "
            "patients off treatment can have died before the cutoff. Mend: correct the number of "
            "deaths."
        )
    # Likelier those who were followed for longer after PFS.
    later = draw(rng, able, deaths - len(now), (last - pfs)[able].astype(float))
    first[later], bounds.died[later] = pfs[later] + 1, True


def _let_follow(about: _Followed, part: str, bounds: _Bounds, rng: np.random.Generator) -> None:
    """See that somebody is followed for the printed shortest or longest time (``part``)."""
    first, last, (low, high) = bounds.first, bounds.last, about.seen[part]
    if ((first == last) & (low <= first) & (first <= high)).any():
        return
    able = where(~bounds.died & (first < last) & (first <= high) & (last >= low))
    if not len(able):
        printed = about.record.where(row="follow_up", part=part)
        dates = (about.record.entries.get(id) for id in (FIRST, CUTOFF))
        raise RecordError(
            f"{ids(*printed, *dates)}: no patient alive can have been followed for that long. "
            "Mend: correct them."
        )
    i = int(rng.choice(able))
    first[i] = last[i] = rng.integers(max(low, first[i]), min(high, last[i]) + 1)


def _start(
    about: _Followed, problem: Problem, bounds: _Bounds, rng: np.random.Generator
) -> PatientTable:
    """Deaths anywhere between their bounds, and others lost to follow-up at a constant rate that
    gives its printed median; without one they are followed to the cutoff."""
    first, last, died = bounds.first, bounds.last, bounds.died
    early = first + (last - first) * rng.uniform(size=len(first))
    lost, day = rng.exponential(size=len(first)), np.where(died, early, last)
    for rate in np.geomspace(1e-5, 3e-2, 200) if "median" in about.seen else ():
        if np.median(day) <= about.seen["median"][1]:
            break
        day = np.where(died, early, np.minimum(last, first + lost / rate))
    # Who is followed to the cutoff stays so.
    first = np.where(~died & (day >= last), last, first)
    arm = (about.patients["arm"] != problem.arms[0]).to_numpy().astype(np.int64)
    level = problem.dealt(about.patients)
    return PatientTable(day.round().astype(np.int64), died, arm, level, first, last)


def _check_range(about: _Followed, out: pd.DataFrame) -> None:
    """Whether the shortest and the longest follow-up are the printed ones."""
    for part, day in (("minimum", out["os"].min()), ("maximum", out["os"].max())):
        low, high = about.seen.get(part, (day, day))
        if not low <= day <= high:
            printed = about.record.where(row="follow_up", part=part)
            raise RecordError(
                f"{ids(*printed)}: follow-up is {day} days at the {part}, by the days of PFS and "
                "of treatment. Mend: correct it."
            )
