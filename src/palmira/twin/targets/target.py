"""What a synthetic patient must give back: the printed numbers of a record as targets.

A target is a printed number of the trial's own patients that the data sets can give back. What is
set aside, and why, is said twice: ``left_out`` lists the numbers that are no targets (another
trial's, the design's, printed again elsewhere), and a target's status says whether it is attainable
at all on the scale on which the hazard ratios are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.printed import NOT_NUMBERS
from palmira.twin.adam.analysis_set import ENDPOINTS, VARIABLES, cut_date
from palmira.twin.facts import dated
from palmira.twin.targets.attainable import why_not

TO_BE_MET, NOT_ATTAINABLE = "to be met", "not attainable"
# Each kind of target with its group and the analysis that prints it.
KINDS = {
    "patients": ("Patients", "number of patients"),
    "events": ("Events", "number of events"),
    "median": ("Medians", "Kaplan-Meier median, log-log limits"),
    "rate": ("Landmarks", "Kaplan-Meier rate, log-log limits"),
    "at risk": ("Landmarks", "number at risk"),
    "difference": ("Landmarks", "difference of Kaplan-Meier rates, Wald"),
    "hazard ratio": ("Hazard ratios", "Cox model of the arm, adjusted, Wald"),
    "interaction": ("Interactions", "Cox model with arm by factor, Wald"),
    "follow-up": ("Follow-up", "time to death or last contact"),
    "response": ("Response", "share of patients, Clopper-Pearson limits"),
    "odds ratio": ("Response", "logistic model of the arm, adjusted; profile limits, Wald P"),
    "baseline": ("Baseline", "number of patients, median and range"),
    "disposition": ("Disposition", "number of patients"),
    "date": ("Disposition", "date"),
    "adverse events": ("Adverse events", "patients by maximum grade"),
    "safety": ("Safety", "number of patients, median and quartiles"),
}
# Kinds of rows by their ids.
ROWS = {
    **dict.fromkeys(("randomized", "treated", "not_treated", "on_treatment"), "disposition"),
    **dict.fromkeys(("dose.reduced", "dose.interrupted", "discontinued"), "safety"),
    **dict.fromkeys(("serious", "serious_related", "deaths", "related_deaths"), "safety"),
}
DATES = ("first_randomized", "last_randomized", "enrollment.first", "enrollment.last")
RATIOS = {"hazard ratio": ENDPOINTS, "odds ratio": ("ORR", "CBR"), "difference": ENDPOINTS}
SPREAD = ("median", "minimum", "maximum", "q1", "q3", "value")


@dataclass(frozen=True)
class Target:
    """A printed number to be given back: ``entry`` with its rounding interval, and its ``kind``.

    ``of`` is the entry whose row says what is counted: the same one, or the one that it repeats in
    other digits. ``why`` and ``reason`` say why a target is not attainable, without its numbers and
    with them, and are empty otherwise.
    """

    entry: Entry
    kind: str
    of: Entry
    status: str = TO_BE_MET
    why: str = ""
    reason: str = ""

    @property
    def id(self) -> str:
        return self.entry.id

    @property
    def group(self) -> str:
        return KINDS[self.kind][0]

    @property
    def analysis(self) -> str:
        """The analysis that prints it, in words, with the end point where it has one."""
        words = KINDS[self.kind][1]
        return f"{self.of.endpoint}: {words}" if self.of.endpoint else words

    @property
    def attainable(self) -> bool:
        return self.status == TO_BE_MET

    @property
    def interval(self) -> tuple[float, float]:
        """Least and largest number that prints so; NaN for a date and where NA is printed."""
        printed = self.entry.printed
        if printed is None or printed.exact is None:
            return float("nan"), float("nan")
        return printed.low, printed.high


class LeftOut(NamedTuple):
    """Why a number is no target, and the id of the entry that it repeats, if it does."""

    reason: str
    repeats: str = ""


def targets(record: Record, scale: str) -> list[Target]:
    """The targets of a record in its order, with their status on a scale ("full" or "neutral").

    Raises ``ValueError`` for another scale.
    """
    reasons = why_not(record, scale)
    return [
        replace(t, status=NOT_ATTAINABLE, **reasons[t.id]._asdict()) if t.id in reasons else t
        for t in _all(record).values()
        if isinstance(t, Target)
    ]


def left_out(record: Record) -> dict[str, LeftOut]:
    """The reason by id of every entry that is no target."""
    return {id: out for id, out in _all(record).items() if isinstance(out, LeftOut)}


def _all(record: Record) -> dict[str, Target | LeftOut]:
    found: dict[str, Target | LeftOut] = {}
    main = main_analysis(record)
    for e in record.entries.values():
        kind, because = _classified(record, e, main)
        original = None if e.version or e.quotes else _original(e, record.rows)
        of = e
        if original is not None:
            of_kind, _ = _classified(record, original, main)
            if of_kind and _implied(e, original):
                found[e.id] = LeftOut(f"printed again: see {original.id}", original.id)
                continue
            if of_kind:
                kind, of = of_kind, original
        found[e.id] = Target(e, kind, of) if kind else LeftOut(because)
    return found


def _original(entry: Entry, rows: Mapping[str, list[Entry]]) -> Entry | None:
    """The entry that this one repeats: the same part, arm and grade of a row it is the same as."""

    def kind(e: Entry) -> tuple[str | None, ...]:
        part = "count" if e.part == "events" else e.part
        measure = None if part == "percent" else e.measure
        return part, e.arm, e.grade or "any", measure

    twins = (t for row in entry.same_as for t in rows.get(row, ()))
    return next((t for t in twins if kind(t) == kind(entry)), None)


def _implied(entry: Entry, original: Entry) -> bool:
    """Whether all that prints as the original also prints as the entry."""
    one, other = entry.printed, original.printed
    if one is None or other is None or one.exact is None or other.exact is None:
        return entry.text == original.text
    return one.low <= other.low + 1e-9 and other.high <= one.high + 1e-9


def main_analysis(record: Record) -> str | None:
    """The analysis that the record names first; others need a date in its timeline."""
    return next((e.analysis for e in record.entries.values() if e.analysis), None)


def _classified(record: Record, e: Entry, main: str | None) -> tuple[str, str]:
    """Kind of a target, or an empty text and why the entry is none."""
    if e.version:
        return "", "another source's version; the record says why it was not chosen"
    if e.part == "level":
        return "", "the level of an interval"
    if e.quotes:
        return "", "another trial's number"
    if e.part == "date":
        if e.row in DATES and dated(record):
            return "date", ""
        return "", "a date that the data are cut at, or that is not about patients"
    if e.part in NOT_NUMBERS:
        return "", "no number"
    if e.analysis not in (None, main) and cut_date(record, e.analysis) is None:
        return "", f"an analysis ({e.analysis}) whose date is not in the record's timeline"
    if e.row.rpartition(".")[2].startswith("planned"):
        return "", "planned, not observed"
    if kind := _kind(record, e):
        return kind, ""
    if e.arm is None:
        return "", "about the design, another study, or patients of no named arm"
    if e.factor and e.factor not in VARIABLES:
        return "", f"the data sets have no variable for {e.factor}"
    return "", "the data sets hold nothing that gives it"


def _kind(record: Record, e: Entry) -> str:
    cell = record.cell(e)
    about = cell.get("estimate", e)
    if e.factor and e.factor not in VARIABLES:
        return ""
    if about.measure in RATIOS:
        known = about.endpoint in RATIOS[about.measure] and {"lower", "upper"} <= set(cell)
        return about.measure if known else ""
    if e.part == "p" and e.column == "interaction" and e.endpoint in ENDPOINTS:
        same = (x for x in record.entries.values() if (x.block, x.factor) == (e.block, e.factor))
        return "interaction" if len({x.category for x in same}) == 2 else ""
    if e.arm is None or record.roles[e.arm] == "other" or e.part == "p":
        return ""
    return _of_an_arm(e)


def _of_an_arm(e: Entry) -> str:
    if e.endpoint in ENDPOINTS and e.measure in ("median", "rate", "at risk"):
        return e.measure if e.measure == "median" or e.time else ""
    if e.endpoint in ENDPOINTS and e.measure == "events":
        return "patients" if e.part == "n" else "events"
    if e.endpoint in RATIOS["odds ratio"] and e.measure in ("response rate", "count"):
        return "response"
    if e.endpoint:
        return ""
    if e.term and e.grade:
        return "adverse events" if e.part in ("count", "percent") else ""
    if e.row in ROWS:
        return ROWS[e.row]
    if e.row.startswith("not_treated."):
        return "disposition"
    if e.row.startswith("dose_intensity."):
        return "safety"
    if e.row == "follow_up":
        return "follow-up" if e.part in SPREAD else ""
    if e.factor and (e.category or e.part in SPREAD):
        return "baseline"
    return ""
