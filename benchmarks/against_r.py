"""This package beside R on public data: python benchmarks/against_r.py [--freeze].

Prints every number with its difference. It needs Rscript with survival and metafor; --freeze writes
R's numbers to tests/r_reference.csv, which the tests hold the package against without R.
"""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
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
    [
        [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619],
        [33, 5036, 47, 5761], [180, 1361, 372, 1079], [8, 2537, 10, 619],
        [505, 87886, 499, 87892], [29, 7470, 45, 7232], [17, 1699, 65, 1600],
        [186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825],
    ],
    columns=["tpos", "tneg", "cpos", "cneg"],
)  # fmt: skip
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


def in_python() -> Iterator[Line]:
    """Every number that ``against_r.R`` prints, by this package."""
    sets = data_sets()
    lung, rossi = sets["lung"], sets["rossi"]
    for name, frame, time, event, columns, ties in (
        ("lung", lung, "time", "status", ["sex"], "efron"),
        ("rossi", rossi, "week", "arrest", ROSSI, "efron"),
        ("rossi", rossi, "week", "arrest", ROSSI, "breslow"),
    ):
        fit = cox(frame, time, event, columns, ties)
        for x in columns:
            what = f"Cox, {ties.capitalize()}"
            yield name, what, f"{x} coefficient", float(fit.log_hazard_ratio[x])
            yield name, what, f"{x} SE", float(fit.se[x])
    for name, frame, time, event, arm, stratum in (
        ("lung", lung, "time", "status", "sex", "old"),
        ("rossi", rossi, "week", "arrest", "fin", "race"),
    ):
        yield from _tests(name, frame, time, event, arm, stratum)
    for sex, mine in lung.groupby("sex"):
        curve = kaplan_meier(mine["time"], mine["status"])
        what = f"Kaplan-Meier, sex {sex}"
        for part, words in (("estimate", ""), ("lower", ", lower"), ("upper", ", upper")):
            yield "lung", what, f"median{words}", curve.median(part)
            for day in (90, 180, 365):
                yield "lung", what, f"day {day}{words}", curve.at(day, part)
        for months in (6, 12):
            mean, se = curve.restricted_mean(months)
            unit = 365.25 / 12
            yield "lung", f"restricted mean, sex {sex}", f"{months} months", mean * unit
            yield "lung", f"restricted mean, sex {sex}", f"{months} months, SE", se * unit
    yield from _pools(BCG)


def _tests(
    name: str, frame: pd.DataFrame, time: str, event: str, arm: str, stratum: str
) -> Iterator[Line]:
    """Log-rank tests, which the compiled ones have to repeat, and stratified Cox."""
    columns = [frame[c].to_numpy(dtype=np.int64)[None] for c in (time, event, arm, stratum)]
    days, events, arms, strata = columns
    everyone = np.ones_like(events, dtype=bool)
    observed = Observed(days, events == 1, everyone, np.zeros_like(days))
    arms = (arms == arms.max()).astype(np.int64)
    for what, by in (("log-rank", None), ("log-rank, stratified", strata)):
        out = kernels.two_arms(sort_keys(observed, arms, by))[0]
        chi_square, _ = log_rank(frame, time, event, arm, None if by is None else stratum)
        assert abs(out[2] ** 2 / out[3] / chi_square - 1) < 1e-10, (name, what)
        yield name, what, "chi-square", chi_square
        if by is not None:
            yield name, "Cox, stratified", f"{arm} coefficient", float(out[4])
            yield name, "Cox, stratified", f"{arm} SE", float(out[5])


def _pools(bcg: pd.DataFrame) -> Iterator[Line]:
    n, m = bcg["tpos"] + bcg["tneg"], bcg["cpos"] + bcg["cneg"]
    effects = np.log((bcg["tpos"] / n) / (bcg["cpos"] / m))
    errors = np.sqrt(1 / bcg["tpos"] - 1 / n + 1 / bcg["cpos"] - 1 / m)
    for method in ("FE", "DL", "PM", "REML"):
        for knapp_hartung in (False, True)[: 1 if method == "FE" else 2]:
            found = pool(effects, errors, method, knapp_hartung)
            parts = {"effect": found.effect, "SE": found.se, "lower": found.interval.lower,
                     "upper": found.interval.upper, "Q": found.q, "I2": found.i2}  # fmt: skip
            if found.prediction is not None:
                parts |= {"tau2": found.tau2, "prediction, lower": found.prediction.lower,
                          "prediction, upper": found.prediction.upper}  # fmt: skip
            if method == "REML" and not knapp_hartung:
                parts |= {"tau2, lower": found.tau2_interval[0],
                          "tau2, upper": found.tau2_interval[1]}  # fmt: skip
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
    rows = [line.replace(", ", "\0").split(",") for line in lines]
    frame = pd.DataFrame([[x.replace("\0", ", ") for x in r] for r in rows])
    frame.columns = [*KEYS, "value"]
    return frame.astype({"value": float}).set_index(KEYS)["value"], versions.strip("# ")


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
        table.add_row(*key, f"{value:.10g}", f"{theirs[key]:.10g}", f"{gap:.1e}", f"{limit:.1e}",
                      "yes" if gap <= limit else "NO")  # fmt: skip
    Console(width=130).print(table)
    print(f"{versions}: {len(ours)} numbers, {beyond} beyond what is allowed")
    if freeze:
        head = f"# {versions}; made by: python benchmarks/against_r.py --freeze\n"
        text = theirs.reset_index().to_csv(index=False, float_format="%.17g", lineterminator="\n")
        REFERENCE.write_text(head + text, encoding="utf-8")
        print(f"R's numbers are in {REFERENCE.name}")


if __name__ == "__main__":
    main()
