"""Checks of hazard and odds ratios with their intervals and P values: C1 to C3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from math import inf, log, sqrt

from scipy.stats import norm

from palmira.audit.check import Box, Check, Found, Verdict, before_cut, boxes_meet
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.printed import Printed
from palmira.record.record import Interval
from palmira.statistics.estimates import critical, tied
from palmira.statistics.hazard_ratios import neutral, smallest_se, smallest_se_of_total, wald_p

# Differences of z that a log-rank P may show against the interval of a Cox model: in thousands of
# simulated trials 99 in 100 stay below 0.5 (stratified) to 1.3, and hardly any reaches this.
OTHER_TEST = 1.5
# Least robust standard error over the model-based bound seen in simulations, by patients; a row's
# events count as three quarters of its patients.
ROBUST = ((150, 0.86), (60, 0.81), (25, 0.76), (0, 0.53))
PROFILE = "no Wald interval goes with this P; a profile interval beside a Wald P might"


def p_as_z(p: Printed, half: float = 1.0, cut: bool = False) -> Box:
    """Range of |z| of a printed P value, rounded or ``cut`` off; ``half`` is 0.5 if one-sided."""
    ends = Box(p.value, p.value) if p.bound else before_cut(p) if cut else Box(p.low, p.high)
    low, high = (float(norm.isf(min(max(x / half, 1e-12), 1.0) / 2)) for x in reversed(ends))
    if p.bound:
        return Box(low, inf) if p.bound in "<≤" else Box(0.0, high)
    return Box(low, high)


def c1_symmetry(record: Record) -> Iterator[Check]:
    """A Wald interval is symmetric about its ratio on the log scale: sqrt(L U) meets the ratio.

    Inputs: ratio and limits, each with its rounding. A hazard ratio's interval is taken to be
    Wald's, as software prints it: a bootstrap, profile or credible interval need not be symmetric.
    For odds and risk ratios, whose intervals are more often profile or exact ones, a failure is
    ``information`` unless a Wald test is stated.
    """
    for ratio in record.ratios():
        estimate, lower, upper = ratio.prints
        low, high = sqrt(max(lower.low, 1e-9) * upper.low), sqrt(lower.high * upper.high)
        middle = sqrt(lower.value * upper.value)
        verdict: Verdict = "consistent"
        if not boxes_meet(estimate, low, high):
            e, lo, up = (before_cut(x) for x in ratio.prints)
            cut = sqrt(lo.low * up.low) < e.high and e.low < sqrt(lo.high * up.high)
            wald = ratio.estimate.measure == "hazard ratio" or ratio.estimate.test == "Wald"
            verdict = "rounding" if cut else "inconsistent" if wald else "information"
        found = Found(f"{{value:.{estimate.decimals + 1}f}}", middle, low, high)
        how = "middle of the limits on the log scale"
        remark = f"{low:.3f} to {high:.3f} with rounding"
        yield Check("C1", ratio.cell, verdict, ratio.text(), found, how, remark)


def c2_p_value(record: Record) -> Iterator[Check]:
    """The printed P against the ratio's own Wald test, compared as z.

    Inputs: ratio, limits and P with their rounding (``rounding`` where only cut-off prints meet).
    The ratio is taken as the middle of its limits; where C1 finds that it cannot be, the three
    vary by themselves. Stated to be Wald's: the ranges must meet. Otherwise the P may come from a
    log-rank test, whose z differs; up to 1.5 that is ``information``, beyond it ``inconsistent``.
    An odds or risk ratio may have a profile interval beside a Wald P, as R prints by default: where
    the ranges meet only if ratio and limits vary by themselves, that is ``information`` as well.
    """
    for ratio in record.ratios():
        p = ratio.p or _p_of_row(record, ratio)
        if p is None or not p.estimable:
            continue
        value, lower, upper = (e.value for e in (ratio.estimate, ratio.lower, ratio.upper))
        if not 0 < lower < upper:
            continue
        gap = _gap(ratio.prints, p, ratio.level)
        cut = _gap(ratio.prints, p, ratio.level, cut=True)
        verdict: Verdict = "consistent" if gap < 1e-9 else "rounding"
        remark = f"z differs by {gap:.2f} at least"
        if gap >= 1e-9 and cut >= 1e-9:
            beyond = min(gap, cut) > (0 if p.test == "Wald" else OTHER_TEST)
            verdict = "inconsistent" if beyond else "information"
        other = gap >= 1e-9 and ratio.estimate.measure != "hazard ratio"
        if other and _gap(ratio.prints, p, ratio.level, tie=False) < 1e-9:
            verdict, remark = "information", PROFILE
        found = Found.number(wald_p(value, ratio.se), 3)
        how = f"Wald test from ratio and interval, z = {abs(log(value)) / ratio.se:.2f}"
        yield Check("C2", p.id, verdict, p.text, found, how, remark)


def _p_of_row(record: Record, ratio: Interval) -> Entry | None:
    """The P printed with a row that has one ratio among its columns."""
    row = ratio.estimate.in_row
    alone = sum(other.estimate.in_row == row for other in record.ratios()) == 1
    return record.entries.get(f"{row}.p") if alone else None


def _gap(
    prints: Iterable[Printed], p: Entry, level: float, cut: bool = False, tie: bool = True
) -> float:
    """Distance between the |z| that ratio and limits allow and those of the P; 0 where they meet.

    Under Wald the ratio is the middle of its limits on the log scale, so the three move together
    (``tie``); where no such three round to the printed ones, or without ``tie``, each by itself.
    """
    boxes = [before_cut(x) if cut else Box(x.low, x.high) for x in prints]
    estimate, lower, upper = ((log(max(low, 1e-9)), log(max(high, 1e-9))) for low, high in boxes)
    corners = tied(estimate, lower, upper) if tie else []
    corners = corners or list(product(estimate, lower, upper))
    ses = [max(up - low, 1e-9) / (2 * critical(level)) for _, low, up in corners]
    zs = [value / se for (value, _, _), se in zip(corners, ses, strict=True)]
    least = 0.0 if min(zs) <= 0 <= max(zs) else min(map(abs, zs))
    printed = p_as_z(p.rounding, 0.5 if p.sided == "one" else 1.0, cut)
    return max(0.0, least - printed.high, printed.low - max(map(abs, zs)))


def c3_least_se(record: Record) -> Iterator[Check]:
    """The standard error of a hazard ratio is at least sqrt(1/d1 + 1/d2), and 2/sqrt(D).

    Inputs: limits with their rounding, events by arm or in total (of the same analysis, or an
    upper bound). The limits are taken to be Wald's, of the printed level, and the events those of
    the patients in the model. A theorem for the model-based SE of an unweighted, unpenalized Cox
    model with one row a patient, at its estimate: the score equation makes the fitted
    probabilities add up to d1, the information is the sum of p (1 - p), and Jensen bounds it by
    d1 d2 / D; strata and covariates only lower it (an interaction model must hold the factor
    itself, and then its main coefficient has the bound of the reference level). It holds for ties
    by Breslow, Efron or the exact (discrete) likelihood. A Peto or log-rank SE can fall below the
    per-arm bound, not below 2/sqrt(D): ``impossible`` only there, ``inconsistent`` between the two.
    A robust SE can fall below both; the detail says how far it did in simulations of that size.
    """
    for ratio in record.ratios("hazard ratio"):
        events = record.events_behind(ratio.estimate)
        if not events.printed:
            what = "the numbers of events are not in the record"
            yield Check.lacking("C3", ratio.cell, ratio.text(), what)
            continue
        d = events.numbers
        if min(d) <= 0:
            continue
        _, widest = ratio.se_range
        total = smallest_se_of_total(sum(d))
        least = smallest_se(*d) if len(d) == 2 else total
        verdict: Verdict = "consistent"
        if widest < total - 1e-9:
            verdict = "impossible"
        elif widest < least - 1e-9:
            verdict = "inconsistent"
        remark = "" if verdict == "consistent" else _robust(sum(d), widest / least)
        how = f"SE at most {widest:.3f} by the limits, at least {least:.3f} with {events.text}"
        wide = neutral(ratio.estimate.value, *events.even, ratio.level)
        found = Found.span(wide.lower, wide.upper)
        yield Check("C3", ratio.cell, verdict, ratio.text(), found, how, remark)


def _robust(events: float, share: float) -> str:
    """Whether a robust standard error can be this ``share`` of the bound."""
    floor = next(r for n, r in ROBUST if events >= 0.75 * n)
    explains = "would hardly explain it" if share < floor else "might explain it"
    return f"a robust SE, {floor} of the bound or more in simulations of such a size, {explains}"
