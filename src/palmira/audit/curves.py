"""Checks of medians, landmark rates and dates: C7, C8 and C11 to C13."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise, product
from math import inf, log, sqrt

from palmira.audit.check import Check, Found, Verdict, boxes_meet
from palmira.record import Record
from palmira.record.entries import ORDERS, Entry
from palmira.record.printed import parse_date
from palmira.record.record import ROLES, Interval
from palmira.statistics.estimates import critical
from palmira.statistics.landmarks import Landmark, difference, from_interval, log_log_p
from palmira.statistics.schedule import DAYS_PER_MONTH

# A pooled median can leave the subgroups' hull where these are censored differently.
HULL_SLACK = 0.1


def _by_arm(record: Record, measure: str, like: Entry) -> list[Entry]:
    """Estimates of one measure in the experimental and the control arm, of the same end point,
    analysis and time; none unless both are printed."""
    found: dict[str, Entry] = {}
    alike = {a: getattr(like, a) for a in ("endpoint", "analysis", "time")}
    for e in record.where(measure=measure, part="estimate", factor=None, **alike):
        if e.arm:
            found.setdefault(record.roles[e.arm], e)
    return [found[role] for role in ROLES] if all(role in found for role in ROLES) else []


def c7_implied_hazard_ratio(record: Record) -> Iterator[Check]:
    """The hazard ratio that medians (if hazards are constant) or landmark rates imply.

    Inputs: medians or rates by arm. Ratio of medians, control over experimental, or of log S(t).
    ``information`` only: its uncertainty is that of the trial itself, and hazards change.
    """
    for e in record.where(part="estimate", factor=None):
        if e.measure not in ("median", "rate"):
            continue
        arms = _by_arm(record, e.measure, e) if e.endpoint else []
        if not arms or arms[0] != e:
            continue
        one, other = (arm.value for arm in arms)
        if e.measure == "median":
            value, how = other / one, "ratio of the medians, if hazards are constant"
        elif 0 < one < 100 and 0 < other < 100:
            value, how = log(one / 100) / log(other / 100), "ratio of the log rates"
        else:
            continue
        words = " v ".join(arm.text for arm in arms)
        yield Check("C7", e.id, "information", words, Found.number(value, 2), how)


def c8_medians(record: Record) -> Iterator[Check]:
    """An overall median lies between its subgroups' medians and agrees with the landmark rates.

    Inputs: medians by factor and arm; rates at landmarks. S(t) below one half puts the median at t
    or before, above one half after t (a theorem for one curve: ``impossible``). Complementary
    subgroups' medians enclose the overall one if nobody is censored, for its curve is then their
    mixture; 10% are granted for censoring, beyond is ``inconsistent``. That is a tolerance and no
    theorem: subgroups that are censored very differently can leave it. And
    every estimate, of whatever kind, lies between its limits.
    """
    yield from _in_order(record)
    yield from _hulls(record)
    medians = record.where(measure="median", part="estimate", factor=None)
    medians = [e for e in medians if e.estimable]
    for e in record.where(measure="rate"):
        if e.part not in ("estimate", "percent"):
            continue
        if not e.time or not e.printed or e.arm is None:
            continue
        about, t = (e.arm, e.endpoint, e.analysis), float(e.time)
        for median in medians:
            if (median.arm, median.endpoint, median.analysis) != about:
                continue
            late = e.printed.high < 50 and median.rounding.low > t
            early = e.printed.low > 50 and median.rounding.high < t
            verdict: Verdict = "impossible" if late or early else "consistent"
            found, how = Found(f"{e.text}%", e.value), f"{e.text}% at {e.time} months"
            yield Check("C8", median.id, verdict, median.text, found, how)


def _hulls(record: Record) -> Iterator[Check]:
    """Medians of all patients within those of the levels of a factor."""
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for e in record.where(measure="median", part="estimate"):
        if e.factor and e.category and e.arm:
            groups.setdefault((e.block, e.factor, e.column), []).append(e)
    for (block, factor, column), levels in groups.items():
        whole, boxes = record.whole(levels[0]), [e.rounding for e in levels if e.estimable]
        if whole is None or whole.printed is None or len(boxes) < 2 or len(boxes) < len(levels):
            continue
        low, high = min(b.low for b in boxes), max(b.high for b in boxes)
        inside = boxes_meet(whole.printed, low / (1 + HULL_SLACK), high * (1 + HULL_SLACK))
        verdict: Verdict = "consistent" if inside else "inconsistent"
        values = [b.value for b in boxes]
        found = Found("{lower:g} to {upper:g}", lower=min(values), upper=max(values))
        id, how = f"{block}.{factor}.{column}", f"medians by {factor}"
        yield Check("C8", id, verdict, whole.text, found, how)


def _in_order(record: Record) -> Iterator[Check]:
    """Estimates within their limits, medians within their ranges."""
    for e in record.chosen:
        cell = record.cell(e)
        for order in [o for o in ORDERS if o[1] == e.part and len(o) == 3 and set(o) <= set(cell)]:
            known = [cell[part].rounding for part in order if cell[part].estimable]
            holds = all(a.low <= b.high for a, b in pairwise(known))
            verdict: Verdict = "consistent" if holds else "inconsistent"
            low, _, high = (cell[p] for p in order)
            found = Found(f"{low} to {high}", lower=low.number, upper=high.number)
            yield Check("C8", e.id, verdict, e.text, found, " <= ".join(order))


def _scales(s: float, low: float, high: float, level: float) -> dict[str, tuple[float, float]]:
    """For each transformation: the standard error of S that each limit implies by itself."""
    z = critical(level)
    slopes: dict[str, tuple[Callable[[float], float], float]] = {
        "log-log": (lambda x: log(-log(x)), s * abs(log(s))),
        "log": (log, s),
        "plain": (float, 1.0),
    }
    return {
        name: (abs(f(low) - f(s)) / z * slope, abs(f(high) - f(s)) / z * slope)
        for name, (f, slope) in slopes.items()
    }


def c11_landmark_interval(record: Record) -> Iterator[Check]:
    """The interval of a survival rate: which transformation fits, and is the arm large enough?

    Inputs: rate and limits with rounding, the arm's size. The limits of the right transformation
    imply one standard error. Greenwood's variance is at least S (1 - S) / n (nobody censored), so
    an interval narrower than that under every transformation is ``impossible``.
    """
    for e in record.where(measure="rate", part="estimate"):
        if not e.printed:
            continue
        rate = record.interval(e.cell)
        boxes = [(max(p.low, 1e-3) / 100, min(p.high, 99.999) / 100) for p in rate.prints]
        estimate, lower, upper = (p.value / 100 for p in rate.prints)
        exact = _scales(estimate, lower, upper, rate.level)
        fits, widest = [], 0.0
        for name in exact:
            pairs = [_scales(a, b, c, rate.level)[name] for a, b, c in product(*boxes)]
            gaps = [a - b for a, b in pairs]
            if min(gaps) <= 0 <= max(gaps):
                fits.append(name)
            widest = max(widest, *(max(p) for p in pairs))
        size = record.patients(e)
        s, n = e.value / 100, size.value if size else inf
        effective = s * (1 - s) / exact[fits[0] if fits else "plain"][0] ** 2
        verdict: Verdict = "consistent" if fits else "information"
        if widest < sqrt(s * (1 - s) / n) * 0.999:
            verdict = "impossible"
        how = f"limits fit the {' and '.join(fits) or 'no usual'} scale"
        found = Found(f"effective number {{value:.0f}} of {n:.0f}", effective)
        yield Check("C11", e.id, verdict, rate.text(), found, how)


def c12_landmark_difference(record: Record) -> Iterator[Check]:
    """A difference of survival rates, its limits and P, from the arms' rates and limits.

    Inputs: rates with log-log limits and the difference, all with rounding. Limits on another scale
    give another standard error, and C11 says which fits. Wald on the linear scale; for P the
    log-log scale too (Klein et al, Stat Med 2007;26:4505).
    """
    for entry in record.where(measure="difference", part="estimate"):
        if not entry.time:
            continue
        arms = [record.interval(e.cell) for e in _by_arm(record, "rate", entry)]
        if not arms or not all(map(_usable, arms)):
            rates = "an arm's rate is 0, 100 or not within its limits"
            what = rates if arms else "the arms' rates are not in the record"
            yield Check.lacking("C12", entry.id, entry.text, what)
            continue
        one, other = (_landmarks(arm, entry.level) for arm in arms)
        corners = list(product(one, other))
        yield from _difference(record.cell(entry), corners, entry.level)


def _difference(
    cell: dict[str, Entry], corners: list[tuple[Landmark, Landmark]], level: float
) -> Iterator[Check]:
    """A printed difference, limits and P against both arms' rates at the corners of rounding."""
    found = [difference(one, other, level) for one, other in corners]
    for part, name in (("estimate", "value"), ("lower", "lower"), ("upper", "upper")):
        if part not in cell or cell[part].printed is None:
            continue
        values = [100 * getattr(gap, name) for gap, _ in found]
        low, high = min(values), max(values)
        meets = boxes_meet(cell[part].rounding, low, high)
        verdict: Verdict = "consistent" if meets else "inconsistent"
        how, remark = "from the arms, linear scale", f"{low:.1f} to {high:.1f} with rounding"
        value = Found("{value:.1f}", values[0], low, high)
        yield Check("C12", cell[part].id, verdict, cell[part].text, value, how, remark)
    if "p" in cell and (printed := cell["p"].printed):
        by_scale = {
            "linear": [p for _, p in found],
            "log-log": [log_log_p(one, other) for one, other in corners],
        }
        fits = [s for s, ps in by_scale.items() if boxes_meet(printed, min(ps), max(ps))]
        how = f"from the arms, {' and '.join(fits) or 'neither'} scale"
        shown = ", ".join(f"{ps[0]:.3f} {s}" for s, ps in by_scale.items())
        value = Found(shown, by_scale["linear"][0])
        verdict = "consistent" if fits else "information"
        yield Check("C12", cell["p"].id, verdict, cell["p"].text, value, how)


def _usable(rate: Interval) -> bool:
    """Whether every corner of a rate's rounding box is a survival interval."""
    estimate, lower, upper = rate.prints
    within = lower.high <= estimate.low and estimate.high <= upper.low
    return lower.low > 0 and within and upper.high < 100


def _landmarks(rate: Interval, level: float) -> list[Landmark]:
    """The printed landmark, then the corners of its rounding box."""
    exact = [p.value / 100 for p in rate.prints]
    boxes = [(p.low / 100, p.high / 100) for p in rate.prints]
    return [from_interval(s, low, up, level) for s, low, up in (exact, *product(*boxes))]


def c13_dates(record: Record) -> Iterator[Check]:
    """Order of the dates, and the longest follow-up against the time that there was.

    Inputs: dates with their labels, follow-up. First before last random assignment before the
    cutoff; nobody is followed up longer than from the first assignment to the cutoff. An analysis
    dated before the last assignment is ``information``: interim analyses are. A month alone is
    taken as its first day, and a month of follow-up as 30.4375 days.
    """
    dates = {e.row: e for e in record.where(part="date", block="timeline")}
    days = {row: parse_date(e.text) for row, e in dates.items()}
    order = [row for row in ("first_randomized", "last_randomized", "cutoff") if row in days]
    for one, other in pairwise(order):
        verdict: Verdict = "consistent" if days[one] <= days[other] else "inconsistent"
        how, found = f"not before {dates[one].text}", Found.printed(dates[one])
        yield Check("C13", dates[other].id, verdict, dates[other].text, found, how)
    for row, day in days.items():
        if row not in order and "last_randomized" in days and day < days["last_randomized"]:
            gap = (days["last_randomized"] - day).days
            how = f"{gap} days before the last random assignment"
            last = Found.printed(dates["last_randomized"])
            yield Check("C13", dates[row].id, "information", dates[row].text, last, how)
    if {"first_randomized", "cutoff"} <= set(days):
        most = (days["cutoff"] - days["first_randomized"]).days / DAYS_PER_MONTH
        for e in record.where(part="maximum", row="follow_up"):
            if e.printed:
                verdict = "consistent" if e.printed.low <= most else "impossible"
                how = "months from the first assignment to the cutoff"
                found = Found("{upper:.1f} at most", upper=most)
                yield Check("C13", e.id, verdict, e.text, found, how)
