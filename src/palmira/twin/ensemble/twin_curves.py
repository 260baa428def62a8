"""The curve of progression-free survival of a twin, what stands below it, and what it leaves open.

By lifelines and statsmodels alone; nothing here knows how a twin was made.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, nan
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from lifelines.statistics import proportional_hazard_test

from palmira.record import Record
from palmira.statistics.estimates import critical
from palmira.statistics.restricted_mean import area
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival import PRECISE, cox
from palmira.twin.adam.analysis_set import ROLES
from palmira.twin.ensemble.spread import Band, Range, Spread
from palmira.twin.verify.verify_survival import Curve, kaplan_meier

Z = critical(95)
R = TypeVar("R", Band, Range)


@dataclass(frozen=True)
class Quantity:
    """Something that follows from a curve, with its 95% interval (NaN where there is none)."""

    value: float
    lower: float = nan
    upper: float = nan


def arms_of(record: Record) -> dict[str, str]:
    """The record's key of the experimental and of the control arm, by role."""
    return {str(a.role): key for key, a in record.sheet.arms.items() if a.role in ROLES}


def times(frames: Mapping[str, pd.DataFrame], record: Record, code: str = "PFS") -> pd.DataFrame:
    """Arm (the record's key), time in days and event by patient, from the data set ADTTE."""
    keys = {ROLES[role]: key for role, key in arms_of(record).items()}
    lines = frames["adtte"].query("PARAMCD == @code")
    return pd.DataFrame(
        {"arm": lines["TRT01PN"].map(keys), "time": lines["AVAL"].astype(float),
         "event": lines["CNSR"] == 0}
    ).reset_index(drop=True)  # fmt: skip


def of_arm(patients: pd.DataFrame, arm: str) -> Curve:
    """Kaplan-Meier curve of an arm with log-log limits."""
    mine = patients[patients["arm"] == arm]
    return kaplan_meier(mine["time"], mine["event"])


def below(patients: pd.DataFrame, months: list[float]) -> pd.DataFrame:
    """What stands below a curve: by arm and month those at risk, and those with an event and those
    censored before. The three add up to the arm.

    Source of the layout: Morris et al, BMJ Open 2019;9:e030215.
    """
    rows = []
    for arm, mine in patients.groupby("arm", sort=False):
        for month in months:
            before = mine["time"] < month * DAYS_PER_MONTH
            rows.append(
                {"arm": arm, "month": month, "at_risk": int((~before).sum()),
                 "events": int((before & mine["event"]).sum()),
                 "censored": int((before & ~mine["event"]).sum())}
            )  # fmt: skip
    return pd.DataFrame(rows)


def restricted_mean(curve: Curve, months: float) -> tuple[float, float]:
    """Restricted mean survival time and its standard error, in months.

    The area under the curve up to ``months``; the variance is Greenwood's, the sum over event times
    of the squared area that is left, times d / (n (n - d)). Raises ``ValueError`` where the curve
    ends before, with patients still free of the event.
    """
    jumps = np.diff(curve.greenwood, prepend=0.0)
    mean, se = area(curve.days, curve.survival, jumps, months * DAYS_PER_MONTH)
    return mean / DAYS_PER_MONTH, se / DAYS_PER_MONTH


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


def quantities(patients: pd.DataFrame, experimental: str, control: str) -> dict[str, Quantity]:
    """What publication leaves open, by the names of the ensemble's file.

    Restricted means and their differences in months, hazard ratios by period with Wald's interval,
    the P value of the test of proportional hazards. ``patients`` has columns arm, time, event.
    """
    arms = (experimental, control)
    curves = {arm: of_arm(patients, arm) for arm in arms}
    made: dict[str, Quantity] = {}
    for months in (12, 6):
        means = {arm: restricted_mean(curves[arm], months) for arm in arms}
        if months == 12:
            made |= {f"rmst_12_{arm}": _wald(*means[arm]) for arm in arms}
        (one, one_se), (other, other_se) = (means[arm] for arm in arms)
        made[f"rmst_{months}_difference"] = _wald(one - other, float(np.hypot(one_se, other_se)))
    for name, start, end in (("hr_0_6", 0, 6), ("hr_6_12", 6, 12)):
        beta, se = period_ratio(patients, experimental, start, end)
        made[name] = Quantity(exp(beta), exp(beta - Z * se), exp(beta + Z * se))
    made["ph_p"] = Quantity(proportional_hazards_p(patients, experimental))
    return made


def described(
    patients: pd.DataFrame, arms: Sequence[str], months: Sequence[float], all_: bool = True
) -> dict[str, Any]:
    """``heights`` of both arms' curves (experimental arm first) at ``months``, and, unless left
    out, ``values`` of the free quantities."""
    drawn = {arm: of_arm(patients, arm) for arm in arms}
    heights = {a: [float(c.at(m * DAYS_PER_MONTH)) for m in months] for a, c in drawn.items()}
    values = {k: q.value for k, q in quantities(patients, *arms).items()} if all_ else {}
    return {"heights": heights, "values": values}


def survival_at(curve: Curve, months: float) -> Quantity:
    """Share free of the event at a month with its log-log limits."""
    day = months * DAYS_PER_MONTH
    return Quantity(curve.at(day), curve.at(day, "lower"), curve.at(day, "upper"))


def joined(spread: Spread, patients: pd.DataFrame, record: Record) -> Spread:
    """The ranges of an ensemble with one more twin in them: what is shown beside its curve.

    ``patients`` has columns arm, time, event. The ranges can only grow; the counts of members and
    orders stay those of the ensemble.
    """
    arms = arms_of(record)
    own = quantities(patients, arms["experimental"], arms["control"]) if spread.ranges else {}
    bands = {}
    for arm, band in spread.bands.items():
        curve = of_arm(patients, arm)
        heights = np.array([curve.at(m * DAYS_PER_MONTH) for m in band.months])
        bands[arm] = _grown(band, heights)
    ranges = {name: _grown(range, own[name].value) for name, range in spread.ranges.items()}
    return replace(spread, bands=bands, ranges=ranges)


def joined_level(
    spread: Spread, patients: pd.DataFrame, record: Record, factor: str, category: str
) -> Spread:
    """The bands of one level of a factor, with that level of one more twin in them; no ranges.

    ``patients`` has columns arm, time, event, of the patients at the level.
    """
    alone = replace(spread, bands=spread.levels[factor].bands[category], ranges={})
    return joined(alone, patients, record)


def _grown(found: R, own: Any) -> R:
    """With a value, or heights, of one more twin; what was not searched stays unknown (NaN)."""
    ends = {
        "low": np.minimum(found.low, own), "high": np.maximum(found.high, own),
        "pushed_low": np.minimum(found.pushed_low, own),
        "pushed_high": np.maximum(found.pushed_high, own),
    }  # fmt: skip
    return replace(found, **ends)


def _wald(value: float, se: float) -> Quantity:
    return Quantity(value, value - Z * se, value + Z * se)
