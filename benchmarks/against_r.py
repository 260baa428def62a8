"""This package beside R on public data: python benchmarks/against_r.py [--freeze].

Prints every number with its difference. It needs Rscript with survival and metafor; --freeze writes
R's numbers to tests/r_reference.csv, which the tests hold the package against without R.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from lifelines import datasets
from rich.console import Console
from rich.table import Table

from palmira.simulation import two_arm_analyses as kernels
from palmira.simulation.draw import Observed, sort_keys
from palmira.statistics.pooling import pool
from palmira.statistics.survival import cox, log_rank
from palmira.statistics.survival_curves import kaplan_meier

REFERENCE = Path(__file__).parents[1] / "tests" / "r_reference.csv"
KEYS = ["data", "what", "part"]
ROSSI = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
# metafor's data set dat.bcg (Colditz et al, JAMA 1994;271:698).
BCG = pd.DataFrame(
    {
        "tpos": [4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27],
        "tneg": [119, 300, 228, 13536, 5036, 1361, 2537, 87886, 7470, 1699, 50448, 2493, 16886],
        "cpos": [11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29],
        "cneg": [128, 274, 209, 12619, 5761, 1079, 619, 87892, 7232, 1600, 27197, 2338, 17825],
    }
)
Line = tuple[str, str, str, float]


def data_sets() -> dict[str, pd.DataFrame]:
    """The data as both sides read them."""
    lung = datasets.load_lung()[["time", "status", "sex", "age"]]
    lung = lung.assign(old=(lung["age"] > 65).astype(int))
    return {"lung": lung, "rossi": datasets.load_rossi(), "bcg": BCG}


def allowed(part: str, value: float) -> float:
    """The difference that is allowed: relative for a chi-square, absolute for all others."""
    if part == "chi-square":
        return 1e-8 * abs(value)
    return 1e-4 if part.startswith(("tau2", "I2")) else 1e-6


@dataclass(frozen=True)
class Survival:
    """A data set of times: its name, its patients, and the columns of time and event."""

    name: str
    frame: pd.DataFrame
    time: str
    event: str


def in_python() -> Iterator[Line]:
    """Every number that ``against_r.R`` prints, by this package."""
    sets = data_sets()
    lung = Survival("lung", sets["lung"], "time", "status")
    rossi = Survival("rossi", sets["rossi"], "week", "arrest")
    yield from _models(lung, ["sex"], "efron")
    yield from _models(rossi, ROSSI, "efron")
    yield from _models(rossi, ROSSI, "breslow")
    yield from _tests(lung, "sex", "old")
    yield from _tests(rossi, "fin", "race")
    for sex, mine in lung.frame.groupby("sex"):
        yield from _curves(mine, f"sex {sex}")
    yield from _pools(BCG)


def _models(data: Survival, columns: list[str], ties: str) -> Iterator[Line]:
    fit = cox(data.frame, data.time, data.event, columns, ties)
    for x in columns:
        yield data.name, f"Cox, {ties.capitalize()}", f"{x} coefficient", fit.log_hazard_ratio[x]
        yield data.name, f"Cox, {ties.capitalize()}", f"{x} SE", fit.se[x]


def _tests(data: Survival, arm: str, stratum: str) -> Iterator[Line]:
    """Log-rank tests, which the compiled ones have to repeat, and stratified Cox."""
    wanted = [data.time, data.event, arm, stratum]
    days, events, arms, strata = data.frame[wanted].to_numpy(dtype=np.int64).T[:, None]
    everyone = np.ones_like(events, dtype=bool)
    observed = Observed(days, events == 1, everyone, np.zeros_like(days))
    arms = (arms == arms.max()).astype(np.int64)
    for what, by in (("log-rank", None), ("log-rank, stratified", strata)):
        out = kernels.two_arms(sort_keys(observed, arms, by))
        strata_of = None if by is None else stratum
        chi_square, _ = log_rank(data.frame, data.time, data.event, arm, strata_of)
        assert abs(out.gap[0] ** 2 / out.variance[0] / chi_square - 1) < 1e-10, (data.name, what)
        yield data.name, what, "chi-square", chi_square
        if by is not None:
            yield data.name, "Cox, stratified", f"{arm} coefficient", float(out.log_hazard_ratio[0])
            yield data.name, "Cox, stratified", f"{arm} SE", float(out.se[0])


def _curves(patients: pd.DataFrame, who: str) -> Iterator[Line]:
    """Kaplan-Meier with its limits, and restricted means in days."""
    curve = kaplan_meier(patients["time"], patients["status"])
    for part, words in (("estimate", ""), ("lower", ", lower"), ("upper", ", upper")):
        yield "lung", f"Kaplan-Meier, {who}", f"median{words}", curve.median(part)
        for day in (90, 180, 365):
            yield "lung", f"Kaplan-Meier, {who}", f"day {day}{words}", curve.at(day, part)
    for months in (6, 12):
        for part, value in zip(("", ", SE"), curve.restricted_mean(months), strict=True):
            yield "lung", f"restricted mean, {who}", f"{months} months{part}", value * 365.25 / 12


def _pools(bcg: pd.DataFrame) -> Iterator[Line]:
    n, m = bcg["tpos"] + bcg["tneg"], bcg["cpos"] + bcg["cneg"]
    effects = np.log((bcg["tpos"] / n) / (bcg["cpos"] / m))
    errors = np.sqrt(1 / bcg["tpos"] - 1 / n + 1 / bcg["cpos"] - 1 / m)
    for method, knapp_hartung in (("FE", False), *product(("DL", "PM", "REML"), (False, True))):
        found = pool(effects, errors, method, knapp_hartung)
        parts = {"effect": found.effect, "SE": found.se, "Q": found.q, "I2": found.i2}
        parts |= {"lower": found.interval.lower, "upper": found.interval.upper}
        if new := found.prediction:
            if knapp_hartung:  # metafor takes k - 1 degrees of freedom there
                new = found.new_trial(found.trials - 1)
            parts |= {"tau2": found.tau2}
            parts |= {"prediction, lower": new.lower, "prediction, upper": new.upper}
        if method == "REML" and not knapp_hartung:
            low, high = found.tau2_interval
            parts |= {"tau2, lower": low, "tau2, upper": high}
        for part, value in parts.items():
            yield "bcg", f"pooling, {found.method}", part, value


def in_r() -> tuple[pd.Series, str]:
    """What R prints, by data set, what and part, and the versions it was printed by."""
    with tempfile.TemporaryDirectory() as folder:
        for name, frame in data_sets().items():
            frame.to_csv(Path(folder) / f"{name}.csv", index=False)
        command = ["Rscript", str(Path(__file__).with_suffix(".R")), folder]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    *lines, versions = text.splitlines()
    # A comma within a name is told from a separator by the space after it.
    rows = [re.split(",(?! )", line) for line in lines]
    frame = pd.DataFrame(rows, columns=[*KEYS, "value"]).astype({"value": float})
    return frame.set_index(KEYS)["value"], versions.strip("# ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--freeze", action="store_true", help="write R's numbers for the tests")
    freeze = parser.parse_args().freeze
    if shutil.which("Rscript") is None:
        print("Rscript is not installed, so nothing was compared. Mend: install R (r-project.org).")
        return
    theirs, versions = in_r()
    ours = pd.DataFrame(in_python(), columns=[*KEYS, "value"]).set_index(KEYS)["value"]
    if gone := set(ours.index) ^ set(theirs.index):
        raise SystemExit(f"computed on one side only: {sorted(gone)}")
    table = Table(*KEYS, "Python", "R", "difference", "allowed", "holds")
    beyond = 0
    for key, value in ours.items():
        gap, limit = abs(value - theirs[key]), allowed(key[2], theirs[key])
        beyond += gap > limit
        both, holds = (f"{value:.10g}", f"{theirs[key]:.10g}"), "yes" if gap <= limit else "NO"
        table.add_row(*key, *both, f"{gap:.1e}", f"{limit:.1e}", holds)
    Console(width=130).print(table)
    print(f"{versions}: {len(ours)} numbers, {beyond} beyond what is allowed")
    if freeze:
        head = f"# {versions}; made by: python benchmarks/against_r.py --freeze\n"
        text = theirs.reset_index().to_csv(index=False, float_format="%.17g", lineterminator="\n")
        REFERENCE.write_text(head + text, encoding="utf-8")
        print(f"R's numbers are in {REFERENCE.name}")


if __name__ == "__main__":
    main()
