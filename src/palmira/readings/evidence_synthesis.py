"""The trials of a CDK4/6 inhibitor after a CDK4/6 inhibitor: their hazard ratios on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import exp, log, sqrt

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from palmira.readings.three_readings import reading
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.record import Interval
from palmira.statistics.estimates import Estimate, log_se, ratio
from palmira.statistics.hazard_ratios import interaction, smallest_se, wald_p
from palmira.statistics.pooling import Contrast, Pool, contrast, contrast_power, pool

PFS = "contrasts.pfs.hazard_ratio"
READINGS = ("neutral", "printed", "conditional")

CONTINUED, SWITCHED = "Same agent continued", "Agent switched"
# By design of the experimental arm; a minority of the patients does not fit (see the chapter).
STRATEGY = dict.fromkeys(("palmira", "pace"), CONTINUED)
STRATEGY |= dict.fromkeys(("maintain", "postmonarch"), SWITCHED)


def on_level(estimate: Estimate, level: float = 95.0) -> Estimate:
    """The same estimate with its Wald interval at another level; unchanged at its own."""
    at_own = estimate.level == level
    return estimate if at_own else ratio(estimate.value, estimate.log_se, level)


def se_bound(record: Record, row: str = PFS) -> float | None:
    """Least standard error that the printed events allow; None where none are printed."""
    events = record.events_behind(record[f"{row}.estimate"])
    return smallest_se(*events.even) if events.printed and events.own else None


def trial_readings(record: Record, row: str = PFS) -> dict[str, Estimate]:
    """A trial's hazard ratio with 95% limits: in three readings where the printed events rule out
    the printed standard error, with its rounding; else as printed alone."""
    ratio, bound = record.interval(row), se_bound(record, row)
    if bound and ratio.se_range[1] < bound:
        return {name: on_level(e) for name, e in reading(record, row).estimates.items()}
    return {"printed": on_level(ratio.over())}


def trial_effects(records: Mapping[str, Record]) -> pd.DataFrame:
    """One line a trial and reading: hazard ratio, 95% limits, log hazard ratio and its SE."""
    lines = []
    for key, record in records.items():
        about = {"trial": record.trial, "strategy": STRATEGY[key]}
        for name, e in trial_readings(record).items():
            limits = {"hazard_ratio": e.value, "lower": e.lower, "upper": e.upper}
            log_scale = {"log_hazard_ratio": log(e.value), "se": e.log_se}
            lines.append({**about, "reading": name, **limits, **log_scale})
    return pd.DataFrame(lines)


def choose(effects: pd.DataFrame, reading: str) -> pd.DataFrame:
    """One line a trial: the wanted reading where a trial has it, else the printed one.

    Raises ``ValueError`` for an unknown reading.
    """
    if reading not in READINGS:
        raise ValueError(f"unknown reading {reading!r}: use one of {READINGS}")
    readings, trials = effects["reading"].to_numpy(), effects["trial"].to_numpy()
    wanted = readings == reading
    wanted |= (readings == "printed") & ~np.isin(trials, trials[wanted])
    return effects[wanted].reset_index(drop=True)


def pooled(
    effects: pd.DataFrame, reading: str, method: str = "REML", knapp_hartung: bool = False
) -> Pool:
    """The trials pooled under one reading."""
    lines = choose(effects, reading)
    return pool(lines["log_hazard_ratio"], lines["se"], method, knapp_hartung)


def with_limits(
    effects: pd.DataFrame, trial: str, lower: float, upper: float, level: float = 95.0
) -> pd.DataFrame:
    """The same trials with other printed limits for one of them, its estimate kept."""
    changed = effects.copy()
    rows = changed["trial"] == trial
    changed.loc[rows, ["lower", "upper", "se"]] = lower, upper, log_se(lower, upper, level)
    return changed


def by_strategy(effects: pd.DataFrame, reading: str = "neutral") -> dict[str, Pool]:
    """REML pools of the two strategies, each with a between-trial variance of its own."""
    return {
        name: pooled(effects[effects["strategy"] == name], reading)
        for name in (CONTINUED, SWITCHED)
    }


def strategy_ratio(effects: pd.DataFrame, reading: str = "neutral") -> tuple[Estimate, float]:
    """Ratio of the strategies' pooled hazard ratios (switched to continued) with its P value."""
    pools = by_strategy(effects, reading)
    one, other = pools[SWITCHED], pools[CONTINUED]
    return interaction(exp(one.effect), one.se, exp(other.effect), other.se)


def strategy_contrast(effects: pd.DataFrame, reading: str = "neutral") -> Contrast:
    """Log ratio of the strategies' hazard ratios (switched to continued) by the subgroup test with
    one between-trial variance for both."""
    lines = choose(effects, reading)
    return contrast(lines["log_hazard_ratio"], lines["se"], lines["strategy"] == SWITCHED)


def strategy_power(
    effects: pd.DataFrame, true_ratio: float, tau: float, estimated: bool = True, sets: int = 1
) -> float:
    """Power of the subgroup test for a true ratio of the strategies' hazard ratios (two-sided 5%).

    ``sets`` repeats the trials at hand, neutral standard errors and all: 2 is eight trials.
    """
    lines = choose(effects, "neutral")
    groups = lines["strategy"] == SWITCHED
    return contrast_power(
        log(true_ratio), list(lines["se"]) * sets, list(groups) * sets, tau**2, estimated
    )


def detectable_ratio(
    effects: pd.DataFrame, tau: float, estimated: bool = True, sets: int = 1, power: float = 0.8
) -> float:
    """The ratio of the strategies' hazard ratios, below 1, that the subgroup test finds with
    ``power``: a property of the trials' standard errors, whatever their results."""

    def short(log_ratio: float) -> float:
        return strategy_power(effects, exp(log_ratio), tau, estimated, sets) - power

    return exp(brentq(short, -20, 0, xtol=1e-9))


def version_checks(record: Record, row: str = PFS) -> pd.DataFrame:
    """Every printed version of a ratio: whether its limits lie evenly about its estimate on the
    log scale, and which two-sided Wald P they imply, all with rounding.

    The first line is the chosen version; ``printed_p`` is the version's own P, else the chosen.
    """
    numbers = (
        e.version for e in record.entries.values() if e.in_row == record[f"{row}.estimate"].in_row
    )
    cells = [f"{row}@{number}" if number else row for number in dict.fromkeys(numbers)]
    ratios = [record.interval(cell) for cell in cells if f"{cell}.estimate" in record.entries]
    return pd.DataFrame([_version(ratio, ratio.p or ratios[0].p) for ratio in ratios])


def _version(ratio: Interval, p: Entry | None) -> dict[str, object]:
    value, low, high = ratio.prints
    middle = [sqrt(a * b) for a, b in ((low.low, high.low), (low.high, high.high))]
    values = [wald_p(x, se) for x, se in product((value.low, value.high), ratio.se_range)]
    p_low, p_high = min(values), 1.0 if value.low < 1 < value.high else max(values)
    own = p.printed if p else None
    return {
        "version": ratio.estimate.version,
        "printed": ratio.text(),
        "level": ratio.level,
        "source": ratio.estimate.source,
        "confidence": ratio.estimate.confidence,
        "se": ratio.se,
        "middle": sqrt(low.value * high.value),
        "middle_low": middle[0],
        "middle_high": middle[1],
        "middle_meets": middle[0] <= value.high and value.low <= middle[1],
        "printed_p": p.text if p else "",
        "own_p": bool(p and p.version == ratio.estimate.version),
        "p": wald_p(value.value, ratio.se),
        "p_low": p_low,
        "p_high": p_high,
        "p_meets": bool(own and own.low <= p_high and p_low <= own.high),
    }
