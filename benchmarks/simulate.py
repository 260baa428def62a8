"""Time the analysis of simulated trials: python benchmarks/simulate.py.

10,000 trials like the record's, with ties, each with a log-rank test and a Cox hazard ratio with
its standard error: this package on all of them, R's survival (if Rscript is there) and lifelines
on as many as a short run allows. Times are CPU time a trial, the best of several rounds, so that
they compare on a busy machine too; the scaling is in wall time.
"""

import os
import platform
import shutil
import subprocess
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib.externals.loky import get_reusable_executor
from lifelines import CoxPHFitter
from lifelines.statistics import logrank_test

from palmira.record import published
from palmira.simulation import two_arm_analyses as kernels
from palmira.simulation.draw import at_scans, draw, sort_keys
from palmira.simulation.operating_characteristics import simulate
from palmira.simulation.scenario import of_record
from palmira.site.measured import keep
from palmira.statistics.survival import PRECISE

TRIALS, R_HIGH, R_LOW, LIFELINES, SEED = 10_000, 500, 3_000, 60, 2026
ROUNDS, WINDOW = 5, 7
WANTED = {"R survdiff + coxph": 100, "R coxph.fit (Cox only)": 5, "lifelines": 1000}
AGREE = 1e-8


def ours(observed, arm):
    """Log-rank chi-square, Cox log hazard ratio and standard error; a row a trial."""
    out = kernels.two_arms(sort_keys(observed, arm))
    return np.column_stack([out.gap**2 / out.variance, out.log_hazard_ratio, out.se])


def in_r(observed, arm):
    """Seconds a trial and results of ``simulate.R``, and its version."""
    numbers = np.stack([observed.time, observed.event, arm], axis=1)[: max(R_HIGH, R_LOW)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trials.bin"
        numbers.astype("<i4").tofile(path)
        script = str(Path(__file__).with_suffix(".R"))
        command = ["Rscript", script, str(path), *map(str, (arm.shape[1], R_HIGH, R_LOW, ROUNDS))]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line.split() for line in text.splitlines()]
    parts = {name: [x[1:] for x in lines if x[0] == name] for name in ("high", "low", "version")}
    found = {
        k: (float(v[0][0]), np.array(v[1:], float)) for k, v in parts.items() if k != "version"
    }
    return found, " ".join(parts["version"][0])


def by_lifelines(observed, arm):
    """The same by lifelines, to its full precision, on the first trials."""
    rows = []
    frames = [pd.DataFrame({"time": t, "event": e, "arm": a}) for t, e, a in
              zip(observed.time[:LIFELINES], observed.event, arm, strict=False)]  # fmt: skip
    times = []
    for part in range(ROUNDS):
        mine = frames[part::ROUNDS]
        start = time.process_time()
        for d in mine:
            one, other = d[d["arm"] == 1], d[d["arm"] == 0]
            test = logrank_test(one["time"], other["time"], one["event"], other["event"])
            fit = CoxPHFitter().fit(d, "time", event_col="event", fit_options=PRECISE)
            rows.append([test.test_statistic, fit.params_["arm"], fit.standard_errors_["arm"]])
        times.append((time.process_time() - start) / len(mine))
    order = [i for part in range(ROUNDS) for i in range(part, LIFELINES, ROUNDS)]
    return min(times), np.array(rows)[np.argsort(order)]


def scaling(scenario, workers):
    """Seconds to simulate and analyze trials with so many processes, once they are there."""
    simulate([scenario], 5_000, 1, workers=workers)
    times = []
    for _ in range(2):
        start = time.perf_counter()
        frame = simulate([scenario], 3 * TRIALS, 1, workers=workers)
        times.append(time.perf_counter() - start)
    get_reusable_executor().shutdown()
    return min(times), frame


def main() -> None:
    record = published("palmira")
    scenario = of_record(record, "palbociclib", "et", 1.0, "no difference")
    scenario = replace(scenario, window=WINDOW)
    trials = draw(scenario, TRIALS, np.random.default_rng(SEED))
    observed, arm = at_scans(trials), trials.arm
    start = time.process_time()
    ours(at_scans(draw(scenario, 2, np.random.default_rng(0))), arm[:2])
    first = time.process_time() - start
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        mine = ours(observed, arm)
        times.append(time.process_time() - start)
    own = min(times)
    peers = {}
    version = "not installed, not timed"
    if shutil.which("Rscript"):
        found, version = in_r(observed, arm)
        for name, key, columns in (("R survdiff + coxph", "high", slice(0, 3)),
                                   ("R coxph.fit (Cox only)", "low", slice(1, 3))):  # fmt: skip
            peers[name] = (*found[key], mine[:, columns])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peers["lifelines"] = (*by_lifelines(observed, arm), mine)
    load = "/".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, "
          f"load {load}; R {version}")  # fmt: skip
    distinct = np.mean(
        [len(np.unique(t[e])) for t, e in zip(observed.time[:200], observed.event, strict=False)]
    )
    print(
        f"{TRIALS:,} trials of {scenario.arms[0]}:{scenario.arms[1]} patients, "
        f"{observed.event.sum(axis=1).mean():.0f} events on {distinct:.0f} different days"
    )
    print(
        f"This package: {own:.3f} CPU s for all (first call, with compilation or its cache: "
        f"{first:.1f} s)"
    )
    rows: list[list[str | float | int | None]] = []
    for name, (seconds, values, same) in peers.items():
        gap = np.abs(values - same[: len(values)]).max()
        verdict = "within" if gap <= AGREE else "beyond"
        ratio = seconds / (own / TRIALS)
        rows.append([name, 1000 * seconds, ratio, WANTED[name], f"{gap:.1e} ({verdict} {AGREE:g})"])
    one, two = scaling(scenario, 1), scaling(scenario, 2)
    pd.testing.assert_frame_equal(one[1], two[1])
    alone = 1000 * one[0] / (3 * TRIALS)
    rows += [
        ["this package", 1000 * own / TRIALS, 1, None, ""],
        ["this package, drawn and analyzed in three ways, 1 worker", alone, None, None, ""],
        ["  2 workers: times as fast", None, one[0] / two[0], None, "the same numbers"],
    ]
    keep(
        "simulation", ["What", "ms a trial", "Times as long", "Wanted", "Largest difference"], rows
    )


if __name__ == "__main__":
    main()
