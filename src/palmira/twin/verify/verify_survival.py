"""Survival analyses of the twin's data sets: curves by statsmodels, Cox models by lifelines."""

from __future__ import annotations

import warnings
from math import nan

import numpy as np
import pandas as pd
from lifelines.exceptions import ConvergenceError

from palmira.record.entries import Entry
from palmira.statistics.estimates import critical, two_sided_p
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival import cox
from palmira.statistics.survival_curves import Curve, kaplan_meier
from palmira.twin.adam.analysis_set import CODING, ENDPOINTS, AnalysisSet
from palmira.twin.targets.target import Target

UNITS = {"months": DAYS_PER_MONTH, "weeks": 7.0, "days": 1.0, "years": 12 * DAYS_PER_MONTH}


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
        key = (e.endpoint, e.analysis, e.factor, e.category, arm, e.level)
        if key not in self._curves:
            frame = self._times(e, arm)
            self._curves[key] = kaplan_meier(frame["time"], frame["event"], e.level)
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
        one, other = (self.curve(e, arm) for arm in self.data.record.two_arms())
        day = _day(e)
        value, se = one.at(day) - other.at(day), float(np.hypot(one.se(day), other.se(day)))
        if e.part == "p":
            return wald_p(value, se)
        z = critical(e.level)
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
        z = critical(e.level)
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
