"""The ledger of a record: every printed number with the audit's verdict, and its chapter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import pandas as pd

from palmira.audit import QUICK, Check, audit
from palmira.audit.check import Verdict as AuditVerdict
from palmira.entries import Entry
from palmira.record import Record

Verdict = Literal[
    "reproduced", "rounding", "inconsistent", "conditional", "not recomputable", "unsettled"
]
MEANINGS: dict[Verdict, str] = {
    "reproduced": "computed anew or printed twice, it agrees within rounding",
    "rounding": "it agrees if the print was cut off instead of rounded",
    "inconsistent": "no value within the rounding of its sources gives the printed number",
    "conditional": "it agrees if a named assumption holds",
    "not recomputable": "what it is computed from was not published",
    "unsettled": "it could be computed in several ways, and the paper does not say which",
}
FROM_AUDIT: dict[AuditVerdict, Verdict] = {
    "impossible": "inconsistent",
    "inconsistent": "inconsistent",
    "rounding": "rounding",
    "consistent": "reproduced",
    "information": "unsettled",
    "not checkable": "not recomputable",
}
# The checks that compute a number anew. Of several on one number the gravest verdict is shown, and
# of equal ones the first of this list; the others speak where none of these does.
COMPUTING = ("C15", "C3", "C10", "C12", "C5", "C2", "B1", "A6", "A5", "A3", "A1", "A2")
OTHERWISE = ("A7", "C1")
GRAVITY = list(FROM_AUDIT)

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
    """One printed number with what it comes to when computed anew, and by which check."""

    id: str
    label: str
    printed: str
    place: str
    recomputed: str
    verdict: Verdict
    method: str
    check: str
    chapter: str


def ledger(record: Record, others: dict[str, Record] | None = None) -> list[LedgerEntry]:
    """Every number of ``record`` in its order; ``others`` are the records that it may quote."""
    found: dict[str, Check] = {}
    checks = audit(record, others, only=QUICK)
    for names in (COMPUTING, OTHERWISE):
        settled = set(found)
        for check in sorted((c for c in checks if c.id in names), key=lambda c: names.index(c.id)):
            for id, one in _per_number(record, check):
                best = found.get(id)
                if best is None or (
                    id not in settled and GRAVITY.index(one.verdict) < GRAVITY.index(best.verdict)
                ):
                    found[id] = one
    entries = [e for e in record.entries.values() if not e.version]
    return [_line(e, found.get(e.id), record.trial) for e in entries]


def _per_number(record: Record, check: Check) -> Iterator[tuple[str, Check]]:
    """A check of an interval, taken apart: C3 and C5 speak of its limits, C1 of its estimate."""
    if check.entry in record.entries:
        yield check.entry, check
    elif check.id == "C1" and check.verdict in ("consistent", "rounding"):
        yield f"{check.entry}.estimate", check
    elif check.id in ("C3", "C5") and check.verdict != "consistent":
        limits = check.recomputed.split(" to ") if check.recomputed else ["", ""]
        for part, limit in zip(("lower", "upper"), limits, strict=True):
            id = f"{check.entry}.{part}"
            yield id, Check(check.id, id, check.verdict, check.printed, limit, check.detail)


def _line(entry: Entry, check: Check | None, trial: str) -> LedgerEntry:
    chapter = next((c for pattern, c in CHAPTERS if fnmatchcase(entry.id, pattern)), "record")
    if check is None:
        check = Check("", entry.id, "not checkable", entry.text, "", _missing(entry, trial))
    return LedgerEntry(
        entry.id, _label(entry), entry.text, entry.place, check.recomputed,
        FROM_AUDIT[check.verdict], check.detail, check.id, chapter,
    )  # fmt: skip


def _label(entry: Entry) -> str:
    """What the number is, in words: row, factor, arm or column, part."""
    factor = f"{entry.factor}: " if entry.factor and entry.factor not in entry.label else ""
    part = "" if entry.part in ("value", "estimate", "text", "date", "ratio") else entry.part
    words = [f"{factor}{entry.label}", entry.column.replace(".", " "), part]
    return ", ".join(w for w in words if w)


def _missing(entry: Entry, trial: str) -> str:
    """What would be needed to compute a number that nothing printed leads to."""
    stated = entry.block in ("methods", "sample_size", "table2_note")
    if stated or entry.part in ("text", "date", "ratio", "level"):
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
