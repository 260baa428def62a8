"""The ledger of a record, and the chapter in which each of its numbers is discussed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pandas as pd

from palmira.entries import Entry
from palmira.ledger import counts, effects
from palmira.ledger.finding import Finding, Verdict
from palmira.record import Record

# Of several ways to compute a number the first that speaks is shown.
RULES: tuple[Callable[[Record], Iterator[Finding]], ...] = (
    effects.hazard_ratio_limits,
    effects.interactions,
    effects.landmark_differences,
    effects.response_odds_ratios,
    counts.exact_intervals,
    counts.severe_events,
    counts.totals,
    counts.percents,
    counts.repeats,
)

CHAPTERS = (
    ("abstract.teae*", "safety"), ("abstract.pfs*", "efficacy"), ("abstract*", "design"),
    ("methods*", "design"), ("timeline*", "design"), ("sample_size*", "design"),
    ("publication*", "design"), ("allocation*", "design"),
    ("figure1*", "design"), ("results.randomized*", "design"), ("results.treated*", "design"),
    ("results.not_treated*", "design"), ("results.on_treatment*", "design"),
    ("results.follow_up*", "design"),
    ("results.pfs.prior_12*", "subgroups"), ("contrasts.pfs.prior_12*", "subgroups"),
    ("results.pfs*", "efficacy"), ("contrasts.pfs*", "efficacy"), ("figure2*", "efficacy"),
    ("asco2023*", "efficacy"), ("figure3*", "subgroups"),
    ("results.o*", "response-survival"), ("results.cbr*", "response-survival"),
    ("results.measurable*", "response-survival"), ("contrasts*", "response-survival"),
    ("table1*", "baseline"), ("results*", "baseline"),
    ("table2*", "safety"), ("safety*", "safety"),
    ("discussion*", "comparison"), ("introduction*", "comparison"),
)  # fmt: skip


@dataclass(frozen=True)
class LedgerEntry:
    """One printed number with what it comes to when computed anew."""

    id: str
    label: str
    printed: str
    place: str
    recomputed: str
    method: str
    verdict: Verdict
    reason: str
    chapter: str


def ledger(record: Record, others: dict[str, Record] | None = None) -> list[LedgerEntry]:
    """Every number of ``record`` in its order; ``others`` are the records that it may quote."""
    found: dict[str, Finding] = {}
    for stream in (counts.quotations(record, others or {}), *(rule(record) for rule in RULES)):
        for finding in stream:
            found.setdefault(finding.id, finding)
    return [
        _line(entry, found.get(entry.id), record.trial)
        for entry in record.entries.values()
        if not entry.version
    ]


def _line(entry: Entry, finding: Finding | None, trial: str) -> LedgerEntry:
    chapter = next((c for pattern, c in CHAPTERS if fnmatchcase(entry.id, pattern)), "record")
    if finding is None:
        finding = Finding(entry.id, "", "", "not recomputable", _missing(entry, trial))
    return LedgerEntry(
        entry.id, _label(entry), entry.text, entry.place, finding.recomputed, finding.method,
        finding.verdict, finding.reason, chapter,
    )  # fmt: skip


def _label(entry: Entry) -> str:
    """What the number is, in words: row, factor, arm or column, part."""
    factor = f"{entry.factor}: " if entry.factor and entry.factor not in entry.label else ""
    part = "" if entry.part in ("value", "estimate", "text", "date", "ratio") else entry.part
    words = [f"{factor}{entry.label}", entry.column.replace(".", " "), part]
    return ", ".join(w for w in words if w)


def _missing(entry: Entry, trial: str) -> str:
    """What would be needed to compute a number that nothing printed leads to."""
    if entry.part in ("text", "date", "ratio", "level") or entry.block in (
        "methods",
        "sample_size",
        "table2_note",
    ):
        return "a stated fact of the design"
    own = entry.row.split(".")[0] == trial.lower()  # the trial's own number in its Discussion
    if entry.quotes or (entry.block in ("discussion", "introduction") and not own):
        return "another study's result; its own report was not seen"
    if entry.block == "asco2023":
        return "an earlier analysis; needs the patients' data of that cutoff"
    return "needs the patients' data"


def frame(entries: list[LedgerEntry]) -> pd.DataFrame:
    """The ledger as a frame, one line an entry."""
    return pd.DataFrame([vars(e) for e in entries])
