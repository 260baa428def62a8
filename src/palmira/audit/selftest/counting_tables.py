"""The counting parts of a synthetic paper: patient flow, Table 1, adverse events, dates."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palmira.audit.selftest.printing import Draft
from palmira.audit.selftest.simulated_trial import CLASSES, TERMS, Trial
from palmira.statistics.schedule import DAYS_PER_MONTH

ARMS = ("experimental", "control")
FIRST_DAY = date(2015, 3, 2)
Mask = NDArray[np.bool_]


def masks(trial: Trial) -> dict[str, Mask]:
    """The patients of each column."""
    experimental = trial.arm == 1
    return {
        "experimental": experimental,
        "control": ~experimental,
        "total": np.ones(len(trial.arm), dtype=bool),
    }


def by_arm(*names: str) -> dict[str, dict[str, str]]:
    """Columns of these arms."""
    return {name: {"arm": name} for name in names}


def day(number: float) -> str:
    """A day of the trial as printed."""
    d = FIRST_DAY + timedelta(days=int(number))
    return f"{d:%B} {d.day}, {d.year}"


def flow(draft: Draft, trial: Trial, rng: np.random.Generator) -> None:
    """Patients randomly assigned, treated and not treated; follow-up. Begins the results."""
    style, groups = draft.style, masks(trial).values()
    draft.block("results", "Results", by_arm(*ARMS, "total"), measure="count", unit="patients")
    draft.row("randomized", "Randomly assigned", *(style.count(g.sum()) for g in groups), cell="n")
    treated = [style.share((g & trial.treated).sum(), g.sum()) for g in groups]
    draft.row("treated", "Treated", *treated, cell="n (%)", population="randomized")
    lost = [style.share((g & ~trial.treated).sum(), g.sum()) for g in groups]
    by_reason = rng.random() < 0.5
    draft.row(
        "not_treated", "Not treated", *lost, cell="n (%)", population="randomized",
        between=["results.randomized", "results.treated"], exhaustive=bool(by_reason),
    )  # fmt: skip
    if by_reason:
        reason = rng.integers(0, 2, len(trial.arm))
        for k, name in enumerate(("choice", "violation")):
            cells = [style.count((g & ~trial.treated & (reason == k)).sum()) for g in groups]
            draft.row(
                f"not_treated.{name}", f"Reason: {name}", *cells, cell="n", within="not_treated"
            )
    draft.row(
        "follow_up", "Median follow-up (range)", None, None,
        style.median(trial.os / DAYS_PER_MONTH, 1), cell="median (min to max)", measure="median",
        unit="months", analysis="final",
    )  # fmt: skip


def table_1(draft: Draft, trial: Trial) -> None:
    """Baseline characteristics by arm and in total."""
    style, groups = draft.style, list(masks(trial).values())
    draft.block(
        "table1", "Table 1", by_arm(*ARMS, "total"), cell="n (%)", measure="count",
        unit="patients", population="randomized",
    )  # fmt: skip
    ages = [style.median(trial.age[g], 0) for g in groups]
    draft.row(
        "age", "Median age (range)", *ages, cell="median (min to max)", measure="median",
        unit="years", factor="Age",
    )  # fmt: skip
    for f in trial.factors:
        for k, level in enumerate(f.levels):
            cells = [style.share((g & (f.codes == k)).sum(), g.sum()) for g in groups]
            draft.row(f"{f.id}.level{k}", level, *cells, factor=f.name, category=level)


def adverse_events(draft: Draft, trial: Trial) -> None:
    """Adverse events by maximum grade (any, 3, 4, 5), and their sums in the text."""
    style = draft.style
    groups = [m & trial.treated for name, m in masks(trial).items() if name in ARMS]
    draft.block(
        "safety", "Results, Safety", by_arm(*ARMS), cell="n (%)", measure="count",
        unit="patients", population="safety",
    )  # fmt: skip
    worst = trial.grades["any"]
    for id, label, least, grade, twin in (
        ("teae.any", "Adverse event of any grade", 1, "any", "table2.any"),
        ("teae.grade3", "Adverse event of grade 3 or higher", 3, "3-5", None),
    ):
        cells = [style.share((g & (worst >= least)).sum(), g.sum()) for g in groups]
        same: dict[str, Any] = {"same_as": twin} if twin else {}
        draft.row(id, label, *cells, term="Any", grade=grade, **same)
    columns = {
        f"{arm}.{'any' if grade == 'any' else f'grade{grade}'}": {"arm": arm, "grade": grade}
        for arm in ARMS
        for grade in ("any", "3", "4", "5")
    }
    draft.block(
        "table2", "Table 2", columns, cell="n (%)", measure="count", unit="patients",
        population="safety",
    )  # fmt: skip
    rows: list[tuple[str, str, str | None]] = [("any", "Any", None)]
    for name, label in CLASSES.items():
        rows += [(name, label, "any"), *((id, t, c) for id, t, c in TERMS if c == name)]
    for id, label, within in rows:
        grades = trial.grades[id]
        cells = [
            style.share((g & which).sum(), g.sum())
            for g in groups
            for which in (grades > 0, grades == 3, grades == 4, grades == 5)
        ]
        extra: dict[str, Any] = {"within": within} if within else {"exhaustive": True}
        draft.row(id, label, *cells, term=label, **extra)


def dates(draft: Draft, trial: Trial) -> None:
    """Allocation ratio and the dates of the trial."""
    draft.block("methods", "Methods")
    draft.row("allocation", "Allocation", f"{trial.ratio}:1", cell="ratio", measure="allocation")
    draft.block("timeline", "Dates", cell="date", measure="date")
    for id, label, value in (
        ("first_randomized", "First patient randomly assigned", trial.entry.min()),
        ("last_randomized", "Last patient randomly assigned", trial.entry.max()),
        ("cutoff", "Data cutoff", trial.cutoff),
    ):
        draft.row(id, label, day(value))
