"""Tables of the sources of a synthesis: versions of one result, quotations, two reports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from palmira.estimates import critical, log_se
from palmira.evidence_synthesis import (
    PFS,
    se_bound,
    trial_readings,
    version_checks,
)
from palmira.ledger import LedgerEntry
from palmira.printed import parse_date
from palmira.readings import printed_estimate
from palmira.record import Record
from palmira.schema import Block, Column, Row
from palmira.show.exhibits import Table
from palmira.sources import mark, numbering

NBSP = "\u00a0"  # keeps an estimate and its interval on one line


def version_frame(
    records: Mapping[str, Record], rows: Iterable[tuple[str, str, str]]
) -> pd.DataFrame:
    """Checks of every version of the given ``(trial key, row, heading)``."""
    return pd.concat(
        [version_checks(records[key], row).assign(result=head) for key, row, head in rows],
        ignore_index=True,
    )


def versions(records: Mapping[str, Record], rows: Iterable[tuple[str, str, str]]) -> Table:
    """Versions of one hazard ratio in different sources, and what its arithmetic allows."""
    frame = version_frame(records, rows)
    numbers = numbering(records)
    shown = pd.DataFrame(
        [
            {
                "Printed": v["printed"],
                "Interval": f"{v['level']:g}%",
                "Source": mark(v["source"], v["confidence"], numbers),
                "√(lower × upper)": _range(v["middle_low"], v["middle_high"], v["middle_meets"]),
                "P of the interval": _range(v["p_low"], v["p_high"], v["p_meets"]),
                "P printed": v["printed_p"] if v["own_p"] else f"none ({v['printed_p']})",
                "Here": "other version" if v["version"] else "used",
                "Result": v["result"],
            }
            for v in frame.to_dict("records")
        ]
    )
    notes = (
        "√(lower × upper) is the middle of a Wald interval on the log scale; P of the interval is "
        "the two-sided Wald P. Both are ranges, since every printed number is rounded; “fits” "
        "means that the range meets the printed estimate or P. Where a version came without P, "
        "the chosen version's stands in parentheses.",
    )
    data = frame.assign(source=frame["source"].map("; ".join))
    return Table(shown, data, group="Result", notes=notes)


def _range(low: float, high: float, fits: bool) -> str:
    return f"{low:.3f} to {high:.3f}, {'fits' if fits else 'does not fit'}"


def abstract_and_paper(record: Record) -> Table:
    """A trial's conference abstract beside its paper: events, follow-up, medians and rates."""
    pairs = (
        ("PFS events", "asco2023.events.count", "results.pfs.events.total.count"),
        ("Median follow-up, months", "asco2023.follow_up", "results.follow_up.total.median"),
        ("Median PFS with palbociclib, months", "asco2023.median.palbociclib.estimate",
         "results.pfs.median.palbociclib.estimate"),
        ("Median PFS with ET alone, months", "asco2023.median.et.estimate",
         "results.pfs.median.et.estimate"),
        ("6-month PFS with palbociclib, %", "asco2023.rate_6.palbociclib.percent",
         "results.pfs.rate_6.palbociclib.estimate"),
        ("6-month PFS with ET alone, %", "asco2023.rate_6.et.percent",
         "results.pfs.rate_6.et.estimate"),
    )  # fmt: skip
    lines = [(label, _with_limits(record, a), _with_limits(record, b)) for label, a, b in pairs]
    return Table(pd.DataFrame(lines, columns=["Result", "Conference abstract", "Paper"]))


def _with_limits(record: Record, id: str) -> str:
    cell = record.cell(record[id])
    if id.endswith(".estimate") and "lower" in cell:
        return f"{cell['estimate']} ({cell['lower']} to {cell['upper']})"
    return record[id].text


def quotations(
    entries: Iterable[LedgerEntry], palmira: Record, records: Mapping[str, Record]
) -> Table:
    """Figures that a paper quotes from other trials and that our sources print otherwise."""
    numbers, lines = numbering(records), []
    own = {s.doi for s in palmira.sheet.sources.values() if s.doi}
    for line in differing(entries):
        entry = palmira[line.id]
        trial, row = str(entry.quotes).split(":")
        part = "" if line.id == f"{entry.block}.{entry.row}" else f".{entry.part}"
        source = records[trial][row + part]
        also = _also(records[trial], source.id, entry.value, own, numbers)
        part_name = {"p": ", P", "upper": ", upper limit", "percent": ", %"}.get(entry.part, "")
        lines.append(
            {
                "Quantity": entry.label + part_name,
                "As quoted": f"{entry.text} {mark(entry.source, entry.confidence, numbers)}",
                "As our source prints it": (
                    f"{source.text} {mark(source.source, source.confidence, numbers)}"
                ),
                "Others that agree with the quotation": also or "none found",
            }
        )
    return Table(pd.DataFrame(lines))


def _also(record: Record, id: str, value: float, own: set[str], numbers: Mapping[str, int]) -> str:
    """Versions of other authors than the quoting ones that round from the quoted number."""
    dois = {k: s.doi for k, s in record.sheet.sources.items()}
    found = []
    for v in record.entries.values():
        if not v.version or v.id.replace(f"@{v.version}", "") != id or v.printed is None:
            continue
        names = [n for n in v.source if dois[n] not in own]
        if names and v.printed.rounds_from(value):
            found.append(f"{v.text} {mark(names, v.confidence, numbers)}")
    return "; ".join(found)


def compared(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Lines of a ledger that hold a quotation against the quoted trial's own record."""
    return [
        e for e in entries
        if e.id.startswith("discussion.")
        and e.verdict in ("reproduced", "rounding", "inconsistent")
    ]  # fmt: skip


def differing(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Those of them that differ."""
    return [e for e in compared(entries) if e.verdict != "reproduced"]


def prose_numbers(
    records: Mapping[str, Record], prefix: str, entries: Iterable[LedgerEntry] = ()
) -> dict[str, str]:
    """What a chapter says of the trials' printed numbers, as text by key that begins ``prefix``."""
    entries = list(entries)
    text: dict[str, str] = {}
    if entries:
        text = {"quoted": str(len(compared(entries))), "differing": str(len(differing(entries)))}
    for key, record in records.items():
        for name, path in PROSE.items():
            if (found := printed_cell(record, path)) is not None:
                text[f"{key}_{name}"] = found.split(";")[0]
        found_readings = trial_readings(record)
        text |= {f"{key}_{name}": e.text() for name, e in found_readings.items()}
        if bound := se_bound(record):
            text[f"{key}_bound"] = f"{bound:.3f}"
        text[f"{key}_se"] = f"{log_se(*_limits(record)):.3f}"
    return {f"{prefix}_{k}": v for k, v in text.items()}


PROSE = {
    "hr": PFS,
    "bicr": "contrasts.pfs.bicr.hazard_ratio",
    "medians": "efficacy.pfs.median",
    "palbociclib": "population.prior_palbociclib",
    "ribociclib": "population.prior_ribociclib.patients",
    "weeks": "design.assessment",
}


def _limits(record: Record) -> tuple[float, float, float]:
    e = printed_estimate(record, PFS)
    return e.lower, e.upper, e.level


def level_arithmetic(record: Record, row: str = PFS) -> str:
    """The standard error that a printed interval implies, written out."""
    e = printed_estimate(record, row)
    lower, upper = record[f"{row}.lower"], record[f"{row}.upper"]
    return (
        f"(ln {upper} − ln {lower}) / (2 × {critical(e.level):.3f}) "
        f"= {log_se(e.lower, e.upper, e.level):.3f}"
    )


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
