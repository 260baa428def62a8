"""Imbalance that randomization alone makes at baseline."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import comb, inf, sqrt


def standardized_difference(count: int, n: int, control_count: int, control_n: int) -> float:
    """Standardized difference of two proportions (Austin, Commun Stat 2009;38:1228).

    Positive where the share is larger in the experimental arm; 0 where both arms agree; infinite
    where everybody in one arm and nobody in the other has the characteristic.
    """
    p, q = count / n, control_count / control_n
    spread = (p * (1 - p) + q * (1 - q)) / 2
    if p == q:
        return 0.0
    return (p - q) / sqrt(spread) if spread > 0 else inf * (p - q)


def chance_exactly(threshold: float, totals: Sequence[int], n: int, control_n: int) -> float:
    """Exact probability that any level of a factor goes beyond ``threshold`` in absolute
    standardized difference, under simple randomization into arms of ``n`` and ``control_n``.

    ``totals`` are the patients in each level, both arms together; they add up to all patients, and
    the counts of an arm are then multivariate hypergeometric: all of them are enumerated. Raises
    ``ValueError`` where the levels do not add up.
    """
    if sum(totals) != n + control_n:
        raise ValueError(f"levels of {sum(totals)} patients for arms of {n} and {control_n}")
    beyond = 0
    for free in product(*(range(min(t, control_n) + 1) for t in totals[:-1])):
        control = (*free, control_n - sum(free))
        if not 0 <= control[-1] <= totals[-1]:
            continue
        levels = zip(totals, control, strict=True)
        gaps = (standardized_difference(t - c, n, c, control_n) for t, c in levels)
        if any(abs(gap) > threshold for gap in gaps):
            ways = 1
            for t, c in zip(totals, control, strict=True):
                ways *= comb(t, c)
            beyond += ways
    return beyond / comb(n + control_n, control_n)
