"""Tests of proportional hazards in a Cox model: the score tests that R's ``cox.zph`` gives."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from numpy.typing import NDArray
from scipy.stats import chi2, rankdata

Array = NDArray[np.float64]
Transform = Literal["km", "rank", "identity", "log"]
GLOBAL = "all covariates"


def score_tests(
    frame: pd.DataFrame, time: str, event: str, log_hazard_ratios: pd.Series, transform: Transform
) -> pd.DataFrame:
    """Test whether each covariate's log hazard ratio changes with a transform of time.

    ``frame`` has a row a patient: ``time``, ``event`` (1 for an event) and the covariates, which
    are the index of ``log_hazard_ratios``, as fitted with Efron's ties. ``transform``: ``km`` (one
    minus the Kaplan-Meier estimate just before), ``rank``, ``identity`` or ``log`` of time.
    Columns: chi_square, df, p; a line a covariate and one of all covariates together.

    The test is the score test of the model with the products of covariate and time added, at the
    estimates without them (Therneau and Grambsch, Modeling Survival Data, 2000, chapter 6; since
    version 3.0 of R's survival without the approximation of a constant variance). Raises
    ``ValueError`` for another transform.
    """
    names = list(log_hazard_ratios.index)
    t, d = frame[time].to_numpy(float), frame[event].to_numpy(float) > 0
    x = frame[names].to_numpy(float)
    weight = np.exp(x @ log_hazard_ratios.to_numpy(float))
    late = transformed(t, d, transform)
    late = late - late[d].mean()
    width = len(names)
    score, information = np.zeros(width), np.zeros((2 * width, 2 * width))
    for now in np.unique(t[d]):
        at_risk, tied = t >= now, d & (t == now)
        g, deaths = late[tied][0], int(tied.sum())
        score += g * x[tied].sum(axis=0)
        for share in np.arange(deaths) / deaths:  # Efron: tied events leave the risk set in parts
            w = weight * (at_risk - share * tied)
            mean = w @ x / w.sum()
            variance = (x * w[:, None]).T @ x / w.sum() - np.outer(mean, mean)
            score -= g * mean
            information += np.kron([[1.0, g], [g, g * g]], variance)
    own, shared, late_part = (
        information[:width, :width],
        information[:width, width:],
        information[width:, width:],
    )
    left = late_part - shared.T @ np.linalg.solve(own, shared)
    lines = {
        name: [score[k] ** 2 / _alone(information, width, k), 1] for k, name in enumerate(names)
    }
    lines[GLOBAL] = [score @ np.linalg.solve(left, score), width]
    tests = pd.DataFrame.from_dict(lines, orient="index", columns=["chi_square", "df"])
    return tests.assign(p=chi2.sf(tests["chi_square"], tests["df"]))


def _alone(information: Array, width: int, k: int) -> float:
    """Information of one added product, all estimated log hazard ratios accounted for."""
    own, cross = information[:width, :width], information[:width, width + k]
    return float(information[width + k, width + k] - cross @ np.linalg.solve(own, cross))


def transformed(time: Array, event: NDArray[np.bool_], transform: Transform) -> Array:
    """Time on a scale: the same for patients with the same time, whatever their order."""
    if transform == "km":
        curve = KaplanMeierFitter().fit(time, event).survival_function_.iloc[:, 0]
        before = np.searchsorted(curve.index.to_numpy(), time, side="left") - 1
        return np.asarray(1.0 - curve.to_numpy()[np.maximum(before, 0)])
    if transform == "rank":
        return np.asarray(rankdata(time))
    if transform in ("identity", "log"):
        return time if transform == "identity" else np.log(time)
    raise ValueError(f"unknown transform {transform!r}: use km, rank, identity or log")
