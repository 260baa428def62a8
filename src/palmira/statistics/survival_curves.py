"""Kaplan-Meier curves as arrays by day, and what is read off them."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.duration.survfunc import SurvfuncRight

from palmira.statistics.estimates import critical
from palmira.statistics.restricted_mean import area
from palmira.statistics.schedule import DAYS_PER_MONTH

Array = NDArray[np.float64]
# One half is one half even where a product of fractions misses it by a rounding error.
SLACK = 1e-9


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier curve by day: survival, its log-log limits, and Greenwood's sum.

    It has a height on day 0 and on each day of an event or last contact.
    """

    days: Array
    survival: Array
    lower: Array
    upper: Array
    greenwood: Array

    def heights(self, part: str) -> Array:
        """Heights of the curve, or of its limit ("lower", "upper"): a log-log limit does not exist
        where nobody survives, and is NaN there."""
        if part not in ("lower", "upper"):
            return self.survival
        return np.where(self.survival > SLACK, getattr(self, part), nan)

    def median(self, part: str) -> float:
        """First day on which the curve, or its limit, is at most one half; infinite if never."""
        reached = np.flatnonzero(self.heights(part) <= 0.5 + SLACK)
        return float(self.days[reached[0]]) if len(reached) else float("inf")

    def at(self, day: float, part: str = "estimate") -> float:
        """Survival on a day, or its limit."""
        return float(self.heights(part)[self._place(day)])

    def se(self, day: float) -> float:
        """Greenwood's standard error of the survival on a day."""
        place = self._place(day)
        return float(self.survival[place] * sqrt(self.greenwood[place]))

    def restricted_mean(self, months: float) -> tuple[float, float]:
        """Restricted mean survival time up to a month and its standard error, in months.

        Raises ``ValueError`` where the curve ends before, with patients free of the event.
        """
        steps = np.diff(self.greenwood, prepend=0.0)
        mean, se = area(self.days, self.survival, steps, months * DAYS_PER_MONTH)
        return mean / DAYS_PER_MONTH, se / DAYS_PER_MONTH

    def _place(self, day: float) -> int:
        return int(np.searchsorted(self.days, day, side="right")) - 1


def kaplan_meier(days: pd.Series, event: pd.Series, level: float = 95.0) -> Curve:
    """The Kaplan-Meier curve of some patients, by statsmodels, whose heights lifelines
    repeats to 1e-15 in fifty times the time; that of nobody has no height."""
    if len(days) == 0:
        return Curve(np.zeros(1), *(np.full(1, nan) for _ in range(4)))
    fit = SurvfuncRight(days.to_numpy(float), event.to_numpy(float))
    with np.errstate(divide="ignore"):
        steps = fit.n_events / (fit.n_risk * (fit.n_risk - fit.n_events))
    every = np.unique(np.append(0.0, days))
    place = np.searchsorted(fit.surv_times, every, side="right")
    survival = np.append(1.0, fit.surv_prob)[place]
    greenwood = np.append(0.0, np.cumsum(steps))[place]
    return Curve(every, survival, *log_log(survival, np.sqrt(greenwood), level), greenwood)


def log_log(survival: Array, se: Array, level: float = 95.0) -> tuple[Array, Array]:
    """Log-log limits of survival from the standard error of its logarithm (Kalbfleisch and
    Prentice 1980, section 1.4); 1 before the first event, 0 where nobody survives."""
    lower, upper = (np.where(survival > SLACK, 1.0, 0.0) for _ in range(2))
    inside = (survival > SLACK) & (survival < 1)
    s = survival[inside]
    spread = np.exp(critical(level) * se[inside] / np.abs(np.log(s)))
    lower[inside], upper[inside] = s**spread, s ** (1 / spread)
    return lower, upper


def of_arm(patients: pd.DataFrame, arm: str) -> Curve:
    """The curve of an arm; ``patients`` has columns arm, time (days) and event."""
    mine = patients[patients["arm"] == arm]
    return kaplan_meier(mine["time"], mine["event"])
