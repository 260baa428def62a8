"""Codings of a factor with two levels, and what a Cox model prints under each."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

import pandas as pd
from lifelines import datasets

from palmira.statistics.estimates import Estimate, ratio, two_sided_p
from palmira.statistics.survival import cox


@dataclass(frozen=True)
class Coding:
    """The two numbers that stand for the levels of a factor in a model, the reference first."""

    label: str
    codes: tuple[float, float]
    where: str

    @property
    def divisor(self) -> float:
        """What the log ratio and its standard error are divided by in print."""
        return self.codes[1] - self.codes[0]


CODINGS = {
    "treatment": Coding("Treatment", (0.0, 1.0), "usual; the default of R for plain factors"),
    "half": Coding("Half steps", (-0.5, 0.5), "centered; nothing changes"),
    "orthonormal": Coding(
        "Orthonormal", (-1 / sqrt(2), 1 / sqrt(2)), "the default of R for ordered factors"
    ),
    "effect": Coding(
        "Effect", (-1.0, 1.0), "sum to zero; SAS codes classes so in its logistic procedure"
    ),
}


@dataclass(frozen=True)
class Coded:
    """What software prints for a factor: the exponent of its coefficient with the interval, and the
    coefficient's standard error, test statistic and two-sided P value."""

    coding: Coding
    coefficient: float
    se: float

    @property
    def printed(self) -> Estimate:
        return ratio(exp(self.coefficient), self.se)

    @property
    def z(self) -> float:
        return self.coefficient / self.se

    @property
    def p(self) -> float:
        return two_sided_p(self.z)


def fit_under(coding: Coding, frame: pd.DataFrame, time: str, event: str, factor: str) -> Coded:
    """Fit a Cox model with ``factor`` (0 or 1 in ``frame``) entered as ``coding`` says.

    Efron's ties; ``event`` is 1 for an event.
    """
    low, high = coding.codes
    coded = frame.assign(**{factor: low + (high - low) * frame[factor]})
    fit = cox(coded, time, event, [factor], "efron")
    return Coded(coding, float(fit.log_hazard_ratio[factor]), float(fit.se[factor]))


def lung() -> pd.DataFrame:
    """Survival in advanced lung cancer (North Central group; comes with lifelines).

    One line a patient: ``days``, ``death`` (0/1), ``female`` (0/1).
    """
    frame = datasets.load_lung()
    female = frame["sex"] == frame["sex"].max()
    columns = {"days": frame["time"], "death": frame["status"], "female": female}
    return pd.DataFrame(columns).astype(float)


def lung_under(name: str) -> Coded:
    """The hazard ratio of women to men in ``lung`` under one of ``CODINGS``.

    Raises ``KeyError`` for a coding that does not exist.
    """
    return fit_under(CODINGS[name], lung(), "days", "death", "female")


def rescaled(estimate: Estimate, name: str) -> Coded:
    """What one of ``CODINGS`` prints where the ratio of the levels and its interval are these."""
    coding = CODINGS[name]
    return Coded(coding, log(estimate.value) / coding.divisor, estimate.log_se / coding.divisor)
