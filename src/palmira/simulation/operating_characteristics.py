"""Operating characteristics of a design by simulation: many scenarios, on one core or on many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config
from rich.progress import track

from palmira.simulation.scenario import Scenario
from palmira.simulation.studies import analyses
from palmira.statistics.estimates import critical

# Trials of one piece of work: its random numbers are its own, whoever does it.
CHUNK = 250
Study = Callable[..., pd.DataFrame]


def simulate(
    scenarios: Sequence[Scenario],
    trials: int,
    seed: int,
    study: Study = analyses,
    *,
    workers: int = 1,
    backend: str | None = None,
    progress: bool = False,
    **options: Any,
) -> pd.DataFrame:
    """Draw ``trials`` trials of each scenario and put a study's question to them.

    Returns the study's frame with a column ``scenario`` before it. ``options`` go to the study.
    ``workers`` is the number of processes (-1: all cores). ``backend`` is any of joblib's; "dask"
    sends the work to the cluster of the active ``dask.distributed.Client``. ``progress`` shows a
    bar. The numbers depend on ``seed`` only: each piece of 250 trials has its own stream, spawned
    from it (O'Neill, numpy.random.SeedSequence), and all scenarios share these streams, so that
    they differ by their design more than by chance. Raises ``ValueError`` for two scenarios of one
    name or no trials.
    """
    names = [s.name for s in scenarios]
    if len(set(names)) != len(names) or not names or trials < 1:
        raise ValueError(f"scenarios with names of their own and a trial are needed: {names}")
    sizes = [min(CHUNK, trials - start) for start in range(0, trials, CHUNK)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    work = [
        delayed(_piece)(study, scenario, size, start, stream, options)
        for scenario in scenarios
        for size, start, stream in zip(sizes, range(0, trials, CHUNK), seeds, strict=True)
    ]
    # joblib's own default is kept unless a backend is named.
    chosen = {} if backend is None else {"backend": backend}
    with parallel_config(n_jobs=workers, **chosen):
        done = Parallel(return_as="generator")(work)
        shown = track(done, "Trials", total=len(work), disable=not progress)
        frames = list(shown)
    return pd.concat(frames, ignore_index=True)


def _piece(
    study: Study,
    scenario: Scenario,
    size: int,
    start: int,
    seed: np.random.SeedSequence,
    options: dict[str, Any],
) -> pd.DataFrame:
    frame = study(scenario, size, np.random.default_rng(seed), **options)
    frame["trial"] += start
    frame.insert(0, "scenario", scenario.name)
    return frame


def operating_characteristics(
    results: pd.DataFrame, scenarios: Sequence[Scenario], alpha: float = 0.05
) -> pd.DataFrame:
    """What the analyses of ``studies.analyses`` did, a row for each scenario and analysis.

    rejected: share of trials with a two-sided P below ``alpha`` (under the null hypothesis the type
    I error, else the power); favorable: those of them in favor of the experimental arm; bias_log:
    mean log hazard ratio minus the truth; covered: share of 95% intervals with the truth inside;
    bias_median and bias_control: mean median minus the true one, months; events. Columns ending in
    ``_error`` are Monte Carlo standard errors. Bias and coverage are NaN where hazards are not
    proportional. ``failed``: share of trials without a finite estimate.
    Source of the measures: Morris, White and Crowther, Stat Med 2019;38:2074.
    """
    z = critical(100 * (1 - alpha))
    truth = {s.name: s for s in scenarios}
    rows = []
    for (name, analysis), mine in results.groupby(["scenario", "analysis"], sort=False):
        scenario = truth[str(name)]
        off = mine["log_hazard_ratio"] - np.log(scenario.hazard_ratio)
        parts = {
            "rejected": (mine["z"].abs() > z).astype(float),
            "favorable": (mine["z"] < -z).astype(float),
            "log_hazard_ratio": mine["log_hazard_ratio"],
            "bias_log": off,
            "covered": (off.abs() <= critical(95) * mine["se"]).where(off.notna()).astype(float),
            "bias_median": mine["median"] - scenario.medians[0],
            "bias_control": mine["control_median"] - scenario.medians[1],
            "events": mine["events"],
        }
        row = {"scenario": name, "analysis": analysis, "trials": len(mine)}
        row["failed"] = mine["log_hazard_ratio"].isna().mean()
        for measure, values in parts.items():
            row |= {measure: float(values.mean()), f"{measure}_error": float(values.sem())}
        rows.append(row)
    return pd.DataFrame(rows)
