"""What adjusting for baseline factors could do to a ratio of two arms' response rates.

How response and the factors go together is not published, so it is drawn: trials with the printed
arms, counts of responders and levels of each factor, in which each factor has an effect of its own.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.proportions import count_from_percent
from palmira.record import Record

Array = NDArray[np.float64]
# Standard deviation of the log odds ratio of a factor's level among responders.
EFFECT = 0.7
STEPS = 8


def responders(record: Record, outcome: str, arms: tuple[str, str]) -> list[tuple[int, int]]:
    """Responders and patients of two arms, from the printed rates of ``outcome``.

    Raises ``ValueError`` where a rate allows no count, or more than one.
    """
    found = []
    for arm in arms:
        rate = record[f"results.{outcome}.{arm}.estimate"]
        n = int(record.size(str(rate.population), arm).value)
        counts = count_from_percent(rate.value, rate.printed.half_unit, n) if rate.printed else []
        if len(counts) != 1:
            raise ValueError(f"{rate.id}: {counts or 'no count'} of {n} prints as {rate.text}%")
        found.append((counts[0], n))
    return found


def levels(record: Record, factors: tuple[str, ...], arms: tuple[str, str]) -> list[list[int]]:
    """Patients at the first level of each factor of the subgroup figure, by arm."""
    found = []
    for factor in factors:
        rows = [
            e for e in record.entries.values()
            if e.block == "figure3" and e.factor == factor and e.part == "n" and not e.version
        ]  # fmt: skip
        first = next(e.category for e in rows)
        by_arm = {e.arm: int(e.value) for e in rows if e.category == first}
        found.append([by_arm[arm] for arm in arms])
    return found


def adjusted_ratios(
    record: Record, outcome: str, arms: tuple[str, str], factors: tuple[str, ...],
    model: Literal["logistic", "risk"], trials: int, seed: int,
) -> pd.DataFrame:  # fmt: skip
    """Ratio of the first of ``arms`` to the second, adjusted for ``factors``, in drawn trials.

    ``logistic``: odds ratio by maximum likelihood, ``se`` model-based; ``risk``: risk ratio by
    Poisson regression, ``se`` robust (Zou, Am J Epidemiol 2004;159:702). ``robust`` is the sandwich
    standard error of either. One line a trial.
    """
    counts = responders(record, outcome, arms)
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(n) < k for k, n in counts]).astype(float)
    arm = np.repeat([1.0, 0.0], [n for _, n in counts])
    columns = [np.ones((trials, len(y))), np.tile(arm, (trials, 1))]
    for sizes in levels(record, factors, arms):
        effect = rng.normal(0, EFFECT, (trials, 1))
        taste = effect * y + rng.gumbel(size=(trials, len(y)))
        level = np.zeros_like(taste)
        for value, size in zip((1.0, 0.0), sizes, strict=True):
            who = np.flatnonzero(arm == value)
            rank = np.argsort(np.argsort(-taste[:, who], axis=1), axis=1)
            level[:, who] = rank < size
        columns.append(level)
    return _fit(np.stack(columns, axis=2), np.tile(y, (trials, 1)), model)


def _fit(x: Array, y: Array, model: str) -> pd.DataFrame:
    beta = np.zeros((x.shape[0], x.shape[2]))
    beta[:, 0] = np.log(y.mean(axis=1))
    for _ in range(STEPS):
        mean, weight = _mean(x, beta, model)
        bread = np.linalg.inv(np.einsum("tn,tnp,tnq->tpq", weight, x, x, optimize=True))
        beta = beta + np.einsum("tpq,tnq,tn->tp", bread, x, y - mean, optimize=True)
    mean, weight = _mean(x, beta, model)
    bread = np.linalg.inv(np.einsum("tn,tnp,tnq->tpq", weight, x, x, optimize=True))
    meat = np.einsum("tn,tnp,tnq->tpq", (y - mean) ** 2, x, x, optimize=True)
    robust = np.sqrt((bread @ meat @ bread)[:, 1, 1])
    se = np.sqrt(bread[:, 1, 1]) if model == "logistic" else robust
    return pd.DataFrame({"ratio": np.exp(beta[:, 1]), "se": se, "robust": robust})


def _mean(x: Array, beta: Array, model: str) -> tuple[Array, Array]:
    linear = np.einsum("tnp,tp->tn", x, beta)
    if model == "logistic":
        mean = 1 / (1 + np.exp(-linear))
        return mean, mean * (1 - mean)
    mean = np.exp(linear)
    return mean, mean
