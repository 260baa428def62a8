"""Errors as papers have them, one planted in a copy of a synthetic paper."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import exp, isnan, log, sqrt
from typing import Any

import numpy as np

from palmira.audit.selftest.counting_tables import ARMS
from palmira.audit.selftest.papers import Paper, record_of, reprint
from palmira.audit.selftest.relations import TRIPLE, box, stem
from palmira.record import Record
from palmira.record.entries import Entry

COUNTS = ("count", "events", "n")
Change = dict[str, str]
Planter = Callable[[Paper, np.random.Generator], Change | None]


@dataclass(frozen=True)
class Case:
    """A planted error and who could see it.

    ``touched`` are the entries that print otherwise than they should. ``changed``: a true value
    does not print so under any rounding, nor cut off. ``redundant``: another printed number is tied
    to a touched one. ``visible``: such a tie is ``broken``, whatever the rounding of the numbers in
    it; one who knows how each number was computed can see the error then, and nobody otherwise.
    """

    error: str
    touched: tuple[str, ...]
    changed: bool
    redundant: bool
    visible: bool
    broken: tuple[str, ...]


@dataclass(frozen=True)
class Planted:
    """A paper with one error in it, as the audit reads it."""

    case: Case
    record: Record


def plant(error: str, paper: Paper, rng: np.random.Generator) -> Planted | None:
    """Plant an error of ``ERRORS``; None where the paper has no place for it."""
    change = ERRORS[error](paper, rng)
    clean = paper.record.entries
    other = {i: s for i, s in (change or {}).items() if i not in clean or clean[i].text != s}
    if not other:
        return None
    sheet = copy.deepcopy(paper.sheet)
    for id, text in other.items():
        reprint(sheet, id, text)
    record = record_of(sheet)
    touched = tuple(i for i, e in record.entries.items() if e.text != clean[i].text)
    if not touched:
        return None
    truth = paper.draft.truth
    changed = any(_other(truth[i], record[i]) for i in touched if i in truth)
    tied = [x for x in paper.relations if not set(touched).isdisjoint(x.entries)]
    broken = tuple(dict.fromkeys(x.name for x in tied if not x.holds(record)))
    return Planted(Case(error, touched, changed, bool(tied), bool(broken), broken), record)


def _other(truth: float, entry: Entry) -> bool:
    low, high = box(entry)
    if isnan(truth) or isnan(low):
        return isnan(truth) != isnan(low)
    return not low - 1e-9 <= truth <= high + 1e-9


def _one(rng: np.random.Generator, items: list[Any]) -> Any:
    return items[int(rng.integers(len(items)))] if items else None


def count_off_by_one(paper: Paper, rng: np.random.Generator) -> Change | None:
    """One count, anywhere, one too high or too low."""
    entry = _one(rng, [e for e in paper.record.entries.values() if e.part in COUNTS])
    step = 1 if entry.value == 0 or rng.random() < 0.5 else -1
    return {entry.id: f"{entry.value + step:.0f}"}


def digits_transposed(paper: Paper, rng: np.random.Generator) -> Change | None:
    """Two neighbouring digits of one printed number, anywhere, in the wrong order."""
    options = [(e.id, t) for e in paper.record.entries.values() for t in _transposed(e)]
    chosen = _one(rng, sorted({id for id, _ in options}))
    return {chosen: _one(rng, [t for id, t in options if id == chosen])} if chosen else None


def _transposed(entry: Entry) -> list[str]:
    if entry.printed is None or entry.printed.bound or entry.part == "level":
        return []
    text, found = entry.text, []
    digits = [k for k, c in enumerate(text) if c.isdigit()]
    for a, b in pairwise(digits):
        swapped = text[:a] + text[b] + text[a + 1 : b] + text[a] + text[b + 1 :]
        whole = swapped.lstrip("-").split(".")[0]
        odd = len(whole) > 1 and whole.startswith("0")
        if text[a] != text[b] and not odd and not (entry.part == "p" and float(swapped) > 1):
            found.append(swapped)
    return found


def percent_of_another_row(paper: Paper, rng: np.random.Generator) -> Change | None:
    """A percent of the same column, but of another row of the table."""
    tables = ("table1", "table2", "figure3")
    every = paper.record.entries.values()
    rows = [e for e in every if e.part == "percent" and e.block in tables]
    entry = _one(rng, rows)
    others = {e.text for e in rows if (e.block, e.column) == (entry.block, entry.column)}
    other = _one(rng, sorted(others - {entry.text}))
    return {entry.id: other} if other else None


def arms_swapped(paper: Paper, rng: np.random.Generator) -> Change | None:
    """Both arms' cells of one row exchanged (in a table of grades, all of them)."""
    options = []
    for block in paper.sheet["blocks"]:
        pairs = [(c, c.replace(*ARMS)) for c in block.get("columns", {}) if c.startswith(ARMS[0])]
        for row in block["rows"]:
            printed = dict(zip(block.get("columns", {}), row["values"], strict=False))
            cells: Change = {}
            for a, b in pairs:
                if printed[a] and printed[b] and printed[a] != printed[b]:
                    cells |= {a: printed[b], b: printed[a]}
            if cells:
                options.append({f"{block['id']}.{row['id']}.{c}": x for c, x in cells.items()})
    return _one(rng, options)


def limits_swapped(paper: Paper, rng: np.random.Generator) -> Change | None:
    """Lower and upper limit of one interval exchanged."""
    cells = [paper.record.cell(e) for e in paper.record.entries.values() if e.part == "lower"]
    cells = [c for c in cells if not isnan(c["lower"].number + c["upper"].number)]
    cell = _one(rng, [c for c in cells if c["lower"].text != c["upper"].text])
    return {cell["lower"].id: cell["upper"].text, cell["upper"].id: cell["lower"].text}


def narrow_as_wide(paper: Paper, rng: np.random.Generator) -> Change | None:
    """A 90% interval where 95% is said, wherever the paper prints that interval."""
    quantity = _one(rng, sorted({_same(paper, s)[0] for s in paper.draft.narrow}))
    return {s: paper.draft.narrow[s] for s in _same(paper, quantity)} if quantity else None


# The rows that print one quantity, by the arm where they have one.
TWINS = [("contrasts.pfs.hazard_ratio", "abstract.pfs.hazard_ratio", "figure3.all.hazard_ratio")]
for _arm in ARMS:
    _middle = f"pfs.median.{_arm}"
    TWINS.append((f"results.{_middle}", f"abstract.{_middle}", f"figure3.all.{_arm}.median"))


def _same(paper: Paper, cell: str) -> tuple[str, ...]:
    group = next((g for g in TWINS if cell in g), (cell,))
    return tuple(s for s in group if f"{s}.estimate" in paper.record.entries)


def _hazard_ratios(paper: Paper) -> list[str]:
    wanted = ("hazard ratio", "estimate")
    return [stem(e) for e in paper.record.entries.values() if (e.measure, e.part) == wanted]


def _rescaled(paper: Paper, cells: list[str], factor: float) -> Change:
    """Ratios printed with their logarithms multiplied; P stays."""
    change = {}
    for cell in cells:
        for part in TRIPLE:
            entry = paper.record[f"{cell}.{part}"]
            value = exp(factor * log(max(paper.draft.truth[entry.id], 1e-9)))
            decimals = 2 if entry.printed is None else entry.printed.decimals
            change[entry.id] = f"{value:.{decimals}f}"
    return change


def all_errors_over_root_2(paper: Paper, rng: np.random.Generator) -> Change | None:
    """All hazard ratios and limits divided by the root of 2 on the log scale."""
    return _rescaled(paper, _hazard_ratios(paper), 1 / sqrt(2))


def one_error_over_root_2(paper: Paper, rng: np.random.Generator) -> Change | None:
    """One hazard ratio with its limits divided so, wherever it is printed."""
    cell = _one(rng, sorted({_same(paper, s)[0] for s in _hazard_ratios(paper)}))
    return _rescaled(paper, list(_same(paper, cell)), 1 / sqrt(2))


def odds_ratio_inverted(paper: Paper, rng: np.random.Generator) -> Change | None:
    """The odds ratio and its limits the other way round."""
    cell = "contrasts.cbr.odds_ratio"
    if f"{cell}.estimate" not in paper.record.entries:
        return None
    change = _rescaled(paper, [cell], -1)
    low, high = f"{cell}.lower", f"{cell}.upper"
    return change | {low: change[high], high: change[low]}


def events_of_another_arm(paper: Paper, rng: np.random.Generator) -> Change | None:
    """A subgroup row with the other arm's number of events."""
    entries = [e for e in paper.record.entries.values() if e.part == "events" and e.factor]
    entry = _one(rng, entries)
    other = entry.id.replace(*ARMS) if ARMS[0] in entry.id else entry.id.replace(*reversed(ARMS))
    return {entry.id: paper.record[other].text} if other in paper.record.entries else None


def p_of_another_model(paper: Paper, rng: np.random.Generator) -> Change | None:
    """P of the log-rank test, or of the model with or without covariates, in place of the right."""
    row = _one(rng, sorted(paper.draft.other_p))
    if row is None:
        return None
    text = paper.draft.style.p(_one(rng, list(paper.draft.other_p[row].values()))).text
    printed = (f"{s}.p" for s in _same(paper, row))
    return {i: text for i in printed if i in paper.record.entries}


ERRORS: dict[str, Planter] = {
    "a count off by one": count_off_by_one,
    "two digits transposed": digits_transposed,
    "a percent of another row": percent_of_another_row,
    "swapped arms": arms_swapped,
    "swapped limits": limits_swapped,
    "a 90% interval as 95%": narrow_as_wide,
    "an SE over sqrt 2, all rows": all_errors_over_root_2,
    "an SE over sqrt 2, one row": one_error_over_root_2,
    "an odds ratio inverted": odds_ratio_inverted,
    "a subgroup row with another arm's events": events_of_another_arm,
    "a P of another model": p_of_another_model,
}
