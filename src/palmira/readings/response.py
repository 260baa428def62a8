"""Response: counts behind printed rates, comparisons of the arms."""

from __future__ import annotations

from dataclasses import dataclass

from palmira.record import Record
from palmira.statistics.estimates import Estimate
from palmira.statistics.proportions import (
    clopper_pearson,
    count_from_percent,
    odds_ratio,
    risk_difference,
)

ARMS = ("palbociclib", "et")
OUTCOMES = {
    "orr": "Objective response",
    "orr_measurable": "Objective response, measurable disease",
    "cbr": "Clinical benefit",
}


@dataclass(frozen=True)
class ResponseRate:
    """The one count that a printed rate allows, with its exact interval; estimates in percent."""

    outcome: str
    arm: str
    count: int
    n: int
    printed: Estimate
    printed_text: str
    exact: Estimate


def response_rate(record: Record, outcome: str, arm: str) -> ResponseRate:
    """The rate of ``outcome`` (a row of the results) in an arm, computed anew from its count.

    Raises ``ValueError`` where no count, or more than one, prints as the rate.
    """
    rate = record.interval(f"results.{outcome}.{arm}")
    entry, size = rate.estimate, record.patients(rate.estimate)
    if entry.printed is None or size is None:
        raise ValueError(f"{rate.cell}: no rate of an analysis set")
    n = int(size.value)
    counts = count_from_percent(entry.value, entry.printed.half_unit, n)
    if len(counts) != 1:
        raise ValueError(
            f"{rate.cell}: {entry.text}% of {n} patients may be {counts or 'no count'}"
        )
    exact = clopper_pearson(counts[0], n, rate.level).times(100)
    return ResponseRate(OUTCOMES[outcome], arm, counts[0], n, rate.over(), rate.text(), exact)


@dataclass(frozen=True)
class Comparison:
    """Two arms' rates: difference in percentage points (Newcombe), and the raw odds ratio of the
    control to the experimental arm (Woolf) with the standard error of its log and Wald P value."""

    experimental: ResponseRate
    control: ResponseRate
    difference: Estimate
    odds_ratio: Estimate
    odds_ratio_se: float
    p: float


def comparison(record: Record, outcome: str) -> Comparison:
    """Compare the arms from the counts that their printed rates imply."""
    a, b = (response_rate(record, outcome, arm) for arm in ARMS)
    points = risk_difference(a.count, a.n, b.count, b.n).times(100)
    odds, se, p = odds_ratio(b.count, b.n, a.count, a.n)
    return Comparison(a, b, points, odds, se, p)
