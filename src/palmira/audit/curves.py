"""Checks of medians, landmark rates and dates: C7, C8 and C11 to C13."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise, product
from math import log, sqrt

from palmira.audit.check import Check, Verdict, boxes_meet
from palmira.audit.counts import chosen
from palmira.audit.ratios import interval_text, prints
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.printed import parse_date
from palmira.statistics.estimates import critical
from palmira.statistics.landmarks import Landmark, difference, from_interval, log_log_p
from palmira.statistics.schedule import DAYS_PER_MONTH

# A pooled median can leave the subgroups' hull where these are censored differently.
HULL_SLACK = 0.1


def _by_arm(record: Record, measure: str, like: Entry) -> dict[str, dict[str, Entry]]:
    """Cells of one measure by the arm's role, of the same end point, analysis and time."""
    roles = {k: a.role for k, a in record.sheet.arms.items()}
    found: dict[str, dict[str, Entry]] = {}
    for e in chosen(record):
        same = (e.endpoint, e.analysis, e.time) == (like.endpoint, like.analysis, like.time)
        if same and e.measure == measure and e.part == "estimate" and e.arm and not e.factor:
            found.setdefault(roles[e.arm], record.cell(e))
    return found


def c7_implied_hazard_ratio(record: Record) -> Iterator[Check]:
    """The hazard ratio that medians (if hazards are constant) or landmark rates imply.

    Inputs: medians or rates by arm. Ratio of medians, control over experimental, or of log S(t).
    ``information`` only: its uncertainty is that of the trial itself, and hazards change.
    """
    for e in chosen(record):
        first = e.measure in ("median", "rate") and e.part == "estimate" and not e.factor
        arms = _by_arm(record, str(e.measure), e) if first and e.endpoint else {}
        if not {"experimental", "control"} <= set(arms) or arms["experimental"]["estimate"] != e:
            continue
        one, other = e.value, arms["control"]["estimate"].value
        if e.measure == "rate":
            if not (0 < one < 100 and 0 < other < 100):
                continue
            value, how = log(one / 100) / log(other / 100), "ratio of the log rates"
        else:
            value, how = other / one, "ratio of the medians, if hazards are constant"
        words = f"{e.text} v {arms['control']['estimate'].text}"
        yield Check("C7", e.id, "information", words, f"{value:.2f}", how)


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
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for e in chosen(record):
        if e.measure == "median" and e.part == "estimate" and e.factor and e.category and e.arm:
            groups.setdefault((e.block, e.factor, e.column), []).append(e)
    for (block, factor, column), levels in groups.items():
        whole = record.entries.get(f"{block}.all.{column}.estimate")
        boxes = [e.printed for e in levels if e.printed and e.printed.exact is not None]
        if whole is None or whole.printed is None or len(boxes) < 2 or len(boxes) < len(levels):
            continue
        low, high = min(b.low for b in boxes), max(b.high for b in boxes)
        inside = boxes_meet(whole.printed, low / (1 + HULL_SLACK), high * (1 + HULL_SLACK))
        verdict: Verdict = "consistent" if inside else "inconsistent"
        words = f"{min(b.value for b in boxes):g} to {max(b.value for b in boxes):g}"
        how = f"medians by {factor}"
        yield Check("C8", f"{block}.{factor}.{column}", verdict, whole.text, words, how)
    for e in chosen(record):
        if (
            e.measure != "rate"
            or not e.time
            or not e.printed
            or e.part not in ("estimate", "percent")
        ):
            continue
        for median in chosen(record):
            alike = (median.arm, median.endpoint, median.analysis) == (
                e.arm,
                e.endpoint,
                e.analysis,
            )
            if (
                not alike
                or median.measure != "median"
                or median.part != "estimate"
                or median.factor
            ):
                continue
            if median.printed is None or median.printed.exact is None or e.arm is None:
                continue
            t = float(e.time)
            late = e.printed.high < 50 and median.printed.low > t
            early = e.printed.low > 50 and median.printed.high < t
            verdict = "impossible" if late or early else "consistent"
            how = f"{e.text}% at {e.time} months"
            yield Check("C8", median.id, verdict, median.text, f"{e.text}%", how)


ORDERS = (("lower", "estimate", "upper"), ("minimum", "median", "maximum"), ("q1", "median", "q3"))


def _in_order(record: Record) -> Iterator[Check]:
    """Estimates within their limits, medians within their ranges."""
    for e in chosen(record):
        for order in ORDERS:
            cell = record.cell(e)
            if e.part != order[1] or not set(order) <= set(cell):
                continue
            prints = [cell[p].printed for p in order]
            known = [p for p in prints if p is not None and p.exact is not None]
            holds = all(a.low <= b.high for a, b in pairwise(known))
            verdict: Verdict = "consistent" if holds else "inconsistent"
            words = f"{cell[order[0]]} to {cell[order[2]]}"
            yield Check("C8", e.id, verdict, e.text, words, " <= ".join(order))


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
    for e in chosen(record):
        if e.measure != "rate" or e.part != "estimate" or not e.printed:
            continue
        cell = record.cell(e)
        estimate, lower, upper = prints(cell)
        boxes = [
            (max(p.low, 1e-3) / 100, min(p.high, 99.999) / 100) for p in (estimate, lower, upper)
        ]
        level = float(e.interval_level or 95)
        exact = _scales(estimate.value / 100, lower.value / 100, upper.value / 100, level)
        fits, widest = [], 0.0
        for name in exact:
            pairs = [_scales(a, b, c, level)[name] for a, b, c in product(*boxes)]
            gaps = [a - b for a, b in pairs]
            if min(gaps) <= 0 <= max(gaps):
                fits.append(name)
            widest = max(widest, *(max(p) for p in pairs))
        s = e.value / 100
        n = record.size(e.population, e.arm).value if e.population and e.arm else float("inf")
        effective = s * (1 - s) / exact[fits[0] if fits else "plain"][0] ** 2
        verdict: Verdict = "consistent" if fits else "information"
        if widest < sqrt(s * (1 - s) / n) * 0.999:
            verdict = "impossible"
        how = f"limits fit the {' and '.join(fits) or 'no usual'} scale"
        text = f"effective number {effective:.0f} of {n:.0f}"
        yield Check("C11", e.id, verdict, interval_text(cell), text, how)


def c12_landmark_difference(record: Record) -> Iterator[Check]:
    """A difference of survival rates, its limits and P, from the arms' rates and limits.

    Inputs: rates with log-log limits and the difference, all with rounding. Limits on another scale
    give another standard error, and C11 says which fits. Wald on the linear scale; for P the
    log-log scale too (Klein et al, Stat Med 2007;26:4505).
    """
    for entry in chosen(record):
        if entry.measure != "difference" or entry.part != "estimate" or not entry.time:
            continue
        arms = _by_arm(record, "rate", entry)
        if not {"experimental", "control"} <= set(arms):
            detail = "the arms' rates are not in the record"
            yield Check("C12", entry.id, "not checkable", entry.text, "", detail)
            continue
        if not all(_usable(arms[role]) for role in ("experimental", "control")):
            detail = "an arm's rate is 0, 100 or not within its limits"
            yield Check("C12", entry.id, "not checkable", entry.text, "", detail)
            continue
        level = float(entry.interval_level or 95)
        marks = [_landmarks(arms[role], level) for role in ("experimental", "control")]
        corners = list(product(*marks))
        cell = record.cell(entry)
        central, p_value = difference(corners[0][0], corners[0][1], level)
        for part in ("estimate", "lower", "upper"):
            printed = cell[part].printed if part in cell else None
            if printed is None:
                continue
            name = "value" if part == "estimate" else part
            values = [100 * getattr(difference(a, b, level)[0], name) for a, b in corners]
            meets = boxes_meet(printed, min(values), max(values))
            verdict: Verdict = "consistent" if meets else "inconsistent"
            how = (
                f"from the arms, linear scale; {min(values):.1f} to {max(values):.1f} with rounding"
            )
            text = f"{100 * getattr(central, name):.1f}"
            yield Check("C12", cell[part].id, verdict, cell[part].text, text, how)
        p = cell.get("p")
        if p is not None and p.printed is not None:
            plain = [difference(a, b, level)[1] for a, b in corners]
            double = [log_log_p(a, b) for a, b in corners]
            scales = [s for s, ps in (("linear", plain), ("log-log", double))
                      if boxes_meet(p.printed, min(ps), max(ps))]  # fmt: skip
            text = f"{p_value:.3f} linear, {log_log_p(corners[0][0], corners[0][1]):.3f} log-log"
            verdict = "consistent" if scales else "information"
            how = f"from the arms, {' and '.join(scales) or 'neither'} scale"
            yield Check("C12", p.id, verdict, p.text, text, how)


def _usable(cell: dict[str, Entry]) -> bool:
    """Whether every corner of a rate's rounding box is a survival interval."""
    estimate, lower, upper = prints(cell)
    return (
        lower.low > 0
        and lower.high <= estimate.low
        and estimate.high <= upper.low < 100 > upper.high
    )


def _landmarks(cell: dict[str, Entry], level: float) -> list[Landmark]:
    """The printed landmark, then the corners of its rounding box."""
    parts = prints(cell)
    exact = [p.value / 100 for p in parts]
    boxes = [(p.low / 100, p.high / 100) for p in parts]
    return [from_interval(s, low, up, level) for s, low, up in (exact, *product(*boxes))]


def c13_dates(record: Record) -> Iterator[Check]:
    """Order of the dates, and the longest follow-up against the time that there was.

    Inputs: dates with their labels, follow-up. First before last random assignment before the
    cutoff; nobody is followed up longer than from the first assignment to the cutoff. An analysis
    dated before the last assignment is ``information``: interim analyses are. A month alone is
    taken as its first day, and a month of follow-up as 30.4375 days.
    """
    dates = {e.row: e for e in chosen(record) if e.part == "date" and e.block == "timeline"}
    days = {row: parse_date(e.text) for row, e in dates.items()}
    order = [row for row in ("first_randomized", "last_randomized", "cutoff") if row in days]
    for one, other in pairwise(order):
        verdict: Verdict = "consistent" if days[one] <= days[other] else "inconsistent"
        how = f"not before {dates[one].text}"
        yield Check("C13", dates[other].id, verdict, dates[other].text, dates[one].text, how)
    for row, day in days.items():
        if row not in order and "last_randomized" in days and day < days["last_randomized"]:
            gap = (days["last_randomized"] - day).days
            how = f"{gap} days before the last random assignment"
            last = dates["last_randomized"].text
            yield Check("C13", dates[row].id, "information", dates[row].text, last, how)
    if {"first_randomized", "cutoff"} <= set(days):
        most = (days["cutoff"] - days["first_randomized"]).days / DAYS_PER_MONTH
        for e in chosen(record):
            if e.part == "maximum" and e.row == "follow_up" and e.printed:
                verdict = "consistent" if e.printed.low <= most else "impossible"
                how = "months from the first assignment to the cutoff"
                yield Check("C13", e.id, verdict, e.text, f"{most:.1f} at most", how)
