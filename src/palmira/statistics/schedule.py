"""Calendar of a trial: months in weeks, and the grid of its tumor assessments."""

from __future__ import annotations

from itertools import count

DAYS_PER_MONTH = 365.25 / 12
WEEKS_PER_MONTH = DAYS_PER_MONTH / 7


def assessment_weeks(
    first_interval: float, until_months: float, later_interval: float, horizon_months: float
) -> list[float]:
    """Weeks of the planned assessments after baseline, up to ``horizon_months``.

    Every ``first_interval`` weeks as long as they fall within ``until_months``, then every
    ``later_interval`` weeks counted from the last of them. Raises ``ValueError`` for an interval
    that is not positive.
    """
    if first_interval <= 0 or later_interval <= 0:
        raise ValueError("an interval between assessments is positive")
    weeks: list[float] = []
    week = 0.0
    for _ in count():
        early = (week + first_interval) <= until_months * WEEKS_PER_MONTH
        week += first_interval if early else later_interval
        if week > horizon_months * WEEKS_PER_MONTH:
            return weeks
        weeks.append(week)
    return weeks


def last_assessment(weeks: list[float], months: float) -> float | None:
    """The week of the last assessment at or before ``months``; None before the first one."""
    return max((w for w in weeks if w <= months * WEEKS_PER_MONTH), default=None)
