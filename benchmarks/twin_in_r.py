"""The committed twins in R's survival beside Python: python benchmarks/twin_in_r.py.

It needs Rscript with the package survival, which come with R; neither the book nor the tests do.
"""

import shutil
import subprocess
from collections.abc import Iterator
from math import exp, floor, isfinite, nan
from pathlib import Path

import pandas as pd
from lifelines.statistics import logrank_test
from rich.console import Console
from rich.table import Table

from palmira.record import DATA, Record, published
from palmira.statistics.estimates import critical
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival import cox
from palmira.statistics.survival_curves import kaplan_meier
from palmira.twin.adam.analysis_set import CODING
from palmira.twin.adam.store import read
from palmira.twin.targets.target import targets
from palmira.twin.verify.verify_survival import wald_p

KEYS = ["endpoint", "arm", "what", "part"]
PARTS = {"quantile": "estimate", "lower": "lower", "upper": "upper"}


def landmarks(record: Record) -> list[int]:
    """Days of the record's landmark rates."""
    months = {float(str(t.of.time)) for t in targets(record, "full") if t.kind == "rate"}
    return [floor(m * DAYS_PER_MONTH) for m in sorted(months)]


def in_r(folder: Path, days: list[int]) -> pd.Series:
    """What R prints, by end point, arm, what and part."""
    script = Path(__file__).with_suffix(".R")
    command = ["Rscript", str(script), str(folder), *map(str, days)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line.split(",") for line in text.splitlines()]
    # A comma in the name of a model is one column more.
    rows = [[*x[:2], ",".join(x[2:-2]), *x[-2:]] for x in lines]
    frame = pd.DataFrame(rows, columns=[*KEYS, "value"]).set_index(KEYS)["value"]
    return frame.replace("NA", "nan").astype(float)


def in_python(folder: Path, days: list[int]) -> Iterator[tuple[str, str, str, str, float]]:
    """The same numbers by lifelines, as the book computes them."""
    frames = read(folder)
    people = frames["adsl"].set_index("USUBJID")
    for endpoint in ("PFS", "OS"):
        d = frames["adtte"].query("PARAMCD == @endpoint").set_index("USUBJID")
        d = pd.DataFrame({"time": d["AVAL"].astype(float), "event": d["CNSR"] == 0})
        mine = people["TRT01PN"].reindex(d.index)
        for arm in (1, 2):
            curve = kaplan_meier(d["time"][mine == arm], d["event"][mine == arm])
            for part, name in PARTS.items():
                yield endpoint, str(arm), "median", part, curve.median(name)
            for day in days:
                for part, name in PARTS.items():
                    # R gives no limits before the first event, lifelines gives 1.
                    none = part != "quantile" and curve.at(day) == 1
                    value = nan if none else curve.at(day, name)
                    yield endpoint, str(arm), f"day {day}", part, value
        groups = [d[mine == arm] for arm in (1, 2)]
        test = logrank_test(
            *(g["time"] for g in groups), *(g["event"] for g in groups)
        )  # fmt: skip
        yield endpoint, "both", "log-rank", "chi-square", test.test_statistic
        yield endpoint, "both", "log-rank", "P", test.p_value
        for name, scale, factors in (
            ("plain", "neutral", []), ("adjusted", "neutral", ["ETDRUG", "VISCFL"]),
            ("adjusted, orthonormal", "full", ["ETDRUG", "VISCFL"]),
        ):  # fmt: skip
            high, low = CODING[scale]
            x = d.assign(arm=mine.map({1: high, 2: low}))
            for factor in factors:
                values = people[factor].reindex(d.index)
                x[factor] = (values == values.max()).astype(float)
            fit = cox(x.astype(float), "time", "event", ["arm", *factors], "efron")
            beta, se = fit.log_hazard_ratio["arm"], fit.se["arm"]
            for part, z in (
                ("hazard ratio", 0.0),
                ("lower", -critical(95)),
                ("upper", critical(95)),
            ):
                yield endpoint, "both", name, part, exp(beta + z * se)
            yield endpoint, "both", name, "P", wald_p(beta, se)


def main() -> None:
    if shutil.which("Rscript") is None:
        print("Rscript is not installed, so nothing was compared. Mend: install R (r-project.org).")
        return
    days = landmarks(published("palmira"))
    for folder in sorted(p.parent for p in (DATA / "twin").glob("*/adtte.csv")):
        ours = pd.DataFrame(in_python(folder, days), columns=[*KEYS, "value"]).set_index(KEYS)[
            "value"
        ]
        theirs = in_r(folder, days)
        assert set(ours.index) == set(theirs.index)
        table, largest = Table(title=f"Twin {folder.name}"), 0.0
        for column in (*KEYS, "Python", "R", "relative difference"):
            table.add_column(column)
        for key, value in ours.items():
            other = theirs[key]
            both = isfinite(value) and isfinite(other)
            same = not isfinite(value) and not isfinite(other)
            difference = abs(value / other - 1) if both else 0.0 if same else float("inf")
            largest = max(largest, difference)
            table.add_row(*key, f"{value:.6g}", f"{other:.6g}", f"{difference:.1e}")
        Console(width=110).print(table)
        print(f"{folder.name}: {len(ours)} numbers, largest relative difference {largest:.1e}\n")


if __name__ == "__main__":
    main()
