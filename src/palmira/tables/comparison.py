"""The trials side by side: design, patients, results; each cell with its source and confidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from palmira.printed import parse_date
from palmira.record import Record
from palmira.schema import Block, Column, Row
from palmira.show.exhibits import Table

NOT_FOUND = "not found"
KEY = (
    "In brackets: how surely it was seen (PT full text, PA primary abstract, REG registry or "
    "sponsor, SEC secondary report) and the number of its source in the chapter's table of "
    "sources. “Not found” means that we did not find it, never that it does not exist."
)

# Line of a table: what it is, PALMIRA's row, the other records' row (a row is "block.row"), where
# one trial reports a thing otherwise than the next with the alternatives behind a bar.
Line = tuple[str, str, str]
DESIGN: tuple[Line, ...] = (
    ("Registry number", "methods.registry", "registry.nct"),
    ("Phase", "phase", "design.phase"),
    ("Masking", "masking", "design.blinding"),
    ("Allocation", "methods.allocation", "design.allocation"),
    ("Stratified by", "stratification", "design.stratification"),
    ("Where", "where", "design.region"),
    ("Who could enter", "eligibility", "design.eligibility|design.protocol_history"),
    ("Arms compared", "methods.allocation", "design.allocation"),
    ("Treatment", "treatment", "design.treatment"),
    ("Primary end point", "primary", "design.primary_endpoint"),
    ("Tumor assessment every", "assessment", "design.assessment"),
    ("Planned patients", "sample_size.planned_n", "design.planned_n"),
    ("HR to be detected", "sample_size.hazard_ratio", "design.sample_size.hazard_ratio"),
    ("Enrollment from", "timeline.first_randomized", "design.enrollment.first"),
    ("Enrollment until", "timeline.last_randomized", "design.enrollment.last"),
    ("Median follow-up, months", "results.follow_up", "design.follow_up"),
)
DURATIONS = "|".join(f"population.prior_duration.{x}" for x in ("ge12", "gt12", "lt18"))
PATIENTS: tuple[Line, ...] = (
    ("Randomly assigned", "results.randomized", "population.randomized"),
    ("Median age, years", "results.age", "population.age"),
    ("Postmenopausal", "results.postmenopausal", "population.postmenopausal"),
    ("De novo advanced disease", "table1.de_novo.yes", "population.de_novo"),
    ("Visceral involvement", "results.visceral", "population.visceral.yes"),
    ("Liver metastases, patients", "results.liver", "population.liver.yes"),
    ("Previous palbociclib", "palbociclib", "population.prior_palbociclib"),
    ("Previous ribociclib, patients", "palbociclib_only", "population.prior_ribociclib.patients"),
    ("Time on previous inhibitor", "results.prior_12_months", DURATIONS),
    ("Treated as second line", "second_line", "population.second_line"),
    ("One line of chemotherapy", "no_chemotherapy", "population.prior_chemotherapy"),
    ("More than one line of ET", "", "population.prior_et.gt1"),
    ("Fulvestrant as partner", "partner", "population.partner.fulvestrant"),
    ("ESR1 altered", "", "population.esr1.mutated"),
    ("PIK3CA altered", "", "population.pik3ca.mutated"),
)
RESULTS: tuple[Line, ...] = (
    ("PFS events", "results.pfs.events", "efficacy.pfs.events"),
    ("Median PFS, months", "results.pfs.median", "efficacy.pfs.median"),
    ("6-month PFS, %", "results.pfs.rate_6", "efficacy.pfs.rate_6"),
    ("12-month PFS, %", "results.pfs.rate_12", "efficacy.pfs.rate_12"),
    ("Median PFS by central review, months", "", "efficacy.pfs.bicr.median"),
    ("ORR, measurable disease, %", "results.orr_measurable", "efficacy.orr_measurable"),
    ("CBR, %", "results.cbr", "efficacy.cbr"),
    ("Median OS, months", "results.os.median", "efficacy.os.median"),
    ("Grade ≥3 adverse events", "safety.teae.grade3", "safety.teae.grade3"),
    ("Stopped for adverse events", "safety.discontinued", "safety.discontinued"),
)

# What the papers say in words, by trial; the numbers in it come from the record.
WORDS: dict[str, dict[str, tuple[str, list[str], str]]] = {
    "PALMIRA": {
        key: (text, ["jco"], "PT")
        for key, text in {
            "phase": "II",
            "masking": "Open label",
            "stratification": "Previous ET (fulvestrant or aromatase inhibitor); visceral disease",
            "where": "{methods.sites.count} sites in {methods.countries.count} countries",
            "eligibility": (
                "Progression on first-line palbociclib + ET after a response or stable disease for "
                "at least {methods.eligibility.stable_disease} weeks, or relapse on adjuvant "
                "palbociclib; no other CDK4/6 inhibitor; no chemotherapy for metastatic disease"
            ),
            "treatment": (
                "Palbociclib at the dose level at which the previous regimen ended; fulvestrant or "
                "letrozole in both arms"
            ),
            "primary": "Investigator-assessed PFS",
            "assessment": (
                "{methods.assessment.first_interval} weeks for {methods.assessment.first_until} "
                "months, then {methods.assessment.later_interval} weeks"
            ),
            "palbociclib": "All, by the eligibility criteria",
            "palbociclib_only": "None, by the eligibility criteria",
            "second_line": "All but relapses after adjuvant palbociclib, by the criteria",
            "no_chemotherapy": "Not allowed for metastatic disease",
            "partner": (
                "{figure3.endocrine.fulvestrant.palbociclib.events.n} v "
                "{figure3.endocrine.fulvestrant.et.events.n}"
            ),
        }.items()
    },
    "PACE": {"population.partner.fulvestrant": ("All arms, by design", ["pace_jco"], "PA")},
    "postMONARCH": {
        "population.prior_chemotherapy": (
            "Not allowed for metastatic disease", ["pm_jco", "pm_lba1001"], "PA",
        ),
    },
}  # fmt: skip


def sources(records: Mapping[str, Record]) -> pd.DataFrame:
    """The sources that the records' entries name, numbered in their order, one line a source."""
    lines: dict[str, dict[str, object]] = {}
    for record in records.values():
        used = {key for e in record.entries.values() for key in e.source}
        for key, source in record.sheet.sources.items():
            if key in used:
                line = lines.setdefault(
                    key,
                    {"number": len(lines) + 1, "trial": record.trial, "cite": source.cite,
                     "doi": source.doi or "", "url": source.url or "", "seen": source.seen or "",
                     "same": source.doi or key},
                )  # fmt: skip
                line["key"] = key
    frame = pd.DataFrame(lines.values())
    # PALMIRA's paper also stands among the other trials' sources: one number for one paper.
    first = frame.groupby("same")["number"].transform("min")
    ranks = {n: i + 1 for i, n in enumerate(sorted(first.unique()))}
    return frame.assign(number=first.map(ranks)).drop(columns="same")


def numbering(records: Mapping[str, Record]) -> dict[str, int]:
    """Source numbers by key, as in the list of sources."""
    listed = sources(records)
    return dict(zip(listed["key"], listed["number"], strict=True))


def source_table(records: Mapping[str, Record]) -> Table:
    """The list of sources to read."""
    frame = sources(records).drop_duplicates("number")
    shown = pd.DataFrame(
        {
            "No.": frame["number"].astype(str),
            "Source": frame["cite"],
            "What was seen": frame["seen"].where(frame["seen"] != "", "The page as it was found"),
            "Trial": frame["trial"],
        }
    )
    return Table(shown, frame.drop(columns="key"), group="Trial")


def mark(names: Iterable[str], confidence: str | None, numbers: Mapping[str, int]) -> str:
    """The bracket of a cell: confidence and source numbers."""
    cited = sorted({numbers[n] for n in names})
    if not cited:
        return "[source not noted]"
    words = [*([confidence] if confidence else []), ", ".join(map(str, cited))]
    return f"[{' '.join(words)}]".replace(" ", "\u00a0")


def side_by_side(records: Mapping[str, Record], lines: tuple[Line, ...]) -> Table:
    """A line a fact, a column a trial; arms as experimental v control, or the total.

    The data have a line a fact and trial: what is printed, how surely it was seen, and where.
    """
    numbers = numbering(records)
    shown: list[dict[str, str]] = []
    data: list[dict[str, str]] = []
    for label, own, other in lines:
        shown.append({"Fact": label})
        for key, record in records.items():
            found = _fact(record, own if key == "palmira" else other, label)
            line = {"fact": label, "trial": record.trial, "printed": NOT_FOUND}
            if found:
                text, names, seen = found
                cited = "; ".join(record.sheet.sources[n].cite for n in names)
                line |= {"printed": text, "confidence": seen or "", "source": cited}
            data.append(line)
            shown[-1][record.trial] = (
                f"{found[0]} {mark(found[1], found[2], numbers)}" if found else NOT_FOUND
            )
    return Table(pd.DataFrame(shown), pd.DataFrame(data), notes=(KEY,))


def _fact(record: Record, paths: str, label: str) -> tuple[str, list[str], str | None] | None:
    """What is printed, its sources and its confidence; None where nothing was found."""
    if paths in (words := WORDS.get(record.trial, {})):
        text, names, seen = words[paths]
        return re.sub(r"\{([\w.]+)\}", lambda m: record[m[1]].text, text), names, seen
    for place, path in enumerate(paths.split("|")):
        found, printed = find(record, path), printed_cell(record, path)
        if found is None or printed is None:
            continue
        block, row = found
        if label == "Arms compared":
            printed = _arms(record)
        if (row.factor or "").startswith("Duration"):
            printed = f"{row.category}: {printed}"
        elif place:
            printed = f"{row.label}: {printed}"
        return printed, row.source or block.source or [], row.confidence or block.confidence
    return None


def _arms(record: Record) -> str:
    labels = {a.role: a.label for a in record.sheet.arms.values()}
    control = labels["control"]
    if control.partition(" ")[0].istitle():  # not an abbreviation, such as ET
        control = control[0].lower() + control[1:]
    return f"{labels['experimental']} v {control}"


def find(record: Record, path: str) -> tuple[Block, Row] | None:
    """The block and row of ``block.row``; None where the record has no such row."""
    for block in record.sheet.blocks:
        for row in block.rows:
            if f"{block.id}.{row.id}" == path:
                return block, row
    return None


def printed_cell(record: Record, path: str) -> str | None:
    """A row as printed: experimental v control where both are there, else the total or the one
    value; None where nothing was found."""
    found = find(record, path)
    if found is None:
        return None
    block, row = found
    columns = block.columns or {"": Column()}
    roles: dict[str, str] = {}
    for (name, column), text in zip(columns.items(), row.values, strict=True):
        if text is None:
            continue
        arm = row.arm or column.arm
        cell = row.cell or column.cell or block.cell
        role = record.sheet.arms[arm].role if arm else name
        if role != "other":
            roles[role] = _with_unit(text, cell, row, block)
    level = row.interval_level or block.interval_level
    tail = f"; {level}% intervals" if level not in (None, "95") and "to" in str(roles) else ""
    if row.id.startswith(("randomized", "pfs.events")) and {"experimental", "total"} <= set(roles):
        return f"{roles['experimental']} v {roles['control']}, {roles['total']} in all"
    if "total" in roles:
        return roles["total"] + tail
    if {"experimental", "control"} <= set(roles):
        return f"{roles['experimental']} v {roles['control']}{tail}"
    return next(iter(roles.values()), None)


def _with_unit(text: str, cell: str | None, row: Row, block: Block) -> str:
    """Percent signs, the unit of an interval of assessments, dates in words."""
    if cell == "date":
        return parse_date(text).strftime("%B %d, %Y" if text.count("-") != 1 else "%B %Y")
    if cell in ("n (%)", "events / n (%)"):
        return re.sub(r"\)$", "%)", text)
    if cell == "%" and block.id in ("population", "safety"):
        return f"{text}%"
    return f"{text} weeks" if row.unit == "weeks" else text
