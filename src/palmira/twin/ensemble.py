"""Many twins that meet all that is printed of all patients: what publication leaves open.

Run it: ``python -m palmira.twin.ensemble RECORD.yaml``. Members come from different seeds and, in
the smaller arm, different orders of events and censorings; others are driven from them as far as a
quantity goes while all printed numbers hold. Subgroups' results are not asked for. joblib spreads
the work over processes; within ``joblib.parallel_config("dask")`` over a cluster.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from rich.progress import track

from palmira.record import Record, load
from palmira.schedule import DAYS_PER_MONTH
from palmira.schema import RecordError
from palmira.twin import curves
from palmira.twin.goals import ANY, Goal
from palmira.twin.make import earliest_censoring, horizon_of
from palmira.twin.orderings import Ordering
from palmira.twin.pfs import draw_orders, small_orders, weights
from palmira.twin.problem import Problem, pfs_problem
from palmira.twin.spread import ENSEMBLE
from palmira.twin.tables import PatientTable, distances, improve, start

MEMBERS, SEED, PUSHED_FROM = 200, 20261127, 4
STEPS, HOT, COLD, TRIES = 120_000, 0.5, 0.05, 4
PUSH_STEPS, PUSH_HOT, PUSH_COLD = 40_000, 0.3, 0.01
MONTHS = [x / 2 for x in range(49)]
PUSHED_MONTHS = [*range(1, 13), 15, 18, 21, 24]
# Kind of each driven quantity (see goals.quantity), first and last day, and its scale.
DRIVEN = {
    "rmst_12_first": (2, 0, 12, 0, 0.02), "rmst_12_second": (2, 1, 12, 0, 0.02),
    "rmst_12_difference": (3, 0, 12, 0, 0.04), "rmst_6_difference": (3, 0, 6, 0, 0.06),
    "hr_0_6": (4, 0, 0, 6, 2.0), "hr_6_12": (4, 0, 6, 12, 2.0),
}  # fmt: skip
LABELS = {
    "rmst_12_difference": "Difference of restricted means to 12 months",
    "rmst_6_difference": "Difference of restricted means to 6 months",
    "hr_0_6": "Hazard ratio, 0 to 6 months", "hr_6_12": "Hazard ratio, 6 to 12 months",
    "ph_p": "Test of proportional hazards",
}  # fmt: skip


def overall(goal: Goal) -> Goal:
    """The goal of all patients alone."""
    windows, ratios = goal.windows.copy(), goal.ratios.copy()
    windows[2:] = 0
    ratios[1:] = [-ANY, ANY, -ANY, ANY, -ANY, ANY, 0.0, ANY]
    return goal._replace(windows=windows, ratios=ratios, z=np.tile([0.0, ANY], (len(goal.z), 1)))


def member(
    problem: Problem, horizon: int, small: tuple[int, list[Ordering]], seed: int
) -> tuple[PatientTable, str] | None:
    """A table that meets the overall goal, with the smaller arm's order; None if none was found."""
    rng = np.random.default_rng([SEED, seed])
    orders = draw_orders(problem, small, horizon, rng)
    frozen = np.array([o is not None for o in orders])
    table, goal = start(problem, horizon, rng, orders), overall(problem.goal)
    for k in range(TRIES):
        table, costs = improve(problem, table, goal, frozen, weights(problem), STEPS, HOT, COLD,
                               int(seed) * TRIES + k)  # fmt: skip
        if costs[:-1].sum() <= 0:
            order = orders[small[0]]
            return table, order.letters if order else ""
    return None


def drive(
    problem: Problem, table: PatientTable, push: tuple[float, ...], frozen: Any, seed: int
) -> PatientTable | None:
    """A table in which a quantity is driven as far as the search gets, all else holding."""
    goal = overall(problem.goal)._replace(push=np.array(push, dtype=float))
    table, _ = improve(problem, table, goal, frozen, weights(problem), PUSH_STEPS, PUSH_HOT,
                       PUSH_COLD, seed)  # fmt: skip
    costs = distances(problem, table, overall(problem.goal))
    return table if costs[:-1].sum() <= 0 else None


def pushes() -> list[tuple[float, ...]]:
    """All driven quantities in both directions: kind, arm, days, direction, scale."""
    found: list[tuple[float, ...]] = []
    for sign in (1.0, -1.0):
        for arm in (0, 1):
            found += [(1, arm, m * DAYS_PER_MONTH, 0, sign, 5.0) for m in PUSHED_MONTHS]
        for kind, arm, first, last, scale in DRIVEN.values():
            found.append((kind, arm, first * DAYS_PER_MONTH, last * DAYS_PER_MONTH, sign, scale))
    return found


def described(problem: Problem, table: PatientTable) -> dict[str, Any]:
    """Curves on the grid of months and the free quantities of a table."""
    frame = pd.DataFrame({"arm": np.array(problem.arms)[table.arm],
                          "time": table.day.astype(float), "event": table.event})  # fmt: skip
    heights = {}
    for arm in problem.arms:
        curve = curves.of_arm(frame, arm)
        heights[arm] = [curve.at(m * DAYS_PER_MONTH) for m in MONTHS]
    values = {k: q.value for k, q in curves.quantities(frame, *problem.arms).items()}
    return {"heights": heights, "values": values}


def _one(problem: Problem, horizon: int, small: tuple[int, list[Ordering]], seed: int) -> Any:
    made = member(problem, horizon, small, seed)
    return None if made is None else (*made, described(problem, made[0]))


def _pushed(problem: Problem, table: PatientTable, push: tuple[float, ...], seed: int) -> Any:
    made = drive(problem, table, push, np.array([False, True]), seed)
    return None if made is None else described(problem, made)


def ensemble(
    record: Record, scale: str, members: int, workers: int, driven_from: int = PUSHED_FROM
) -> dict[str, Any]:
    """The summary of an ensemble (see ``palmira.twin.spread``)."""
    problem = pfs_problem(record, scale)
    problem = replace(problem, earliest=earliest_censoring(record, problem))
    horizon, small = horizon_of(record, problem), small_orders(problem)
    found: list[Any] = []
    with Parallel(workers, return_as="generator") as pool:
        seeds, block = 0, max(2 * workers, min(20, members))
        while len(found) < members and seeds < 4 * members:
            jobs = (delayed(_one)(problem, horizon, small, s) for s in range(seeds, seeds + block))
            found += [x for x in track(pool(jobs), f"{scale}: {len(found)} members", total=block)
                      if x is not None]  # fmt: skip
            seeds += block
        found = found[:members]
        if len(found) < members:
            raise RecordError(f"{record.trial}: only {len(found)} of {members} twins were found.")
        starts: dict[str, PatientTable] = {}
        for table, order, _ in found:
            if len(starts) < driven_from:
                starts.setdefault(order, table)
        work = [(t, p) for t in starts.values() for p in pushes()]
        jobs = (delayed(_pushed)(problem, t, p, k) for k, (t, p) in enumerate(work))
        pushed = [x for x in track(pool(jobs), f"{scale}: driven", total=len(work)) if x]
    return _summary(record, problem, found, pushed)


def _summary(
    record: Record, problem: Problem, found: list[Any], pushed: list[Any]
) -> dict[str, Any]:
    random = [x[2] for x in found]
    everything = random + pushed
    arms = {}
    for arm in problem.arms:
        some, all_ = (np.array([x["heights"][arm] for x in xs]) for xs in (random, everything))
        ends = {"low": some.min(0), "high": some.max(0),
                "pushed_low": all_.min(0), "pushed_high": all_.max(0)}  # fmt: skip
        arms[arm] = {k: [round(float(v), 5) for v in ends[k]] for k in ends}
    names = {f"rmst_12_{arm}": record.sheet.arms[arm].label for arm in problem.arms}
    quantities = {}
    for name in random[0]["values"]:
        some, all_ = (np.array([x["values"][name] for x in xs]) for xs in (random, everything))
        label = f"Restricted mean to 12 months, {names[name]}" if name in names else LABELS[name]
        driven = name != "ph_p"
        unit = "P" if name == "ph_p" else "ratio" if name.startswith("hr") else "months"
        quantities[name] = {
            "label": label, "unit": unit,
            "low": round(float(some.min()), 5), "high": round(float(some.max()), 5),
            "pushed_low": round(float(all_.min()), 5) if driven else None,
            "pushed_high": round(float(all_.max()), 5) if driven else None,
        }  # fmt: skip
    return {"members": len(found), "orderings": len({x[1] for x in found}), "driven": len(pushed),
            "months": MONTHS, "arms": arms, "quantities": quantities}  # fmt: skip


def main() -> int:
    """Make both ensembles and write the summary."""
    parser = argparse.ArgumentParser(prog="python -m palmira.twin.ensemble")
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
    beside = given.output.with_suffix(".new")
    beside.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    beside.rename(given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
