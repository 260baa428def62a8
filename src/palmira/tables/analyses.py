"""Tables of the twins' analyses: curves in numbers, ten comparisons, estimands, sensitivity."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, isnan

import numpy as np
import pandas as pd

from palmira import landmarks
from palmira.entries import Entry
from palmira.figures.analyses import ORDER, Patients
from palmira.figures.twin import TWINS
from palmira.readings import p_text, printed_text, reading
from palmira.record import Record
from palmira.schedule import DAYS_PER_MONTH
from palmira.show.exhibits import Table
from palmira.twin.analysis_set import AnalysisSet, Frames
from palmira.twin.arm_comparisons import HORIZONS, ArmComparison, landmark
from palmira.twin.curves import (
    Quantity,
    arms_of,
    of_arm,
    restricted_mean,
    survival_at,
)
from palmira.twin.limits import LIMITS, RULES, limited, median_days
from palmira.twin.proportionality import residual_tests
from palmira.twin.spread import Spread
from palmira.twin.verify_survival import Curve, SurvivalAnalyses

UNITS = {"hazard ratio": "HR", "percentage points": "points", "months": "months"}


def _number(value: float, decimals: int = 1) -> str:
    if isnan(value):
        return "NA"
    return f"{value:.{decimals}f}" if isfinite(value) else "not reached"


def _span(low: float, high: float) -> str:
    return "not searched" if isnan(low) or isnan(high) else f"{low:z.2f} to {high:z.2f}"


def interval(value: float, lower: float, upper: float, decimals: int = 1) -> str:
    """A value with limits, any of which may not exist (NA) or never be reached."""
    a, b, c = (_number(x, decimals) for x in (value, lower, upper))
    return f"{a} ({b} to {c})"


def _median(curve: Curve, rule: str = "first") -> str:
    value, lower, upper = (d / DAYS_PER_MONTH for d in median_days(curve, rule))
    return interval(value, lower, upper)


def _percent(q: Quantity) -> str:
    return interval(100 * q.value, 100 * q.lower, 100 * q.upper)


def curve_numbers(
    patients: Patients, record: Record, spread: Mapping[str, Spread] | None = None,
    endpoint: str = "pfs",
) -> Table:  # fmt: skip
    """Median and, where they are printed, landmark rates by arm: in print and on both twins, with
    the range over the ensemble."""
    rows, data = [], []
    for row, label, month in (
        ("median", "Median, months", None), ("rate_6", "6-month rate, %", 6),
        ("rate_12", "12-month rate, %", 12),
    ):  # fmt: skip
        for arm in arms_of(record).values():
            cell = f"results.{endpoint}.{row}.{arm}"
            if f"{cell}.estimate" not in record.entries:
                continue
            line = {"Quantity (95% CI)": label, "Arm": record.sheet.arms[arm].label,
                    "Printed": printed_text(record, cell)}  # fmt: skip
            for scale in ORDER:
                curve = of_arm(patients[scale], arm)
                q = _summary(curve, month)
                line[TWINS[scale]] = _median(curve) if month is None else _percent(q)
                entry = {"quantity": label, "arm": arm, "twin": scale, "value": q.value,
                         "lower": q.lower, "upper": q.upper}  # fmt: skip
                if spread:
                    over = spread[scale].bands[arm].at(month) if month else {}
                    short = TWINS[scale].split()[0].lower()
                    line[f"Over twins, {short}"] = (
                        f"{100 * over['low']:.1f} to {100 * over['high']:.1f}" if over else ""
                    )
                    entry |= {f"twins_{k}": over.get(k) for k in ("low", "high")}
                data.append(entry)
            rows.append(line)
    notes = (
        "Twins: the log-log interval, the rule that the paper's intervals follow; a median is the "
        "first time at which the curve is at most one half.",
    )
    return Table(pd.DataFrame(rows), pd.DataFrame(data), group="Quantity (95% CI)", notes=notes)


def _summary(curve: Curve, month: int | None) -> Quantity:
    if month is None:
        return Quantity(*(d / DAYS_PER_MONTH for d in median_days(curve, "first")))
    return survival_at(curve, month)


def ten_ways(
    found: Mapping[str, list[ArmComparison]], record: Record, spread: Mapping[str, Spread]
) -> Table:
    """The same two arms compared in ten ways, on both twins, with what the paper prints."""
    rows, data = [], []
    for number, pair in enumerate(zip(found["neutral"], found["full"], strict=True), 1):
        first = pair[0]
        line = {"Analysis": f"{number}. {first.label}",
                "Measure": UNITS.get(first.measure, first.measure),
                "Printed": _printed(record, first.printed)}  # fmt: skip
        for scale, c in zip(ORDER, pair, strict=True):
            short = TWINS[scale].split()[0].lower()
            line[TWINS[scale]] = _effect(c)
            line[f"P, {short}"] = p_text(c.p)
            over = spread[scale].ranges.get(c.name or "")
            data.append(
                {"analysis": c.label, "measure": c.measure, "twin": scale, "effect": c.effect.value,
                 "lower": c.effect.lower, "upper": c.effect.upper, "z": c.z, "p": c.p,
                 "twins_low": over.low if over else np.nan,
                 "twins_high": over.high if over else np.nan}
            )  # fmt: skip
        rows.append(line)
    main = reading(record, "contrasts.pfs.hazard_ratio")
    open_ = [
        f"{c.label.lower()}, {TWINS[s].lower()}, {_span(over.low, over.high)} (with directed "
        f"search {_span(over.pushed_low, over.pushed_high)})"
        for s in ORDER for c in found[s] if (over := spread[s].ranges.get(c.name or ""))
    ]  # fmt: skip
    notes = (
        "Effect with 95% interval. HR: palbociclib + ET to ET alone; points and months: "
        "palbociclib + ET less ET alone. P values are two-sided, Wald's but for the log-rank "
        "tests, and not adjusted for multiplicity. Models: Efron's ties; adjusted or stratified "
        "for previous endocrine therapy and visceral involvement.",
        f"The printed hazard ratio in three readings: printed {main.texts['printed']}, neutral "
        f"{main.texts['neutral']}, conditional (full scale) {main.texts['conditional']}. An "
        "ordinary model and the orthonormal contrast fit the same patients; which of the two was "
        "printed is not known.",
        f"Ranges over twins that print the same, in months: {'; '.join(open_)}. No range was kept "
        "of the log-rank tests and the other models, which are free within limits too.",
    )
    return Table(pd.DataFrame(rows), pd.DataFrame(data), notes=notes)


def _printed(record: Record, cell: str | None) -> str:
    if cell is None or f"{cell}.estimate" not in record.entries:
        return "not given"
    p = record.cell(record[f"{cell}.estimate"]).get("p")
    return f"{printed_text(record, cell)}{f', P {p.text}' if p else ''}"


def _effect(c: ArmComparison) -> str:
    if isnan(c.effect.value):
        return f"χ² = {c.z**2:.2f}"
    decimals = 1 if c.measure == "percentage points" else 2
    return interval(c.effect.value, c.effect.lower, c.effect.upper, decimals)


def landmark_contrasts(patients: Patients, record: Record) -> Table:
    """The arms' difference at 6 and 12 months on both twins, with P on two scales, and in print."""
    arms = list(arms_of(record).values())
    rows, data = [], []
    for month in HORIZONS:
        cell = f"contrasts.pfs.difference_{month}"
        rows.append({"Landmark": f"{month} months", "Source": "Printed", **_in_print(record, cell)})
        for scale in ORDER:
            one, other = (landmark(of_arm(patients[scale], arm), month) for arm in arms)
            e, p = landmarks.difference(one, other)
            p_log = landmarks.log_log_p(one, other)
            rows.append(
                {"Landmark": f"{month} months", "Source": TWINS[scale],
                 "Difference, points (95% CI)": interval(100 * e.value, 100 * e.lower,
                                                         100 * e.upper),
                 "P, linear scale": p_text(p), "P, log-log scale": p_text(p_log)}
            )  # fmt: skip
            data.append({"month": month, "twin": scale, "difference": 100 * e.value,
                         "lower": 100 * e.lower, "upper": 100 * e.upper, "p_plain": p,
                         "p_log_log": p_log})  # fmt: skip
    return Table(pd.DataFrame(rows), pd.DataFrame(data), group="Landmark")


def _in_print(record: Record, cell: str) -> dict[str, str]:
    if f"{cell}.estimate" not in record.entries:
        return dict.fromkeys(
            ("Difference, points (95% CI)", "P, linear scale", "P, log-log scale"), "not given"
        )
    p = record.cell(record[f"{cell}.estimate"]).get("p")
    which = f"{p.text if p else 'not given'}, scale not stated"
    return {"Difference, points (95% CI)": printed_text(record, cell), "P, linear scale": which,
            "P, log-log scale": which}  # fmt: skip


def restricted_means(
    patients: Patients, record: Record, spread: Mapping[str, Spread]
) -> Table:  # fmt: skip
    """Restricted means of both arms to 6 and 12 months with standard errors, their difference, and
    the range over the ensemble."""
    arms = list(arms_of(record).values())
    rows, data = [], []
    for scale in ORDER:
        curves = [of_arm(patients[scale], arm) for arm in arms]
        for month in HORIZONS:
            means = [restricted_mean(c, month) for c in curves]
            over = spread[scale].ranges[f"rmst_{month}_difference"]
            value, se = means[0][0] - means[1][0], float(np.hypot(means[0][1], means[1][1]))
            half = landmarks.critical(95) * se
            line = {"Twin": TWINS[scale], "Up to": f"{month} months"}
            for arm, (mean, error) in zip(arms, means, strict=True):
                line[f"{record.sheet.arms[arm].label} (SE)"] = f"{mean:.2f} ({error:.2f})"
            line["Difference (95% CI)"] = interval(value, value - half, value + half, 2)
            line["P"] = p_text(landmarks.two_sided_p(value / se))
            line["Difference over twins"] = _span(over.low, over.high)
            line["With directed search"] = _span(over.pushed_low, over.pushed_high)
            rows.append(line)
            data.append(
                {"twin": scale, "months": month, "difference": value, "se": se, "lower":
                 value - half, "upper": value + half, "twins_low": over.low, "twins_high":
                 over.high, "pushed_low": over.pushed_low, "pushed_high": over.pushed_high}
            )  # fmt: skip
    notes = (
        "Area under the Kaplan-Meier curve, in months, with Greenwood's standard error (SE). Over "
        "twins, and with directed search: inner bounds of what the printed numbers leave open. The "
        "95% interval is how far chance would move the difference in new patients.",
    )
    return Table(pd.DataFrame(rows), pd.DataFrame(data), group="Twin", notes=notes)


def kinds_of_limits(patients: Patients, record: Record) -> Table:
    """Median and 6-month rate of each arm with five kinds of 95% limits, on both twins."""
    rows, data = [], []
    for scale in ORDER:
        for kind in LIMITS:
            line = {"Twin": TWINS[scale], "Limits": kind}
            for arm in arms_of(record).values():
                curve = limited(of_arm(patients[scale], arm), kind)
                label, q = record.sheet.arms[arm].label, survival_at(curve, 6)
                line[f"{label}: median, months"] = _median(curve)
                line[f"{label}: 6-month rate, %"] = _percent(q)
                months = [d / DAYS_PER_MONTH for d in median_days(curve, "first")]
                data.append({"twin": scale, "limits": kind, "arm": arm, "median": months[0],
                             "median_lower": months[1], "median_upper": months[2],
                             "rate_6": q.value, "lower": q.lower, "upper": q.upper})  # fmt: skip
            rows.append(line)
    return Table(pd.DataFrame(rows), pd.DataFrame(data), group="Twin")


def median_rules(frames: Mapping[str, Frames], record: Record) -> Table:
    """Medians of the trial's subgroup figure, on both twins, that depend on the rule for a curve
    that rests at exactly one half; the data are all of them."""
    rows, data = [], []
    figure = [e for e in record.entries.values() if e.block == "figure3" and e.part == "estimate"]
    medians = [e for e in figure if e.measure == "median"]
    for scale in ORDER:
        analyses = SurvivalAnalyses(AnalysisSet(record, dict(frames[scale])), scale)
        for e in medians:
            curve = analyses.curve(e, e.arm)
            texts = {rule: _median(curve, rule) for rule in RULES}
            label = ": ".join(x for x in (e.factor, e.category) if x) or "All patients"
            arm = record.sheet.arms[str(e.arm)].label
            differs = texts["first"] != texts["midpoint"]
            data.append({"twin": scale, "group": label, "arm": arm, **texts, "differs": differs})
            if differs:
                rows.append({"Twin": TWINS[scale], "Group and arm": f"{label}, {arm}",
                             "Printed": _as_printed(record, e), "First time": texts["first"],
                             "Midpoint": texts["midpoint"]})  # fmt: skip
    columns = ["Twin", "Group and arm", "Printed", "First time", "Midpoint"]
    return Table(pd.DataFrame(rows, columns=columns), pd.DataFrame(data), group="Twin")


def _as_printed(record: Record, e: Entry) -> str:
    return printed_text(record, e.cell)


def residual_p_values(
    patients: Patients, record: Record, spread: Mapping[str, Spread]
) -> Table:  # fmt: skip
    """P of the Schoenfeld test under four transformations of time, on both twins."""
    names = {"km": "Kaplan-Meier (the default of R)", "rank": "Order of the events",
             "identity": "Time itself", "log": "Logarithm of time"}  # fmt: skip
    experimental = arms_of(record)["experimental"]
    tests = {s: residual_tests(patients[s], experimental) for s in ORDER}
    rows = []
    for key, label in names.items():
        line = {"Time as": label}
        for scale in ORDER:
            over = spread[scale].ranges["ph_p"]
            span = f" (over twins {p_text(over.low)} to {p_text(over.high)})" if key == "km" else ""
            line[f"P, {TWINS[scale].lower()}"] = p_text(tests[scale][key]) + span
        rows.append(line)
    data = pd.DataFrame([{"twin": s, "time": k, "p": p} for s in ORDER for k, p in
                         tests[s].items()])  # fmt: skip
    return Table(pd.DataFrame(rows), data)
