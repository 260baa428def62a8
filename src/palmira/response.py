"""Response: counts behind printed rates, comparisons of the arms, readings of an odds ratio."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from palmira.estimates import Estimate, log_se, ratio, two_sided_p
from palmira.hazard_ratios import full_scale
from palmira.proportions import clopper_pearson, count_from_percent, odds_ratio, risk_difference
from palmira.readings import printed_estimate, printed_text, widest_se
from palmira.record import Record

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
    cell = f"results.{outcome}.{arm}"
    entry = record[f"{cell}.estimate"]
    if entry.printed is None or entry.population is None:
        raise ValueError(f"{cell}: no rate of an analysis set")
    n = int(record.size(entry.population, arm).value)
    counts = count_from_percent(entry.value, entry.printed.half_unit, n)
    if len(counts) != 1:
        raise ValueError(f"{cell}: {entry.text}% of {n} patients may be {counts or 'no count'}")
    e = clopper_pearson(counts[0], n, float(entry.interval_level or 95))
    exact = Estimate(100 * e.value, 100 * e.lower, 100 * e.upper, e.level)
    return ResponseRate(
        OUTCOMES[outcome], arm, counts[0], n, printed_estimate(record, cell),
        printed_text(record, cell), exact,
    )  # fmt: skip


def response_rates(record: Record) -> list[ResponseRate]:
    """All outcomes, both arms: experimental first."""
    return [response_rate(record, outcome, arm) for outcome in OUTCOMES for arm in ARMS]


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
    d = risk_difference(a.count, a.n, b.count, b.n)
    odds, se, p = odds_ratio(b.count, b.n, a.count, a.n)
    points = Estimate(100 * d.value, 100 * d.lower, 100 * d.upper, d.level)
    return Comparison(a, b, points, odds, se, p)


@dataclass(frozen=True)
class OddsRatioReading:
    """One way to read an odds ratio: its name and class, estimate, log standard error, Wald P."""

    label: str
    estimate: Estimate
    text: str
    se: float

    @property
    def p(self) -> float:
        return two_sided_p(log(self.estimate.value) / self.se)


def odds_ratio_readings(record: Record, outcome: str = "cbr") -> dict[str, OddsRatioReading]:
    """The printed odds ratio, the raw one, the printed one with the raw standard error, and what
    it would be on the full scale. A logistic model that holds the arm and other covariates cannot
    report a standard error below the raw table's.
    """
    cell = f"contrasts.{outcome}.odds_ratio"
    printed, raw = printed_estimate(record, cell), comparison(record, outcome)
    se = log_se(printed.lower, printed.upper, printed.level)
    neutral = ratio(printed.value, raw.odds_ratio_se, printed.level)
    full = full_scale(printed.value, printed.lower, printed.upper, printed.level)
    full_se = log_se(full.lower, full.upper, full.level)
    return {
        "printed": OddsRatioReading(
            "As printed (published)", printed, printed_text(record, cell), se
        ),
        "raw": OddsRatioReading(
            "Raw counts (derived)", raw.odds_ratio, raw.odds_ratio.text(), raw.odds_ratio_se
        ),
        "neutral": OddsRatioReading(
            "Neutral (derived)", neutral, neutral.text(), raw.odds_ratio_se
        ),
        "conditional": OddsRatioReading("Full scale (conditional)", full, full.text(), full_se),
    }


def largest_se_ratio(record: Record, outcome: str = "cbr") -> float:
    """Printed over raw standard error of the log odds ratio, at the widest rounding."""
    widest = widest_se(record, f"contrasts.{outcome}.odds_ratio")
    return widest / comparison(record, outcome).odds_ratio_se
