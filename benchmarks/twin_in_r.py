"""The committed twins in R's survival beside Python: python benchmarks/twin_in_r.py.

It needs Rscript with the package survival, which come with R; neither the book nor the tests do.
"""

import re
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
from palmira.statistics.estimates import ratio
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival import cox
from palmira.statistics.survival_curves import kaplan_meier
from palmira.twin.adam.analysis_set import CODING
from palmira.twin.adam.store import read
from palmira.twin.targets.target import targets
from palmira.twin.verify.verify_survival import wald_p

KEYS = ["endpoint", "arm", "what", "part"]
Line = tuple[str, str, str, str, float]
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
    # A comma within a name is told from a separator by the space after it.
    rows = [re.split(",(?! )", line) for line in text.splitlines()]
    frame = pd.DataFrame(rows, columns=[*KEYS, "value"]).set_index(KEYS)["value"]
    return frame.replace("NA", "nan").astype(float)


def in_python(folder: Path, days: list[int]) -> Iterator[Line]:
    """The same numbers by lifelines, as the book computes them."""
    frames = read(folder)
    people = frames["adsl"].set_index("USUBJID")
    for endpoint in ("PFS", "OS"):
        d = frames["adtte"].query("PARAMCD == @endpoint").set_index("USUBJID")
        times = {"time": d["AVAL"].astype(float), "event": d["CNSR"] == 0}
        d = pd.DataFrame(times).join(people[["TRT01PN", "ETDRUG", "VISCFL"]])
        for line in (*_curves(d, days), *_models(d)):
            yield endpoint, *line


def _curves(d: pd.DataFrame, days: list[int]) -> Iterator[tuple[str, str, str, float]]:
    for arm, mine in d.groupby("TRT01PN"):
        curve = kaplan_meier(mine["time"], mine["event"])
        for part, name in PARTS.items():
            yield str(arm), "median", part, curve.median(name)
            for day in days:
                # R gives no limits before the first event, lifelines gives 1.
                none = part != "quantile" and curve.at(day) == 1
                yield str(arm), f"day {day}", part, nan if none else curve.at(day, name)


def _models(d: pd.DataFrame) -> Iterator[tuple[str, str, str, float]]:
    one, other = (d[d["TRT01PN"] == arm] for arm in (1, 2))
    test = logrank_test(one["time"], other["time"], one["event"], other["event"])
    yield "both", "log-rank", "chi-square", test.test_statistic
    yield "both", "log-rank", "P", test.p_value
    strata = {x: (d[x] == d[x].max()).astype(float) for x in ("ETDRUG", "VISCFL")}
    for name, scale, adjusted in (
        ("plain", "neutral", {}),
        ("adjusted", "neutral", strata),
        ("adjusted, orthonormal", "full", strata),
    ):
        high, low = CODING[scale]
        x = pd.DataFrame({"arm": d["TRT01PN"].map({1: high, 2: low}), **adjusted})
        fit = cox(d[["time", "event"]].join(x).astype(float), "time", "event", list(x), "efron")
        beta, se = fit.log_hazard_ratio["arm"], fit.se["arm"]
        found = ratio(exp(beta), se)
        yield "both", name, "hazard ratio", found.value
        yield "both", name, "lower", found.lower
        yield "both", name, "upper", found.upper
        yield "both", name, "P", wald_p(beta, se)


def main() -> None:
    if shutil.which("Rscript") is None:
        print("Rscript is not installed, so nothing was compared. Mend: install R (r-project.org).")
        return
    days = landmarks(published("palmira"))
    for folder in sorted(p.parent for p in (DATA / "twin").glob("*/adtte.csv")):
        lines = pd.DataFrame(in_python(folder, days), columns=[*KEYS, "value"])
        ours = lines.set_index(KEYS)["value"]
        theirs = in_r(folder, days)
        assert set(ours.index) == set(theirs.index)
        columns, largest = (*KEYS, "Python", "R", "relative difference"), 0.0
        table = Table(*columns, title=f"Twin {folder.name}")
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
