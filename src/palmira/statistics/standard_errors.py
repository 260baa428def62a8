"""How small a standard error of a log hazard ratio gets in simulated trials.

Not by ``cox_batch``: it gives the model-based error alone, and no robust or Peto one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

NEWTON_STEPS = 6


def two_arm_errors(time: np.ndarray, event: np.ndarray, arm: np.ndarray) -> pd.DataFrame:
    """Three standard errors of the log hazard ratio in each of many trials without ties.

    ``time``, ``event`` (0/1) and ``arm`` (0/1) have a row a trial, a column a patient. The frame
    has a line a trial: events by arm, the Cox log hazard ratio, and its model-based, robust
    (Lin and Wei, JASA 1989;84:1074) and Peto (log-rank variance) standard errors.
    """
    order = np.argsort(time, axis=1)
    d, x = (np.take_along_axis(a, order, axis=1).astype(float) for a in (event, arm))
    treated = np.cumsum(x[:, ::-1], axis=1)[:, ::-1]
    controls = np.cumsum(1 - x[:, ::-1], axis=1)[:, ::-1]
    beta = np.zeros((len(x), 1))
    for _ in range(NEWTON_STEPS):
        p = treated * np.exp(beta) / (treated * np.exp(beta) + controls)
        information = (d * p * (1 - p)).sum(axis=1, keepdims=True)
        beta = beta + (d * (x - p)).sum(axis=1, keepdims=True) / information
    risk = np.exp(beta * x)
    at_risk = treated * np.exp(beta) + controls
    hazard, mean = np.cumsum(d / at_risk, axis=1), np.cumsum(d * p / at_risk, axis=1)
    residual = d * (x - p) - risk * (x * hazard - mean)
    share = treated / (treated + controls)
    return pd.DataFrame(
        {
            "events": (d * x).sum(axis=1),
            "control_events": (d * (1 - x)).sum(axis=1),
            "log_hazard_ratio": beta[:, 0],
            "model": 1 / np.sqrt(information[:, 0]),
            "robust": np.sqrt((residual**2).sum(axis=1)) / information[:, 0],
            "peto": 1 / np.sqrt((d * share * (1 - share)).sum(axis=1)),
        }
    )


def simulate(
    arms: tuple[int, int], events: int, hazard_ratio: float, trials: int, seed: int
) -> pd.DataFrame:
    """``two_arm_errors`` of simulated trials, with each error over the least of its trial's events.

    ``arms`` are the patients of the experimental and the control arm. Exponential times, everybody
    followed until event number ``events`` of the whole trial; the columns ``model_ratio``,
    ``robust_ratio`` and ``peto_ratio`` hold the quotients.
    """
    if not 0 < events <= sum(arms):
        raise ValueError(f"{events} events among {sum(arms)} patients")
    generator = np.random.default_rng(seed)
    arm = np.tile(np.repeat([1.0, 0.0], arms), (trials, 1))
    time = generator.exponential(1 / np.where(arm == 1, hazard_ratio, 1.0))
    event = time <= np.sort(time, axis=1)[:, [events - 1]]
    errors = two_arm_errors(time, event, arm)
    least = np.sqrt(1 / errors["events"] + 1 / errors["control_events"])
    return errors.assign(**{f"{k}_ratio": errors[k] / least for k in ("model", "robust", "peto")})
