"""What is asked of simulated trials: the analyses, two looks at one trial, its best subgroup.

A study takes a scenario, a number of trials and a generator of random numbers, and returns a frame.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from palmira.simulation import two_arm_analyses as kernels
from palmira.simulation.draw import Days, Observed, at_once, at_scans, draw, sort_keys
from palmira.simulation.scenario import Scenario
from palmira.statistics.estimates import critical
from palmira.statistics.schedule import DAYS_PER_MONTH

TRUE, SCANS = "true dates", "scan dates"
STRATIFIED, INTERVALS = "scan dates, stratified", "intervals"
TESTS = ["events", "log_hazard_ratio", "se", "z"]


def analyses(scenario: Scenario, trials: int, rng: np.random.Generator) -> pd.DataFrame:
    """Each trial analyzed by true dates, by scan dates (stratified too, where there are strata) and
    by the intervals between scans.

    Columns: trial, analysis, events, log_hazard_ratio and se (Cox; grouped proportional hazards for
    intervals), z (log-rank, negative in favor of the experimental arm; Wald for intervals), median
    and control_median (months; NaN where a curve does not fall to one half).
    """
    drawn = draw(scenario, trials, rng)
    seen = at_scans(drawn)
    parts = {TRUE: _dated(at_once(drawn), drawn.arm), SCANS: _dated(seen, drawn.arm)}
    if len(scenario.strata) > 1:
        keys = sort_keys(seen, drawn.arm, drawn.stratum)
        again = parts[SCANS][["median", "control_median"]]
        parts[STRATIFIED] = pd.concat([_tests(kernels.two_arms(keys)), again], axis=1)
    ends = np.asarray(scenario.scans)
    fit = kernels.grouped(seen.clear, seen.event, drawn.arm, seen.entered, ends)
    control, experimental = fit.medians.T / DAYS_PER_MONTH
    log_ratio, se = fit.log_hazard_ratio, fit.se
    found = {"log_hazard_ratio": log_ratio, "se": se, "z": log_ratio / se}
    medians = {"median": experimental, "control_median": control}
    parts[INTERVALS] = parts[SCANS][["events"]].assign(**found, **medians)
    frames = [f.assign(analysis=name, trial=np.arange(trials)) for name, f in parts.items()]
    return pd.concat(frames, ignore_index=True)


def _dated(observed: Observed, arm: Days) -> pd.DataFrame:
    keys = sort_keys(observed, arm)
    medians = kernels.medians(keys)
    return _tests(kernels.two_arms(keys)).assign(
        median=medians.experimental / DAYS_PER_MONTH,
        control_median=medians.control / DAYS_PER_MONTH,
    )


def _tests(out: kernels.TwoArms) -> pd.DataFrame:
    return pd.DataFrame({name: getattr(out, name) for name in TESTS})


def looks(
    scenario: Scenario, trials: int, rng: np.random.Generator, fractions: tuple[float, ...]
) -> pd.DataFrame:
    """An early look at each trial, when a fraction of its final events has been seen, and the last.

    A look takes the data as they stand on the day of the event that completes the fraction: who had
    not entered is absent, the others are censored at their last scan. Columns: trial, fraction (1
    is the final analysis), events, patients (entered by then), log_hazard_ratio, se, z.
    """
    drawn = draw(scenario, trials, rng)
    final = at_scans(drawn)
    seen_on = np.sort(np.where(final.event, drawn.entry + final.time, np.iinfo(np.int64).max))
    number = final.event.sum(axis=1)
    frames = []
    for fraction in fractions:
        needed = np.maximum(np.ceil(fraction * number - 1e-9).astype(np.int64), 1)
        day = np.minimum(seen_on[np.arange(trials), needed - 1], drawn.cutoff)
        then = at_scans(drawn, day)
        tests = _tests(kernels.two_arms(sort_keys(then, drawn.arm)))
        patients = then.entered.sum(axis=1)
        frames.append(tests.assign(trial=np.arange(trials), fraction=fraction, patients=patients))
    last = _tests(kernels.two_arms(sort_keys(final, drawn.arm)))
    frames.append(last.assign(trial=np.arange(trials), fraction=1.0, patients=scenario.n))
    return pd.concat(frames, ignore_index=True)


def best_subgroup(
    scenario: Scenario,
    trials: int,
    rng: np.random.Generator,
    factors: tuple[tuple[float, ...], ...],
) -> pd.DataFrame:
    """The subgroup of each trial in which the effect looks best, where all have the same effect.

    ``factors``: for each factor the shares of its levels among the patients; factors are drawn
    independently and bear on nothing. Columns: trial, log_hazard_ratio (of all patients), best (the
    log hazard ratio of the level with the lowest z), best_z (of its Wald test), significant (levels
    in favor of the experimental arm at a two-sided 5% level).
    """
    drawn = draw(scenario, trials, rng)
    seen = at_scans(drawn)
    whole = kernels.two_arms(sort_keys(seen, drawn.arm))
    logs, zs = [], []
    for shares in factors:
        level = np.searchsorted(np.cumsum(shares)[:-1], rng.random(drawn.arm.shape), side="right")
        for k in range(len(shares)):
            mine = Observed(seen.time, seen.event, seen.entered & (level == k), seen.clear)
            fit = kernels.two_arms(sort_keys(mine, drawn.arm))
            logs.append(fit.log_hazard_ratio)
            zs.append(fit.log_hazard_ratio / fit.se)
    z = np.where(np.isnan(zs), np.inf, zs)
    best = np.argmin(z, axis=0)
    rows = np.arange(trials)
    return pd.DataFrame(
        {
            "trial": rows,
            "log_hazard_ratio": whole.log_hazard_ratio,
            "best": np.array(logs)[best, rows],
            "best_z": z[best, rows],
            "significant": (z < -critical(95)).sum(axis=0),
        }
    )
