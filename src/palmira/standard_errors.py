"""How small a standard error of a log hazard ratio gets: real data sets and simulated trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from lifelines import datasets

from palmira.hazard_ratios import smallest_se
from palmira.survival import cox

NEWTON_STEPS = 6


@dataclass(frozen=True)
class PublicFit:
    """A Cox model on a data set that comes with lifelines: its 0/1 ``covariate`` and others."""

    label: str
    loader: str
    time: str
    event: str
    covariate: str
    adjusted_for: tuple[str, ...] = ()
    category: str | None = None


PUBLIC_FITS = (
    PublicFit("Lung cancer, by sex", "load_lung", "time", "status", "sex"),
    PublicFit("Lung cancer, adjusted", "load_lung", "time", "status", "sex", ("age", "ph.ecog")),
    PublicFit("Rossi arrests, by aid", "load_rossi", "week", "arrest", "fin"),
    PublicFit("Rossi arrests, adjusted", "load_rossi", "week", "arrest", "fin",
              ("age", "race", "wexp", "mar", "paro", "prio")),
    PublicFit("Breast cancer, by menopausal status", "load_gbsg2", "time", "cens", "menostat",
              category="Post"),
    PublicFit("Breast cancer, by hormonal therapy", "load_gbsg2", "time", "cens", "horTh",
              category="yes"),
    PublicFit("Breast cancer, adjusted", "load_gbsg2", "time", "cens", "horTh",
              ("age", "tsize", "pnodes"), category="yes"),
    PublicFit("Leukemia, by treatment", "load_leukemia", "t", "status", "Rx"),
    PublicFit("Leukemia, adjusted", "load_leukemia", "t", "status", "Rx", ("logWBC",)),
    PublicFit("Lymphoma, by stage", "load_lymphoma", "Time", "Censor", "Stage_group"),
)  # fmt: skip


def public_fits(ties: str = "efron") -> pd.DataFrame:
    """Model-based standard errors of ``PUBLIC_FITS`` beside the least that their events allow.

    One line a model: its label and covariates, patients and events of both groups, log hazard
    ratio, standard error, least standard error and their ratio.
    """
    return pd.DataFrame([_public_fit(fit, ties) for fit in PUBLIC_FITS])


def _public_fit(fit: PublicFit, ties: str) -> dict[str, object]:
    frame = getattr(datasets, fit.loader)()
    columns = [fit.time, fit.event, fit.covariate, *fit.adjusted_for]
    frame = frame[columns].dropna()
    if fit.category:
        frame[fit.covariate] = frame[fit.covariate] == fit.category
    frame = frame.astype(float)
    frame[fit.covariate] -= frame[fit.covariate].min()
    deaths = frame.groupby(fit.covariate)[fit.event].sum()
    model = cox(frame, fit.time, fit.event, [fit.covariate, *fit.adjusted_for], ties)
    se, least = float(model.se[fit.covariate]), smallest_se(deaths[1.0], deaths[0.0])
    return {
        "model": fit.label, "data_set": fit.loader.removeprefix("load_"),
        "covariate": fit.covariate, "adjusted_for": ", ".join(fit.adjusted_for), "ties": ties,
        "n": len(frame), "events": int(deaths[1.0]), "reference_events": int(deaths[0.0]),
        "log_hazard_ratio": float(model.log_hazard_ratio[fit.covariate]),
        "se": se, "least_se": least, "ratio": se / least,
    }  # fmt: skip


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
    n: int, control_n: int, events: int, hazard_ratio: float, trials: int, seed: int
) -> pd.DataFrame:
    """``two_arm_errors`` of simulated trials, with each error over the least of its trial's events.

    Exponential times, everybody followed until event number ``events`` of the whole trial; the
    columns ``model_ratio``, ``robust_ratio`` and ``peto_ratio`` hold the quotients.
    """
    if not 0 < events <= n + control_n:
        raise ValueError(f"{events} events among {n + control_n} patients")
    generator = np.random.default_rng(seed)
    arm = np.tile(np.repeat([1.0, 0.0], [n, control_n]), (trials, 1))
    time = generator.exponential(1 / np.where(arm == 1, hazard_ratio, 1.0))
    event = time <= np.sort(time, axis=1)[:, [events - 1]]
    errors = two_arm_errors(time, event, arm)
    least = np.sqrt(1 / errors["events"] + 1 / errors["control_events"])
    return errors.assign(**{f"{k}_ratio": errors[k] / least for k in ("model", "robust", "peto")})
