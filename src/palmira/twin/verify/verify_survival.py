"""Survival analyses of the twin's data sets: curves and landmarks by statsmodels, Cox models by
lifelines."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
import pandas as pd
from lifelines.exceptions import ConvergenceError
from numpy.typing import NDArray
from statsmodels.duration.survfunc import SurvfuncRight

from palmira.record.entries import Entry
from palmira.statistics.estimates import critical, two_sided_p
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival import cox
from palmira.twin.adam.analysis_set import ENDPOINTS, AnalysisSet
from palmira.twin.targets.target import Target

Array = NDArray[np.float64]
UNITS = {"months": DAYS_PER_MONTH, "weeks": 7.0, "days": 1.0, "years": 12 * DAYS_PER_MONTH}
# One half is one half even where a product of fractions misses it by a rounding error.
SLACK = 1e-9
# How an arm enters a model: (experimental, control). Orthonormal contrasts are what R gives an
# ordered factor of two levels.
CODING = {"full": (1 / sqrt(2), -1 / sqrt(2)), "neutral": (1.0, 0.0)}


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier curve by day: survival, its log-log limits, and Greenwood's sum."""

    days: Array
    survival: Array
    lower: Array
    upper: Array
    greenwood: Array

    def median(self, part: str) -> float:
        """First day on which the curve, or its limit, is at most one half; infinite if never.

        A log-log limit does not exist where nobody survives, so that day counts for no limit.
        """
        heights = {"lower": self.lower, "upper": self.upper}.get(part, self.survival)
        exists = np.ones(len(self.days), dtype=bool)
        if part in ("lower", "upper"):
            exists = self.survival > SLACK
        reached = np.flatnonzero((heights <= 0.5 + SLACK) & exists)
        return float(self.days[reached[0]]) if len(reached) else float("inf")

    def at(self, day: float, part: str = "estimate") -> float:
        """Survival on a day, or its limit; NaN for the limit where nobody survives."""
        place = int(np.searchsorted(self.days, day, side="right")) - 1
        if part in ("lower", "upper") and self.survival[place] <= SLACK:
            return nan
        heights = {"lower": self.lower, "upper": self.upper}.get(part, self.survival)
        return float(heights[place])

    def se(self, day: float) -> float:
        """Greenwood's standard error of the survival on a day."""
        place = int(np.searchsorted(self.days, day, side="right")) - 1
        return float(self.survival[place] * sqrt(self.greenwood[place]))


def kaplan_meier(days: pd.Series, event: pd.Series, level: float = 95.0) -> Curve:
    """The Kaplan-Meier curve of some patients, by statsmodels, with log-log limits.

    It has a height on day 0 and on each day of an event or last contact; where nobody survives the
    limits are 0, as lifelines has them. That of nobody has no height at any time.
    """
    if len(days) == 0:
        return Curve(np.zeros(1), *(np.full(1, nan) for _ in range(4)))
    fit = SurvfuncRight(days.to_numpy(float), event.to_numpy(float))
    with np.errstate(divide="ignore"):
        steps = fit.n_events / (fit.n_risk * (fit.n_risk - fit.n_events))
    every = np.unique(np.append(0.0, days))
    place = np.searchsorted(fit.surv_times, every, side="right")
    s = np.append(1.0, fit.surv_prob)[place]
    greenwood = np.append(0.0, np.cumsum(steps))[place]
    lower, upper = np.where(s > SLACK, 1.0, 0.0), np.where(s > SLACK, 1.0, 0.0)
    inside = (s > SLACK) & (s < 1)
    lower[inside], upper[inside] = log_log(s[inside], np.sqrt(greenwood[inside]), level)
    return Curve(every, s, lower, upper, greenwood)


def log_log(s: Array, se: Array, level: float = 95.0) -> tuple[Array, Array]:
    """Log-log limits of survival from the standard error of its logarithm (Kalbfleisch and
    Prentice 1980, section 1.4)."""
    spread = np.exp(critical(level) * se / np.abs(np.log(s)))
    return s**spread, s ** (1 / spread)


class SurvivalAnalyses:
    """Curves and models of one twin; each is fitted once, however many numbers it prints."""

    def __init__(self, data: AnalysisSet, scale: str) -> None:
        self.data = data
        self.scale = scale
        self._groups: dict[tuple[object, ...], pd.DataFrame] = {}
        self._curves: dict[tuple[object, ...], Curve] = {}
        self._models: dict[tuple[object, ...], tuple[float, float]] = {}

    def number(self, target: Target) -> float:
        """The number that the data sets give for a target of this module's kinds."""
        e = target.of
        if target.kind == "median":
            curve = self.curve(e, e.arm)
            return curve.median(e.part) / UNITS[e.unit or "months"]
        if target.kind == "rate":
            part = "estimate" if e.part in ("percent", "value") else e.part
            return self.curve(e, e.arm).at(_day(e), part) * (100 if e.unit == "percent" else 1)
        if target.kind == "at risk":
            return float((self._times(e, e.arm)["time"] >= _day(e)).sum())
        if target.kind == "events":
            frame = self._times(e, e.arm)
            return 100 * frame["event"].mean() if e.part == "percent" else frame["event"].sum()
        if target.kind == "patients":
            return float(len(self._times(e, e.arm)))
        if target.kind == "difference":
            return self._difference(e)
        if target.kind == "follow-up":
            return self._follow_up(e)
        if target.kind == "interaction":
            beta, se = self._interaction(e)
            return wald_p(beta, se)
        return self._ratio(e)

    def ordinary(self, target: Target) -> float:
        """A hazard ratio or its limit with the arm coded 0 and 1; NaN for any other number."""
        if target.kind != "hazard ratio" or target.of.part == "p":
            return nan
        high, low = CODING[self.scale]
        return self.number(target) ** (high - low)

    def curve(self, e: Entry, arm: str | None) -> Curve:
        """Curve of an arm at the entry's level, end point, analysis and level of confidence."""
        level = float(e.interval_level or 95)
        key = (e.endpoint, e.analysis, e.factor, e.category, arm, level)
        if key not in self._curves:
            frame = self._times(e, arm)
            self._curves[key] = kaplan_meier(frame["time"], frame["event"], level)
        return self._curves[key]

    def _times(self, e: Entry, arm: str | None) -> pd.DataFrame:
        key = (e.endpoint, e.analysis, e.factor, e.category, arm)
        if key not in self._groups:
            frame = self.data.times(str(e.endpoint), e.analysis)
            here = self.data.arm(arm) & self.data.level(e.factor, e.category)
            self._groups[key] = frame[here.reindex(frame.index)]
        return self._groups[key]

    def _difference(self, e: Entry) -> float:
        """Difference of two rates with its Wald interval and P value on the linear scale."""
        arms = {a.role: k for k, a in self.data.record.sheet.arms.items()}
        one, other = (self.curve(e, arms[r]) for r in ("experimental", "control"))
        day = _day(e)
        value, se = one.at(day) - other.at(day), float(np.hypot(one.se(day), other.se(day)))
        if e.part == "p":
            return wald_p(value, se)
        z = critical(float(e.interval_level or 95))
        number = value + {"lower": -z, "upper": z}.get(e.part, 0.0) * se
        return number if e.unit is None else 100 * number

    def _follow_up(self, e: Entry) -> float:
        """Time from the origin of overall survival to death or last contact, of all patients."""
        endpoint = e.endpoint or ENDPOINTS[-1]
        times = self.data.times(endpoint, e.analysis)["time"]
        times = times[self.data.arm(e.arm).reindex(times.index)] / UNITS[e.unit or "months"]
        return float({"minimum": times.min, "maximum": times.max}.get(e.part, times.median)())

    def _ratio(self, e: Entry) -> float:
        beta, se = self.model(e)
        if e.part == "p":
            return wald_p(beta, se)
        z = critical(float(e.interval_level or 95))
        with np.errstate(over="ignore"):
            return float(np.exp(beta + {"lower": -z, "upper": z}.get(e.part, 0.0) * se))

    def model(self, e: Entry) -> tuple[float, float]:
        """Log hazard ratio of the arm with its standard error, in the coding of the scale.

        Cox model with Efron's ties, adjusted for the factors of stratification but the entry's own.
        The adjustment is our assumption.
        """
        key = (e.endpoint, e.analysis, e.factor, e.category)
        if key not in self._models:
            frame = self._design(e, e.factor)
            here = self.data.level(e.factor, e.category).reindex(frame.index)
            self._models[key] = _fitted(frame[here], "arm")
        return self._models[key]

    def _interaction(self, e: Entry) -> tuple[float, float]:
        """The same model of all patients with the factor and its product with the arm."""
        key = ("interaction", e.endpoint, e.analysis, e.factor)
        if key not in self._models:
            frame = self._design(e, e.factor)
            level = self.data.levels(str(e.factor), e.block)[-1]
            frame["factor"] = self.data.level(e.factor, level).reindex(frame.index).astype(float)
            frame["product"] = frame["arm"] * frame["factor"]
            self._models[key] = _fitted(frame, "product")
        return self._models[key]

    def _design(self, e: Entry, without: str | None) -> pd.DataFrame:
        """Time, event, arm and the factors of stratification but one, by patient."""
        data = self.data
        frame = data.times(str(e.endpoint), e.analysis)
        return frame.join(design(data, self.scale, without))


def design(data: AnalysisSet, scale: str, without: str | None = None) -> pd.DataFrame:
    """Arm in the coding of the scale, and an indicator of each level but the first of the factors
    of stratification but one; one line a patient."""
    high, low = CODING[scale]
    frame = pd.DataFrame(
        {"arm": np.where(data.patients["TRT01PN"] == 1, high, low)}, data.patients.index
    )
    for factor in data.record.sheet.strata:
        if factor != without:
            for level in data.levels(factor)[1:]:
                frame[f"{factor}: {level}"] = data.level(factor, level).astype(float)
    return frame


def _fitted(frame: pd.DataFrame, name: str) -> tuple[float, float]:
    """Coefficient and standard error; NaN where the model has no estimate."""
    covariates = frame.drop(columns=["time", "event"])
    names = list(covariates.columns[covariates.min() < covariates.max()])
    if name not in names:
        return nan, nan
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = cox(frame.astype(float), "time", "event", names, "efron")
    except (ConvergenceError, np.linalg.LinAlgError):
        return nan, nan
    return float(fit.log_hazard_ratio[name]), float(fit.se[name])


def wald_p(value: float, se: float) -> float:
    """Two-sided Wald P value; NaN without a standard error."""
    return two_sided_p(value / se) if se > 0 else nan


def _day(e: Entry) -> float:
    return float(e.time or 0) * DAYS_PER_MONTH
