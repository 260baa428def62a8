"""Survival at a landmark, from printed rates and their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

from palmira.statistics.estimates import Estimate, critical, two_sided_p


@dataclass(frozen=True)
class Landmark:
    """Survival at one time with the standard errors that its printed log-log interval implies."""

    survival: float
    se: float
    log_log_se: float


def from_interval(survival: float, lower: float, upper: float, level: float = 95.0) -> Landmark:
    """Recover the standard error from a log-log interval (proportions, not percent).

    The interval is S ** exp(+-z s), so s = (log(-log L) - log(-log U)) / 2z and, by the delta
    method, SE(S) = S |log S| s. Source: Kalbfleisch and Prentice 1980, equation 1.19.
    """
    if not 0 < lower <= survival <= upper < 1:
        raise ValueError(f"not a survival interval: {survival} ({lower} to {upper})")
    log_log_se = (log(-log(lower)) - log(-log(upper))) / (2 * critical(level))
    return Landmark(survival, survival * abs(log(survival)) * log_log_se, log_log_se)


def difference(one: Landmark, other: Landmark, level: float = 95.0) -> tuple[Estimate, float]:
    """Difference of two survival rates with its Wald interval and P value, on the linear scale."""
    value, se = one.survival - other.survival, sqrt(one.se**2 + other.se**2)
    return Estimate.symmetric(value, critical(level) * se, level), two_sided_p(value / se)


def log_log_p(one: Landmark, other: Landmark) -> float:
    """P value of the same comparison on the log-log scale (Klein et al, Stat Med 2007;26:4505)."""
    gap = log(-log(one.survival)) - log(-log(other.survival))
    return two_sided_p(gap / sqrt(one.log_log_se**2 + other.log_log_se**2))
