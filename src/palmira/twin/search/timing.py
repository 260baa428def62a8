"""Days of an arm's patients when the order of its events and censorings is given.

Printed landmarks cut the order in parts, and a printed median or limit is the day of one event in
it: so each patient has a first and a last day, and all that lies between gives the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from palmira.twin.search.arithmetic import after_event, rate_and_limits
from palmira.twin.search.patient_table import FIRST_EVENT
from palmira.twin.search.problem import Days, Flags, Problem

# How much the shape of the curve varies between two printed points, and the mean end of its tail:
# the logarithm's spread of both parameters of a beta distribution; the second one's largest value.
SHAPE, TAIL = 0.3, 12.0


class Pin(NamedTuple):
    """The place of an event on whose day a printed number falls, and its first and last day."""

    place: int
    first: int
    last: int


@dataclass(frozen=True)
class Envelope:
    """First and last day of each patient of an arm, in order of events and censorings (``event``);
    how many are untreated, how many stand before which landmark's day, and the pinned events."""

    event: Flags
    first: Days
    last: Days
    untreated: int
    marks: list[tuple[int, int]]
    pins: list[Pin]


def envelope(
    problem: Problem, a: int, event: Flags, cuts: tuple[int, ...], horizon: int
) -> Envelope | None:
    """What the printed numbers leave to an arm's days; None where no days fit.

    ``event``: events and censorings in order; ``cuts``: how many stand before each landmark.
    """
    n, untreated = len(event), problem.untreated[a]
    marks = [(k, int(day)) for k, day in zip(cuts, problem.goal.mark_days, strict=True)]
    pins = pinned(problem, a, event)
    first = np.where(event, FIRST_EVENT, problem.earliest).astype(np.int64)
    last = np.full(n, horizon, dtype=np.int64)
    first[:untreated] = last[:untreated] = 1
    for cut, day in marks:
        last[:cut] = np.minimum(last[:cut], day)
        first[cut:] = np.maximum(first[cut:], day + 1)
    for j, low, high in pins:
        first[j], last[j] = max(first[j], low), min(last[j], high)
    # An event after a censoring comes a day later: on the same day it would come before.
    later = np.zeros(n, dtype=np.int64)
    later[1:] = event[1:] & ~event[:-1]
    later = np.cumsum(later)
    first = np.maximum.accumulate(first - later) + later
    last = np.minimum.accumulate((last - later)[::-1])[::-1] + later
    return Envelope(event, first, last, untreated, marks, pins) if (first <= last).all() else None


def pinned(problem: Problem, a: int, event: Flags) -> list[Pin]:
    """The events on whose days the printed median and limits fall."""
    at_risk, s, v = len(event), 1.0, 0.0
    waiting = [(q, w) for q, w in enumerate(problem.goal.windows[0, a].tolist()) if w[0] > 0]
    found = []
    for j, e in enumerate(event):
        if e:
            s, v = after_event(at_risk, s, v)
            heights = rate_and_limits(s, v)
            found += [Pin(j, *window) for q, window in waiting if heights[q] <= 0.5]
            waiting = [(q, window) for q, window in waiting if heights[q] > 0.5]
        at_risk -= 1
    return sorted(found)


def drawn(room: Envelope, rng: np.random.Generator) -> Days:
    """Days within an envelope, by a curve and a tail of random shape between printed points."""
    first, last, n = room.first, room.last, len(room.event)
    ends = [(cut, day, False) for cut, day in room.marks]
    ends += [(j, int(rng.integers(first[j], last[j] + 1)), True) for j, *_ in room.pins]
    day, k, before = first.copy(), room.untreated, FIRST_EVENT - 1
    for end, until, pin in [*sorted(ends), (n, int(last[-1]), False)]:
        until = max(until, before)
        one, other = np.exp(rng.normal(0, SHAPE, 2))
        if end == n:
            one, other = 1.0, TAIL ** rng.random()
        shares = np.sort(rng.beta(one, other, max(0, end - k)))
        day[k:end] = before + np.ceil(shares * (until - before))
        if pin:
            day[end] = until
        k, before = max(k, end + pin), until
    return fitted(day, room)


def fitted(day: Days, room: Envelope) -> Days:
    """The nearest days, from the first patient on, within an envelope and in order."""
    out, event = np.clip(day, room.first, room.last), room.event
    for k in range(1, len(out)):
        out[k] = max(out[k], out[k - 1] + (event[k] and not event[k - 1]))
    return out
