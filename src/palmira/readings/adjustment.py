"""What adjusting for baseline factors could do to a ratio of two arms' response rates.

How response and the factors go together is not published, so it is drawn: trials with the printed
arms, counts of responders and levels of each factor, in which each factor has an effect of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.readings.response import ResponseRate, response_rate
from palmira.record import Record
from palmira.statistics.estimates import critical

Array = NDArray[np.float64]
# Standard deviation of the log odds ratio of a factor's level among responders.
EFFECT = 0.7
STEPS = 8


class Rates(NamedTuple):
    """The printed rates of an outcome (a row of the results) in two arms."""

    outcome: str
    arms: tuple[str, str]

    def of(self, record: Record) -> list[ResponseRate]:
        """The rates with the counts behind them. Raises ``ValueError`` where one allows no count,
        or more than one."""
        return [response_rate(record, self.outcome, arm) for arm in self.arms]


def levels(record: Record, factors: tuple[str, ...], arms: tuple[str, str]) -> list[list[int]]:
    """Patients at the first level of each factor of the subgroup figure, by arm."""
    found = []
    for factor in factors:
        rows = record.where(block="figure3", factor=factor, part="n")
        by_arm = {e.arm: int(e.value) for e in rows if e.category == rows[0].category}
        found.append([by_arm[arm] for arm in arms])
    return found


def adjusted_ratios(
    record: Record, rates: Rates, factors: tuple[str, ...], trials: int, seed: int
) -> dict[str, pd.DataFrame]:
    """Ratios of the first arm to the second, adjusted for ``factors``, in drawn trials.

    ``logistic``: odds ratio by maximum likelihood, ``se`` model-based; ``risk``: risk ratio by
    Poisson regression, ``se`` robust (Zou, Am J Epidemiol 2004;159:702). ``robust`` is the sandwich
    standard error of either; ``lower`` and ``upper`` are the odds ratio's 95% limits by profile
    likelihood. One line a trial, the same trials under both models.
    """
    counts = rates.of(record)
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(arm.n) < arm.count for arm in counts]).astype(int)
    arm = np.repeat([1, 0], [arm.n for arm in counts])
    code = np.tile(y + 2 * arm, (trials, 1))  # one bit each: response, arm, level of each factor
    for bit, sizes in enumerate(levels(record, factors, rates.arms), start=2):
        effect = rng.normal(0, EFFECT, (trials, 1))
        taste = effect * y + rng.gumbel(size=(trials, len(y)))
        for value, size in zip((1, 0), sizes, strict=True):
            if size:  # those of the arm with the strongest taste for the first level
                who = np.flatnonzero(arm == value)
                last = np.partition(taste[:, who], len(who) - size, axis=1)[:, [len(who) - size]]
                code[:, who] += (taste[:, who] >= last) << bit
    return {model: _fit(code, 2 + len(factors), model) for model in ("logistic", "risk")}


def _fit(code: NDArray[np.int_], bits: int, model: str) -> pd.DataFrame:
    """Fit all trials at once; ``code`` (trials, patients) holds a patient's values as bits.

    Patients with the same code are alike, so a trial is the number of patients of each code.
    """
    trials, kinds = len(code), 2**bits
    place = code + kinds * np.arange(trials)[:, None]
    counts = np.bincount(place.ravel(), minlength=trials * kinds).reshape(trials, kinds)
    values = (np.arange(kinds)[:, None] >> np.arange(bits)) & 1
    y, x = values[:, 0], np.column_stack([np.ones(kinds), values[:, 1:]])
    squares = (x[:, :, None] * x[:, None, :]).reshape(kinds, -1)

    def crossed(weight: Array) -> Array:
        return ((counts * weight) @ squares).reshape(trials, bits, bits)

    beta = np.zeros((trials, bits))
    beta[:, 0] = np.log((counts @ y) / counts.sum(axis=1))
    for _ in range(STEPS):
        mean, weight = _mean(beta @ x.T, model)
        score = (counts * (y - mean)) @ x
        beta = beta + np.linalg.solve(crossed(weight), score[..., None])[..., 0]
    mean, weight = _mean(beta @ x.T, model)
    bread = np.linalg.inv(crossed(weight))
    robust = np.sqrt((bread @ crossed((y - mean) ** 2) @ bread)[:, 1, 1])
    found = pd.DataFrame({"ratio": np.exp(beta[:, 1]), "se": robust, "robust": robust})
    if model == "risk":
        return found
    found["se"] = np.sqrt(bread[:, 1, 1])
    events = (counts * y)[..., None] * x

    def likelihood(beta: Array) -> Array:
        linear = beta @ x.T
        fitted = np.logaddexp(0, linear)
        return (events.sum(axis=1) * beta).sum(axis=1) - (counts * fitted).sum(axis=1)

    # Venzon and Moolgavkar, Appl Stat 1988;37:87: Newton's method for the likelihood at its limit
    # and the scores of the other coefficients at zero, from the Wald limits on.
    reach = critical(95)
    limit = likelihood(beta) - reach**2 / 2
    for name, sign in (("lower", -1), ("upper", 1)):
        at = beta + sign * reach * bread[:, :, 1] / found["se"].to_numpy()[:, None]
        for _ in range(STEPS):
            mean, weight = _mean(at @ x.T, model)
            score = (counts * (y - mean)) @ x
            gap, slope = score.copy(), -crossed(weight)
            gap[:, 1], slope[:, 1] = likelihood(at) - limit, score
            step = np.linalg.solve(slope, gap[..., None])[..., 0]
            at = at - np.clip(step, -0.5, 0.5)
        found[name] = np.exp(at[:, 1])
    return found


def _mean(linear: Array, model: str) -> tuple[Array, Array]:
    """Expected response and the weight of a patient in the information."""
    if model == "logistic":
        mean = 1 / (1 + np.exp(-linear))
        return mean, mean * (1 - mean)
    mean = np.exp(linear)
    return mean, mean
