"""Explorer of a twin's curve: pick a time and read what stands there, with both uncertainties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from palmira.readings.spread import Spread
from palmira.record import Record
from palmira.show.formats import percent, span
from palmira.statistics.estimates import critical
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival_curves import Curve, of_arm
from palmira.teaching.explorers.panel import Control, Explorer, Shown

TWINS = {"full": "Conditional twin", "neutral": "Neutral twin"}
Z = critical(95)


@dataclass(frozen=True)
class _Twin:
    curves: dict[str, Curve]
    counts: dict[tuple[str, float], int]
    spread: Spread


def explorer(
    patients: Mapping[str, pd.DataFrame], record: Record, ensemble: Mapping[str, Spread]
) -> Explorer:
    """The explorer of both twins at each half month of the ensemble's grid.

    ``patients`` (columns arm, time in days, event) and ``ensemble`` are by scale.
    """
    arms = record.two_arms()
    months = [float(m) for m in next(iter(ensemble.values())).bands[arms[0]].months if m > 0]
    twins = {scale: _twin(patients[scale], ensemble[scale], arms, months) for scale in TWINS}
    settings = [_shown(twins[s], TWINS[s], arms, m) for s, m in product(TWINS, months)]
    labels = [record.sheet.arms[arm].label for arm in arms]
    a, b = arms
    positions = tuple(f"{m:g}" for m in months)
    return Explorer(
        name="curve",
        controls=(
            Control("Twin", tuple(TWINS.values())),
            Control("Months from random assignment", positions, months.index(6.0), "slider"),
        ),
        settings=settings,
        columns=("", *labels, "Difference"),
        readout=(
            ("Free of progression and alive", f"s_{a}", f"s_{b}", "s_difference"),
            ("95% sampling interval", f"ci_{a}", f"ci_{b}", "ci_difference"),
            ("Range over twins, an inner bound", f"band_{a}", f"band_{b}", ""),
            ("The same with directed search", f"pushed_{a}", f"pushed_{b}", ""),
            ("Restricted mean to then, months", f"mean_{a}", f"mean_{b}", "mean_difference"),
            ("Its 95% sampling interval", f"mean_ci_{a}", f"mean_ci_{b}", "mean_ci_difference"),
            ("Its range over twins", f"mean_band_{a}", f"mean_band_{b}", "mean_band_difference"),
            ("At risk", f"risk_{a}", f"risk_{b}", ""),
        ),
        sentence=f"{{twin}}, invented patients: at {{month}} months {{s_{a}}} ({labels[0]}) and "
        f"{{s_{b}}} ({labels[1]}) are free of progression and alive, a difference of "
        "{s_difference} (95% sampling interval {ci_difference}). At risk: "
        f"{{risk_{a}}} and {{risk_{b}}}.",
        examples=tuple(k * len(months) + months.index(m) for m in (6.0, 12.0) for k in range(2)),
        drawing={"arms": labels, "twins": [_drawn(t, arms) for t in twins.values()]},
    )


def _twin(
    patients: pd.DataFrame, spread: Spread, arms: tuple[str, str], months: list[float]
) -> _Twin:
    counts = {
        (arm, month): int((mine["time"] >= month * DAYS_PER_MONTH).sum())
        for arm, mine in patients.groupby("arm")
        for month in months
    }
    return _Twin({arm: of_arm(patients, arm) for arm in arms}, counts, spread)


def _shown(twin: _Twin, name: str, arms: tuple[str, str], month: float) -> Shown:
    """Everything at one month of one twin."""
    texts = {"twin": name, "month": f"{month:g}"}
    heights, means, variances = [], [], []
    for arm in arms:
        curve, band = twin.curves[arm], twin.spread.bands[arm].at(month)
        day = month * DAYS_PER_MONTH
        height, (mean, se) = curve.at(day), curve.restricted_mean(month)
        heights.append(height)
        means.append(mean)
        variances.append((curve.se(day) ** 2, se**2))
        pushed, risk = (band["pushed_low"], band["pushed_high"]), twin.counts[arm, month]
        texts[f"s_{arm}"] = percent(height)
        texts[f"ci_{arm}"] = _percents(curve.at(day, "lower"), curve.at(day, "upper"))
        texts[f"band_{arm}"] = _percents(band["low"], band["high"])
        texts |= {f"pushed_{arm}": _percents(*pushed), f"mean_{arm}": f"{mean:.2f}"}
        texts[f"mean_ci_{arm}"] = _around(mean, se)
        texts[f"mean_band_{arm}"] = _searched(twin.spread, f"rmst_{month:g}_{arm}")
        texts[f"risk_{arm}"] = str(risk)
    (v, w), (x, y) = variances
    gap, se = heights[0] - heights[1], float(np.sqrt(v + x))
    texts |= {
        "s_difference": f"{100 * gap:z.1f} points",
        "ci_difference": span(100 * (gap - Z * se), 100 * (gap + Z * se), 1),
        "mean_difference": f"{means[0] - means[1]:z.2f}",
        "mean_ci_difference": _around(means[0] - means[1], float(np.sqrt(w + y))),
        "mean_band_difference": _searched(twin.spread, f"rmst_{month:g}_difference"),
    }
    return Shown(texts, {"month": month, "heights": heights})


def _percents(low: float, high: float) -> str:
    """Limits in percent; where nobody is left, or nothing was searched, there are none."""
    if np.isnan(low) or np.isnan(high):
        return "none"
    return f"{span(100 * low, 100 * high, 1)}%"


def _around(value: float, se: float) -> str:
    return span(value - Z * se, value + Z * se)


def _searched(spread: Spread, name: str) -> str:
    """The range of a quantity over the ensemble, where it is one of those that were kept."""
    found = spread.ranges.get(name)
    return span(found.low, found.high) if found else "not searched"


def _drawn(twin: _Twin, arms: tuple[str, str]) -> list[dict[str, Any]]:
    """Steps of each arm's curve with its sampling limits, and the ensemble's band, in percent."""
    steps, ranges = ("survival", "lower", "upper"), ("low", "high", "pushed_low", "pushed_high")
    drawn = []
    for curve, band in ((twin.curves[arm], twin.spread.bands[arm]) for arm in arms):
        line: dict[str, Any] = {"months": _rounded(curve.days / DAYS_PER_MONTH)}
        line |= {k: _rounded(100 * getattr(curve, k)) for k in steps}
        line |= {"at": _rounded(band.months)}
        drawn.append(line | {k: _rounded(100 * getattr(band, k)) for k in ranges})
    return drawn


def _rounded(values: Any) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 2) for v in values]
