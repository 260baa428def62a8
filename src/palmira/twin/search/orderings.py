"""Orders of events and censorings that give an arm's printed landmark rates and limits.

A Kaplan-Meier rate and its standard error at a landmark depend on nothing but the order in which
events and censorings came before it. For a small arm all orders can be tried.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from math import comb
from typing import Any

import numba as nb
import numpy as np
from numpy.typing import NDArray

from palmira.twin.search.arithmetic import Z, outside, rate_and_limits

# Orders that are tried for one number of events and censorings between two landmarks.
BUDGET = 60_000
MOST, ALIKE = 4000, 64
# Search for one order of a large arm: steps and temperatures from one landmark to the next, and
# numbers of events and censorings tried for it.
PART_STEPS, PART_HOT, PART_COLD, COUNTS = 800, 1e-3, 1e-5, 60


@dataclass(frozen=True)
class Ordering:
    """Letters "e" and "c" up to the last landmark, and how many stand before each landmark."""

    letters: str
    cuts: tuple[int, ...]


@dataclass(frozen=True)
class Landmarks:
    """An arm of ``n`` patients with ``events`` events and ``untreated`` ones censored at the start,
    and its printed landmarks: ``boxes``, by landmark intervals of rate, lower and upper limit."""

    n: int
    events: int
    untreated: int
    boxes: NDArray[np.float64]


# Where a curve stands: patients at risk, logarithm of the rate, Greenwood's sum.
Point = namedtuple("Point", "at_risk log_rate variance")
# Intervals of the difference to another arm's rate and of its limits, the landmark it is taken at
# (-1: none), its sign, and the other arm's rate and variance there.
Gap = namedtuple("Gap", "box mark sign rate variance")
# An order that is searched up to a landmark: patients at risk at the start, events before each
# landmark, the landmarks' boxes and the difference; the place of the first censoring that may move,
# and the events that stand before it at least.
Part = namedtuple("Part", "at_risk cuts boxes gap fixed low")


@nb.njit(cache=True)
def _after_events(start: Point, position: Any, events: int) -> Point:
    """Where a curve stands after events, the censorings before which ``position`` gives; a log
    rate of -99 where nobody is left."""
    r, s, g, k = start.at_risk, start.log_rate, start.variance, 0
    for e in range(events):
        while k < len(position) and position[k] == e:
            r -= 1
            k += 1
        if r <= 1:
            return Point(r, -99.0, g)
        s += np.log((r - 1.0) / r)
        g += 1.0 / (r * (r - 1.0))
        r -= 1
    return Point(r, s, g)


@nb.njit(cache=True)
def _placements(start: Point, events: int, censored: int, box: Any, found: Any) -> int:
    """All ways to put censorings among events that end within ``box``: before which event each
    censoring stands (``events``: after the last) goes to ``found``; returns their number."""
    position, count = np.zeros(censored, dtype=np.int64), 0
    while True:
        end = _after_events(start, position, events)
        if end.log_rate > -90.0 and end.log_rate < 0.0:
            values, off = rate_and_limits(np.exp(end.log_rate), end.variance), 0.0
            for q in range(3):
                off += outside(values[q], box[q, 0], box[q, 1])
            if off == 0.0 and count < len(found):
                found[count] = position
                count += 1
        i = censored - 1
        while i >= 0 and position[i] == events:
            i -= 1
        if i < 0:
            return count
        position[i:] = position[i] + 1


def orderings(arm: Landmarks) -> list[Ordering]:
    """Orders of an arm that meet its landmarks.

    Numbers of events and censorings for which more than ``BUDGET`` orders would have to be tried
    are left out, so for a large arm the list is empty, and for a small one it may lack orders with
    many early censorings.
    """
    start = Point(arm.n - arm.untreated, 0.0, 0.0)
    partial = [(Ordering("c" * arm.untreated, ()), start)]
    for box in arm.boxes:
        partial = [x for order, point in partial for x in _longer(arm, order, point, box)]
        if len(partial) > MOST:
            return []
    return [order for order, _ in partial]


def _longer(
    arm: Landmarks, order: Ordering, point: Point, box: NDArray[np.float64]
) -> Iterator[tuple[Ordering, Point]]:
    """An order continued to its next landmark in all ways, and where the curve then stands."""
    for d, c in _counts(arm, order.letters, point, box):
        if comb(d + c, c) > BUDGET:
            continue
        found = np.zeros((ALIKE, c), dtype=np.int64)
        count = _placements(point, d, c, box, found)
        for position in found[:count].tolist():
            new = _letters(position, range(d)) + "c" * position.count(d)
            letters = order.letters + new
            yield Ordering(letters, (*order.cuts, len(letters))), _follow(new, point)


def _letters(position: list[int], events: range) -> str:
    """Events, each after the censorings that stand before it."""
    return "".join("c" * position.count(e) + "e" for e in events)


def _counts(
    arm: Landmarks, letters: str, point: Point, box: NDArray[np.float64]
) -> Iterator[tuple[int, int]]:
    """Numbers of events and censorings from the end of ``letters`` to the next landmark that may
    give its rate: it lies between what all censorings first and all last would give."""
    at_risk, events = point.at_risk, arm.events - letters.count("e")
    censored = arm.n - arm.events - letters.count("c")
    for d in range(1, events + 1):
        for c in range(min(censored, at_risk - d - 1) + 1):
            shares = [(at_risk - d - c) / (at_risk - c), 1 - d / at_risk]
            first, last = np.exp(point.log_rate + np.log(shares))
            if last >= box[0, 0] and first <= box[0, 1]:
                yield d, c


def rate_at(order: Ordering, n: int, landmark: int) -> tuple[float, float]:
    """Rate and variance of an arm of ``n`` patients at one of an order's landmarks."""
    end = _follow(order.letters[: order.cuts[landmark]], Point(n, 0.0, 0.0))
    return float(np.exp(end.log_rate)), end.variance


def _follow(letters: str, start: Point) -> Point:
    at_risk, log_rate, variance = start
    for letter in letters:
        if letter == "e":
            log_rate += np.log((at_risk - 1) / at_risk)
            variance += 1 / (at_risk * (at_risk - 1))
        at_risk -= 1
    return Point(at_risk, log_rate, variance)


@nb.njit(cache=True)
def _with_gap(total: float, rate: float, variance: float, gap: Gap) -> float:
    """A distance, and how far the difference to the other arm and its limits are from theirs."""
    d, box = gap.sign * (rate - gap.rate), gap.box
    half = Z * np.sqrt(rate * rate * variance + gap.rate * gap.rate * gap.variance)
    total += outside(d, box[0, 0], box[0, 1]) + outside(d - half, box[1, 0], box[1, 1])
    return float(total + outside(d + half, box[2, 0], box[2, 1]))


@nb.njit(cache=True)
def _order_cost(part: Part, position: Any) -> float:
    """How far an order is from its boxes; ``position``: events before each censoring."""
    r, s, g, k, e, total = part.at_risk, 0.0, 0.0, 0, 0, 0.0
    for m in range(len(part.cuts)):
        while e < part.cuts[m]:
            while k < len(position) and position[k] <= e:
                r -= 1
                k += 1
            if r <= 1:
                return 1e9
            s += np.log((r - 1.0) / r)
            g += 1.0 / (r * (r - 1.0))
            r -= 1
            e += 1
        values = rate_and_limits(np.exp(s), g)
        for q in range(3):
            total += outside(values[q], part.boxes[m, q, 0], part.boxes[m, q, 1])
        if part.gap.mark == m:
            total = _with_gap(total, values[0], g, part.gap)
    return float(total)


@nb.njit(cache=True)
def _fit_part(part: Part, position: Any, rng: Any) -> float:
    """Anneal the censorings that may move, in place; returns the order's distance."""
    cost, k = _order_cost(part, position), len(position) - part.fixed
    old, heat, high = position.copy(), PART_HOT, part.cuts[-1] - 1
    for _ in range(PART_STEPS):
        if cost <= 0.0 or k == 0:
            break
        heat *= (PART_COLD / PART_HOT) ** (1.0 / PART_STEPS)
        old[:] = position
        reach = 3 if rng.random() < 0.7 else high
        for _ in range(rng.integers(1, 3)):
            i = part.fixed + rng.integers(0, k)
            moved = position[i] + rng.integers(-reach, reach + 1)
            position[i] = min(high, max(part.low, moved))
        position[part.fixed :].sort()
        new = _order_cost(part, position)
        if new <= cost - heat * np.log(1.0 - rng.random()):
            cost = new
        else:
            position[:] = old
    return float(cost)


def draw_order(arm: Landmarks, gap: Gap, least: int, rng: np.random.Generator) -> Ordering | None:
    """One order of a large arm that meets its landmarks, or None where the search finds none.

    Landmark by landmark, numbers of events and censorings are drawn and the censorings' places
    annealed. ``least``: events before the first censoring.
    """
    letters, cuts, places = "c" * arm.untreated, np.zeros(0, np.int64), np.zeros(0, np.int64)
    ends: list[int] = []
    for box in arm.boxes:
        done = letters.count("e")
        point = _follow(letters, Point(arm.n, 0.0, 0.0))
        counts = list(_counts(arm, letters, point, box))
        for _ in range(COUNTS if counts else 0):
            d, c = counts[rng.integers(len(counts))]
            low = max(done, min(least, done + d - 1))
            tried = np.append(places, np.sort(rng.integers(low, done + d, c)))
            here = np.append(cuts, done + d)
            part = Part(arm.n - arm.untreated, here, arm.boxes, gap, len(places), low)
            if _fit_part(part, tried, rng) <= 0:
                break
        else:
            return None
        new = tried[len(places) :].tolist()
        letters += _letters(new, range(done, done + d))
        places, cuts = tried, here
        ends.append(len(letters))
    return Ordering(letters, tuple(ends))
