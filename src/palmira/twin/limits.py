"""Limits of a Kaplan-Meier curve of five kinds, and two rules for its median."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan, pi

import numpy as np
from numpy.typing import NDArray

from palmira.estimates import critical
from palmira.twin.verify_survival import SLACK, Curve, log_log

Array = NDArray[np.float64]
Z = critical(95)
RULES = ("first", "midpoint")


def _arcsine(s: Array, se: Array) -> tuple[Array, Array]:
    angle, half = np.arcsin(np.sqrt(s)), Z * 0.5 * se * np.sqrt(s / (1 - s))
    ends = [np.sin(np.clip(angle + sign * half, 0, pi / 2)) ** 2 for sign in (-1, 1)]
    return ends[0], ends[1]


def _logit(s: Array, se: Array) -> tuple[Array, Array]:
    odds, spread = s / (1 - s), np.exp(Z * se / (1 - s))
    return odds / spread / (1 + odds / spread), odds * spread / (1 + odds * spread)


# Limits from the survival and the standard error of its logarithm (Greenwood).
LIMITS: dict[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "log-log": log_log,
    "plain": lambda s, se: (np.clip(s - Z * s * se, 0, 1), np.clip(s + Z * s * se, 0, 1)),
    "log": lambda s, se: (s * np.exp(-Z * se), np.minimum(s * np.exp(Z * se), 1)),
    "arcsine": _arcsine,
    "logit": _logit,
}


def limited(curve: Curve, kind: str) -> Curve:
    """The curve with 95% limits of another kind: one of ``LIMITS``.

    Before the first event both limits are 1, where nobody survives they are NaN. Source:
    Kalbfleisch and Prentice 1980, section 1.4; arcsine and logit as R's survfit defines them.
    Raises ``KeyError`` for another kind.
    """
    make = LIMITS[kind]
    s = curve.survival
    inside = (s > SLACK) & (s < 1)
    ends = [np.where(s >= 1, 1.0, nan) for _ in range(2)]
    for end, found in zip(ends, make(s[inside], np.sqrt(curve.greenwood[inside])), strict=True):
        end[inside] = found
    return Curve(curve.days, s, ends[0], ends[1], curve.greenwood)


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
