"""Explanations of intervals that are too narrow, each held against every piece of evidence.

An explanation says what it does to a printed ratio: to its logarithm, to the standard error behind
its limits, and whether the printed P value is that of the same standard error.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import log, sqrt

import numpy as np
import pandas as pd

from palmira.audit.scale import CommonFactor
from palmira.readings.adjustment import Rates, adjusted_ratios
from palmira.readings.response import Comparison, comparison
from palmira.readings.three_readings import reading
from palmira.record import Record
from palmira.record.printed import Printed
from palmira.statistics.estimates import critical, tied, two_sided_p
from palmira.statistics.hazard_ratios import smallest_se
from palmira.statistics.landmarks import from_interval

LEVELS = (81.0, 84.0)
# Largest ratio of a Cox model's standard error to its bound in 99 of 100 ordinary analyses.
ORDINARY = 1.07
TRIALS, SEED = 10_000, 2025


@dataclass(frozen=True)
class Explanation:
    """What an explanation does to a published ratio (None: it does not say).

    ``estimate`` multiplies its logarithm, ``se`` (least and most) the standard error that its
    limits imply, and ``own_p`` says whether the published P value follows from that standard error;
    ``sides`` of the test.
    """

    label: str
    estimate: float = 1.0
    se: tuple[float, float] | None = None
    own_p: bool = True
    robust: bool = False
    sides: int = 2


def _called_95(level: float) -> float:
    return critical(level) / critical(95)


HALF = 1 / sqrt(2)
NARROW = (_called_95(LEVELS[0]), _called_95(LEVELS[1]))
AS_95 = f"An interval of {LEVELS[0]:.0f} to {LEVELS[1]:.0f}%, reported as 95%"
# The level whose interval is narrower than the 95% one by the square root of two.
ONE_SIDED = 100 - 100 * two_sided_p(critical(95) * HALF)
EXPLANATIONS = {
    "contrast": Explanation("Rescaled contrast (orthonormal)", HALF, (HALF, HALF)),
    "base2": Explanation("Base-2 exponential", log(2), (log(2), log(2))),
    "doubled": Explanation("Every patient entered twice", 1.0, (HALF, HALF)),
    "weights": Explanation("Unstabilized inverse-probability weights"),
    "level": Explanation(AS_95, 1.0, NARROW, own_p=False),
    "one_sided": Explanation(
        f"An interval of {ONE_SIDED:.1f}%, with a one-sided P", 1.0, NARROW, own_p=False, sides=1
    ),
    "effect": Explanation("Effect coding (−1, +1)", 0.5, (0.5, 0.5)),
    "robust": Explanation("Robust standard errors", robust=True),
    "cluster": Explanation("Cluster-robust standard errors"),
    "means": Explanation("Ratio of 12-month restricted means"),
    "risk": Explanation("Clinical benefit: a ratio of risks"),
    "covariates": Explanation("Clinical benefit: other covariates"),
    "misprint": Explanation("Misprints, one by one"),
}
CBR_ONLY = ("risk", "covariates")


@dataclass(frozen=True)
class Rivals:
    """What other explanations give where patients are needed, computed on synthetic ones.

    ``spread`` is the standard deviation of log(SE / bound) over the published subgroup rows, and
    ``clusters`` the same under cluster-robust errors, by number of clusters. ``weights`` holds the
    least and largest factor on a row's SE under unstabilized weights, ``weights_spread`` its
    standard deviation on the log scale. ``means`` has a line for an analysis (``final``,
    ``preplanned``, ``os``): the ratio of restricted means with ``lower``, ``upper``, ``se``, ``p``.
    """

    spread: float
    clusters: dict[int, float]
    weights: tuple[float, float]
    weights_spread: float
    means: pd.DataFrame


@dataclass(frozen=True)
class Evidence:
    """All that the explanations are held against.

    ``draws`` are adjusted ratios for clinical benefit in drawn trials, by model (logistic, risk)
    and covariates (strata; or with ``more`` beside them); ``robust_floor`` the least robust SE over
    the bound in simulations; ``widest_ratio`` the published hazard ratio's SE over its bound at the
    widest rounding; ``survival`` the least SE of the hazard ratio for survival (deaths split
    evenly) and the largest that an ordinary analysis gives (split as the arms are); ``effective``
    the patients that a landmark interval is worth, of ``patients``.
    """

    record: Record
    factor: CommonFactor
    rivals: Rivals
    benefit: Comparison
    draws: dict[tuple[str, str], pd.DataFrame]
    robust_floor: float
    widest_ratio: float
    survival: tuple[float, float]
    effective: float
    patients: int
    more: tuple[str, ...]


PFS, PREPLANNED = "contrasts.pfs.hazard_ratio", "contrasts.pfs.preplanned"
OS, CBR = "contrasts.os.hazard_ratio", "contrasts.cbr.odds_ratio"
ABSTRACT = "asco2023"
ARMS = ("et", "palbociclib")  # The odds ratio for clinical benefit is read as ET to palbociclib.
BENEFIT = Rates("cbr", ARMS)


def gather(
    record: Record,
    factor: CommonFactor,
    errors: pd.DataFrame,
    rivals: Rivals,
    more: tuple[str, ...],
) -> Evidence:
    """Gather the evidence around the ``factor`` common to all rows of hazard ratios.

    ``errors`` are simulated standard errors (``standard_errors.simulate``) of trials of this size;
    ``more`` are covariates that a model may hold beside the strata.
    """
    strata = tuple(record.sheet.strata)
    draws = {
        (model, name): ratios
        for name, factors in (("strata", strata), ("more", (*strata, *more)))
        for model, ratios in adjusted_ratios(record, BENEFIT, factors, TRIALS, SEED).items()
    }
    rate = record.interval(f"results.pfs.rate_6.{ARMS[1]}").over(100)
    se = from_interval(rate.value, rate.lower, rate.upper, rate.level).se
    deaths = sum(reading(record, OS).events)
    sizes = [record.size("randomized", arm).value for arm in ARMS]
    split = [deaths * n / sum(sizes) for n in sizes]
    return Evidence(
        record=record,
        factor=factor,
        rivals=rivals,
        benefit=comparison(record, "cbr"),
        draws=draws,
        robust_floor=float(errors["robust_ratio"].min()),
        widest_ratio=reading(record, PFS).largest_ratio,
        survival=(2 / sqrt(deaths), ORDINARY * smallest_se(*split)),
        effective=rate.value * (1 - rate.value) / se**2,
        patients=int(record.size("randomized", ARMS[1]).value),
        more=more,
    )


def p_span(record: Record, cell: str, level: float, sides: int = 2) -> tuple[float, float]:
    """Wald P values that a printed ratio and interval allow, if the interval is of ``level``.

    The estimate is the middle of the limits on the log scale, so the three move together within
    their rounding; where no such three round to the printed ones, each by itself.
    """
    estimate, lower, upper = ((log(x.low), log(x.high)) for x in record.interval(cell).prints)
    corners = tied(estimate, lower, upper) or list(product(estimate, lower, upper))
    zs = [2 * critical(level) * value / (up - low) for value, low, up in corners]
    values = [two_sided_p(z) * sides / 2 for z in zs]
    return min(values), sides / 2 if min(zs) <= 0 <= max(zs) else max(values)


def printed_p(record: Record, cell: str) -> Printed:
    """The P value printed with a ratio. Raises ``KeyError`` where there is none."""
    return record[f"{cell}.p"].rounding


def holds_p(record: Record, cell: str, level: float, sides: int = 2) -> bool:
    """Whether the printed P value lies within ``p_span``, rounding of its own included."""
    low, high = p_span(record, cell, level, sides)
    p = printed_p(record, cell)
    return low <= p.high and p.low <= high


def prints_share(draws: pd.DataFrame, printed: Printed, factor: float) -> float:
    """Share of drawn trials whose ratio, its logarithm times ``factor``, prints as ``printed``."""
    value = draws["ratio"] ** factor
    return float(((value >= printed.low) & (value < printed.high)).mean())


def reports_all(draws: pd.DataFrame, record: Record, e: Explanation) -> float:
    """Share of drawn trials that give odds ratio, profile limits and Wald P as published for
    clinical benefit, under an explanation with one factor on the standard error."""
    logs, (width, _) = np.log(draws[["ratio", "lower", "upper"]]), e.se or (1.0, 1.0)
    scaled = logs.sub(logs["ratio"], axis=0).mul(width).add(e.estimate * logs["ratio"], axis=0)
    values = [*np.exp(scaled).to_numpy().T]
    z = e.estimate * logs["ratio"] / (width * draws["se"])
    values.append(np.array([two_sided_p(x) for x in z]))
    prints = [*record.interval(CBR).prints, printed_p(record, CBR)]
    held = [(v >= x.low) & (v < x.high) for v, x in zip(values, prints, strict=True)]
    return float(np.logical_and.reduce(held).mean())


def abstract_agrees(record: Record, e: Explanation, own_p: bool = True) -> bool:
    """Whether a ratio, interval and P as in the conference abstract could come about under ``e``.

    The true standard error may lie between its bound (events split as in the final analysis) and
    ``ORDINARY`` times that; ``own_p`` says whether P is the model's own.
    """
    cell = f"{ABSTRACT}.hazard_ratio"
    estimate, lower, upper = record.interval(cell).prints
    p, events = printed_p(record, cell), record[f"{ABSTRACT}.events.count"].value
    d = reading(record, PFS).events
    least = smallest_se(*(events * x / sum(d) for x in d))
    low, high = e.se or (1.0, 1.0)
    true, factor, ratio = np.meshgrid(
        np.linspace(2 / sqrt(events), ORDINARY * least, 60),
        np.linspace(low, high, 9),
        np.linspace(estimate.low, estimate.high, 120),
    )
    half = critical(95) * factor * true
    limits = ((lower, ratio * np.exp(-half)), (upper, ratio * np.exp(half)))
    fits = np.logical_and(*((x >= limit.low) & (x <= limit.high) for limit, x in limits))
    if own_p:
        z = np.abs(np.log(ratio)) / (true * factor if e.own_p else true)
        least_z, most_z = (abs(critical(100 * (1 - 2 * x / e.sides))) for x in (p.high, p.low))
        step = 0.02  # the grid's own coarseness in z
        fits &= (z >= least_z - step) & (z <= most_z + step)
    return bool(fits.any())
