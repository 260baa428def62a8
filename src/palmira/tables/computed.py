"""Tables of the paper beside the same tables computed from the synthetic data sets."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from palmira.entries import Entry
from palmira.record import Record
from palmira.safety import CLASSES
from palmira.schema import Row
from palmira.show.exhibits import Table
from palmira.twin.targets import left_out
from palmira.twin.verify import beyond, shown

DIFFERS = "≠"
# The twin that is shown first, and the one whose cell is added where it is another.
TWINS = ("neutral", "full")
GRADES = {"any": "Any grade", "3": "Grade 3", "4": "Grade 4", "5": "Grade 5"}
NOTE = (
    f"{DIFFERS}: not as printed. Where the twins differ the neutral one stands first, the "
    "conditional one after the bar."
)
Verified = Mapping[str, pd.DataFrame]


def cells(verified: Verified, record: Record, block: str) -> pd.DataFrame:
    """The cells of a block that the data sets give: row, column, printed, neutral, full (texts) and
    differs ("yes" where a number of either twin does not round to the print).

    ``verified`` are the verified rows of each twin. A number that the paper prints again elsewhere
    is held against what the twin gives there.
    """
    numbers = {s: rows.set_index("id")["recomputed"] for s, rows in verified.items()}
    elsewhere = {
        id: why.rpartition(" see ")[2]
        for id, why in left_out(record).items()
        if why.startswith("printed again")
    }
    parts: dict[tuple[str, str], dict[str, Entry]] = {}
    for e in record.entries.values():
        known = elsewhere.get(e.id, e.id) in numbers[TWINS[0]].index
        if e.block == block and not e.version and known:
            parts.setdefault((e.row, e.column), {})[e.part] = e
    lines = []
    for (row, column), found in parts.items():
        line = {"row": row, "column": column, "differs": "no"}
        line["printed"] = _text({p: e.text for p, e in found.items()})
        for scale in TWINS:
            given = {p: numbers[scale][elsewhere.get(e.id, e.id)] for p, e in found.items()}
            line[scale] = _text({p: shown(found[p], x) for p, x in given.items()})
            if any(beyond(found[p], x) for p, x in given.items()):
                line["differs"] = "yes"
        lines.append(line)
    return pd.DataFrame(lines)


def _text(parts: Mapping[str, str]) -> str:
    """A cell's numbers as a reader knows them: 90 (66.2), or 59 (33 to 85)."""
    if "count" in parts and "percent" in parts:
        return f"{parts['count']}\u00a0({parts['percent']})"
    if {"median", "minimum", "maximum"} <= parts.keys():
        return f"{parts['median']} ({parts['minimum']} to {parts['maximum']})"
    return ", ".join(parts.values())


def _given(line: pd.Series) -> str:
    """What the twins give: one text where both agree, marked where it is not as printed."""
    texts = dict.fromkeys(line[s] for s in TWINS)
    return " | ".join(texts) + (f" {DIFFERS}" if line["differs"] == "yes" else "")


def _pair(found: pd.DataFrame, row: str, column: str) -> tuple[str, str] | None:
    """The printed cell and what the twins give; None where nothing can be held against it."""
    line = found[(found["row"] == row) & (found["column"] == column)]
    return None if line.empty else (line["printed"].iloc[0], _given(line.iloc[0]))


def _beside(
    found: pd.DataFrame, rows: list[tuple[str, str, Row]], headings: Mapping[str, str],
    names: tuple[str, str],
) -> pd.DataFrame:  # fmt: skip
    """A line for each row with any cell: its group and label, and by column both texts."""
    lines = []
    for group, label, row in rows:
        pairs = {c: _pair(found, row.id, c) for c in headings}
        if not any(pairs.values()):
            continue
        line = {names[0]: group, names[1]: label}
        for column, pair in pairs.items():
            heading = headings[column]
            line[f"{heading}, printed"], line[f"{heading}, twins"] = pair or ("–", "–")
        lines.append(line)
    return pd.DataFrame(lines)


def characteristics(verified: Verified, record: Record) -> Table:
    """The paper's baseline table beside the one computed from ADSL."""
    found = cells(verified, record, "table1")
    block = record.block("table1")
    headings = {c: record.sheet.arms[c].label for c in block.columns}
    rows = [
        (str(r.factor), r.category or (f"Median (range), {r.unit}" if r.cell else r.label), r)
        for r in block.rows
    ]
    frame = _beside(found, rows, headings, ("Factor", "Characteristic"))
    notes = ("Number of invented patients (percent) unless said otherwise.", NOTE)
    return Table(frame, found, group="Factor", notes=notes)


def adverse_events(verified: Verified, record: Record) -> Table:
    """The paper's table by maximum severity beside the one computed from ADAE, by grade; rows
    without a patient, in print and on the twins, are left out of the page."""
    found = cells(verified, record, "table2")
    block = record.block("table2")
    arms = {str(c.arm): record.sheet.arms[str(c.arm)].label for c in block.columns.values()}
    lines = []
    for grade, group in GRADES.items():
        columns = {str(c.arm): n for n, c in block.columns.items() if c.grade == grade}
        headings = {n: arms[arm] for arm, n in columns.items()}
        rows = [(group, _label(r), r) for r in block.rows]
        part = _beside(found, rows, headings, ("Grade", "Adverse event"))
        given = part.drop(columns=["Grade", "Adverse event"])
        somebody = ~given.apply(lambda c: c.str.startswith("0\u00a0(")).all(axis=1)
        lines.append(part[somebody])
    frame = pd.concat(lines, ignore_index=True).fillna("–")
    notes = (
        "Invented patients (percent of those treated), each once in a row, at the highest grade. "
        "Rows without a patient are in the data only. –: no such column in print.",
        NOTE,
    )
    return Table(frame, found, group="Grade", notes=notes)


def _label(row: Row) -> str:
    if row.term == "Any":
        return "Any adverse event"
    return f"Any {row.label.lower()}" if row.term in CLASSES else row.label
