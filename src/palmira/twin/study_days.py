"""Days of a trial: calendar dates of the record, and days counted from random assignment."""

from __future__ import annotations

import pandas as pd

from palmira.printed import parse_date
from palmira.record import Record
from palmira.schedule import DAYS_PER_MONTH, assessment_weeks

DAYS_PER_WEEK = 7
# Our assumptions; the paper gives neither. A visit belongs to a planned one within this many days,
# and an adverse event to a treatment until this many days after its last dose.
VISIT_WINDOW = 7
SAFETY_WINDOW = 28
# RECIST 1.1, section 4.6: a response is confirmed at least four weeks later.
CONFIRMATION = 28


def timeline(record: Record, row: str) -> pd.Timestamp:
    """A date of the record's timeline: first_randomized, last_randomized, cutoff."""
    return pd.Timestamp(parse_date(record[f"timeline.{row}"].text))


def date_of(start: pd.Series, day: pd.Series) -> pd.Series:
    """Date of a day counted from ``start``, itself day 1; NaT where either is missing."""
    return start + pd.to_timedelta(day.astype("float64") - 1, unit="D")


def day_of(date: pd.Series, start: pd.Series) -> pd.Series:
    """Day of a date counted from ``start``, itself day 1; NaN where either is missing."""
    return (date - start).dt.days + 1


def planned_visits(record: Record, until: int) -> dict[int, int]:
    """Days of the planned tumor assessments by their week, as far as a visit on day ``until`` may
    belong to."""
    interval, change, later = (
        record[f"methods.assessment.{row}"].value
        for row in ("first_interval", "first_until", "later_interval")
    )
    horizon = (until + VISIT_WINDOW) / DAYS_PER_MONTH
    weeks = assessment_weeks(interval, change, later, horizon)
    return {int(week): int(week * DAYS_PER_WEEK) + 1 for week in weeks}


def benefit_days(record: Record) -> int:
    """Days without progression after which stable disease counts as clinical benefit."""
    return int(record["methods.outcomes.stable_disease"].value * DAYS_PER_WEEK)
