"""Sample size and power of a two-arm trial with a time-to-event end point."""

from __future__ import annotations

from math import exp, log, sqrt

from scipy.stats import norm

from palmira.statistics.estimates import Estimate, critical
from palmira.statistics.estimates import ratio as with_interval


def _share(ratio: float) -> float:
    """Product of the two arms' shares under an allocation of ``ratio`` to 1."""
    return ratio / (1 + ratio) ** 2


def schoenfeld_events(
    hazard_ratio: float, power: float = 0.8, alpha: float = 0.05, ratio: float = 1.0
) -> float:
    """Events that a two-sided log-rank test needs (Schoenfeld, Biometrics 1983;39:499).

    ``power`` and ``alpha`` are proportions, ``ratio`` is experimental to control.
    """
    if hazard_ratio <= 0 or hazard_ratio == 1:
        raise ValueError("a hazard ratio to detect is positive and not 1")
    z = critical(100 * (1 - alpha)) + norm.ppf(power)
    return float(z**2 / (_share(ratio) * log(hazard_ratio) ** 2))


def schoenfeld_power(
    events: float, hazard_ratio: float, alpha: float = 0.05, ratio: float = 1.0
) -> float:
    """Probability that the two-sided log-rank test is significant in favor of either arm."""
    shift = sqrt(events * _share(ratio)) * log(hazard_ratio)
    z = critical(100 * (1 - alpha))
    return float(norm.cdf(-z - shift) + norm.cdf(-z + shift))


def detectable_hazard_ratio(
    events: float, power: float = 0.8, alpha: float = 0.05, ratio: float = 1.0
) -> float:
    """Hazard ratio below 1 that the given events detect with the given power."""
    z = critical(100 * (1 - alpha)) + norm.ppf(power)
    return float(exp(-z / sqrt(events * _share(ratio))))


def observed_se(events: float, ratio: float = 1.0) -> float:
    """Standard error of an observed log hazard ratio near 1, by Schoenfeld's approximation: one
    over the root of ``events`` times the product of the arms' shares."""
    return 1 / sqrt(events * _share(ratio))


def observed_range(
    events: float, hazard_ratio: float, level: float = 95.0, ratio: float = 1.0
) -> Estimate:
    """The middle ``level`` percent of the hazard ratios that trials observe when ``hazard_ratio``
    is the true one, by the same approximation as ``schoenfeld_power``."""
    return with_interval(hazard_ratio, observed_se(events, ratio), level)


def significant_below(events: float, alpha: float = 0.05, ratio: float = 1.0) -> float:
    """Largest observed hazard ratio below 1 that is significant (two-sided ``alpha``)."""
    return exp(-critical(100 * (1 - alpha)) * observed_se(events, ratio))
