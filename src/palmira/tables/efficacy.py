"""Tables of progression-free survival: results by arm, landmark differences, the bound's steps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import log, sqrt

import pandas as pd

from palmira.estimates import Estimate, critical, two_sided_p
from palmira.hazard_ratios import events_needed, wald_p
from palmira.landmarks import Landmark, difference, from_interval, log_log_p
from palmira.readings import p_text, printed_estimate, printed_text, reading
from palmira.record import Record
from palmira.show.exhibits import Table

ARMS = ("palbociclib", "et")


def results_by_arm(record: Record) -> Table:
    """Patients, events, median and landmark rates of PFS by arm, as printed."""
    arms = {arm: record.sheet.arms[arm].label for arm in ARMS}
    lines = [("Patients", [record[f"results.randomized.{a}.count"].text for a in ARMS])]
    events = [record.cell(record[f"results.pfs.events.{a}.count"]) for a in ARMS]
    lines.append(("Events (%)", [f"{c['count']} ({c['percent']})" for c in events]))
    for label, row in (
        ("Median, months (95% CI)", "median"), ("6-month rate, % (95% CI)", "rate_6"),
        ("12-month rate, % (95% CI)", "rate_12"),
    ):  # fmt: skip
        lines.append((label, [printed_text(record, f"results.pfs.{row}.{a}") for a in ARMS]))
    frame = pd.DataFrame(
        [{"Outcome": label, **dict(zip(arms.values(), texts, strict=True))}
         for label, texts in lines]
    )  # fmt: skip
    return Table(frame)


@dataclass(frozen=True)
class LandmarkContrast:
    """Two arms at a landmark: the difference in percentage points and its P value on two scales.

    Each ``_range`` is what the rounding of the arms' rates and limits allows.
    """

    time: str
    difference: Estimate
    estimate_range: tuple[float, float]
    lower_range: tuple[float, float]
    upper_range: tuple[float, float]
    p_linear: float
    p_linear_range: tuple[float, float]
    p_log_log: float
    p_log_log_range: tuple[float, float]


def _box(record: Record, cell: str) -> list[Landmark]:
    """The printed landmark rate, then the corners of its rounding box."""
    parts = record.cell(record[f"{cell}.estimate"])
    printed = [parts[p].printed for p in ("estimate", "lower", "upper")]
    exact = printed_estimate(record, cell, 100)
    corners = product(*[(x.low / 100, x.high / 100) for x in printed if x])
    points = ((exact.value, exact.lower, exact.upper), *corners)
    return [from_interval(s, low, up, exact.level) for s, low, up in points]


def landmark_contrast(record: Record, time: str) -> LandmarkContrast:
    """Recompute the arms' difference at a landmark from their printed log-log intervals."""
    one, other = (_box(record, f"results.pfs.rate_{time}.{arm}") for arm in ARMS)
    pairs = list(product(one, other))
    linear = [difference(a, b) for a, b in pairs]
    log_log = [log_log_p(a, b) for a, b in pairs]
    e, p = linear[0]

    def span(part: str) -> tuple[float, float]:
        values = [100 * getattr(d, part) for d, _ in linear]
        return min(values), max(values)

    return LandmarkContrast(
        time=time,
        difference=Estimate(100 * e.value, 100 * e.lower, 100 * e.upper, e.level),
        estimate_range=span("value"),
        lower_range=span("lower"),
        upper_range=span("upper"),
        p_linear=p,
        p_linear_range=(min(x for _, x in linear), max(x for _, x in linear)),
        p_log_log=log_log[0],
        p_log_log_range=(min(log_log), max(log_log)),
    )


def _span(low: float, high: float) -> str:
    return f"{low:.1f} to {high:.1f}"


def landmark_differences(record: Record) -> Table:
    """Differences of the landmark rates: printed, recomputed, and what rounding allows."""
    rows, data = [], []
    for time in ("6", "12"):
        c = landmark_contrast(record, time)
        cell = f"contrasts.pfs.difference_{time}"
        printed = record.entries.get(f"{cell}.estimate")
        said = record.cell(printed) if printed else {}
        quantities = (
            ("Difference, percentage points", "estimate", f"{c.difference.value:.1f}",
             _span(*c.estimate_range)),
            ("Lower 95% limit", "lower", f"{c.difference.lower:.1f}", _span(*c.lower_range)),
            ("Upper 95% limit", "upper", f"{c.difference.upper:.1f}", _span(*c.upper_range)),
            ("P, linear scale", "p", p_text(c.p_linear), _p_span(c.p_linear_range)),
            ("P, log-log scale", "p", p_text(c.p_log_log), _p_span(c.p_log_log_range)),
        )  # fmt: skip
        for label, part, value, span in quantities:
            text = said[part].text if part in said else "not given"
            rows.append({"Landmark": f"{time} months", "Quantity": label, "Printed": text,
                         "Recomputed": value, "With rounding": span})  # fmt: skip
        data.append({
            "month": time, "difference": c.difference.value, "lower": c.difference.lower,
            "upper": c.difference.upper, "p_linear": c.p_linear, "p_log_log": c.p_log_log,
            "p_log_log_low": c.p_log_log_range[0], "p_log_log_high": c.p_log_log_range[1],
        })  # fmt: skip
    notes = (
        "Recomputed from the arms' rates and log-log limits; the interval is Wald's on the linear "
        "scale. With rounding: the range as every printed rate and limit runs through the values "
        "that round to it. P values are two-sided and not adjusted for multiplicity.",
    )
    return Table(pd.DataFrame(rows), pd.DataFrame(data), group="Landmark", notes=notes)


def _p_span(span: tuple[float, float]) -> str:
    return f"{p_text(span[0])} to {p_text(span[1])}"


def bound_steps(record: Record, cell: str) -> Table:
    """From a printed interval to its standard error, beside the least that the events allow."""
    r = reading(record, cell)
    e, a, b = r.ways.printed, r.events[0], r.events[-1]
    z, width = 2 * critical(e.level), log(e.upper) - log(e.lower)
    rule = {2: (f"√(1/{a} + 1/{b})", r.ways.smallest_se), 1: (f"2/√{a}", 2 / sqrt(a))}
    how, least = rule[len(r.events)]
    steps = (
        ("Logarithms of the two limits", f"ln {e.lower:g} and ln {e.upper:g}",
         f"{log(e.lower):.3f} and {log(e.upper):.3f}", None),
        ("Width of the interval on this scale", "upper less lower", f"{width:.3f}", width),
        ("Standard error that the interval implies",
         f"{width:.3f} / {z:.2f}, as a {e.level:g}% interval is {z:.2f} standard errors wide",
         f"{r.ways.printed_se:.3f}", r.ways.printed_se),
        ("The same at the widest rounding", "limits half a unit further apart",
         f"{r.widest_se:.3f}", r.widest_se),
        ("Least standard error of a Cox model", how, f"{least:.3f}", least),
        ("Implied over least", f"{r.ways.printed_se:.3f} / {least:.3f}",
         f"{r.ways.se_ratio:.2f}", r.ways.se_ratio),
        ("Fewest events for it, at an even split", f"4 / {r.widest_se:.4f}²",
         f"{events_needed(r.widest_se):.0f}; there were {sum(r.events)}",
         events_needed(r.widest_se)),
        ("P value from ratio and interval", f"z = ln {e.value:g} / {r.ways.printed_se:.3f} = "
         f"{log(e.value) / r.ways.printed_se:.2f}",
         f"{p_text(wald_p(e.value, r.ways.printed_se))}"
         f"{f'; printed {r.p.text}' if r.p else ''}", wald_p(e.value, r.ways.printed_se)),
    )  # fmt: skip
    frame = pd.DataFrame(
        [{"Step": s, "Calculation": how, "Result": text} for s, how, text, _ in steps]
    )
    return Table(frame, frame.assign(Value=[value for *_, value in steps]))


def p_range(record: Record, cell: str) -> tuple[float, float, float]:
    """Wald P value of a printed ratio and interval, with its range under rounding."""
    parts = record.cell(record[f"{cell}.estimate"])
    boxes = [(x.low, x.high) for p in ("estimate", "lower", "upper") if (x := parts[p].printed)]
    e = printed_estimate(record, cell)
    width = 2 * critical(e.level)
    values = [
        two_sided_p(log(value) * width / log(upper / lower))
        for value, lower, upper in ((e.value, e.lower, e.upper), *product(*boxes))
    ]
    return values[0], min(values), max(values)
