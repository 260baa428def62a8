"""What follows from two arms' curves beyond the printed numbers: restricted means, hazard ratios by
period, and the test of proportional hazards."""

from __future__ import annotations

import warnings
from math import nan

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from lifelines.statistics import proportional_hazard_test

from palmira.statistics.estimates import Estimate, critical
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival import PRECISE, cox
from palmira.statistics.survival_curves import of_arm


def period_ratio(
    patients: pd.DataFrame, experimental: str, start: float, end: float
) -> tuple[float, float]:
    """Log hazard ratio and its standard error in the months from ``start`` to ``end``: a Cox model
    of the arm alone, in patients still at risk at its start, censored at its end."""
    first, last = start * DAYS_PER_MONTH, end * DAYS_PER_MONTH
    frame = patients[patients["time"] > first].copy()
    frame["event"] &= frame["time"] <= last
    frame["time"] = frame["time"].clip(upper=last)
    frame["x"] = (frame["arm"] == experimental).astype(float)
    fit = cox(frame[["time", "event", "x"]].astype(float), "time", "event", ["x"], "efron")
    return float(fit.log_hazard_ratio["x"]), float(fit.se["x"])


def proportional_hazards_p(patients: pd.DataFrame, experimental: str) -> float:
    """P value of a Cox model's scaled Schoenfeld residuals against the Kaplan-Meier transform of
    time; the arm is the only covariate."""
    frame = patients[["time", "event"]].astype(float)
    frame["x"] = (patients["arm"] == experimental).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = CoxPHFitter().fit(frame, "time", event_col="event", fit_options=PRECISE)
        test = proportional_hazard_test(model, frame, time_transform="km")
    return float(np.ravel(test.p_value)[0])


def quantities(patients: pd.DataFrame, experimental: str, control: str) -> dict[str, Estimate]:
    """What publication leaves open, by the names of the ensemble's file, with 95% intervals.

    Restricted means and their differences in months, hazard ratios by period with Wald's interval,
    the P value of the test of proportional hazards (without one: NaN). ``patients`` has columns
    arm, time (days) and event.
    """
    arms = (experimental, control)
    curves = {arm: of_arm(patients, arm) for arm in arms}
    made: dict[str, Estimate] = {}
    for months in (12, 6):
        (one, one_se), (other, other_se) = (curves[arm].restricted_mean(months) for arm in arms)
        if months == 12:
            made[f"rmst_12_{experimental}"] = _wald(one, one_se)
            made[f"rmst_12_{control}"] = _wald(other, other_se)
        made[f"rmst_{months}_difference"] = _wald(one - other, float(np.hypot(one_se, other_se)))
    for name, start, end in (("hr_0_6", 0, 6), ("hr_6_12", 6, 12)):
        beta, se = period_ratio(patients, experimental, start, end)
        made[name] = _wald(beta, se).exponential
    made["ph_p"] = Estimate(proportional_hazards_p(patients, experimental), nan, nan)
    return made


def _wald(value: float, se: float) -> Estimate:
    half = critical(95) * se
    return Estimate(value, value - half, value + half)
