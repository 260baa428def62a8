"""Tables of adverse events and of exposure to treatment."""

from __future__ import annotations

from collections.abc import Mapping
from math import isinf, isnan

import pandas as pd

from palmira.estimates import Estimate
from palmira.exposure import DAYS_PER_YEAR, WINDOW, first_events, rates
from palmira.figures.twin import TWINS
from palmira.record import Record
from palmira.safety import CLASSES, SEVERE, adverse_events, arms, by_span, classes, comparisons
from palmira.show.exhibits import Table

SPAN_NAMES = {"any": "Any grade", SEVERE: "Grade 3 or higher", "4-5": "Grade 4 or 5"}
# Events whose rates are shown: label, lowest grade, class or term.
RATES = (
    ("Any adverse event, any grade", 1, None),
    ("Any adverse event, grade 3 or higher", 3, None),
    ("Neutropenia, grade 3 or higher", 3, "Neutropenia"),
    ("Nonhematologic, grade 3 or higher", 3, CLASSES[1]),
    ("Fatigue, any grade", 1, "Fatigue"),
)
GRADE_NAMES = {"any": "any grade", "3": "grade 3", "4": "grade 4", "5": "grade 5"}


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _close(cell: str) -> str:
    """A count and its percent that stay on one line."""
    return cell.replace(" (", "\u00a0(")


def printed_adverse_events(record: Record) -> Table:
    """The paper's table of adverse events by maximum severity, cell by cell as printed."""
    block = record.block("table2")
    headings, sizes = {}, {}
    for name, column in block.columns.items():
        n = record.size("safety", str(column.arm))
        label = record.sheet.arms[str(column.arm)].label
        short = label.split(" + ")[0]
        headings[name] = f"{short}, {GRADE_NAMES[str(column.grade)]}"
        sizes[short] = f"{label}: {n} treated patients"
    lines, data, section = [], [], "All events"
    for row in block.rows:
        section = row.label if row.term in CLASSES else section
        label = f"Any {row.label.lower()}" if row.term in CLASSES else row.label
        label = "Any adverse event" if row.term == "Any" else label
        cells = dict(zip(headings, row.values, strict=True))
        lines.append(
            {
                "Class": section,
                "Adverse event": label,
                **{headings[k]: _close(v or "") for k, v in cells.items()},
            }
        )
        data.append({"class": section, "adverse_event": label, **cells})
    notes = (
        f"{'; '.join(sizes.values())}. Patients (percent), each counted once in a row, at the "
        f"worst grade. Listed are events of at least {record['table2_note.threshold.percent']}% or "
        f"of grade {record['table2_note.severity']} or higher.",
        "GGT, gamma-glutamyl transferase. Only the palbociclib arm has a column for grade 5.",
    )
    return Table(pd.DataFrame(lines), pd.DataFrame(data), group="Class", notes=notes)


def differences(record: Record) -> Table:
    """Risk differences and ratios for any grade and for grade 3 or higher."""
    frame = comparisons(by_span(adverse_events(record)))
    patients = frame["count"] + frame.control_count
    largest = frame.assign(patients=patients).groupby("term").patients.transform("max")
    frame = frame[frame.span.isin(["any", SEVERE]) & (largest > 1) & (patients > 0)]
    name = {k: record.sheet.arms[v].label for k, v in arms(record).items()}
    lines = []
    for row in frame.itertuples(index=False):
        gap = (100 * x for x in (row.difference, row.difference_lower, row.difference_upper))
        value, lower, upper = gap
        lines.append(
            {"Grade": SPAN_NAMES[row.span], "Adverse event": _event(row.term),
             f"{name['experimental']} (n = {row.n})": _share(row.count, row.n),
             f"{name['control']} (n = {row.control_n})": _share(row.control_count, row.control_n),
             "Difference per 100 (95% CI)": _minus(f"{value:.1f} ({lower:.1f} to {upper:.1f})"),
             "Ratio (95% CI)": ratio_text(row.ratio, row.ratio_lower, row.ratio_upper)}
        )  # fmt: skip
    notes = (
        "Treated patients with the event (percent). Difference: palbociclib + ET less ET alone, "
        "Newcombe's interval; ratio with Koopman's score interval.",
        "∞: no case with ET alone, so only the lower limit of the ratio says something. Left out: "
        "events of a single patient, and rows without any case at the grade.",
    )
    return Table(pd.DataFrame(lines), frame, group="Grade", notes=notes)


def _event(term: str) -> str:
    if term == "Any":
        return "Any adverse event"
    return f"Any {term.lower()}" if term in CLASSES else term


def _share(count: int, n: int) -> str:
    return _close(f"{count} ({100 * count / n:.1f})")


def ratio_text(value: float, lower: float, upper: float) -> str:
    """A ratio with its interval; ∞ for what has no finite value, a dash for none at all."""
    if isnan(value):
        return "–"
    value_text, low, high = (
        "∞" if isinf(x) else f"{x:.{2 - (x >= 10) - (x >= 100)}f}" for x in (value, lower, upper)
    )
    return f"{value_text} ({low} to {high})"


def both_classes(record: Record) -> Table:
    """Hematologic and nonhematologic events, and the patients who had both."""
    frame = classes(by_span(adverse_events(record)))
    name = {k: record.sheet.arms[v].label for k, v in arms(record).items()}
    lines = [
        {"Arm": name[row.role], "Worst grade": SPAN_NAMES[row.span],
         "Any event": row.any, "Hematologic": row.hematologic,
         "Nonhematologic": row.nonhematologic, "Both classes": row.both}
        for row in frame.sort_values("role", ascending=False).itertuples(index=False)
    ]  # fmt: skip
    notes = ("Both classes: hematologic plus nonhematologic less any event.",)
    return Table(pd.DataFrame(lines), frame, group="Arm", notes=notes)


def exposure(record: Record) -> Table:
    """Dose intensity, changes of dose, discontinuation, serious events and deaths, as printed."""
    name = arms(record)
    headings = {a: record.sheet.arms[a].label for a in (name["experimental"], name["control"])}
    rows = [r for r in record.block("safety").rows
            if r.id.split(".")[0] not in ("teae", "grade34")]  # fmt: skip
    columns = list(record.block("safety").columns)
    lines, data = [], []
    for row in rows:
        cells = dict(zip(columns, row.values, strict=True))
        kind = "Dose" if row.id.startswith("dose") else "Consequences"
        label = f"{row.label}, {row.unit}" if row.unit in ("percent", "events") else row.label
        shown = {headings[a]: cells[a] or "–" for a in headings}
        lines.append({"Subject": kind, "Item": label, **shown})
        data.append({"item": label, **cells})
    related = record["safety_total.related_deaths.count"]
    notes = (
        "Patients (percent of those treated) unless said otherwise; –, not given or not "
        "applicable. IQR, interquartile range.",
        f"Deaths judged related to treatment, both arms: {related}.",
    )
    return Table(pd.DataFrame(lines), pd.DataFrame(data), group="Subject", notes=notes)


def exposure_adjusted(twins: Mapping[str, Mapping[str, pd.DataFrame]], record: Record) -> Table:
    """First events per 100 patient-years at risk on each twin, with the ratio of the arms."""
    name = {k: record.sheet.arms[v].label for k, v in arms(record).items()}
    lines, data = [], []
    for scale, twin in TWINS.items():
        for label, least, term in RATES:
            patients = first_events(twins[scale], least, term)
            found = rates(patients)
            ratio = found["ratio"]
            lines.append(
                {"Twin": twin, "First event": label,
                 **{f"{name[k]}, per 100 patient-years (95% CI)": _rate(found[k]) for k in name},
                 "Ratio (95% CI)": ratio_text(ratio.value, ratio.lower, ratio.upper)
                 .replace("∞ (nan to nan)", "∞")}
            )  # fmt: skip
            for role in name:
                mine = patients[patients["role"] == role]
                data.append(
                    {"twin": scale, "event": label, "arm": role, "patients": len(mine),
                     "with_event": int((mine["status"] == 1).sum()),
                     "years_at_risk": mine["time"].sum() / DAYS_PER_YEAR,
                     "per_100_years": found[role].value, "lower": found[role].lower,
                     "upper": found[role].upper, "ratio": ratio.value,
                     "ratio_lower": ratio.lower, "ratio_upper": ratio.upper}
                )  # fmt: skip
    notes = (
        "Patients with a first event over the time at risk: from the first dose to that event, or "
        f"to {WINDOW} days after the last dose, death, last contact or the cutoff. Exact Poisson "
        "intervals, for the ratio a score interval.",
        "Not free: the number of patients with the event. Free: when it occurs, and how long each "
        "patient was treated, which the paper does not print.",
    )
    return Table(pd.DataFrame(lines), pd.DataFrame(data), group="Twin", notes=notes)


def _rate(e: Estimate) -> str:
    decimals = 0 if e.value >= 100 else 1
    return f"{e.value:.{decimals}f} ({e.lower:.{decimals}f} to {e.upper:.{decimals}f})"
