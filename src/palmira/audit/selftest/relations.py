"""What ties the printed numbers of a synthetic paper to each other, for one who knows how each was
computed: the yardstick for whether a planted error could be seen at all.

It is written apart from the audit and shares none of its code. A relation holds if some numbers
that print as these (rounded or cut off) satisfy it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import exp, inf, isnan, log, sqrt

import numpy as np
from scipy.stats import beta

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.statistics.estimates import critical, two_sided_p

Box = tuple[float, float]
Test = Callable[[list[Box]], bool]
TINY = 1e-9
SMALLEST = 1e-6


@dataclass(frozen=True)
class Relation:
    """Entries that are tied to each other, and whether ranges for them can satisfy the tie."""

    name: str
    entries: tuple[str, ...]
    test: Test

    def holds(self, record: Record) -> bool:
        """Whether it holds in a record; a number that is not estimable ties nothing."""
        boxes = [box(record[id]) for id in self.entries]
        return any(isnan(low) for low, _ in boxes) or self.test(boxes)


def box(entry: Entry) -> Box:
    """All values that print as the entry, rounded in any way or cut off."""
    p = entry.printed
    if p is None or p.exact is None:
        return float("nan"), float("nan")
    if entry.part in ("count", "events", "n"):
        return p.value, p.value
    if p.bound == "<":
        return 0.0, p.value
    if p.bound == ">":
        return p.value, 1.0
    low = p.value - p.half_unit * (2 if p.value <= 0 else 1)
    return low, p.value + p.half_unit * (2 if p.value >= 0 else 1)


def meet(one: Box, other: Box) -> bool:
    """Whether two ranges have a point in common."""
    return one[0] <= other[1] + TINY and other[0] <= one[1] + TINY


def total(boxes: list[Box]) -> bool:
    """The first is the sum of the others."""
    return abs(boxes[0][0] - sum(b[0] for b in boxes[1:])) < TINY


def at_most(boxes: list[Box]) -> bool:
    """The sum of all but the last does not exceed the last."""
    return sum(b[0] for b in boxes[:-1]) <= boxes[-1][1] + TINY


def same(boxes: list[Box]) -> bool:
    """One quantity printed twice."""
    return meet(boxes[0], boxes[1])


def share(boxes: list[Box]) -> bool:
    """Percent, count, number of patients."""
    percent, (count, _), (n, _) = boxes
    return n == 0 or meet(percent, (100 * count / n, 100 * count / n))


def ordered(boxes: list[Box]) -> bool:
    """Estimate, lower and upper limit: the estimate lies between."""
    estimate, lower, upper = boxes
    return lower[0] <= estimate[1] + TINY and estimate[0] <= upper[1] + TINY


def wald_ratio(boxes: list[Box]) -> bool:
    """Ratio and limits: symmetric on the log scale."""
    estimate, lower, upper = boxes
    ends = [sqrt(max(lower[k], 0.0) * max(upper[k], 0.0)) for k in (0, 1)]
    return meet(estimate, (ends[0], ends[1])) and lower[0] < upper[1]


def log_widths(lower: Box, upper: Box) -> Box:
    """Smallest and largest distance of the limits' logarithms."""
    return (
        log(max(upper[0], SMALLEST) / max(lower[1], SMALLEST)),
        log(max(upper[1], SMALLEST) / max(lower[0], SMALLEST)),
    )


def wald_p(level: float) -> Test:
    """Ratio, limits, P: the Wald test."""

    def test(boxes: list[Box]) -> bool:
        estimate, lower, upper, p = boxes
        narrow, wide = (w / 2 / critical(level) for w in log_widths(lower, upper))
        if wide <= 0:
            return False
        sizes = [abs(log(max(x, SMALLEST))) for x in estimate]
        least = 0.0 if estimate[0] <= 1 <= estimate[1] else min(sizes)
        most = inf if narrow <= 0 else max(sizes) / narrow
        return meet(p, (two_sided_p(most), two_sided_p(least / wide)))

    return test


def least_se(level: float) -> Test:
    """Limits and events by arm: a Cox model's standard error is at least sqrt(1/d1 + 1/d2)."""

    def test(boxes: list[Box]) -> bool:
        lower, upper, (d, _), (d0, _) = boxes
        if min(d, d0) <= 0:
            return True
        return log_widths(lower, upper)[1] / 2 / critical(level) >= sqrt(1 / d + 1 / d0) - TINY

    return test


def double_log(percent: float) -> float:
    """log(-log S) of a survival rate in percent, kept within bounds."""
    return log(-log(min(max(percent / 100, SMALLEST), 1 - SMALLEST)))


def log_log(boxes: list[Box]) -> bool:
    """Survival rate and limits: symmetric on the log-log scale."""
    estimate, lower, upper = boxes
    low, high = (100 * exp(-exp((double_log(lower[k]) + double_log(upper[k])) / 2)) for k in (0, 1))
    return meet(estimate, (low, high)) and lower[0] < upper[1]


def enough_patients(level: float) -> Test:
    """Survival rate, limits, patients of the arm: S (1 - S) / SE^2 does not exceed them."""

    def test(boxes: list[Box]) -> bool:
        estimate, lower, upper, (n, _) = boxes
        se = (double_log(lower[0]) - double_log(upper[1])) / 2 / critical(level)
        shares = [min(max(x / 100, SMALLEST), 1 - SMALLEST) for x in estimate]
        return se > 0 and min((1 - s) / (s * log(s) ** 2 * se**2) for s in shares) <= n + TINY

    return test


def landmark_median(time: float) -> Test:
    """Survival rate at a time and the median: below one half, the median is not later."""

    def test(boxes: list[Box]) -> bool:
        (low, high), (earliest, latest) = boxes
        later, earlier = high < 50 and earliest > time, low > 50 and latest < time
        return not (later or earlier)

    return test


def difference(part: str, level: float, double: bool) -> Test:
    """Both arms' rates and limits, then the difference, a limit of it, or its P."""

    def value(corner: tuple[float, ...]) -> float:
        s, lower, upper, s0, lower0, upper0 = corner
        pairs = ((lower, upper), (lower0, upper0))
        ses = [(double_log(a) - double_log(b)) / 2 / critical(level) for a, b in pairs]
        if part == "p" and double:
            return two_sided_p((double_log(s) - double_log(s0)) / sqrt(ses[0] ** 2 + ses[1] ** 2))
        rates = [min(max(x / 100, SMALLEST), 1 - SMALLEST) for x in (s, s0)]
        se = sqrt(sum((r * log(r) * e) ** 2 for r, e in zip(rates, ses, strict=True)))
        gap = rates[0] - rates[1]
        if part == "p":
            return two_sided_p(gap / se)
        return 100 * (gap + {"estimate": 0, "lower": -1, "upper": 1}[part] * critical(level) * se)

    def test(boxes: list[Box]) -> bool:
        try:
            values = [value(corner) for corner in product(*boxes[:6])]
        except ZeroDivisionError:
            return False
        low = min(values)
        crosses = part == "p" and boxes[0][0] <= boxes[3][1] and boxes[3][0] <= boxes[0][1]
        return meet(boxes[6], (low, 1.0 if crosses else max(values)))

    return test


def clopper_pearson(level: float) -> Test:
    """Response rate, limits, patients: some count gives all three."""
    tail = (1 - level / 100) / 2

    def test(boxes: list[Box]) -> bool:
        n = int(boxes[3][0])
        k = np.arange(n + 1)
        with np.errstate(invalid="ignore"):
            lower = np.where(k > 0, beta.ppf(tail, k, n - k + 1), 0.0)
            upper = np.where(k < n, beta.isf(tail, k + 1, n - k), 1.0)
        fits = [
            (100 * x >= b[0] - TINY) & (100 * x <= b[1] + TINY)
            for x, b in zip((k / n, lower, upper), boxes[:3], strict=True)
        ]
        return bool(np.all(fits, axis=0).any())

    return test


def woolf(level: float) -> Test:
    """Limits of an odds ratio, both arms' rates and patients: the raw table's SE is the least."""

    def test(boxes: list[Box]) -> bool:
        lower, upper, rate, (n, _), rate0, (n0, _) = boxes
        # The least SE over the counts that print as the rates is that nearest to one half.
        least = 0.0
        for (low, high), size in ((rate, n), (rate0, n0)):
            counts = np.arange(np.ceil(low * size / 100 - TINY), high * size / 100 + TINY)
            counts = counts[(counts > 0) & (counts < size)]
            if not len(counts):
                return True
            least += float(np.min(1 / counts + 1 / (size - counts)))
        return log_widths(lower, upper)[1] / 2 / critical(level) >= sqrt(least) - TINY

    return test


def direction(boxes: list[Box]) -> bool:
    """An odds ratio of the first arm to the second lies on their rates' side of 1, unless it or the
    raw one is within a quarter of 1, where covariates may turn it."""
    (low, high), (a_low, a_high), (b_low, b_high) = boxes
    if high < 0.8:
        return a_low <= b_high or not _clearly(a_high, b_low)
    return low <= 1.25 or a_high >= b_low or not _clearly(b_low, a_high)


def _clearly(more: float, less: float) -> bool:
    """Whether the odds of two rates (percent) differ by more than a quarter."""
    odds = [x / max(100 - x, TINY) for x in (more, less)]
    return odds[0] > 1.25 * odds[1]


def extreme(which: Callable[[list[float]], float]) -> Test:
    """The total's minimum or maximum is that of the arms."""
    return lambda b: b[0][0] == which([x[0] for x in b[1:]])


def stem(entry: Entry) -> str:
    """Id of an entry's cell."""
    return entry.id.rpartition(".")[0]


def parts(cell: str, *names: str) -> tuple[str, ...]:
    """Ids of the parts of a cell."""
    return tuple(f"{cell}.{name}" for name in names)


TRIPLE = ("estimate", "lower", "upper")
