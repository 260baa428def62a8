"""Many twins that meet all that is printed of all patients: what publication leaves open.

Run it: ``python -m palmira.twin.ensemble.left_open RECORD.yaml``. Members differ in the orders of
events and censorings and in the shape of the curve between printed points; others are driven from
them as far as a quantity goes while all printed numbers hold, however much events then crowd.
Subgroups' results are not asked for. joblib spreads the work over processes; within
``joblib.parallel_config("dask")`` over a cluster. Its numbers do not depend on how many there are.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from rich.progress import track

from palmira.record import Record, load
from palmira.record.files import write_whole
from palmira.record.schema import RecordError
from palmira.statistics.curve_quantities import quantities
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival_curves import of_arm
from palmira.twin.adam.store import ENSEMBLE
from palmira.twin.ensemble.dealt import dealt, heights
from palmira.twin.ensemble.members import (
    DIFFERENCE,
    MEAN,
    RATE,
    RATIO,
    Member,
    Push,
    Setting,
    drive,
    member,
    setting,
)
from palmira.twin.search.patient_table import PatientTable

MEMBERS, SEED, PUSHED_FROM = 200, 20261127, 6
# Seeds tried for each member that is wanted, at most.
MOST = 3
MONTHS = [x / 2 for x in range(49)]
PUSHED_MONTHS = [m for m in MONTHS if 0 < m <= 12 or m in (13.5, 15, 16.5, 18, 19.5, 21, 22.5, 24)]
# Kind of each driven quantity (see goals.quantity), arm, first and last month, and its scale.
DRIVEN = {
    "rmst_12_first": (MEAN, 0, 12, 0, 0.02), "rmst_12_second": (MEAN, 1, 12, 0, 0.02),
    "rmst_12_difference": (DIFFERENCE, 0, 12, 0, 0.04),
    "rmst_6_difference": (DIFFERENCE, 0, 6, 0, 0.06),
    "hr_0_6": (RATIO, 0, 0, 6, 2.0), "hr_6_12": (RATIO, 0, 6, 12, 2.0),
}  # fmt: skip
LABELS = {
    "rmst_12_difference": "Difference of restricted means to 12 months",
    "rmst_6_difference": "Difference of restricted means to 6 months",
    "hr_0_6": "Hazard ratio, 0 to 6 months", "hr_6_12": "Hazard ratio, 6 to 12 months",
    "ph_p": "Test of proportional hazards",
}  # fmt: skip
Found = tuple[Member, dict[str, Any]]


def pushes() -> list[Push]:
    """All driven quantities in both directions: kind, arm, days, direction, scale."""
    found: list[Push] = []
    for sign in (1.0, -1.0):
        for arm in (0, 1):
            found += [(RATE, arm, m * DAYS_PER_MONTH, 0, sign, 5.0) for m in PUSHED_MONTHS]
        for kind, arm, first, last, scale in DRIVEN.values():
            found.append((kind, arm, first * DAYS_PER_MONTH, last * DAYS_PER_MONTH, sign, scale))
    return found


def _said(made: Setting, table: PatientTable, all_: bool = True) -> dict[str, Any]:
    """``heights`` of both arms' curves at ``MONTHS``, and, unless left out, ``values`` of the free
    quantities."""
    arms = made.problem.arms
    arm, time = np.array(arms)[table.arm], table.day.astype(float)
    patients = pd.DataFrame({"arm": arm, "time": time, "event": table.event})
    curves = {arm: of_arm(patients, arm) for arm in arms}
    heights = {a: [c.at(m * DAYS_PER_MONTH) for m in MONTHS] for a, c in curves.items()}
    values = {k: q.value for k, q in quantities(patients, *arms).items()} if all_ else {}
    return {"heights": heights, "values": values}


def _one(made: Setting, seed: int) -> Found | None:
    found = member(made, [SEED, 0, seed])
    if found is None:
        return None
    rng = np.random.default_rng([SEED, 2, seed])
    table, factors = dealt(made.whole, made.problem, found.table, rng)
    levels = heights(made.whole, table, factors, MONTHS)
    return found, _said(made, found.table) | {"levels": levels}


def _pushed(made: Setting, start: Member, push: Push, seed: int) -> dict[str, Any] | None:
    table = drive(made, start, push, [SEED, 1, seed])
    return None if table is None else _said(made, table, push[0] != RATE)


def drawn(made: Setting, members: int, pool: Parallel, words: str) -> list[Found]:
    """Members from the first seeds that give one. Raises ``RecordError`` where too few do."""
    found: list[Found] = []
    seeds = 0
    while len(found) < members and seeds < MOST * members:
        wanted = members - len(found)
        jobs = (delayed(_one)(made, s) for s in range(seeds, seeds + wanted))
        found += [x for x in track(pool(jobs), f"{words}: members", total=wanted) if x is not None]
        seeds += wanted
    if len(found) < members:
        raise RecordError(f"{words}: only {len(found)} of {members} twins were found.")
    return found


def _starts(made: Setting, found: list[Found], most: int) -> list[Member]:
    """Members to drive from, with different orders of the smaller arm as far as there are."""
    seen: Counter[Any] = Counter()
    rank = []
    for k, (x, _) in enumerate(found):
        seen[x.orders[made.small]] += 1
        rank.append((seen[x.orders[made.small]], k))
    return [found[k][0] for _, k in sorted(rank)[:most]]


def ensemble(
    record: Record, scale: str, members: int, workers: int, driven_from: int = PUSHED_FROM
) -> dict[str, Any]:
    """The summary of an ensemble (see ``palmira.readings.spread``)."""
    made = setting(record, scale, SEED)
    with Parallel(workers, return_as="generator") as pool:
        found = drawn(made, members, pool, f"{record.trial}, {scale}")
        work = [(start, p) for start in _starts(made, found, driven_from) for p in pushes()]
        jobs = (delayed(_pushed)(made, start, p, k) for k, (start, p) in enumerate(work))
        done = track(pool(jobs), f"{record.trial}, {scale}: driven", total=len(work))
        pushed = [x for x in done if x is not None]
    return _summary(record, made, found, pushed)


def _summary(
    record: Record, made: Setting, found: list[Found], pushed: list[dict[str, Any]]
) -> dict[str, Any]:
    arms, random = made.problem.arms, [said for _, said in found]
    names = {f"rmst_12_{arm}": record.sheet.arms[arm].label for arm in arms}
    quantities = {}
    for name in random[0]["values"]:
        label = f"Restricted mean to 12 months, {names[name]}" if name in names else LABELS[name]
        unit = "P" if name == "ph_p" else "ratio" if name.startswith("hr") else "months"
        ends = _ends([x["values"][name] for x in random],
                     [x["values"][name] for x in pushed if x["values"]])  # fmt: skip
        if name == "ph_p":
            ends |= {"pushed_low": None, "pushed_high": None}
        quantities[name] = {"label": label, "unit": unit, **ends}
    orders = [{x.orders[a] for x, _ in found} - {None} for a in range(2)]
    return {
        "evidence": "synthetic", "members": len(found), "driven": len(pushed),
        "orderings": {arm: len(orders[a]) for a, arm in enumerate(arms)}, "months": MONTHS,
        "arms": {arm: _ends([x["heights"][arm] for x in random],
                            [x["heights"][arm] for x in pushed]) for arm in arms},
        "levels": _levels(made, random), "quantities": quantities,
    }  # fmt: skip


def _levels(made: Setting, random: list[dict[str, Any]]) -> dict[str, Any]:
    """Least and greatest heights by factor, level and arm, and how many members they are of."""
    found: dict[str, Any] = {}
    for factor, categories in zip(made.whole.factors, made.whole.levels, strict=True):
        mine = [said["levels"][factor] for said in random if factor in said["levels"]]
        if mine:
            bands = {
                c: {arm: _least_and_greatest([x[c][arm] for x in mine]) for arm in made.whole.arms}
                for c in categories
            }
            found[factor] = {"members": len(mine), "bands": bands}
    return found


def _ends(random: list[Any], pushed: list[Any]) -> dict[str, Any]:
    """Least and greatest values of the members, and of these and the driven ones together."""
    ends: dict[str, Any] = {}
    for name, values in (("", random), ("pushed_", random + pushed)):
        ends |= {f"{name}{end}": value for end, value in _least_and_greatest(values).items()}
    return ends


def _least_and_greatest(values: list[Any]) -> dict[str, Any]:
    low, high = (f(np.array(values), axis=0) for f in (np.min, np.max))
    return {"low": low.round(4).tolist(), "high": high.round(4).tolist()}


def main() -> int:
    """Make both ensembles and write the summary."""
    parser = argparse.ArgumentParser(prog="python -m palmira.twin.ensemble.left_open")
    parser.add_argument("record", type=Path)
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--driven-from", type=int, default=PUSHED_FROM, help="members driven")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, default=ENSEMBLE)
    given = parser.parse_args()
    try:
        record = load(given.record)
        found = {
            s: ensemble(record, s, given.members, given.workers, given.driven_from)
            for s in ("full", "neutral")
        }
    except RecordError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped; nothing was written.", file=sys.stderr)
        return 130
    lines = (f"{json.dumps(s)}: {json.dumps(x)}" for s, x in found.items())
    write_whole(given.output, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
