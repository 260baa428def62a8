"""The restricted mean survival time with the standard error that lifelines lacks."""

from __future__ import annotations

from math import sqrt

import numpy as np
from lifelines import KaplanMeierFitter
from numpy.typing import NDArray

Array = NDArray[np.float64]


def restricted_mean(curve: KaplanMeierFitter, until: float) -> tuple[float, float]:
    """Restricted mean up to ``until`` and its standard error, in the unit of the fitted curve.

    The mean is the area under the curve; lifelines gives it too, but as its variance that of the
    truncated time, which does not shrink as patients are added. Raises ``ValueError`` where the
    curve ends before ``until`` with patients still free of the event.
    """
    table = curve.event_table
    n, d = table["at_risk"].to_numpy(float), table["observed"].to_numpy(float)
    with np.errstate(divide="ignore"):
        steps = d / (n * (n - d))
    survival = curve.survival_function_.iloc[:, 0].to_numpy()
    return area(table.index.to_numpy(float), survival, steps, until)


def area(times: Array, survival: Array, steps: Array, until: float) -> tuple[float, float]:
    """Area under a step function up to ``until`` and its standard error.

    ``steps`` are Greenwood's terms d / (n (n - d)) by time. The variance is the sum over event
    times of the squared area that is left, times the term (Klein and Moeschberger, Survival
    Analysis, 2003, section 4.5). Raises ``ValueError`` as ``restricted_mean`` does.
    """
    if times[-1] < until and survival[-1] > 0:
        raise ValueError(f"the curve ends before {until:g}")
    inside = times <= until
    areas = survival[inside] * np.diff(np.append(times[inside], until))
    left = np.cumsum(areas[::-1])[::-1]
    # Where the last patient has the event no area is left, and Greenwood's term is infinite.
    terms = np.where(left > 0, steps[inside], 0.0)
    return float(areas.sum()), sqrt(float((left**2 * terms).sum()))
