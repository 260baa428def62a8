"""Proportions of patients, within an arm and between the arms."""

from __future__ import annotations

from math import exp, log, sqrt

from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from palmira.estimates import Estimate, critical, two_sided_p


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
    """Ratio of two proportions with the Koopman score interval; None where neither arm has a case.

    With no case in the control arm the ratio and its upper limit are infinite.
    """
    if count == 0 and control_count == 0:
        return None
    value = float("inf") if control_count == 0 else (count / n) / (control_count / control_n)
    if control_count == 0 or count == 0:
        half = 0.5  # Katz's interval of the log ratio after adding one half to each cell.
        a, b = (count + half) / (n + half), (control_count + half) / (control_n + half)
        se = sqrt(1 / (count + half) - 1 / (n + half) + 1 / (control_count + half)
                  - 1 / (control_n + half))  # fmt: skip
        z = critical(level)
        low, high = a / b * exp(-z * se), a / b * exp(z * se)
        return Estimate(value, low, float("inf") if control_count == 0 else high, level)
    lower, upper = confint_proportions_2indep(
        count, n, control_count, control_n, method="score", compare="ratio", alpha=1 - level / 100
    )
    return Estimate(value, float(lower), float(upper), level)


def odds_ratio(
    count: int, n: int, control_count: int, control_n: int, level: float = 95.0
) -> tuple[Estimate, float, float]:
    """Odds ratio with Woolf's interval, the standard error of its log, and the Wald P value.

    Source: Woolf, Ann Hum Genet 1955;19:251. Raises ``ValueError`` for an empty cell.
    """
    cells = (count, n - count, control_count, control_n - control_count)
    if min(cells) <= 0:
        raise ValueError(f"Woolf's interval needs four filled cells, not {cells}")
    value = cells[0] * cells[3] / (cells[1] * cells[2])
    se = sqrt(sum(1 / c for c in cells))
    z = critical(level)
    estimate = Estimate(value, value * exp(-z * se), value * exp(z * se), level)
    return estimate, se, two_sided_p(log(value) / se)
