"""Two rules for the median of a Kaplan-Meier curve that rests at exactly one half."""

from __future__ import annotations

from math import inf, nan

import numpy as np
from numpy.typing import NDArray

from palmira.statistics.survival_curves import SLACK, Curve

Array = NDArray[np.float64]
RULES = ("first", "midpoint")


def median_days(curve: Curve, rule: str) -> tuple[float, float, float]:
    """The median in days with the limits where the curve's own limits cross one half.

    Rule "first": the first day on which the curve is at most one half. Rule "midpoint": where it is
    exactly one half for a while, the middle of that while, as R and SAS print it. The limits follow
    the same rule (Brookmeyer and Crowley, Biometrics 1982;38:29). Infinite where never reached.
    Raises ``ValueError`` for another rule.
    """
    if rule not in RULES:
        raise ValueError(f"unknown rule of the median {rule!r}: use first or midpoint")
    exists = curve.survival > SLACK
    found: list[float] = []
    for heights in (curve.survival, curve.lower, curve.upper):
        here = exists if heights is not curve.survival else np.ones_like(exists)
        found.append(_crossing(curve.days, np.where(here, heights, nan), rule))
    return found[0], found[1], found[2]


def _crossing(days: Array, heights: Array, rule: str) -> float:
    with np.errstate(invalid="ignore"):
        reached, beyond = heights <= 0.5 + SLACK, heights < 0.5 - SLACK
    if not reached.any():
        return inf
    first = int(np.argmax(reached))
    if rule == "first" or beyond[first] or not beyond.any():
        return float(days[first])
    return float(days[first] + days[int(np.argmax(beyond))]) / 2
