"""Codings of a factor with two levels, and what a Cox model prints under each."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
import pandas as pd
from lifelines import datasets
from numpy.typing import NDArray

from palmira.estimates import Estimate, log_se, ratio, two_sided_p
from palmira.survival import cox


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


def polynomial_contrasts(levels: int) -> NDArray[np.float64]:
    """Orthonormal polynomial contrasts of an ordered factor, one row a level, one column a degree.

    The columns are of length 1, at right angles to each other and to the constant, as R's
    ``contr.poly`` makes them for evenly spaced levels. Raises ``ValueError`` below two levels.
    """
    if levels < 2:
        raise ValueError("a contrast needs at least two levels")
    scores = np.arange(levels) - (levels - 1) / 2
    q, r = np.linalg.qr(np.vander(scores, increasing=True))
    contrasts: NDArray[np.float64] = (q * np.sign(np.diag(r)))[:, 1:]
    return contrasts


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
    se = log_se(estimate.lower, estimate.upper, estimate.level)
    return Coded(coding, float(np.log(estimate.value)) / coding.divisor, se / coding.divisor)


def questions_answered(frame: pd.DataFrame, time: str, event: str, factor: str) -> pd.DataFrame:
    """What each event tells a Cox model of one 0/1 ``factor``; ties by Breslow's rule.

    One line an event, in the order of time: ``p``, the fitted probability that it happens in the
    group coded 1, given who is at risk, and ``information``, p (1 - p). At the estimate the ``p``
    add up to that group's events, and the sum of ``information`` is 1 / SE squared.
    """
    beta = float(cox(frame, time, event, [factor], "breslow").log_hazard_ratio[factor])
    ordered = frame.sort_values(time, kind="stable")
    times, x = ordered[time].to_numpy(), ordered[factor].to_numpy()
    at_risk = times[None, :] >= times[ordered[event].to_numpy() == 1][:, None]
    group, others = (at_risk * x).sum(axis=1), (at_risk * (1 - x)).sum(axis=1)
    p = group * np.exp(beta) / (group * np.exp(beta) + others)
    return pd.DataFrame({"event": range(1, len(p) + 1), "p": p, "information": p * (1 - p)})
