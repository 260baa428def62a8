"""Simulated trials: patients drawn from a scenario, and what is observed of them by a cutoff.

All arrays have one row a trial and one column a patient; days are whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from palmira.simulation.scenario import Scenario, inverse_cumulative
from palmira.statistics.schedule import DAYS_PER_MONTH

Days = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Sort keys: stratum, then day, then event and arm in the last two bits.
DAY_BITS, STRATUM_SHIFT = 20, 22
NEVER, ABSENT = 1 << (DAY_BITS - 1), -1


@dataclass(frozen=True)
class Trials:
    """Drawn patients: ``arm`` 1 for experimental, ``entry`` in days after the trial's start; the
    rest in days after random assignment. ``scans`` has the days of all scans as its last axis."""

    scenario: Scenario
    arm: Days
    stratum: Days
    entry: Days
    event: Days
    fatal: Flags
    left: Days
    scans: Days

    @property
    def cutoff(self) -> Days:
        """Day of the cutoff after the trial's start, one a trial."""
        months = self.scenario.accrual + self.scenario.follow_up
        return np.full(len(self.arm), int(np.floor(months * DAYS_PER_MONTH)))


@dataclass(frozen=True)
class Observed:
    """What is known at a cutoff: last day and event, and whether a patient had entered by then.

    ``clear`` counts the scans without progression, which bound the event from below.
    """

    time: Days
    event: Flags
    entered: Flags
    clear: Days


def draw(scenario: Scenario, trials: int, rng: np.random.Generator) -> Trials:
    """Draw ``trials`` trials of a scenario."""
    shape = (trials, scenario.n)
    shares, factors = np.transpose(scenario.strata)
    stratum = np.searchsorted(np.cumsum(shares)[:-1], rng.random(shape), side="right")
    entry = np.sort(np.floor(rng.random(shape) * scenario.accrual * DAYS_PER_MONTH), axis=1)
    arm = _assign(scenario, stratum, rng)
    total = rng.exponential(size=shape) / factors[stratum]
    months = np.where(
        arm == 1,
        inverse_cumulative(scenario.experimental, scenario.breaks, total),
        inverse_cumulative(scenario.control, scenario.breaks, total),
    )
    event = np.minimum(np.ceil(months * DAYS_PER_MONTH), NEVER).astype(np.int64)
    fatal = rng.random(shape) < scenario.fatal
    left = np.full(shape, NEVER)
    if scenario.dropout:
        gone = np.floor(rng.exponential(1 / scenario.dropout, shape) * DAYS_PER_MONTH)
        left = np.minimum(gone, NEVER).astype(np.int64)
    scans = np.asarray(scenario.scans).reshape(1, 1, -1)
    if scenario.window:
        late = rng.integers(-scenario.window, scenario.window + 1, (*shape, scans.size))
        scans = scans + late
    return Trials(
        scenario, arm, stratum, entry.astype(np.int64), np.maximum(event, 1), fatal, left, scans
    )


def _assign(scenario: Scenario, stratum: Days, rng: np.random.Generator) -> Days:
    trials, n = stratum.shape
    if scenario.block is None:
        arms = np.repeat(np.array([1, 0]), scenario.arms)
        return rng.permuted(np.broadcast_to(arms, (trials, n)), axis=1)
    size = scenario.block
    treated = round(size * scenario.ratio / (1 + scenario.ratio))
    one = np.repeat(np.array([1, 0]), [treated, size - treated])
    blocks = -(-n // size)
    arm = np.empty_like(stratum)
    for level in range(len(scenario.strata)):
        lists = np.broadcast_to(one, (trials, blocks, size))
        lists = rng.permuted(lists, axis=2).reshape(trials, -1)
        here = stratum == level
        place = np.cumsum(here, axis=1) - 1
        drawn = np.take_along_axis(lists, np.maximum(place, 0), axis=1)
        arm = np.where(here, drawn, arm)
    return arm


def at_once(trials: Trials, cutoff: Days | None = None) -> Observed:
    """Times as if each progression were known on its day (``clear`` is 0 throughout)."""
    end, entered = _end(trials, cutoff)
    seen = trials.event <= end
    time = np.maximum(np.minimum(trials.event, end), 1)
    return Observed(time, seen & entered, entered, np.zeros_like(time))


def at_scans(trials: Trials, cutoff: Days | None = None) -> Observed:
    """Times as a trial dates them: progression at the scan that shows it, death on its day, the
    others censored at their last scan (on day 1 if they had none).

    Source of the rule: FDA, Clinical Trial Endpoints for the Approval of Cancer Drugs, 2018.
    """
    end, entered = _end(trials, cutoff)
    scans = np.broadcast_to(trials.scans, (*end.shape, trials.scans.shape[2]))
    time, event, clear = np.empty_like(end), np.empty_like(entered), np.empty_like(end)
    _date(scans, trials.event, trials.fatal, end, time, event, clear)
    return Observed(time, event & entered, entered, clear)


@nb.njit(cache=True, nogil=True)
def _date(scans: Any, event: Any, fatal: Any, end: Any, time: Any, seen: Any, clear: Any) -> None:
    """Into ``time``, ``seen`` and ``clear`` what is known of each patient at the day ``end``; each
    patient's scans rise."""
    trials, n, count = scans.shape
    for t in range(trials):
        for i in range(n):
            before = done = 0
            while before < count and scans[t, i, before] < event[t, i]:
                before += 1
            while done < before and scans[t, i, done] <= end[t, i]:
                done += 1
            day = event[t, i]
            if not fatal[t, i]:
                day = scans[t, i, before] if before < count else NEVER
            seen[t, i], clear[t, i] = day <= end[t, i], done
            if seen[t, i]:
                time[t, i] = day
            else:
                time[t, i] = scans[t, i, done - 1] if done > 0 else 1


def _end(trials: Trials, cutoff: Days | None) -> tuple[Days, Flags]:
    day = trials.cutoff if cutoff is None else cutoff
    room = day[:, None] - trials.entry
    return np.minimum(trials.left, room), room >= 0


def sort_keys(observed: Observed, arm: Days, stratum: Days | None = None) -> Days:
    """Patients of each trial as sorted whole numbers, for ``kernels``; ``stratum`` sets them apart.

    A key holds stratum, day, event and arm; patients who had not entered are ``ABSENT``.
    """
    keys = (observed.time << 2) | (observed.event << 1) | arm
    if stratum is not None:
        keys = keys | (stratum << STRATUM_SHIFT)
    return np.sort(np.where(observed.entered, keys, ABSENT), axis=1)
