"""Tables about the record itself: what it holds, what was repaired, what could not be seen."""

from __future__ import annotations

import pandas as pd

from palmira.record import Record
from palmira.show.exhibits import Table

KINDS = {
    "count": "counts", "n": "counts", "events": "counts", "percent": "percents",
    "estimate": "estimates", "median": "estimates", "value": "other numbers",
    "lower": "limits", "upper": "limits", "level": "limits", "minimum": "limits",
    "maximum": "limits", "q1": "limits", "q3": "limits", "low": "limits", "high": "limits",
    "p": "P values", "date": "dates and words", "text": "dates and words",
    "ratio": "dates and words",
}  # fmt: skip


def contents(record: Record) -> Table:
    """Entries of a record by block and kind of number."""
    frame = record.frame.assign(kind=record.frame["part"].map(KINDS))
    counts = pd.crosstab(frame["block"], frame["kind"])
    counts = counts.reindex([b.id for b in record.sheet.blocks if b.id in counts.index])
    order = [k for k in dict.fromkeys(KINDS.values()) if k in counts]
    counts = counts[order].assign(total=counts.sum(axis=1))
    titles = {b.id: b.title for b in record.sheet.blocks}
    data = counts.reset_index()
    shown = data.astype(object).map(lambda v: "" if v == 0 else v)
    shown["block"] = [titles[b] for b in data["block"]]
    total = {"block": "All"} | {k: int(counts[k].sum()) for k in [*order, "total"]}
    shown = pd.concat([shown, pd.DataFrame([total])], ignore_index=True)
    return Table(shown.rename(columns={"block": "Part of the paper"}), data)


def repairs(record: Record) -> Table:
    """Damaged cells: what was read, what it was repaired to, and why."""
    rows = [
        {
            "Row": f"{row.factor}: {row.label}" if row.factor else row.label,
            "Arm": record.sheet.arms[arm].label if arm in record.sheet.arms else arm,
            "Read": repair.read,
            "Entered": row.values[list(block.columns).index(arm)] or "",
            "Why": repair.because,
        }
        for block in record.sheet.blocks
        for row in block.rows
        for arm, repair in row.repairs.items()
    ]
    return Table(pd.DataFrame(rows))


def notes(record: Record) -> Table:
    """What the record remarks on single rows."""
    rows = [
        {"Row": f"{row.factor}: {row.label}" if row.factor else row.label,
         "Place": row.place or block.place, "Note": row.note}
        for block in record.sheet.blocks
        for row in block.rows
        if row.note
    ]  # fmt: skip
    return Table(pd.DataFrame(rows))


def unseen(record: Record) -> Table:
    """Slots for what could not be seen, with the place where a reader can find it."""
    rows = [
        {"What": row.label, "Place": block.place, "Slot": f"{block.id}.{row.id}",
         "Why it is empty": block.unseen}
        for block in record.sheet.blocks
        if block.unseen
        for row in block.rows
        if not any(row.values)
    ]  # fmt: skip
    return Table(pd.DataFrame(rows, columns=["What", "Place", "Slot", "Why it is empty"]))


def sources(records: list[Record]) -> Table:
    """Entries of each record by how surely they were seen."""
    rows = []
    for record in records:
        confidence = record.frame["confidence"].fillna("none")
        for key, count in confidence.value_counts().items():
            meaning = record.sheet.confidences.get(str(key), "Source not named")
            rows.append({"Trial": record.trial, "How seen": meaning, "Entries": int(count)})
    frame = pd.DataFrame(rows)
    return Table(frame, group="Trial")


def versions(records: list[Record]) -> Table:
    """Numbers for which sources disagree: the chosen version, the others, and the reason."""
    rows = [
        {
            "Trial": record.trial,
            "What": row.label,
            "Chosen": "; ".join(v for v in row.values if v) + (f", P = {row.p}" if row.p else ""),
            "Other versions": " | ".join(
                "; ".join(v for v in other.values if v) + (f", P = {other.p}" if other.p else "")
                for other in row.versions
            ),
            "Why this one": row.chosen_because,
        }
        for record in records
        for block in record.sheet.blocks
        for row in block.rows
        if row.versions
    ]
    return Table(pd.DataFrame(rows), group="Trial")
