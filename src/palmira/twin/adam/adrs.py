"""ADRS: best overall response, clinical benefit, and the response at every visit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from palmira.record import Record
from palmira.twin.adam import study_days
from palmira.twin.adam.adsl import SHARED, require, stacked, yes
from palmira.twin.adam.adtte import RESPONSES, progressed
from palmira.twin.adam.dictionary import datasets
from palmira.twin.adam.study_days import CONFIRMATION, VISIT_WINDOW, date_of, day_of
from palmira.twin.facts import printed

COLUMNS = ("pfs", "pfs_event", "response", "response_day", "benefit")
CODES = {"CR": 1, "PR": 2, "SD": 3, "PD": 5, "NE": 6, "Y": 1, "N": 0}
OWN = [*SHARED, "ITTFL", "MEASFL", "RANDDT"]


class Visit(NamedTuple):
    """A tumor assessment: its day, the week of the planned one it belongs to, what it showed."""

    day: int
    week: int | None
    result: str


class Course(NamedTuple):
    """Last day of PFS, whether an event and progression end it, the best response and its day."""

    pfs: int
    event: bool
    progression: bool
    response: str
    response_day: float


def visits(plan: dict[int, int], course: Course) -> list[Visit]:
    """The assessments of a patient, by day.

    ``plan`` holds the planned day of each week. There is one on every planned day before the end
    of PFS, one on the day of progression, of response, and of censoring (the last assessment), and
    one that confirms the response. A planned one within the window of such a day is that one,
    unless nothing else would show the stable disease before it.
    """
    pfs, event, progression, response, response_day = course
    responder = response in RESPONSES
    fixed = {int(response_day)} if responder else set()
    if progression or (not event and response != "NE" and pfs > 1):
        fixed.add(pfs)
    days = _attended(plan, pfs, fixed)
    if responder:
        confirming = int(response_day) + CONFIRMATION
        if not any(confirming <= d < pfs + (not event) for d in days):
            days = _attended(plan, pfs, fixed | {confirming})
    elif response == "SD" and progression and days == [pfs]:
        days = sorted({d for d in plan.values() if d < pfs} | fixed)
    weeks: dict[int, int] = {}
    for week, planned in plan.items():
        near = [d for d in days if abs(d - planned) <= VISIT_WINDOW]
        if near:
            weeks[min(near, key=lambda d: (abs(d - planned), d))] = week
    return [Visit(day, weeks.get(day), _result(day, course)) for day in days]


def _attended(plan: dict[int, int], pfs: int, fixed: set[int]) -> list[int]:
    """Fixed days, and the planned ones before the end of PFS that are not within their window."""
    free = {d for d in plan.values() if d < pfs and all(abs(d - f) > VISIT_WINDOW for f in fixed)}
    return sorted(free | fixed)


def _result(day: int, course: Course) -> str:
    if course.progression and day == course.pfs:
        return "PD"
    if course.response in ("PD", "NE"):
        return "NE"
    shown = course.response != "SD" and day >= course.response_day
    return course.response if shown else "SD"


def adrs(patients: pd.DataFrame, adsl: pd.DataFrame, record: Record) -> pd.DataFrame:
    """One line a patient, parameter and visit; ``patients`` and ``adsl`` line up row by row.

    No lines where the record prints nothing of response. Raises ``ValueError`` for a column that is
    missing.
    """
    dataset = datasets()["adrs"]
    if "response" not in printed(record):
        return dataset.typed(pd.DataFrame(columns=dataset.columns))
    require(patients, COLUMNS)
    patients = patients.reset_index(drop=True)
    seen = _overall(patients, adsl, record)
    benefit = _benefit(patients, adsl, record)
    made = {"BOR": _best(patients, adsl, seen), "CB": benefit, "OVRLRESP": seen}
    frame = stacked(dataset, made, ("USUBJID", "PARAMCD", "ADT"))
    frame["ADY"] = day_of(frame["ADT"], frame["RANDDT"])
    frame["AVAL"] = frame["AVALC"].map(CODES)
    return dataset.typed(frame)


def _overall(patients: pd.DataFrame, adsl: pd.DataFrame, record: Record) -> pd.DataFrame:
    """One line a visit."""
    plan = study_days.planned_visits(record, int(patients["pfs"].max()))
    event, progression = yes(patients["pfs_event"]), progressed(patients)
    of = patients.astype({"pfs": int}).assign(event=event, progression=progression)
    lines = []
    for i, *course in of[[*Course._fields]].itertuples():
        for day, week, result in visits(plan, Course(*course)):
            name = "Unscheduled" if week is None else f"Week {week}"
            lines.append((i, day, name, week, result))
    columns = ["patient", "day", "AVISIT", "AVISITN", "AVALC"]
    frame = pd.DataFrame(lines, columns=columns).join(adsl[OWN], on="patient")
    return frame.assign(ADT=date_of(frame["RANDDT"], frame["day"]))


def _best(patients: pd.DataFrame, adsl: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """One line a patient, dated by the first visit that shows the best response."""
    first = seen.groupby(["patient", "AVALC"])["ADT"].min()
    shown = [(i, r) for i, r in patients["response"].items()]
    dates = first.reindex(shown).to_numpy()
    frame = adsl[OWN].assign(AVALC=patients["response"], ADT=dates)
    return frame.assign(ADT=frame["ADT"].where(frame["AVALC"] != "NE"), AVISIT="", AVISITN=np.nan)


def _benefit(patients: pd.DataFrame, adsl: pd.DataFrame, record: Record) -> pd.DataFrame:
    """One line a patient: response, or stable disease for at least the record's time."""
    day = patients["response_day"].fillna(study_days.benefit_days(record) + 1)
    frame = adsl[OWN].assign(AVALC=yes(patients["benefit"]).map({True: "Y", False: "N"}))
    date = date_of(adsl["RANDDT"], day.where(frame["AVALC"] == "Y"))
    return frame.assign(ADT=date, AVISIT="", AVISITN=np.nan)
