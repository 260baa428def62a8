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
from palmira.readings.adjustment import adjusted_ratios
from palmira.readings.response import Comparison, comparison
from palmira.readings.three_readings import printed_estimate, reading, widest_se
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.printed import Printed
from palmira.statistics.estimates import critical, log_se, two_sided_p
from palmira.statistics.hazard_ratios import smallest_se

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


def _narrow(level: float) -> float:
    return critical(level) / critical(95)


HALF = 1 / sqrt(2)
EXPLANATIONS = {
    "contrast": Explanation("Rescaled contrast (orthonormal)", HALF, (HALF, HALF)),
    "doubled": Explanation("Every patient entered twice", 1.0, (HALF, HALF)),
    "level": Explanation(
        f"An interval of {LEVELS[0]:.0f} to {LEVELS[1]:.0f}%, printed as 95%", 1.0,
        (_narrow(LEVELS[0]), _narrow(LEVELS[1])), own_p=False,
    ),
    "effect": Explanation("Effect coding (−1, +1)", 0.5, (0.5, 0.5)),
    "robust": Explanation("Robust standard errors", robust=True),
    "risk": Explanation("Clinical benefit: a ratio of risks"),
    "covariates": Explanation("Clinical benefit: other covariates"),
    "misprint": Explanation("Misprints, one by one"),
}  # fmt: skip
CBR_ONLY = ("risk", "covariates")


@dataclass(frozen=True)
class Evidence:
    """All that the explanations are held against.

    ``draws`` are adjusted ratios for clinical benefit in drawn trials, by model (logistic, risk)
    and covariates (strata; or with ``more`` beside them); ``robust_floor`` the least robust SE over
    the bound in simulations; ``ratios`` the printed hazard ratio's SE over its bound, as printed
    and at the widest rounding; ``effective`` the number of patients that a landmark interval is
    worth, and the arm's size.
    """

    record: Record
    factor: CommonFactor
    benefit: Comparison
    draws: dict[tuple[str, str], pd.DataFrame]
    robust_floor: float
    ratios: tuple[float, float]
    effective: tuple[float, int]
    more: tuple[str, ...]


PFS, CBR, ABSTRACT = "contrasts.pfs.hazard_ratio", "contrasts.cbr.odds_ratio", "asco2023"
ARMS = ("et", "palbociclib")  # The odds ratio for clinical benefit is read as ET to palbociclib.


def gather(
    record: Record, factor: CommonFactor, errors: pd.DataFrame, more: tuple[str, ...]
) -> Evidence:
    """Gather the evidence around the ``factor`` common to all rows of hazard ratios.

    ``errors`` are simulated standard errors (``standard_errors.simulate``) of trials of this size;
    ``more`` are covariates that a model may hold beside the strata.
    """
    strata = tuple(record.sheet.strata)
    final = reading(record, PFS)
    draws = {
        (model, name): ratios
        for name, factors in (("strata", strata), ("more", (*strata, *more)))
        for model, ratios in adjusted_ratios(record, "cbr", ARMS, factors, TRIALS, SEED).items()
    }
    rate = printed_estimate(record, f"results.pfs.rate_6.{ARMS[1]}", 100)
    scale = rate.value * abs(log(rate.value))
    width = log(-log(rate.lower)) - log(-log(rate.upper))
    se = width / (2 * critical(rate.level)) * scale
    patients = int(record.size("randomized", ARMS[1]).value)
    return Evidence(
        record=record,
        factor=factor,
        benefit=comparison(record, "cbr"),
        draws=draws,
        robust_floor=float(errors["robust_ratio"].min()),
        ratios=(final.ways.se_ratio, final.largest_ratio),
        effective=(rate.value * (1 - rate.value) / se**2, patients),
        more=more,
    )


def box(record: Record, cell: str) -> dict[str, Printed]:
    """Printed estimate, limits and P of a ratio. Raises ``ValueError`` where one is no number."""
    parts: dict[str, Entry] = record.cell(record[f"{cell}.estimate"])
    numbers: dict[str, Printed] = {}
    for part in ("estimate", "lower", "upper", "p"):
        printed = parts[part].printed if part in parts else None
        if printed is not None:
            numbers[part] = printed
        elif part in parts:
            raise ValueError(f"{cell}: {part} is no number")
    return numbers


def p_span(record: Record, cell: str, level: float) -> tuple[float, float]:
    """Wald P values that a printed ratio and interval allow, if the interval is of ``level``."""
    b = box(record, cell)
    corners = product(*[(b[k].low, b[k].high) for k in ("estimate", "lower", "upper")])
    values = [two_sided_p(log(e) / log_se(low, up, level)) for e, low, up in corners]
    return min(values), 1.0 if b["estimate"].low <= 1 <= b["estimate"].high else max(values)


def holds_p(record: Record, cell: str, level: float) -> bool:
    """Whether the printed P value lies within ``p_span``, rounding of its own included."""
    low, high = p_span(record, cell, level)
    p = box(record, cell)["p"]
    return low <= p.high and p.low <= high


def prints_share(draws: pd.DataFrame, printed: Printed, factor: float) -> float:
    """Share of drawn trials whose ratio, its logarithm times ``factor``, prints as ``printed``."""
    value = draws["ratio"] ** factor
    return float(((value >= printed.low) & (value < printed.high)).mean())


def se_box(record: Record, cell: str) -> tuple[float, float]:
    """Least and largest standard error of a log ratio that the rounding of its limits allows."""
    b = box(record, cell)
    return log_se(b["lower"].high, b["upper"].low), widest_se(record, cell)


def abstract_agrees(record: Record, e: Explanation, own_p: bool = True) -> bool:
    """Whether a ratio, interval and P as in the conference abstract could come about under ``e``.

    The true standard error may lie between its bound (events split as in the final analysis) and
    ``ORDINARY`` times that; ``own_p`` says whether P is the model's own.
    """
    b, events = box(record, f"{ABSTRACT}.hazard_ratio"), record[f"{ABSTRACT}.events.count"].value
    d = reading(record, PFS).events
    least = smallest_se(*(events * x / sum(d) for x in d))
    low, high = e.se or (1.0, 1.0)
    true, factor, ratio = np.meshgrid(
        np.linspace(2 / sqrt(events), ORDINARY * least, 60), np.linspace(low, high, 9),
        np.linspace(b["estimate"].low, b["estimate"].high, 120),
    )  # fmt: skip
    half = critical(95) * factor * true
    lower, upper = ratio * np.exp(-half), ratio * np.exp(half)
    fits = (lower >= b["lower"].low) & (lower <= b["lower"].high)
    fits &= (upper >= b["upper"].low) & (upper <= b["upper"].high)
    if own_p:
        z = np.abs(np.log(ratio)) / (true * factor if e.own_p else true)
        limits = [abs(float(_z(p))) for p in (b["p"].high, b["p"].low)]
        step = 0.02  # the grid's own coarseness in z
        fits &= (z >= limits[0] - step) & (z <= limits[1] + step)
    return bool(fits.any())


def _z(p: float) -> float:
    return critical(100 * (1 - p))
