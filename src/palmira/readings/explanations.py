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
from palmira.statistics.estimates import critical, log_se, two_sided_p
from palmira.statistics.hazard_ratios import smallest_se
from palmira.statistics.landmarks import from_interval

LEVELS = (81.0, 84.0)
# Largest ratio of a Cox model's standard error to its bound in 99 of 100 ordinary analyses.
ORDINARY = 1.07
TRIALS, SEED = 4000, 2025


@dataclass(frozen=True)
class Explanation:
    """What an explanation does to a printed ratio (None: it does not say).

    ``estimate`` multiplies its logarithm, ``se`` (least and most) the standard error that its
    limits imply, and ``own_p`` says whether the printed P value follows from that standard error.
    """

    label: str
    estimate: float = 1.0
    se: tuple[float, float] | None = None
    own_p: bool = True
    robust: bool = False


def _printed_as_95(level: float) -> float:
    return critical(level) / critical(95)


HALF = 1 / sqrt(2)
NARROW = (_printed_as_95(LEVELS[0]), _printed_as_95(LEVELS[1]))
AS_95 = f"An interval of {LEVELS[0]:.0f} to {LEVELS[1]:.0f}%, printed as 95%"
EXPLANATIONS = {
    "contrast": Explanation("Rescaled contrast (orthonormal)", HALF, (HALF, HALF)),
    "doubled": Explanation("Every patient entered twice", 1.0, (HALF, HALF)),
    "level": Explanation(AS_95, 1.0, NARROW, own_p=False),
    "effect": Explanation("Effect coding (−1, +1)", 0.5, (0.5, 0.5)),
    "robust": Explanation("Robust standard errors", robust=True),
    "risk": Explanation("Clinical benefit: a ratio of risks"),
    "covariates": Explanation("Clinical benefit: other covariates"),
    "misprint": Explanation("Misprints, one by one"),
}
CBR_ONLY = ("risk", "covariates")


@dataclass(frozen=True)
class Evidence:
    """All that the explanations are held against.

    ``draws`` are adjusted ratios for clinical benefit in drawn trials, by model (logistic, risk)
    and covariates (strata; or with ``more`` beside them); ``robust_floor`` the least robust SE over
    the bound in simulations; ``widest_ratio`` the printed hazard ratio's SE over its bound at the
    widest rounding; ``effective`` the patients that a landmark interval is worth, of ``patients``.
    """

    record: Record
    factor: CommonFactor
    benefit: Comparison
    draws: dict[tuple[str, str], pd.DataFrame]
    robust_floor: float
    widest_ratio: float
    effective: float
    patients: int
    more: tuple[str, ...]


PFS, CBR, ABSTRACT = "contrasts.pfs.hazard_ratio", "contrasts.cbr.odds_ratio", "asco2023"
ARMS = ("et", "palbociclib")  # The odds ratio for clinical benefit is read as ET to palbociclib.
BENEFIT = Rates("cbr", ARMS)


def gather(
    record: Record, factor: CommonFactor, errors: pd.DataFrame, more: tuple[str, ...]
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
    return Evidence(
        record=record,
        factor=factor,
        benefit=comparison(record, "cbr"),
        draws=draws,
        robust_floor=float(errors["robust_ratio"].min()),
        widest_ratio=reading(record, PFS).largest_ratio,
        effective=rate.value * (1 - rate.value) / se**2,
        patients=int(record.size("randomized", ARMS[1]).value),
        more=more,
    )


def p_span(record: Record, cell: str, level: float) -> tuple[float, float]:
    """Wald P values that a printed ratio and interval allow, if the interval is of ``level``."""
    estimate, lower, upper = record.interval(cell).prints
    corners = product(*[(x.low, x.high) for x in (estimate, lower, upper)])
    values = [two_sided_p(log(e) / log_se(low, up, level)) for e, low, up in corners]
    return min(values), 1.0 if estimate.low <= 1 <= estimate.high else max(values)


def printed_p(record: Record, cell: str) -> Printed:
    """The P value printed with a ratio. Raises ``KeyError`` where there is none."""
    return record[f"{cell}.p"].rounding


def holds_p(record: Record, cell: str, level: float) -> bool:
    """Whether the printed P value lies within ``p_span``, rounding of its own included."""
    low, high = p_span(record, cell, level)
    p = printed_p(record, cell)
    return low <= p.high and p.low <= high


def prints_share(draws: pd.DataFrame, printed: Printed, factor: float) -> float:
    """Share of drawn trials whose ratio, its logarithm times ``factor``, prints as ``printed``."""
    value = draws["ratio"] ** factor
    return float(((value >= printed.low) & (value < printed.high)).mean())


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
        least_z, most_z = (abs(critical(100 * (1 - x))) for x in (p.high, p.low))
        step = 0.02  # the grid's own coarseness in z
        fits &= (z >= least_z - step) & (z <= most_z + step)
    return bool(fits.any())
