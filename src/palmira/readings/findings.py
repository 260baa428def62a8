"""What the audit of a record found: its comparisons, and the facts behind those that stand out.

One fact may be found several times, because it is printed in several places or because several
checks see it. Here such comparisons are put together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from palmira.audit import MEANINGS, Check, Verdict
from palmira.record import Record
from palmira.record.printed import tidy

# The questions that the checks ask, for a reader; those of one question stand together.
QUESTIONS = {
    "Is each percent that of a whole number of patients?": ("A1", "A2"),
    "Do arms, levels and steps of the flow add up?": ("A3", "A5", "C9", "C16"),
    "Do grades of adverse events fit into each other?": ("A6",),
    "Is a number that is reported twice the same?": ("A7",),
    "Do the intervals of response rates follow from counts?": ("B1",),
    "Does each ratio lie in the middle of its interval?": ("C1",),
    "Does each P value follow from its ratio and interval?": ("C2",),
    "Is each interval as wide as its events require?": ("C3", "C4", "C5"),
    "Do the subgroups lead to the whole?": ("C8", "C10"),
    "Do rates at 6 and 12 months, their intervals and difference agree?": ("C11", "C12"),
    "Do dates and follow-up agree?": ("C13",),
    "Are the arms as large as the allocation suggests?": ("C14",),
    "Are other trials quoted as their own sources report?": ("C15",),
    "Which denominators, directions and chances are worth a look?": ("A4", "C6", "C7", "D1"),
}
# Checks whose rows say nothing by themselves; other chapters show them.
BACKGROUND = ("A4", "C7", "D1")
# What entries of rows with the same quantity have in common where they print it.
SAME = ("measure", "arm", "grade", "part")
ORDER: tuple[Verdict, ...] = tuple(reversed(MEANINGS))


@dataclass(frozen=True)
class Fact:
    """What one or more comparisons of the same verdict say about the same printed quantity.

    ``cells`` are the places where it is printed: ids of cells, in the order of the checks.
    """

    verdict: Verdict
    cells: tuple[str, ...]
    checks: tuple[Check, ...]

    def of(self, *names: str) -> list[Check]:
        """The comparisons by one of the checks ``names``."""
        return [c for c in self.checks if c.id in names]


def cell_of(record: Record, id: str) -> str:
    """The cell of a number: its id without the part; a cell, row or block stays as it is."""
    return record[id].cell if id in record.entries else id


def places(record: Record) -> dict[str, str]:
    """For each cell the first cell of the record that prints the same quantity.

    Rows name others that hold the same quantity (``same_as``); of these, cells of one measure, arm
    and grade are the same.
    """
    first = {e.cell: e.cell for e in record.entries.values()}
    order = {cell: i for i, cell in enumerate(first)}

    def root(cell: str) -> str:
        return cell if first[cell] == cell else root(first[cell])

    for entry in record.chosen:
        for twin in (t for row in entry.same_as for t in record.rows[row]):
            if all(getattr(entry, a) == getattr(twin, a) for a in SAME):
                pair = [root(e.cell) for e in (entry, twin)]
                early, late = sorted(pair, key=order.__getitem__)
                first[late] = early
    return {cell: root(cell) for cell in first}


def facts(record: Record, checks: Iterable[Check], verdict: Verdict) -> list[Fact]:
    """The facts behind the comparisons with ``verdict``, in the order of the checks."""
    first = places(record)
    groups: dict[str, list[Check]] = {}
    for check in checks:
        if check.verdict == verdict:
            cell = cell_of(record, check.entry)
            groups.setdefault(first.get(cell, cell), []).append(check)
    return [
        Fact(verdict, tuple(dict.fromkeys(cell_of(record, c.entry) for c in found)), tuple(found))
        for found in groups.values()
    ]


def by_question(checks: list[Check]) -> pd.DataFrame:
    """Comparisons by question (a line each) and verdict (a column each), with their number.

    Raises ``KeyError`` for a check that belongs to no question.
    """
    question = {name: words for words, names in QUESTIONS.items() for name in names}
    data = pd.DataFrame(
        [{"question": question[c.id], "verdict": c.verdict} for c in checks],
        columns=["question", "verdict"],
    )
    counts = pd.crosstab(data["question"], data["verdict"])
    counts = counts.reindex([q for q in QUESTIONS if q in counts.index])
    counts = counts.reindex(columns=list(MEANINGS), fill_value=0)
    return counts.assign(comparisons=counts.sum(axis=1))


def name(record: Record, id: str) -> str:
    """A printed number, a cell or a block in words: what it is, of which group and arm."""
    titles = {b.id: b.title for b in record.sheet.blocks}
    entry = record.entries.get(id) or next(
        (e for e in record.entries.values() if e.id.startswith(f"{id}.")), None
    )
    if id in titles or entry is None:
        return titles.get(id, id)
    what = {
        "hazard ratio": entry.endpoint,
        "median": f"Median {entry.endpoint or ''}".strip(),
        "P": "P of interaction",
    }.get(entry.measure or "")
    level = entry.label == entry.category or entry.row == "all"
    words = [entry.label]
    if entry.part == "p" and entry.column != "interaction":
        words = [f"P of {_lower(entry.label)}"]
    elif entry.part == "p":
        words = ["P of interaction", _lower(entry.factor or entry.label)]
    elif level:
        group = f"{_lower(entry.factor)}: {_lower(entry.label)}" if entry.factor else entry.label
        words = [what or "", _lower(group) if what else group[:1].upper() + group[1:]]
    if entry.arm in record.sheet.arms:
        words.append(_lower(record.sheet.arms[str(entry.arm)].label))
    if id in record.entries and entry.part in ("lower", "upper"):
        words.append(f"{entry.part} limit")
    elif id in record.entries and entry.part in ("minimum", "maximum"):
        words.append(entry.part)
    return ", ".join(w for w in words if w)


def _lower(label: str) -> str:
    """A label inside a line; abbreviations keep their capitals."""
    return label[:1].lower() + label[1:] if label[1:2].islower() or len(label) == 1 else label


def listed(record: Record, found: Iterable[Fact]) -> pd.DataFrame:
    """Facts to read, a row each: what it is, printed, what it comes to, how, and whose numbers
    they are; the trial's own first."""
    rows = []
    for fact in found:
        ids = [c.entry for c in fact.checks]
        pairs = {(c.printed, tidy(c.recomputed, c.printed)): None for c in fact.checks}
        rows.append(
            {
                "What": name(record, ids[0] if len(set(ids)) == 1 else cell_of(record, ids[0])),
                "Published": "; ".join(dict.fromkeys(p for p, _ in pairs if p)),
                "Comes to": "; ".join(dict.fromkeys(r for _, r in pairs if r)),
                "How": _sentence("; ".join(dict.fromkeys(c.detail for c in fact.checks))),
                "Of": _whose(record, ids[0]),
            }
        )
    return pd.DataFrame(rows).sort_values("Of", kind="stable", ascending=False)


def compared(found: Iterable[Fact]) -> pd.DataFrame:
    """The comparisons behind some facts, a row each."""
    frame = pd.DataFrame([c.shown() for fact in found for c in fact.checks])
    return frame.rename(columns={"id": "check"})


def _whose(record: Record, id: str) -> str:
    entry = next((e for e in record.entries.values() if e.id.startswith(id)), None)
    own = entry is None or entry.quotes is None
    return "The trial's own numbers" if own else "Numbers quoted from other trials"


def _sentence(text: str) -> str:
    """With a capital, unless the first word is a symbol or holds capitals of its own."""
    word = text.split(" ")[0]
    return text[:1].upper() + text[1:] if word.islower() and len(word) > 1 else text
