"""What a simulated trial is drawn from: patients, accrual, scans, drop-out, hazards, strata."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import pairwise
from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from palmira.record import Record
from palmira.record.printed import parse_date
from palmira.statistics.schedule import DAYS_PER_MONTH, assessment_weeks

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scenario:
    """A two-arm trial with a time-to-event end point, to be drawn many times.

    ``ratio`` is experimental to control. ``control`` and ``experimental`` are hazards a month, one
    for each period; the periods end at ``breaks`` (months), the last one never. Patients enter
    evenly over ``accrual`` months; the cutoff comes ``follow_up`` months after the last may enter.
    ``scans`` are the planned days of the tumor assessments after random assignment, each done
    within ``window`` days of its plan. A share ``fatal`` of the events are deaths, known to the
    day; the others are progressions, seen at the next scan. ``dropout`` is the hazard a month of
    leaving the scans. ``strata`` are pairs of a share of the patients and a factor of their hazard;
    random assignment is stratified by them in blocks of ``block`` patients, or, with no block, is
    one shuffle of all patients. Raises ``ValueError`` for values that make no trial.
    """

    name: str
    n: int
    ratio: float
    control: tuple[float, ...]
    experimental: tuple[float, ...]
    accrual: float
    follow_up: float
    scans: tuple[int, ...]
    breaks: tuple[float, ...] = ()
    window: int = 0
    fatal: float = 0.0
    dropout: float = 0.0
    strata: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
    block: int | None = None

    def __post_init__(self) -> None:
        gaps = [b - a for a, b in pairwise((0, *self.scans))]
        share = self.ratio / (1 + self.ratio)
        faults = {
            "n: at least 4 patients": self.n < 4,
            "ratio: positive": self.ratio <= 0,
            "control and experimental: one hazard more than breaks": not (
                len(self.control) == len(self.experimental) == len(self.breaks) + 1
            ),
            "hazards: positive": min((*self.control, *self.experimental), default=0) <= 0,
            "breaks: positive and rising": any(b <= a for a, b in pairwise((0, *self.breaks))),
            "accrual, follow_up, window and dropout: not negative": min(
                self.accrual, self.follow_up, self.window, self.dropout
            )
            < 0,
            "scans: at least one, rising, farther apart than two windows": not gaps
            or min(gaps) <= 2 * self.window,
            "fatal: a share": not 0 <= self.fatal <= 1,
            "strata: shares that add up to 1, positive factors": not self.strata
            or abs(sum(s for s, _ in self.strata) - 1) > 1e-9
            or min(x for pair in self.strata for x in pair) <= 0,
            "block: a size that the ratio divides": self.block is not None
            and (self.block < 2 or abs(self.block * share - round(self.block * share)) > 1e-9),
        }
        if wrong := [words for words, bad in faults.items() if bad]:
            raise ValueError(f"scenario {self.name!r}: {'; '.join(wrong)}")

    @property
    def arms(self) -> tuple[int, int]:
        """Patients of the experimental and of the control arm without blocks."""
        experimental = round(self.n * self.ratio / (1 + self.ratio))
        return experimental, self.n - experimental

    @property
    def hazard_ratio(self) -> float:
        """The hazard ratio within a stratum; NaN where hazards are not proportional."""
        ratios = np.divide(self.experimental, self.control)
        return float(ratios[0]) if np.ptp(ratios) < 1e-12 else float("nan")

    @property
    def null(self) -> bool:
        """Whether both arms have the same hazards."""
        return self.experimental == self.control

    @cached_property
    def medians(self) -> tuple[float, float]:
        """True median times in months, experimental and control, over all strata."""
        return tuple(  # type: ignore[return-value]
            float(brentq(lambda t, h=h: self._survival(h, t) - 0.5, 0, 1e5))
            for h in (self.experimental, self.control)
        )

    def _survival(self, hazards: tuple[float, ...], months: float) -> float:
        total = cumulative(hazards, self.breaks, months)
        return float(sum(share * np.exp(-factor * total) for share, factor in self.strata))


def cumulative(hazards: ArrayLike, breaks: ArrayLike, months: ArrayLike) -> Array:
    """Cumulative hazard at ``months`` of hazards that change at ``breaks``."""
    edges = np.concatenate([[0.0], np.asarray(breaks, dtype=float)])
    spent = np.maximum(np.asarray(months, dtype=float)[..., None] - edges, 0.0)
    widths = np.append(np.diff(edges), np.inf)
    return np.asarray(np.minimum(spent, widths) @ np.asarray(hazards, dtype=float))


def inverse_cumulative(hazards: ArrayLike, breaks: ArrayLike, total: Array) -> Array:
    """Months at which the cumulative hazard reaches ``total``."""
    h = np.asarray(hazards, dtype=float)
    if len(h) == 1:
        return np.asarray(total / h[0])
    edges = np.concatenate([[0.0], np.asarray(breaks, dtype=float)])
    at_edges = cumulative(h, breaks, edges)
    period = np.searchsorted(at_edges, total, side="right") - 1
    return np.asarray(edges[period] + (total - at_edges[period]) / h[period])


def of_record(
    record: Record, experimental: str, control: str, hazard_ratio: float, name: str
) -> Scenario:
    """A scenario like the trial of a record: its arms, dates and scans, and the control arm's
    printed median under a constant hazard.

    Drop-out is set so that about the printed number of events is expected by the cutoff if the
    arms have their printed medians. ``experimental`` and ``control`` name arms of the record.
    Raises ``KeyError`` where the record lacks an entry that this needs.
    """

    def value(id: str) -> float:
        return float(record[id].value)

    def day(id: str) -> date:
        return parse_date(record[f"timeline.{id}"].text)

    arms = [int(value(f"results.randomized.{a}.count")) for a in (experimental, control)]
    accrual, follow_up = (
        (day(b) - day(a)).days / DAYS_PER_MONTH
        for a, b in (("first_randomized", "last_randomized"), ("last_randomized", "cutoff"))
    )
    first, until, later = (
        value(f"methods.assessment.{k}")
        for k in ("first_interval", "first_until", "later_interval")
    )
    weeks = assessment_weeks(first, until, later, accrual + follow_up)
    hazards = [log(2) / value(f"results.pfs.median.{a}.estimate") for a in (experimental, control)]
    events = value("results.pfs.events.total.count")
    by_arm = sum(arms), arms[0] / arms[1], (hazards[1],), (hazards[0],)
    base = Scenario(name, *by_arm, accrual, follow_up, tuple(round(7 * w) for w in weeks))
    dropout = brentq(lambda x: expected_events(replace(base, dropout=x)) - events, 0, 1)
    return replace(base, dropout=float(dropout), experimental=(hazard_ratio * hazards[1],))


def with_hazard_ratio(scenario: Scenario, hazard_ratio: float, name: str) -> Scenario:
    """The same scenario with proportional hazards at another ratio."""
    hazards = tuple(hazard_ratio * h for h in scenario.control)
    return replace(scenario, name=name, experimental=hazards)


def with_survival(
    scenario: Scenario,
    months: tuple[float, ...],
    experimental: tuple[float, ...],
    control: tuple[float, ...],
    name: str,
) -> Scenario:
    """The same scenario with curves through survival rates at ``months`` (proportions).

    The hazard is constant between them; that of the last period goes on.
    """
    return replace(
        scenario,
        name=name,
        breaks=months[:-1],
        experimental=_between(months, experimental),
        control=_between(months, control),
    )


def _between(months: tuple[float, ...], survival: tuple[float, ...]) -> tuple[float, ...]:
    fallen = -np.diff(np.log([1.0, *survival]))
    return tuple(float(h) for h in fallen / np.diff([0.0, *months]))


def expected_events(scenario: Scenario, steps: int = 4000) -> float:
    """Events expected by the cutoff, at the times at which scans show them.

    Summed over ``steps`` entry times; deaths are dated as progressions here.
    """
    entry = (np.arange(steps) + 0.5) / steps * scenario.accrual
    room = scenario.accrual + scenario.follow_up - entry
    ends = np.asarray(scenario.scans) / DAYS_PER_MONTH
    starts = np.concatenate([[0.0], ends[:-1]])
    reached = (room[:, None] >= ends).mean(axis=0) * np.exp(-scenario.dropout * ends)
    expected = 0.0
    for size, hazards in zip(scenario.arms, (scenario.experimental, scenario.control), strict=True):
        for share, factor in scenario.strata:
            s = [np.exp(-factor * cumulative(hazards, scenario.breaks, t)) for t in (starts, ends)]
            expected += size * share * float(np.sum(reached * (s[0] - s[1])))
    return expected
