"""Balance of the arms at baseline."""

from __future__ import annotations

from math import sqrt

from scipy.stats import norm


def standardized_difference(count: int, n: int, control_count: int, control_n: int) -> float:
    """Standardized difference of two proportions (Austin, Commun Stat 2009;38:1228).

    Positive where the share is larger in the experimental arm; 0 where both arms agree.
    """
    p, q = count / n, control_count / control_n
    spread = (p * (1 - p) + q * (1 - q)) / 2
    return 0.0 if p == q else (p - q) / sqrt(spread)


def chance_limit(n: int, control_n: int, level: float = 95.0) -> float:
    """Half-width of the range in which randomization alone keeps a standardized difference.

    Its standard deviation under simple randomization is close to sqrt(1/n1 + 1/n2); a stratified
    factor varies less.
    """
    return float(norm.ppf(0.5 + level / 200)) * sqrt(1 / n + 1 / control_n)
