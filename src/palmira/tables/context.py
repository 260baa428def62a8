"""The trials in their setting: absolute beside relative effects, control arms, modifiers."""

from __future__ import annotations

from collections.abc import Mapping
from math import log

import pandas as pd

from palmira.estimates import Estimate, critical
from palmira.evidence_synthesis import PFS, on_level, trial_readings
from palmira.landmarks import Landmark, difference, from_interval
from palmira.readings import printed_estimate, printed_text, reading
from palmira.record import Record
from palmira.show.exhibits import Table
from palmira.tables.comparison import NOT_FOUND, find, mark, numbering, printed_cell

READING_WORDS = {"printed": "as printed", "neutral": "neutral", "conditional": "full scale"}
# Row of the record, and heading of the arms' difference, by heading of what is printed.
QUANTITIES = {
    "Median, months": ("pfs.median", "Difference, months"),
    "6-month rate, %": ("pfs.rate_6", "6-month difference, points"),
    "12-month rate, %": ("pfs.rate_12", "12-month difference, points"),
}


def absolute_and_relative(records: Mapping[str, Record]) -> Table:
    """PFS of both arms, their differences and the hazard ratio, one line a trial.

    Differences are computed from the printed values; a rate's has a 95% interval where both arms'
    intervals are printed.
    """
    shown, data = [], []
    for record in records.values():
        line = {"Trial": record.trial}
        for label, (row, difference_label) in QUANTITIES.items():
            cells = _arms(record, row)
            if cells is None:
                line |= {label: NOT_FOUND, difference_label: "–"}
                continue
            gap = _gap(record, cells, row)
            digits = max(_decimals(record, c) for c in cells)
            text = f"{gap.value:.{digits}f}"
            if gap.lower < gap.value:
                text += f" ({gap.lower:.{digits}f} to {gap.upper:.{digits}f})"
            one, other = (record[c].text for c in cells)
            line |= {label: f"{one} v {other}", difference_label: text}
            data.append(
                {"trial": record.trial, "quantity": f"PFS, {label}", "experimental": one,
                 "control": other, "difference": gap.value, "lower": gap.lower, "upper": gap.upper}
            )  # fmt: skip
        found = trial_readings(record)
        line["HR (95% CI)"] = "; ".join(
            e.text() + (f" {READING_WORDS[name]}" if len(found) > 1 else "")
            for name, e in found.items()
        )
        data += [
            {"trial": record.trial, "quantity": f"hazard ratio, {READING_WORDS[name]}",
             "difference": e.value, "lower": e.lower, "upper": e.upper}
            for name, e in found.items()
        ]  # fmt: skip
        shown.append(line)
    notes = (
        "Experimental v control arm. Differences are ours, from the printed values, in months and "
        "percentage points; their 95% intervals from the arms' printed ones, read as plain where "
        "they lie evenly about the rate and as log-log otherwise. PACE's hazard ratio is converted "
        "from its 90% interval.",
    )
    return Table(pd.DataFrame(shown), pd.DataFrame(data), notes=notes)


def _arms(record: Record, row: str) -> tuple[str, str] | None:
    """Ids of a row's estimates, experimental and control; None where nothing was found."""
    found = {}
    for e in record.entries.values():
        if e.row == row and e.block in ("results", "efficacy") and e.arm and not e.version:
            role = record.sheet.arms[e.arm].role
            if e.part in ("estimate", "percent", "value"):
                found[role] = e.id
    return (found["experimental"], found["control"]) if len(found) > 1 else None


def _decimals(record: Record, id: str) -> int:
    printed = record[id].printed
    return printed.decimals if printed else 0


def _gap(record: Record, ids: tuple[str, str], row: str) -> Estimate:
    """Difference of the arms; its limits are the value itself where no interval can be had."""
    one, other = (record[i].value for i in ids)
    known = "rate" in row and all("lower" in record.cell(record[i]) for i in ids)
    if not known:
        return Estimate(one - other, one - other, one - other)
    found, _ = difference(_landmark(record, ids[0]), _landmark(record, ids[1]))
    return Estimate(100 * found.value, 100 * found.lower, 100 * found.upper)


def _landmark(record: Record, id: str) -> Landmark:
    """Standard error of a printed rate: of an even interval as plain, else as log-log."""
    e = printed_estimate(record, record[id].cell, 100)
    found = from_interval(e.value, e.lower, e.upper, e.level)
    if abs(e.lower + e.upper - 2 * e.value) < 0.002:  # even to the printed decimal
        se = (e.upper - e.lower) / (2 * critical(e.level))
        return Landmark(e.value, se, se / (e.value * abs(log(e.value))))
    return found


def control_arms(records: Mapping[str, Record], setting: Record) -> Table:
    """Control arms of the trials, and control arms of other studies after a CDK4/6 inhibitor."""
    numbers = numbering({**records, "setting": setting})
    lines = []
    for record in records.values():
        control = next(a for a in record.sheet.arms.values() if a.role == "control")
        ids = _arms(record, "pfs.median")
        assert ids
        rates = [_arms(record, f"pfs.rate_{m}") for m in (6, 12)]
        lines.append(
            {"Control arm": f"{record.trial}: {control.label}",
             "Median PFS, months": _with_limits(record, ids[1]),
             "6-month PFS, %": record[rates[0][1]].text if rates[0] else NOT_FOUND,
             "12-month PFS, %": record[rates[1][1]].text if rates[1] else NOT_FOUND,
             "Source": cited(record, ids[1], numbers), "Group": "The four trials"}
        )  # fmt: skip
    palmira = records["palmira"]
    quoted = (
        ("Fulvestrant in pivotal studies (PALMIRA, Introduction)", palmira,
         "introduction.fulvestrant_control.median_pfs.low"),
        ("Other trials (PALMIRA, Discussion), about", palmira, "discussion.other_controls.median"),
        ("VERONICA: fulvestrant", setting, "medians.veronica.control.estimate"),
        ("EMERALD: standard ET, ESR1 mutated, long on ET + CDK4/6 inhibitor", setting,
         "medians.emerald.esr1_ge12.control"),
        ("EMBER-3: standard ET, ESR1 mutated", setting, "medians.ember3.esr1.control.estimate"),
        ("SOLAR-1: placebo + fulvestrant, PIK3CA mutated, after a CDK4/6 inhibitor", setting,
         "medians.solar1.prior_cdk46.control"),
        ("CAPItello-291: placebo + fulvestrant", setting, "medians.capitello.all.control"),
    )  # fmt: skip
    for label, record, id in quoted:
        lines.append(
            {"Control arm": label, "Median PFS, months": _with_limits(record, id),
             "6-month PFS, %": "–", "12-month PFS, %": "–", "Source": cited(record, id, numbers),
             "Group": "Others after a CDK4/6 inhibitor, wholly or in part"}
        )  # fmt: skip
    return Table(pd.DataFrame(lines), group="Group")


def cited(record: Record, id: str, numbers: Mapping[str, int]) -> str:
    """The bracket of an entry: confidence and source numbers."""
    return mark(record[id].source, record[id].confidence, numbers)


def _with_limits(record: Record, id: str) -> str:
    cell = record.cell(record[id])
    if "high" in cell:
        return f"{cell['low']} to {cell['high']}"
    if "lower" not in cell:
        return record[id].text
    level = cell["estimate"].interval_level
    tail = "" if level == "95" else f", {level}% interval"
    return f"{cell['estimate']} ({cell['lower']} to {cell['upper']}){tail}"


# What may change the effect: heading, trial, row with the hazard ratio and its part of the record.
MODIFIERS = (
    ("Time on the first inhibitor", "palmira", "figure3.duration.lt12"),
    ("Time on the first inhibitor", "palmira", "figure3.duration.ge12"),
    ("Time on the first inhibitor", "postmonarch", "contrasts.pfs.prior_lt18"),
    ("Visceral or liver disease", "palmira", "figure3.visceral.no"),
    ("Visceral or liver disease", "palmira", "figure3.visceral.yes"),
    ("Visceral or liver disease", "postmonarch", "subgroups.liver.no"),
    ("Visceral or liver disease", "postmonarch", "subgroups.liver.yes"),
    ("ESR1 in the tumor or in ctDNA", "pace", "subgroups.esr1.mutated"),
    ("PIK3CA in the tumor or in ctDNA", "pace", "subgroups.pik3ca.mutated"),
    ("PIK3CA in the tumor or in ctDNA", "postmonarch", "subgroups.pik3ca.mutated"),
)


def modifiers(records: Mapping[str, Record]) -> Table:
    """Hazard ratios for PFS within levels of what may change the effect, trial by trial."""
    numbers, lines = numbering(records), []
    for heading, key, path in MODIFIERS:
        record = records[key]
        found = find(record, path)
        assert found
        block, row = found
        column = "hazard_ratio" if block.columns else ""
        cell = ".".join(x for x in (path, column) if x)
        line = {"Subgroup": f"{record.trial}, {_level(row.factor, row.category)}"}
        if f"{cell}.estimate" in record.entries:
            line |= _hazard_ratios(record, cell)
            source = f"{cell}.estimate"
        else:
            line |= {"As printed": f"{record[cell]}, no interval found", "On the 95% scale": "–"}
            line |= {"Neutral": "–", "Full scale": "–"}
            source = cell
        test = record.entries.get(f"{path}.interaction.p")
        line |= {"P for interaction": test.text if test else "–"}
        line |= {"Source": cited(record, source, numbers), "Modifier": heading}
        lines.append(line)
    notes = (
        "A subgroup's own interval says nothing of a difference between subgroups; only the P for "
        "interaction does, printed once for both levels where it was printed at all. Neutral and "
        "full scale exist for PALMIRA alone, whose intervals do not fit their events.",
    )
    return Table(pd.DataFrame(lines), group="Modifier", notes=notes)


def _level(factor: str | None, category: str | None) -> str:
    words = {"Yes": "", "No": "no "}
    if category in words:
        return f"{words[category]}{(factor or '').lower()}"
    return f"{factor} {(category or '').lower()}" if category == "Mutated" else str(category)


def _hazard_ratios(record: Record, cell: str) -> dict[str, str]:
    e = printed_estimate(record, cell)
    tail = "" if e.level == 95 else f", {e.level:g}% interval"
    line = {"As printed": printed_text(record, cell) + tail}
    line["On the 95% scale"] = "–" if e.level == 95 else on_level(e).text()
    own = record.trial == "PALMIRA"
    texts = reading(record, cell).texts if own else {}
    return line | {
        "Neutral": texts.get("neutral", "–"), "Full scale": texts.get("conditional", "–"),
    }  # fmt: skip


def prose_numbers(records: Mapping[str, Record]) -> dict[str, str]:
    """What the chapter says of patients in each kind of trial, as text by key."""
    text = {}
    for key, record in records.items():
        for label, row in (
            ("median", "pfs.median"),
            ("six", "pfs.rate_6"),
            ("year", "pfs.rate_12"),
        ):
            if ids := _arms(record, row):
                text[f"{key}_{label}_with"], text[f"{key}_{label}_without"] = (
                    record[i].text for i in ids
                )
                gap = record[ids[0]].value - record[ids[1]].value
                digits = max(_decimals(record, i) for i in ids)
                text[f"{key}_{label}_gain"] = f"{gap:.{digits}f}"
        for name in ("safety.teae.grade3", PFS):
            if (found := printed_cell(record, name)) is not None:
                text[f"{key}_{'grade3' if 'safety' in name else 'hr'}"] = found.split(";")[0]
    return {f"context_{k}": v for k, v in text.items()}
