"""The counting parts of a synthetic paper: patient flow, Table 1, adverse events, dates."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from palmira.audit.selftest.printing import COUNTS, PATIENTS, RANGE, About, Draft
from palmira.audit.selftest.simulated_trial import CLASSES, Trial
from palmira.audit.selftest.small_trials import Mask
from palmira.statistics.schedule import DAYS_PER_MONTH

ARMS = ("experimental", "control")
FIRST_DAY = date(2015, 3, 2)


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
    draft.row("treated", "Treated", *treated, **PATIENTS)
    lost = [style.share((g & ~trial.treated).sum(), g.sum()) for g in groups]
    by_reason = bool(rng.random() < 0.5)
    between = ["results.randomized", "results.treated"]
    about: About = {**PATIENTS, "between": between, "exhaustive": by_reason}
    draft.row("not_treated", "Not treated", *lost, **about)
    if by_reason:
        reason = rng.integers(0, 2, len(trial.arm))
        for k, name in enumerate(("choice", "violation")):
            cells = [style.count((g & ~trial.treated & (reason == k)).sum()) for g in groups]
            about = {"cell": "n", "within": "not_treated"}
            draft.row(f"not_treated.{name}", f"Reason: {name}", *cells, **about)
    follow_up = style.median(trial.os.time / DAYS_PER_MONTH, 1)
    about = {**RANGE, "unit": "months", "analysis": "final"}
    draft.row("follow_up", "Median follow-up (range)", None, None, follow_up, **about)


def table_1(draft: Draft, trial: Trial) -> None:
    """Baseline characteristics by arm and in total."""
    style, groups = draft.style, list(masks(trial).values())
    columns = by_arm(*ARMS, "total")
    draft.block("table1", "Table 1", columns, **COUNTS, population="randomized")
    ages = [style.median(trial.age[g], 0) for g in groups]
    draft.row("age", "Median age (range)", *ages, **RANGE, unit="years", factor="Age")
    for f in trial.factors:
        for k, level in enumerate(f.levels):
            cells = [style.share((g & (f.codes == k)).sum(), g.sum()) for g in groups]
            draft.row(f"{f.id}.level{k}", level, *cells, factor=f.name, category=level)


def adverse_events(draft: Draft, trial: Trial) -> None:
    """Adverse events by maximum grade (any, 3, 4, 5), and their sums in the text."""
    style = draft.style
    groups = [m & trial.treated for name, m in masks(trial).items() if name in ARMS]
    draft.block("safety", "Results, Safety", by_arm(*ARMS), **COUNTS, population="safety")
    worst = trial.grades["any"]
    cells = [style.share((g & (worst >= 1)).sum(), g.sum()) for g in groups]
    about: About = {"term": "Any", "grade": "any", "same_as": "table2.any"}
    draft.row("teae.any", "Adverse event of any grade", *cells, **about)
    cells = [style.share((g & (worst >= 3)).sum(), g.sum()) for g in groups]
    label = "Adverse event of grade 3 or higher"
    draft.row("teae.grade3", label, *cells, term="Any", grade="3-5")
    columns = {
        f"{arm}.{'any' if grade == 'any' else f'grade{grade}'}": {"arm": arm, "grade": grade}
        for arm in ARMS
        for grade in ("any", "3", "4", "5")
    }
    draft.block("table2", "Table 2", columns, **COUNTS, population="safety")
    within = {"any": ""}
    for name, terms in CLASSES.items():
        within |= {name: "any"} | dict.fromkeys(terms, name)
    for id, whole in within.items():
        grades = trial.grades[id]
        seen = (grades > 0, grades == 3, grades == 4, grades == 5)
        cells = [style.share((g & which).sum(), g.sum()) for g in groups for which in seen]
        place: About = {"within": whole} if whole else {"exhaustive": True}
        draft.row(id, id.capitalize(), *cells, term=id.capitalize(), **place)


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
