"""Days of a trial: calendar dates of the record, and days counted from random assignment."""

from __future__ import annotations

from math import inf

import pandas as pd

from palmira.record import Record
from palmira.record.printed import parse_date
from palmira.statistics.schedule import DAYS_PER_MONTH, assessment_weeks
from palmira.twin.adam.analysis_set import ENDPOINTS
from palmira.twin.facts import FIRST_INTERVAL, dated, number

DAYS_PER_WEEK = 7
# Our assumptions; the paper gives neither. A visit belongs to a planned one within this many days,
# and an adverse event to a treatment until this many days after its last dose.
VISIT_WINDOW = 7
SAFETY_WINDOW = 28
# RECIST 1.1, section 4.6: a response is confirmed at least four weeks later.
CONFIRMATION = 28
# Day 0 of a record without dates: that of SAS. Nobody takes it for a date of the trial.
ORIGIN = pd.Timestamp("1960-01-01")
# Our assumptions: the longest follow-up over the longest printed time; the time from the first
# random assignment to the cutoff over the longest follow-up.
REACH, MORE = 4, 1.1


def timeline(record: Record, row: str) -> pd.Timestamp:
    """A date of the record's timeline: first_randomized, last_randomized, cutoff, an analysis.

    Random assignment may go on until the cutoff where its end is not printed. Of a record without
    the first random assignment or the cutoff all dates are nominal: they count from ``ORIGIN``, and
    the cutoff lies a little farther from it than anybody is followed.
    """
    if dated(record):
        last = f"timeline.{row}" in record.entries or row != "last_randomized"
        return pd.Timestamp(parse_date(record[f"timeline.{row if last else 'cutoff'}"].text))
    days = 0 if row == "first_randomized" else round(MORE * longest_follow_up(record))
    return ORIGIN + pd.Timedelta(days=days)


def longest_follow_up(record: Record) -> int:
    """Days for which anybody is followed in a record without dates: the printed longest follow-up,
    or else a multiple (our assumption) of the longest time with a printed rate, median or limit."""
    times, longest = [0.0], [0.0]
    for e in record.chosen:
        if e.quotes or e.part == "level" or e.printed is None or e.printed.exact is None:
            continue
        if e.row == "follow_up" or (e.measure == "median" and e.endpoint in ENDPOINTS):
            (longest if e.part == "maximum" else times).append(e.printed.value)
        elif e.endpoint in ENDPOINTS and e.time:
            times.append(float(e.time))
    return round(DAYS_PER_MONTH * (max(longest) or REACH * max(times)))


def date_of(start: pd.Series, day: pd.Series) -> pd.Series:
    """Date of a day counted from ``start``, itself day 1; NaT where either is missing."""
    return start + pd.to_timedelta((day.astype("float64") - 1).astype("Int64"), unit="D")


def day_of(date: pd.Series, start: pd.Series) -> pd.Series:
    """Day of a date counted from ``start``, itself day 1; NaN where either is missing."""
    return (date - start).dt.days + 1


def planned_visits(record: Record, until: int) -> dict[int, int]:
    """Days of the planned assessments by week, as far as a visit on day ``until`` may belong."""
    stem = FIRST_INTERVAL.rpartition(".")[0]
    interval, change, later = (
        number(record, f"{stem}.{row}")
        for row in ("first_interval", "first_until", "later_interval")
    )
    if interval is None:
        return {}
    horizon = (until + VISIT_WINDOW) / DAYS_PER_MONTH
    weeks = assessment_weeks(interval, change or 1e6, later or interval, horizon)
    return {int(week): int(week * DAYS_PER_WEEK) + 1 for week in weeks}


def benefit_days(record: Record) -> float:
    """Days after which stable disease is clinical benefit; infinite where the record is silent."""
    weeks = number(record, "methods.outcomes.stable_disease")
    return inf if weeks is None else int(weeks * DAYS_PER_WEEK)
