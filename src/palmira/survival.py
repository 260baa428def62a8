"""Cox models on patient-level data, with the settings that agree with R."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from statsmodels.duration.hazard_regression import PHReg

# lifelines' default stopping rule ends 7e-5 away from R's estimate.
PRECISE = {"precision": 1e-12}


@dataclass(frozen=True)
class CoxFit:
    """Log hazard ratios and their model-based standard errors, by covariate."""

    log_hazard_ratio: pd.Series
    se: pd.Series


def cox(frame: pd.DataFrame, time: str, event: str, covariates: list[str], ties: str) -> CoxFit:
    """Fit a Cox model; ``event`` is 1 for an event, ``ties`` "efron" or "breslow".

    Raises ``ValueError`` for another rule of ties, or where a column is missing.
    """
    if lost := {time, event, *covariates} - set(frame.columns):
        raise ValueError(f"the frame lacks {sorted(lost)}")
    if ties == "efron":
        model = CoxPHFitter().fit(
            frame[[time, event, *covariates]], time, event_col=event, fit_options=PRECISE
        )
        return CoxFit(model.params_, model.standard_errors_)
    if ties == "breslow":
        design = frame[covariates].to_numpy(dtype=float)
        fit = PHReg(frame[time], design, status=frame[event], ties="breslow").fit(tol=1e-12)
        return CoxFit(
            pd.Series(np.asarray(fit.params), covariates),
            pd.Series(np.asarray(fit.bse), covariates),
        )
    raise ValueError(f"unknown rule of ties {ties!r}: use efron or breslow")
