"""Proportions of patients, within an arm and between the arms."""

from __future__ import annotations

from math import exp, inf, log, sqrt

import numpy as np
from scipy.optimize import brentq
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from palmira.statistics.estimates import Estimate, critical


def clopper_pearson(count: int, n: int, level: float = 95.0) -> Estimate:
    """Proportion with the exact interval of Clopper and Pearson (Biometrika 1934;26:404)."""
    if not 0 <= count <= n or n < 1:
        raise ValueError(f"{count} of {n} is not a proportion")
    lower, upper = proportion_confint(count, n, alpha=1 - level / 100, method="beta")
    return Estimate(count / n, float(lower), float(upper), level)


def count_from_percent(percent: float, half_unit: float, n: int) -> list[int]:
    """All counts of ``n`` that print as ``percent`` (GRIM; Brown and Heathers 2017)."""
    slack = 1e-9
    return [
        k
        for k in range(n + 1)
        if percent - half_unit - slack <= 100 * k / n <= percent + half_unit + slack
    ]


def risk_difference(
    count: int, n: int, control_count: int, control_n: int, level: float = 95.0
) -> Estimate:
    """Difference of two proportions with Newcombe's hybrid interval (Stat Med 1998;17:873)."""
    lower, upper = confint_proportions_2indep(
        count, n, control_count, control_n, method="newcomb", compare="diff", alpha=1 - level / 100
    )
    return Estimate(count / n - control_count / control_n, float(lower), float(upper), level)


def risk_ratio(
    count: int, n: int, control_count: int, control_n: int, level: float = 95.0
) -> Estimate | None:
    """Ratio of two proportions with the score interval of Koopman (Biometrics 1984;40:513).

    It excludes 1 exactly where Pearson's chi-square test of the two arms is significant. None where
    neither arm has a case; with none in one arm the ratio is 0 or infinite, and so is the limit on
    that side, while the other limit is that of the score test. Solved here, since statsmodels'
    score limits miss the ratio where everybody in an arm is a case: 0.50 (0.75 to 1.94) for 1 of 2
    against 2 of 2, where the limits are 0.09 and 1.94.
    """
    if count == 0 and control_count == 0:
        return None
    limit = critical(level) ** 2

    def beyond(log_ratio: float) -> float:
        return _ratio_score(exp(log_ratio), count, n, control_count, control_n) - limit

    value = inf if control_count == 0 else (count / n) / (control_count / control_n)
    center = log(value) if 0 < value < inf else 0.0
    far = 60.0  # Beyond e ** 60 no arm of fewer than 10 ** 24 patients has a limit.
    lower = 0.0 if count == 0 else exp(brentq(beyond, -far, center if control_count else far))
    if control_count == 0:
        return Estimate(value, lower, inf, level)
    return Estimate(value, lower, exp(brentq(beyond, center if count else -far, far)), level)


def _ratio_score(ratio: float, count: int, n: int, control_count: int, control_n: int) -> float:
    """Score chi-square of a ratio of two proportions, at the proportions most likely under it."""
    half = (n * ratio + count + control_n + control_count * ratio) / 2
    cases = count + control_count
    root = sqrt(max(half**2 - (n + control_n) * ratio * cases, 0.0))
    q = min(cases / (half + root), 1.0)
    p = min(ratio * q, 1.0)
    variance = p * (1 - p) / n + ratio**2 * q * (1 - q) / control_n
    gap = count / n - ratio * control_count / control_n
    return gap**2 / variance if variance > 0 else 0.0


def odds_ratio(
    count: int, n: int, control_count: int, control_n: int, level: float = 95.0
) -> tuple[Estimate, float, float]:
    """Odds ratio with Woolf's interval, the standard error of its log, and the Wald P value.

    Source: Woolf, Ann Hum Genet 1955;19:251. Raises ``ValueError`` for an empty cell.
    """
    cells = np.array([[count, n - count], [control_count, control_n - control_count]])
    if cells.min() <= 0:
        raise ValueError(f"Woolf's interval needs four filled cells, not {cells.tolist()}")
    table = Table2x2(cells)
    lower, upper = table.oddsratio_confint(1 - level / 100)
    estimate = Estimate(float(table.oddsratio), float(lower), float(upper), level)
    return estimate, float(table.log_oddsratio_se), float(table.oddsratio_pvalue())
