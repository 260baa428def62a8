"""Hazard ratios from what is printed: estimate, interval, P value and numbers of events."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

from palmira.statistics.estimates import Estimate, ratio, two_sided_p


def smallest_se(events: float, control_events: float) -> float:
    """Least standard error of a log hazard ratio that a Cox model can report with these events.

    At the partial-likelihood estimate the score equation says that the fitted probabilities p of
    "the patient with the event is of the experimental arm" add up to ``events``; the information is
    the sum of p (1 - p), which by Jensen's inequality is at most d1 d2 / (d1 + d2). Strata,
    covariates and a common interaction model that holds the factor itself only lower it. Hence
    SE >= sqrt(1/d1 + 1/d2).
    It holds for a model-based standard error with Breslow's or Efron's ties; a robust one can fall
    below.
    """
    if events <= 0 or control_events <= 0:
        raise ValueError("both arms need events")
    return sqrt(1 / events + 1 / control_events)


def smallest_se_of_total(events: float) -> float:
    """The same bound when only the total is known: 2 / sqrt(D), least at an even split."""
    if events <= 0:
        raise ValueError("a number of events is positive")
    return 2 / sqrt(events)


def events_needed(se: float) -> float:
    """Total events below which no split of them gives a standard error as small as ``se``."""
    return 4 / se**2


def neutral(
    hazard_ratio: float, events: float, control_events: float, level: float = 95
) -> Estimate:
    """The printed estimate with the smallest interval that its events allow."""
    return ratio(hazard_ratio, smallest_se(events, control_events), level)


def full_scale(printed: Estimate) -> Estimate:
    """Conditional: what is meant if estimate and limits were printed divided by sqrt(2) on the log
    scale, as a two-level factor with orthonormal contrasts would print them."""
    value, lower, upper = (x ** sqrt(2) for x in (printed.value, printed.lower, printed.upper))
    return Estimate(value, lower, upper, printed.level)


@dataclass(frozen=True)
class ThreeWays:
    """A hazard ratio as printed, neutral and conditional, with the SE of each on the log scale."""

    printed: Estimate
    neutral: Estimate
    conditional: Estimate
    printed_se: float
    smallest_se: float

    @property
    def se_ratio(self) -> float:
        """Printed standard error over the smallest possible; below 1 it cannot be model-based."""
        return self.printed_se / self.smallest_se


def three_ways(printed: Estimate, events: float, control_events: float) -> ThreeWays:
    """The three readings that the book shows of every PALMIRA hazard ratio."""
    return ThreeWays(
        printed=printed,
        neutral=neutral(printed.value, events, control_events, printed.level),
        conditional=full_scale(printed),
        printed_se=printed.log_se,
        smallest_se=smallest_se(events, control_events),
    )


def wald_p(hazard_ratio: float, se: float) -> float:
    """Two-sided Wald P value of a hazard ratio; ``se`` on the log scale."""
    return two_sided_p(log(hazard_ratio) / se)


def interaction(one: float, one_se: float, other: float, other_se: float) -> tuple[Estimate, float]:
    """Ratio of two independent subgroups' hazard ratios, with 95% interval, and its P value.

    Source: Altman and Bland, BMJ 2003;326:219.
    """
    se = sqrt(one_se**2 + other_se**2)
    return ratio(one / other, se), two_sided_p(log(one / other) / se)
