"""Adverse events by arm and grade, from a table by maximum severity."""

from __future__ import annotations

import pandas as pd

from palmira.record.record import Record

GRADES = ("1-2", "3", "4", "5")
SEVERE = "3-5"
CLASSES = ("Hematologic", "Nonhematologic")


def adverse_events(record: Record, block: str = "table2") -> pd.DataFrame:
    """Patients by adverse event, arm and maximum grade: term, section, role, grade, count, n.

    A table by maximum severity counts each patient once in a row, so grade 1-2 is what grades 3, 4
    and 5 leave of any grade. Raises ``ValueError`` where they leave less than nothing, or where the
    table lacks a grade's column and the text does not show that the grade did not occur.
    """
    frame = record.frame
    cells = frame[(frame.block == block) & (frame.part == "count") & (frame.version == 0)]
    lines: list[dict[str, object]] = []
    for role, arm in record.arms().items():
        mine = cells[cells.arm == arm]
        missing = [g for g in GRADES[1:] if g not in set(mine.grade)]
        if missing:
            _prove_empty(record, mine, arm, missing)
        section = ""
        for term, row in mine.groupby("term", sort=False):
            count = {str(g): int(v) for g, v in zip(row.grade, row.value, strict=True)}
            severe = {g: count.get(g, 0) for g in GRADES[1:]}
            mild = count["any"] - sum(severe.values())
            if mild < 0:
                raise ValueError(f"{term}, {arm}: the grades exceed any grade")
            section = str(term) if term in CLASSES else section
            n = int(record.size(str(row.population.iloc[0]), arm).value)
            lines += [
                {"term": term, "section": section, "role": role, "grade": g, "count": c, "n": n}
                for g, c in {"1-2": mild, **severe}.items()
            ]
    return pd.DataFrame(lines)


def _prove_empty(record: Record, rows: pd.DataFrame, arm: str, missing: list[str]) -> None:
    """A grade without a column is empty if the printed grades of the total row fill it up."""
    printed = rows[(rows.term == "Any") & rows.grade.isin(GRADES[1:])].value.sum()
    severe = record.where(term="Any", grade=SEVERE, arm=arm, part="count")
    if not severe or severe[0].value != printed:
        raise ValueError(f"{arm}: no column for grade {', '.join(missing)}, and no proof of none")
