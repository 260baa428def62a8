"""Days of an arm's patients when the order of its events and censorings is given.

Printed landmarks cut the order in parts, and a printed median or limit is the day of one event in
it: so each patient has a first and a last day, and all that lies between gives the same numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palmira.twin.search.arithmetic import after_event, log_log_limit
from palmira.twin.search.patient_table import FIRST_EVENT
from palmira.twin.search.problem import Problem

Days = NDArray[np.int64]
Flags = NDArray[np.bool_]
# How much the shape of the curve varies between two printed points, and the mean end of its tail:
# the logarithm's spread of both parameters of a beta distribution; the second one's largest value.
SHAPE, TAIL = 0.3, 12.0


def envelope(
    problem: Problem, a: int, event: Flags, cuts: tuple[int, ...], horizon: int
) -> tuple[Days, Days] | None:
    """First and last day of each patient of an arm, in order; None where no days fit.

    ``event``: events and censorings in order; ``cuts``: how many stand before each landmark.
    """
    n, untreated = len(event), problem.untreated[a]
    first = np.where(event, FIRST_EVENT, problem.earliest).astype(np.int64)
    last = np.full(n, horizon, dtype=np.int64)
    first[:untreated] = last[:untreated] = 1
    for day, cut in zip(problem.goal.mark_days, cuts, strict=True):
        last[:cut] = np.minimum(last[:cut], int(day))
        first[cut:] = np.maximum(first[cut:], int(day) + 1)
    for j, low, high in pinned(problem, a, event):
        first[j], last[j] = max(first[j], low), min(last[j], high)
    # An event after a censoring comes a day later: on the same day it would come before.
    later = np.zeros(n, dtype=np.int64)
    later[1:] = event[1:] & ~event[:-1]
    later = np.cumsum(later)
    first = np.maximum.accumulate(first - later) + later
    last = np.minimum.accumulate((last - later)[::-1])[::-1] + later
    return (first, last) if (first <= last).all() else None


def pinned(problem: Problem, a: int, event: Flags) -> list[tuple[int, int, int]]:
    """Events on whose days the printed median and limits fall: place, first and last day."""
    window, at_risk, s, v = problem.goal.windows[a], len(event), 1.0, 0.0
    found: dict[int, tuple[int, int, int]] = {}
    for j, e in enumerate(event):
        if e:
            s, v = after_event(at_risk, s, v)
        at_risk -= 1
        heights = (s, log_log_limit(s, v, 1.0), log_log_limit(s, v, -1.0)) if e else ()
        for q, height in enumerate(heights):
            if window[2 * q] > 0 and height <= 0.5 and q not in found:
                found[q] = (j, int(window[2 * q]), int(window[2 * q + 1]))
    return sorted(found.values())


def drawn(
    problem: Problem, a: int, event: Flags, cuts: tuple[int, ...], bounds: tuple[Days, Days],
    rng: np.random.Generator,
) -> Days:  # fmt: skip
    """Days between ``bounds`` (see ``envelope``), by a curve of random shape between the printed
    points and a tail of random length."""
    first, last = bounds
    ends = [(cut, int(day), False) for day, cut in zip(problem.goal.mark_days, cuts, strict=True)]
    ends += [(j, int(rng.integers(first[j], last[j] + 1)), True)
             for j, *_ in pinned(problem, a, event)]  # fmt: skip
    day, k, before = first.copy(), problem.untreated[a], FIRST_EVENT - 1
    for end, until, pin in [*sorted(ends), (len(event), int(last[-1]), False)]:
        until = max(until, before)
        one, other = np.exp(rng.normal(0, SHAPE, 2))
        if end == len(event):
            one, other = 1.0, TAIL ** rng.random()
        shares = np.sort(rng.beta(one, other, max(0, end - k)))
        day[k:end] = before + np.ceil(shares * (until - before))
        if pin:
            day[end] = until
        k, before = max(k, end + pin), until
    return fitted(day, event, bounds)


def fitted(day: Days, event: Flags, bounds: tuple[Days, Days]) -> Days:
    """The nearest days, from the first patient on, within ``bounds`` and in order."""
    out = np.clip(day, *bounds)
    for k in range(1, len(out)):
        out[k] = max(out[k], out[k - 1] + (event[k] and not event[k - 1]))
    return out
