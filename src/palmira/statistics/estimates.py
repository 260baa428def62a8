"""An estimate with its interval, and the normal arithmetic that the printed ones allow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import erfc, exp, log, sqrt

from scipy.stats import norm


@dataclass(frozen=True)
class Estimate:
    """A value with the limits of its confidence interval; ``level`` in percent."""

    value: float
    lower: float
    upper: float
    level: float = 95.0

    def text(self, decimals: int = 2) -> str:
        """As the book prints it: ``0.84 (0.60 to 1.17)``."""
        value, lower, upper = (f"{x:.{decimals}f}" for x in (self.value, self.lower, self.upper))
        return f"{value} ({lower} to {upper})"

    @property
    def wald_p(self) -> float:
        """Two-sided P value of a ratio by the Wald test of its logarithm."""
        return two_sided_p(log(self.value) / self.log_se)

    @classmethod
    def symmetric(cls, value: float, reach: float, level: float = 95.0) -> Estimate:
        """A value with limits at equal distance."""
        return cls(value, value - reach, value + reach, level)

    @property
    def log_se(self) -> float:
        """Standard error of its logarithm, if it is a ratio with Wald limits."""
        return log_se(self.lower, self.upper, self.level)

    def times(self, unit: float) -> Estimate:
        """The same in another unit, as 100 for percents."""
        return Estimate(self.value * unit, self.lower * unit, self.upper * unit, self.level)

    @property
    def exponential(self) -> Estimate:
        """The ratio whose logarithm this is."""
        return Estimate(exp(self.value), exp(self.lower), exp(self.upper), self.level)


@lru_cache(maxsize=64)
def critical(level: float) -> float:
    """Standard normal quantile of a two-sided interval of ``level`` percent."""
    return float(norm.ppf(0.5 + level / 200))


def two_sided_p(z: float) -> float:
    """Two-sided P value of a standard normal statistic."""
    return erfc(abs(z) / sqrt(2))


def log_se(lower: float, upper: float, level: float = 95.0) -> float:
    """Standard error of a log ratio whose Wald interval runs from ``lower`` to ``upper``."""
    return (log(upper) - log(lower)) / (2 * critical(level))


def ratio(value: float, se: float, level: float = 95.0) -> Estimate:
    """A ratio with the Wald interval of its logarithm; ``se`` on the log scale."""
    z = critical(level)
    return Estimate(value, value * exp(-z * se), value * exp(z * se), level)


Range = tuple[float, float]


def tied(estimate: Range, lower: Range, upper: Range) -> list[tuple[float, float, float]]:
    """Corners of all estimates and limits within their ranges that a Wald interval ties together.

    All ranges are on the scale of the interval (logarithms of a ratio), on which the estimate is
    the middle of the limits. What is a quotient of linear functions of them, as z, takes its least
    and largest value at a corner. Empty where no estimate within its range is such a middle.
    """
    pairs = list(product(lower, upper))
    for middle, one in product(estimate, lower):
        pairs.append((one, 2 * middle - one))
    for middle, other in product(estimate, upper):
        pairs.append((2 * middle - other, other))
    boxes = (estimate, lower, upper)
    found = (((low + up) / 2, low, up) for low, up in pairs)
    return [
        x
        for x in dict.fromkeys(found)
        if all(a - 1e-12 <= v <= b + 1e-12 for v, (a, b) in zip(x, boxes, strict=True))
    ]


def p_text(p: float) -> str:
    """A P value as the journal prints it: ``.149``, ``< .001``."""
    return "< .001" if p < 0.0005 else f"{p:.3f}".lstrip("0") if p < 0.9995 else "1.00"


def percent(share: float, decimals: int = 1) -> str:
    """A share as a percent: ``66.2%``."""
    return f"{100 * share:.{decimals}f}%"
