"""Orders of events and censorings that give an arm's printed landmark rates and limits.

A Kaplan-Meier rate and its standard error at a landmark depend on nothing but the order in which
events and censorings came before it. For a small arm all orders can be tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb
from typing import Any

import numba as nb
import numpy as np

from palmira.twin.search.arithmetic import Z, log_log_limit, outside

# Orders that are tried for one number of events and censorings between two landmarks.
BUDGET = 60_000
MOST = 4000
# Search for one order of a large arm: steps and temperatures from one landmark to the next, and
# numbers of events and censorings tried for it.
PART_STEPS, PART_HOT, PART_COLD, COUNTS = 800, 1e-3, 1e-5, 60


@dataclass(frozen=True)
class Ordering:
    """Letters "e" and "c" up to the last landmark, and how many stand before each landmark."""

    letters: str
    cuts: tuple[int, ...]


@nb.njit(cache=True)
def _placements(at_risk: int, log_s: float, v: float, events: int, censored: int, box: Any,
                found: Any) -> int:  # fmt: skip
    """All ways to put censorings among events that end within ``box``: before which event each
    censoring stands (``events``: after the last) goes to ``found``; returns their number."""
    position, count = np.zeros(censored, dtype=np.int64), 0
    while True:
        r, s, g, k = at_risk, log_s, v, 0
        for e in range(events):
            while k < censored and position[k] == e:
                r -= 1
                k += 1
            if r <= 1:
                s = -99.0
                break
            s += np.log((r - 1.0) / r)
            g += 1.0 / (r * (r - 1.0))
            r -= 1
        if s > -90.0 and s < 0.0:
            rate = np.exp(s)
            off = outside(rate, box[0], box[1])
            off += outside(log_log_limit(rate, g, 1.0), box[2], box[3])
            off += outside(log_log_limit(rate, g, -1.0), box[4], box[5])
            if off == 0.0 and count < len(found):
                found[count] = position
                count += 1
        i = censored - 1
        while i >= 0 and position[i] == events:
            i -= 1
        if i < 0:
            return count
        position[i:] = position[i] + 1


def orderings(n: int, events: int, first: int, boxes: Any) -> list[Ordering]:
    """Orders of an arm of ``n`` patients with ``events`` events that meet ``boxes`` (a line a
    landmark: rate, lower and upper limit) after ``first`` patients are censored at the start.

    Numbers of events and censorings for which more than ``BUDGET`` orders would have to be tried
    are left out, so for a large arm the list is empty, and for a small one it may lack orders with
    many early censorings.
    """
    partial: list[tuple[str, tuple[int, ...], int, float, float]]
    partial = [("c" * first, (), n - first, 0.0, 0.0)]
    for box in boxes:
        longer: list[tuple[str, tuple[int, ...], int, float, float]] = []
        for letters, cuts, at_risk, log_s, v in partial:
            done, out = letters.count("e"), letters.count("c")
            for d, c in _counts(at_risk, log_s, events - done, n - events - out, box):
                if comb(d + c, c) > BUDGET:
                    continue
                found = np.zeros((64, c), dtype=np.int64)
                count = _placements(at_risk, log_s, v, d, c, np.asarray(box), found)
                for position in found[:count].tolist():
                    new = "".join("c" * position.count(e) + "e" for e in range(d))
                    new += "c" * position.count(d)
                    end = _follow(new, at_risk, log_s, v)
                    longer.append((letters + new, (*cuts, len(letters + new)), *end))
            if len(longer) > MOST:
                return []
        partial = longer
    return [Ordering(letters, cuts) for letters, cuts, *_ in partial]


def _counts(
    at_risk: int, log_s: float, events: int, censored: int, box: Any
) -> Iterator[tuple[int, int]]:
    """Numbers of events and censorings up to the next landmark that may give its rate: it lies
    between what all censorings first and all last would give."""
    for d in range(1, events + 1):
        for c in range(min(censored, at_risk - d - 1) + 1):
            first, last = log_s + np.log([(at_risk - d - c) / (at_risk - c), 1 - d / at_risk])
            if np.exp(last) >= box[0] and np.exp(first) <= box[1]:
                yield d, c


def rate_at(order: Ordering, n: int, landmark: int) -> tuple[float, float]:
    """Rate and variance of an arm of ``n`` patients at one of an order's landmarks."""
    _, log_s, v = _follow(order.letters[: order.cuts[landmark]], n, 0.0, 0.0)
    return float(np.exp(log_s)), v


def _follow(letters: str, at_risk: int, log_s: float, v: float) -> tuple[int, float, float]:
    for letter in letters:
        if letter == "e":
            log_s += np.log((at_risk - 1) / at_risk)
            v += 1 / (at_risk * (at_risk - 1))
        at_risk -= 1
    return at_risk, log_s, v


@nb.njit(cache=True)
def _order_cost(at_risk: int, position: Any, cuts: Any, boxes: Any, gap: Any, other: Any) -> float:
    """How far an order is from the boxes, and from those of the difference to another arm's rate
    and variance; ``position``: events before each censoring, ``cuts``: before each landmark."""
    r, s, g, k, e, total = at_risk, 0.0, 0.0, 0, 0, 0.0
    for m in range(len(cuts)):
        while e < cuts[m]:
            while k < len(position) and position[k] <= e:
                r -= 1
                k += 1
            if r <= 1:
                return 1e9
            s += np.log((r - 1.0) / r)
            g += 1.0 / (r * (r - 1.0))
            r -= 1
            e += 1
        rate = np.exp(s)
        total += outside(rate, boxes[m, 0], boxes[m, 1])
        total += outside(log_log_limit(rate, g, 1.0), boxes[m, 2], boxes[m, 3])
        total += outside(log_log_limit(rate, g, -1.0), boxes[m, 4], boxes[m, 5])
        if gap[6] == m:
            d = gap[7] * (rate - other[0])
            half = Z * np.sqrt(rate * rate * g + other[0] * other[0] * other[1])
            total += outside(d, gap[0], gap[1]) + outside(d - half, gap[2], gap[3])
            total += outside(d + half, gap[4], gap[5])
    return float(total)


@nb.njit(cache=True)
def _fit_part(at_risk: int, position: Any, fixed: int, low: int, cuts: Any, boxes: Any, gap: Any,
              other: Any, steps: int, rng: Any) -> float:  # fmt: skip
    """Anneal the censorings from place ``fixed`` on, with at least ``low`` events before each and
    all before the last landmark, in place; returns the order's distance."""
    cost, k = _order_cost(at_risk, position, cuts, boxes, gap, other), len(position) - fixed
    old, heat, high = position.copy(), PART_HOT, cuts[-1] - 1
    for _ in range(steps):
        if cost <= 0.0 or k == 0:
            break
        heat *= (PART_COLD / PART_HOT) ** (1.0 / steps)
        old[:] = position
        reach = 3 if rng.random() < 0.7 else high
        for _ in range(rng.integers(1, 3)):
            i = fixed + rng.integers(0, k)
            position[i] = min(high, max(low, position[i] + rng.integers(-reach, reach + 1)))
        position[fixed:].sort()
        new = _order_cost(at_risk, position, cuts, boxes, gap, other)
        if new <= cost - heat * np.log(1.0 - rng.random()):
            cost = new
        else:
            position[:] = old
    return float(cost)


def draw_order(n: int, events: int, first: int, boxes: Any, gap: Any, other: Any, least: int,
               rng: np.random.Generator) -> Ordering | None:  # fmt: skip
    """One order of a large arm that meets ``boxes``, or None where the search finds none.

    Landmark by landmark, numbers of events and censorings are drawn and the censorings' places
    annealed. ``gap``: intervals of the difference to another arm and its limits, the landmark it
    is taken at (-1: none) and its sign; ``other``: that arm's rate and variance there; ``least``:
    events before the first censoring.
    """
    boxes, other = np.asarray(boxes), np.asarray(other)
    letters, cuts, places = "c" * first, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    ends: list[int] = []
    for box in boxes:
        at_risk, log_s, _ = _follow(letters, n, 0.0, 0.0)
        done, out = letters.count("e"), letters.count("c")
        counts = list(_counts(at_risk, log_s, events - done, n - events - out, box))
        for _ in range(COUNTS if counts else 0):
            d, c = counts[rng.integers(len(counts))]
            low = max(done, min(least, done + d - 1))
            tried = np.append(places, np.sort(rng.integers(low, done + d, c)))
            here = np.append(cuts, done + d)
            far = _fit_part(n - first, tried, len(places), low, here, boxes, gap, other, PART_STEPS,
                            rng)  # fmt: skip
            if far <= 0:
                break
        else:
            return None
        new = tried[len(places) :].tolist()
        letters += "".join("c" * new.count(e) + "e" for e in range(done, done + d))
        places, cuts = tried, here
        ends.append(len(letters))
    return Ordering(letters, tuple(ends))
