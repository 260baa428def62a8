"""One comparison of two arms made in many ways: tests, models, differences, areas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import copysign, exp, log, nan, sqrt

import numpy as np
import pandas as pd

from palmira import landmarks
from palmira.estimates import critical, two_sided_p
from palmira.landmarks import Landmark
from palmira.record import Record
from palmira.schedule import DAYS_PER_MONTH
from palmira.survival import cox, log_rank
from palmira.twin.curves import Quantity, of_arm, restricted_mean, times
from palmira.twin.verify_survival import CODING, Curve

Z = critical(95)
HORIZONS = (6, 12)


def stratified(
    frames: Mapping[str, pd.DataFrame], record: Record, code: str = "PFS"
) -> pd.DataFrame:
    """Arm (the record's key), time in days, event, whether ever treated (``treated``), and
    the levels of the factors of stratification (``STRAT1R``, ``STRAT2R``) by patient."""
    lines = frames["adtte"].query("PARAMCD == @code").reset_index(drop=True)
    factors = [c for c in lines.columns if c.startswith("STRAT")]
    frame = times(frames, record, code).join(lines[factors])
    return frame.assign(treated=lines["SAFFL"] == "Y")


@dataclass(frozen=True)
class ArmComparison:
    """A way to compare the arms: what it measures, the effect with its 95% interval (NaN for a
    test alone), and z, positive where the experimental arm does better, with its two-sided P.

    ``printed`` is the cell of the record that holds the same comparison, if there is one; ``name``
    that of the ensemble's range.
    """

    label: str
    measure: str
    effect: Quantity
    z: float
    printed: str | None = None
    name: str | None = None

    @property
    def p(self) -> float:
        return two_sided_p(self.z)


def ten(patients: pd.DataFrame, experimental: str, control: str) -> list[ArmComparison]:
    """The same two arms compared in ten ways; ``patients`` as ``stratified`` gives them.

    Hazard ratios are those of the experimental to the control arm, differences experimental less
    control, in percentage points or months. Cox models have Efron's ties. The adjusted models hold
    the factors of stratification, the one that is stratified has a baseline for each combination.
    """
    frame = patients.assign(
        event=patients["event"].astype(float), x=(patients["arm"] == experimental).astype(float)
    )
    factors = [c for c in frame.columns if c.startswith("STRAT")]
    frame["stratum"] = frame[factors].astype(str).agg(" | ".join, axis=1)
    dummies = pd.get_dummies(frame[factors], drop_first=True, dtype=float)
    adjusted = pd.concat([frame[["time", "event", "x"]], dummies], axis=1)
    high, low = CODING["full"]
    coded = adjusted.assign(x=adjusted["x"] * (high - low) + low)
    models = {
        "Cox, arm alone": (frame, [], None, None),
        "Cox, adjusted": (adjusted, list(dummies), None, "contrasts.pfs.hazard_ratio"),
        "Cox, stratified": (frame, [], "stratum", None),
        "Cox, adjusted, orthonormal contrast": (
            coded, list(dummies), None, "contrasts.pfs.hazard_ratio",
        ),
    }  # fmt: skip
    fitted = [_cox(label, *model) for label, model in models.items()]
    signs = {None: fitted[0].z, "stratum": fitted[2].z}
    tests = [
        _test(frame, label, strata, signs[strata])
        for label, strata in (("Log-rank", None), ("Log-rank, stratified", "stratum"))
    ]
    curves = {arm: of_arm(patients, arm) for arm in (experimental, control)}
    one, other = curves[experimental], curves[control]
    rates = [_rates(one, other, month) for month in HORIZONS]
    areas = [_areas(one, other, month) for month in HORIZONS]
    return [*tests, *fitted, *rates, *areas]


def _cox(
    label: str, frame: pd.DataFrame, others: list[str], strata: str | None, printed: str | None
) -> ArmComparison:
    fit = cox(frame, "time", "event", ["x", *others], "efron", strata)
    beta, se = float(fit.log_hazard_ratio["x"]), float(fit.se["x"])
    effect = Quantity(exp(beta), exp(beta - Z * se), exp(beta + Z * se))
    return ArmComparison(label, "hazard ratio", effect, -beta / se, printed)


def _test(frame: pd.DataFrame, label: str, strata: str | None, sign: float) -> ArmComparison:
    """The direction is that of the Cox model whose score test this is."""
    chi_square, _ = log_rank(frame, "time", "event", "x", strata)
    return ArmComparison(label, "test alone", Quantity(nan), copysign(sqrt(chi_square), sign))


def landmark(curve: Curve, month: float) -> Landmark:
    """The rate at a month with Greenwood's standard errors, plain and on the log-log scale."""
    day = month * DAYS_PER_MONTH
    value, se = curve.at(day), curve.se(day)
    return Landmark(value, se, se / abs(value * log(value)))


def _rates(one: Curve, other: Curve, month: int) -> ArmComparison:
    e, _ = landmarks.difference(landmark(one, month), landmark(other, month))
    effect = Quantity(100 * e.value, 100 * e.lower, 100 * e.upper)
    return ArmComparison(
        f"Rates at {month} months", "percentage points", effect, _z(effect),
        f"contrasts.pfs.difference_{month}",
    )  # fmt: skip


def _areas(one: Curve, other: Curve, month: int) -> ArmComparison:
    (a, sa), (b, sb) = (restricted_mean(c, month) for c in (one, other))
    half = Z * float(np.hypot(sa, sb))
    effect = Quantity(a - b, a - b - half, a - b + half)
    label = f"Restricted means to {month} months"
    return ArmComparison(label, "months", effect, _z(effect), None, f"rmst_{month}_difference")


def _z(q: Quantity) -> float:
    """z of a difference from its Wald interval."""
    return q.value / ((q.upper - q.lower) / (2 * Z))
