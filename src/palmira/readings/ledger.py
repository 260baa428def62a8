"""The ledger of a record: every printed number with a verdict, its evidence and its chapter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

import pandas as pd

from palmira.audit import Check, audit
from palmira.audit.check import Verdict as AuditVerdict
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.evidence import Evidence
from palmira.twin.adam.analysis_set import Frames
from palmira.twin.targets.target import Target, left_out, targets
from palmira.twin.verify.recompute import verify

Verdict = Literal[
    "reproduced",
    "rounding",
    "inconsistent",
    "conditional",
    "reproduced on the twin",
    "stated",
    "not recomputable",
    "unsettled",
]
MEANINGS: dict[Verdict, str] = {
    "reproduced": "computed anew or printed twice, it agrees within rounding",
    "rounding": "it agrees if the print was cut off instead of rounded",
    "inconsistent": "no value within the rounding of its sources gives the printed number",
    "conditional": "it agrees if a named assumption holds",
    "reproduced on the twin": "only patients' data give it, and invented patients made to fit the "
    "print give it back (synthetic); nothing is confirmed of the trial",
    "stated": "a fact of the design or a convention; there is nothing to compute",
    "not recomputable": "what it is computed from, or how, was not published or not seen",
    "unsettled": "no check speaks of it and no reason says why: a gap of the ledger",
}
FROM_AUDIT: dict[AuditVerdict, Verdict] = {
    "impossible": "inconsistent",
    "inconsistent": "inconsistent",
    "rounding": "rounding",
    "consistent": "reproduced",
    "information": "not recomputable",
    "not checkable": "not recomputable",
}
# What the other verdicts rest on is computed from published numbers alone.
EVIDENCE: dict[Verdict, Evidence] = {
    "conditional": Evidence.CONDITIONAL,
    "reproduced on the twin": Evidence.SYNTHETIC,
    "stated": Evidence.PUBLISHED,
}
# The checks that compute a number anew. Of several on one number the gravest verdict is shown, and
# of equal ones the first of this list; the others speak where none of these does.
COMPUTING = ("C15", "C3", "C10", "C12", "C5", "C2", "B1", "A6", "A5", "A3", "A1", "A2")
OTHERWISE = ("A7", "C1")
GRAVITY = list(FROM_AUDIT)

# Where a number is discussed; the first pattern that its id fits.
CHAPTERS = (
    ("safety", "abstract.teae*"),
    ("efficacy", "abstract.pfs*"),
    ("design", "abstract* methods* timeline* sample_size* publication* allocation* figure1*"),
    ("design", "results.randomized* results.treated* results.not_treated* results.on_treatment*"),
    ("design", "results.follow_up*"),
    ("subgroups", "results.pfs.prior_12* contrasts.pfs.prior_12* figure3*"),
    ("efficacy", "results.pfs* contrasts.pfs* figure2* asco2023*"),
    ("response-survival", "results.o* results.cbr* results.measurable* contrasts*"),
    ("baseline", "table1* results*"),
    ("safety", "table2* safety*"),
    ("comparison", "discussion* introduction*"),
)

# Numbers that are facts of the design, or of a convention.
DESIGN = ("methods.*", "sample_size.*", "table2_note.*", "*cutpoint")
# What a number that neither print nor synthetic patients give would need.
NEEDS_PATIENTS = "needs the patients' data"
NEEDED = (
    ("asco2023.*", "an earlier analysis; needs the patients' data of that cutoff"),
    ("figure1.not_eligible.*", f"{NEEDS_PATIENTS}; the synthetic data sets do not hold it"),
)
TWINS = {"full": "conditional twin", "neutral": "neutral twin"}
ON_A_TWIN = "{}, synthetic patients made to fit the print"
ON_A_SCALE = "agrees, on the {} (synthetic), if the arm entered it on orthonormal contrasts"
# Kinds of numbers that hang on the scale of the ratios.
SCALED = ("hazard ratio", "odds ratio", "interaction")


class Said(NamedTuple):
    """A verdict that no check of the audit gives, the recomputed number and the words for it."""

    verdict: Verdict
    recomputed: str
    words: str


@dataclass(frozen=True)
class LedgerEntry:
    """A printed number, what it is when computed anew, by which check, and the evidence class."""

    id: str
    label: str
    printed: str
    place: str
    recomputed: str
    verdict: Verdict
    method: str
    check: str
    chapter: str
    evidence: str


def ledger(
    record: Record, others: dict[str, Record] | None = None, given: pd.DataFrame | None = None
) -> list[LedgerEntry]:
    """Every number of ``record`` in its order; ``others`` are the records that it may quote.

    ``given`` is what synthetic patients give, as ``on_twins`` finds it; it speaks only where no
    printed number does.
    """
    found = _checked(record, others)
    patients = _open(record, found)
    again = {id: out.reason for id, out in left_out(record).items() if out.repeats}
    said = {id: Said("reproduced", "", reason) for id, reason in again.items()}
    said |= {id: Said("not recomputable", "", NEEDS_PATIENTS) for id in patients}
    if given is not None:
        said |= _told(given, patients)
    return [_line(e, found.get(e.id), said.get(e.id), record.trial) for e in record.chosen]


def on_twins(
    record: Record, twins: Mapping[str, Frames], others: dict[str, Record] | None = None
) -> pd.DataFrame | None:
    """What ``verify`` finds on synthetic patients of each scale ("full", "neutral") for the numbers
    that only patients' data give; None without twins or such numbers."""
    cells = {t.entry.cell for t in _open(record, _checked(record, others)).values()}
    if not cells or not twins:
        return None
    rows = [verify(f, record, scale, cells).assign(scale=scale) for scale, f in twins.items()]
    return pd.concat(rows)


def _open(record: Record, found: Mapping[str, Check]) -> dict[str, Target]:
    """The targets of a twin that no printed number settles, by entry."""
    wanted = targets(record, "neutral")
    return {t.id: t for t in wanted if not (_speaks(found.get(t.id)) or _stated(t.entry))}


def _checked(record: Record, others: dict[str, Record] | None) -> dict[str, Check]:
    """The audit's word on each number that one of its checks speaks of."""
    found: dict[str, Check] = {}
    checks = audit(record, others, only=(*COMPUTING, *OTHERWISE))
    for names in (COMPUTING, OTHERWISE):
        settled = set(found)
        for check in sorted((c for c in checks if c.id in names), key=lambda c: names.index(c.id)):
            for id, one in _per_number(record, check):
                best = found.get(id)
                if best is None or (
                    id not in settled and GRAVITY.index(one.verdict) < GRAVITY.index(best.verdict)
                ):
                    found[id] = one
    return found


def _speaks(check: Check | None) -> bool:
    """Whether a check settles a number: whether it fits what printed numbers give, or not."""
    return check is not None and check.verdict not in ("information", "not checkable")


def _told(rows: pd.DataFrame, patients: Mapping[str, Target]) -> dict[str, Said]:
    """What synthetic patients say of the numbers that only patients' data give.

    What the neutral twin prints is reproduced on the twin, and so is what does not hang on the
    scale of the ratios; a ratio that only the other twin prints rests on that scale.
    """
    said: dict[str, Said] = {}
    for id, mine in rows[rows["id"].isin(patients)].groupby("id", sort=False):
        target = patients[str(id)]
        held = mine[mine["within"] == "yes"]
        names = " and ".join(TWINS[s] for s in held["scale"])
        scaled = target.kind in SCALED and "neutral" not in set(held["scale"])
        if held.empty:
            said[str(id)] = Said("not recomputable", "", _missed(mine))
            continue
        verdict: Verdict = "conditional" if scaled else "reproduced on the twin"
        words = ON_A_SCALE if scaled else ON_A_TWIN
        how = f"{target.analysis}; {words.format(names)}"
        said[str(id)] = Said(verdict, held["shown"].iloc[0], how)
    return said


def _missed(rows: pd.DataFrame) -> str:
    """Why a number that no twin prints is not recomputable."""
    given = " and ".join(f"{r.shown} ({TWINS[str(r.scale)]})" for r in rows.itertuples())
    reasons = dict.fromkeys(r for r in rows["reason"] if r)
    why = "; ".join(reasons) or "a miss of the search, which says nothing of the trial"
    return f"{NEEDS_PATIENTS}; synthetic patients give {given}: {why}"


def _per_number(record: Record, check: Check) -> Iterator[tuple[str, Check]]:
    """A check of an interval, taken apart: C3 and C5 speak of its limits, C1 of its estimate."""
    if check.entry in record.entries:
        yield check.entry, check
    elif check.id == "C1" and check.verdict in ("consistent", "rounding"):
        yield f"{check.entry}.estimate", check
    elif check.id in ("C3", "C5") and check.verdict != "consistent":
        for part in ("lower", "upper"):
            id = f"{check.entry}.{part}"
            yield id, replace(check, entry=id, found=check.found.limit(part))


def _line(entry: Entry, check: Check | None, said: Said | None, trial: str) -> LedgerEntry:
    """The line of a number: what printed numbers give, else the patients' data, else why not."""
    chapters = (c for c, patterns in CHAPTERS if _fits(entry, *patterns.split()))
    name, recomputed, how = "", "", "nobody has said how to compute it"
    verdict: Verdict = "unsettled"
    if check is not None:
        name, recomputed, how = check.id, check.recomputed, check.detail
        verdict = FROM_AUDIT[check.verdict]
    if not _speaks(check):
        if why := _stated(entry):
            verdict, how = "stated", why
        elif said is not None:
            verdict, recomputed, words = said
            how = f"{words}; {check.recomputed}: {how}" if check is not None else words
        elif check is None and (why := _missing(entry, trial)):
            verdict, how = "not recomputable", why
    evidence = EVIDENCE.get(verdict, Evidence.DERIVED).value
    about = entry.id, _label(entry), entry.text, entry.place
    return LedgerEntry(*about, recomputed, verdict, how, name, next(chapters, "record"), evidence)


def _label(entry: Entry) -> str:
    """What the number is, in words: row, factor, arm or column, part."""
    factor = f"{entry.factor}: " if entry.factor and entry.factor not in entry.label else ""
    part = "" if entry.part in ("value", "estimate", "text", "date", "ratio") else entry.part
    words = [f"{factor}{entry.label}", entry.column.replace(".", " "), part]
    return ", ".join(w for w in words if w)


def _fits(entry: Entry, *patterns: str) -> bool:
    return any(fnmatchcase(entry.id, pattern) for pattern in patterns)


def _stated(entry: Entry) -> str:
    """Why there is nothing to compute: a fact of the design or of the print; empty otherwise."""
    if entry.part == "level":
        return "the level of an interval"
    if _fits(entry, *DESIGN) or entry.part in ("text", "date", "ratio"):
        return "a stated fact of the design"
    return ""


def _missing(entry: Entry, trial: str) -> str:
    """What a number that nothing printed leads to would need; empty where nobody has said it."""
    own = entry.row.split(".")[0] == trial.lower()  # the trial's own number in its Discussion
    if entry.quotes or (entry.block in ("discussion", "introduction") and not own):
        return "another study's result; what we saw of its reports does not print it"
    return next((why for pattern, why in NEEDED if _fits(entry, pattern)), "")


def frame(entries: list[LedgerEntry]) -> pd.DataFrame:
    """The ledger as a frame, one line an entry."""
    return pd.DataFrame([vars(e) for e in entries])
