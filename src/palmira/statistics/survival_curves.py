"""Kaplan-Meier curves as arrays by day, and what is read off them."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from numpy.typing import NDArray

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
    """The Kaplan-Meier curve of some patients, by lifelines; that of nobody has no height."""
    if len(days) == 0:
        return Curve(np.zeros(1), *(np.full(1, nan) for _ in range(4)))
    fit = KaplanMeierFitter(alpha=1 - level / 100).fit(days, event)
    survival, limits = fit.survival_function_.iloc[:, 0], fit.confidence_interval_
    n, d = (fit.event_table[c].to_numpy(float) for c in ("at_risk", "observed"))
    with np.errstate(divide="ignore"):
        greenwood = np.cumsum(d / (n * (n - d)))
    lower, upper = limits.to_numpy().T
    return Curve(fit.timeline, survival.to_numpy(), lower, upper, greenwood)


def of_arm(patients: pd.DataFrame, arm: str) -> Curve:
    """The curve of an arm; ``patients`` has columns arm, time (days) and event."""
    mine = patients[patients["arm"] == arm]
    return kaplan_meier(mine["time"], mine["event"])
