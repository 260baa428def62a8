"""Does one hazard ratio hold at all times? Residuals, periods, length of follow-up."""

from __future__ import annotations

import warnings
from math import exp

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from lifelines.statistics import proportional_hazard_test
from statsmodels.nonparametric.smoothers_lowess import lowess

from palmira.estimates import critical, two_sided_p
from palmira.schedule import DAYS_PER_MONTH
from palmira.survival import PRECISE
from palmira.twin.curves import Quantity, period_ratio

Z = critical(95)
# In months; the periods of the ensemble's hazard ratios.
PERIODS = {"hr_0_6": (0.0, 6.0), "hr_6_12": (6.0, 12.0)}
# Of time, for the test of the residuals; the first is R's default.
TRANSFORMS = ("km", "rank", "identity", "log")
# Share of the residuals in each local fit.
SMOOTH = 0.6


def periods(patients: pd.DataFrame, experimental: str) -> tuple[dict[str, Quantity], float]:
    """The hazard ratio of the arm in each of ``PERIODS``, and the two-sided P value of their
    difference: disjoint periods share no event, so the two estimates are independent in the large
    (Altman and Bland 2003)."""
    fits = {name: period_ratio(patients, experimental, *ends) for name, ends in PERIODS.items()}
    ratios = {k: Quantity(exp(b), exp(b - Z * se), exp(b + Z * se)) for k, (b, se) in fits.items()}
    (a, sa), (b, sb) = fits.values()
    return ratios, two_sided_p((a - b) / float(np.hypot(sa, sb)))


def by_follow_up(patients: pd.DataFrame, experimental: str, months: list[float]) -> pd.DataFrame:
    """The hazard ratio of the arm when follow-up ends at each month: month, events, ratio, lower,
    upper."""
    rows = []
    for month in months:
        beta, se = period_ratio(patients, experimental, 0, month)
        early = patients["event"] & (patients["time"] <= month * DAYS_PER_MONTH)
        rows.append({"month": month, "events": int(early.sum()), "ratio": exp(beta),
                     "lower": exp(beta - Z * se), "upper": exp(beta + Z * se)})  # fmt: skip
    return pd.DataFrame(rows)


def _model(patients: pd.DataFrame, experimental: str) -> tuple[CoxPHFitter, pd.DataFrame]:
    frame = patients[["time", "event"]].astype(float)
    frame["x"] = (patients["arm"] == experimental).astype(float)
    return CoxPHFitter().fit(frame, "time", event_col="event", fit_options=PRECISE), frame


def residual_tests(patients: pd.DataFrame, experimental: str) -> dict[str, float]:
    """P value of the arm's scaled Schoenfeld residuals against each of ``TRANSFORMS`` of time.

    Source: Grambsch and Therneau, Biometrika 1994;81:515.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, frame = _model(patients, experimental)
        found = {t: proportional_hazard_test(model, frame, time_transform=t) for t in TRANSFORMS}
    return {t: float(np.ravel(test.p_value)[0]) for t, test in found.items()}


def hazard_ratio_over_time(patients: pd.DataFrame, experimental: str) -> pd.DataFrame:
    """Scaled Schoenfeld residuals of the arm plus its coefficient, by event in the order of time:
    ``month``, ``log_ratio`` and its smooth (lowess), ``smooth``. Their level over time is that of
    the log hazard ratio (Grambsch and Therneau 1994)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, frame = _model(patients, experimental)
        residuals = model.compute_residuals(frame, "scaled_schoenfeld")["x"]
    months = frame.loc[residuals.index, "time"] / DAYS_PER_MONTH
    found = pd.DataFrame({"month": months, "log_ratio": residuals + model.params_["x"]})
    found = found.sort_values("month", kind="stable").reset_index(drop=True)
    smooth = lowess(found["log_ratio"], found["month"], frac=SMOOTH, it=0, return_sorted=False)
    return found.assign(smooth=smooth)
