"""Highest grades of adverse events by patient that have a table by maximum severity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from palmira.record import Record
from palmira.record.adverse_event_table import adverse_events
from palmira.record.entries import Entry
from palmira.record.schema import RecordError
from palmira.twin.facts import Ints, draw, ids, number

Floats = NDArray[np.float64]
# Grades 1 and 2 are printed together; here 1 stands for both.
GRADES = {1: "1-2", 3: "3", 4: "4", 5: "5"}
DESCENDING = (5, 4, 3, 1)


@dataclass
class Row:
    """A row of the table in one arm: patients by highest grade, and its parts.

    ``exhaustive``: the parts leave nobody out; ``body``: the class that the row belongs to.
    """

    id: str
    term: str
    exhaustive: bool
    count: dict[int, int]
    entries: list[Entry]
    body: str = ""
    parts: list[Row] = field(default_factory=list)

    def all(self) -> Iterator[Row]:
        """The row, and those within it."""
        yield self
        for part in self.parts:
            yield from part.all()

    def at_least(self, grade: int) -> int:
        """Patients of this grade or higher."""
        return sum(n for g, n in self.count.items() if g >= grade)


def table_block(record: Record) -> str | None:
    """The block with adverse events by maximum grade, rows within each other; None without one."""
    for block in record.sheet.blocks:
        terms = [row for row in block.rows if row.term]
        if any(row.within for row in terms) and any(c.grade for c in block.columns.values()):
            return block.id
    return None


def rows(record: Record, block: str, arm: str) -> list[Row]:
    """The uppermost rows of an arm's table, each with its parts.

    Raises ``RecordError`` naming the entries where the numbers of the rows cannot hold together.
    """
    found: dict[str, Row] = {}
    sheet_rows = [r for r in record.block(block).rows if r.term]
    for row in sheet_rows:
        entries = record.where(block=block, row=row.id, arm=arm, part="count")
        by_grade = {e.grade: int(e.value) for e in entries}
        mild = by_grade.get("any", 0) - sum(v for g, v in by_grade.items() if g != "any")
        if mild < 0:
            raise RecordError(
                f"{ids(*entries)}: the grades exceed any grade. Mend: correct one of them."
            )
        found[row.id] = Row(row.id, str(row.term), row.exhaustive, {}, entries)
    try:
        counts = adverse_events(record, block)
    except ValueError as error:
        raise RecordError(f"block {block}: {error}. Mend: correct it.") from None
    role = record.roles[arm]
    mine = counts[counts.role == role].set_index(["term", "grade"])["count"]
    for node in found.values():
        node.count = {g: int(mine[node.term, text]) for g, text in GRADES.items()}
    top: list[Row] = []
    for row in sheet_rows:
        whole = found.get(row.within or "")
        (whole.parts if whole else top).append(found[row.id])
    for uppermost in top:
        for whole in (uppermost, *uppermost.parts):
            for node in whole.all():
                node.body = whole.term
    severe = number(record, f"{block}_note.severity")
    for node in found.values():
        _check(node, int(severe) if severe else 6)
    return top


def _check(row: Row, listed_from: int) -> None:
    """What patients need (see ``palmira.audit.patients``): no part exceeds the whole, and each
    patient of a grade that is always listed has it in a part."""
    for g in DESCENDING:
        for part in row.parts:
            if part.at_least(g) > row.at_least(g):
                raise RecordError(
                    f"{ids(*part.entries)} and {ids(*row.entries)}: more patients of grade "
                    f"{GRADES[g]} or higher in the part. Mend: correct one of them."
                )
        inside = sum(part.count[g] for part in row.parts)
        if row.parts and (row.exhaustive or g >= listed_from) and row.count[g] > inside:
            entries = [
                e for r in (row, *row.parts) for e in r.entries if e.grade in ("any", str(g))
            ]
            raise RecordError(
                f"{ids(*entries)}: {row.count[g]} patients have grade {GRADES[g]} as the highest, "
                f"but the parts only {inside}. Mend: correct one of them."
            )


@dataclass(frozen=True)
class Grade:
    """A patient's highest grade (1 stands for 1 or 2) in a term, and the term's class."""

    patient: int
    term: str
    body: str
    grade: int


def deal_grades(
    row: Row, patients: Ints, weights: dict[int, Floats], rng: np.random.Generator
) -> list[Grade]:
    """Highest grades for all terms of an uppermost row, so that each printed number holds.

    ``weights``: by grade and patient, who is likelier to have it as the highest grade of all;
    zero for those who cannot. Constructive: patients of each grade in the whole get a part that
    attains it, or another term where the parts leave somebody out; what is left of a part is dealt
    from the highest grade down, each to a patient whose grade in the whole is not lower. It always
    succeeds where no part exceeds the whole (proof: ``palmira.audit.patients``).
    """
    highest = np.zeros(len(patients), dtype=np.int64)
    for g in DESCENDING:
        pool = np.flatnonzero((highest == 0) & (weights[g] > 0))
        if row.count[g] > len(pool):
            raise RecordError(
                f"{ids(*row.entries)}: {row.count[g]} patients of grade {GRADES[g]}, but only "
                f"{len(pool)} can have it. Mend: correct the number or the analysis set."
            )
        highest[draw(rng, pool, row.count[g], weights[g][pool])] = g
    return [
        Grade(int(patients[g.patient]), g.term, g.body, g.grade) for g in _within(row, highest, rng)
    ]


def _within(row: Row, highest: Ints, rng: np.random.Generator) -> list[Grade]:
    """The grades of a row's terms, given each patient's highest grade in the row."""
    if not row.parts:
        return [Grade(int(i), row.term, row.body, int(highest[i])) for i in np.flatnonzero(highest)]
    found: list[Grade] = []
    grade = {part.id: np.zeros(len(highest), dtype=np.int64) for part in row.parts}
    left = {part.id: dict(part.count) for part in row.parts}
    for g in DESCENDING:
        for i in rng.permutation(np.flatnonzero(highest == g)):
            spare = np.array([left[part.id][g] for part in row.parts], dtype=float)
            if spare.sum() == 0:
                found.append(Grade(int(i), f"Other {row.term.lower()}", row.body, g))
                continue
            part = row.parts[int(rng.choice(len(spare), p=spare / spare.sum()))]
            grade[part.id][i] = g
            left[part.id][g] -= 1
    for part in row.parts:
        mine = grade[part.id]
        for g in DESCENDING:
            pool = np.flatnonzero((mine == 0) & (highest >= g))
            mine[rng.permutation(pool)[: left[part.id][g]]] = g
        found += _within(part, mine, rng)
    return found


def unlisted(record: Record, arm: str, top: Iterable[Row]) -> list[tuple[Entry, str]]:
    """Severe events in the text alone, each with the class of the terms printed beside it."""
    listed = {row.term: row.body for uppermost in top for row in uppermost.all()}
    block, found = table_block(record), []
    for entry in record.where(arm=arm, population="safety"):
        if entry.block == block or not entry.term or entry.term in listed or not entry.grade:
            continue
        beside = [
            listed[e.term]
            for e in record.where(block=entry.block, arm=arm, grade=entry.grade)
            if e.term in listed
        ]
        if beside and entry.part in ("count", "percent"):
            found.append((entry, max(sorted(set(beside)), key=beside.count)))
    return found
