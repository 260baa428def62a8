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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from rich.progress import track

from palmira.record import Record, load
from palmira.record.files import write_whole
from palmira.record.schema import RecordError
from palmira.statistics.curve_quantities import quantities
from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.twin.adam.store import ENSEMBLE
from palmira.twin.ensemble.dealt import Heights, dealt, heights, level_heights, patients_of
from palmira.twin.ensemble.members import Member, Setting, drive, member, setting
from palmira.twin.search.goals import DIFFERENCE, MEAN, RATIO, SURVIVAL, Push
from palmira.twin.search.patient_table import PatientTable

MEMBERS, SEED, PUSHED_FROM = 200, 20261127, 6
# Seeds tried for each member that is wanted, at most.
MOST = 3
MONTHS = [x / 2 for x in range(49)]
PUSHED_MONTHS = [m for m in MONTHS if 0 < m <= 12 or m in (13.5, 15, 16.5, 18, 19.5, 21, 22.5, 24)]
HALF, YEAR = 6 * DAYS_PER_MONTH, 12 * DAYS_PER_MONTH
# What is driven beside the rates: restricted means, their differences, ratios of both half-years.
DRIVEN = (
    Push(MEAN, 0, YEAR, 0.0, 1.0, 0.02),
    Push(MEAN, 1, YEAR, 0.0, 1.0, 0.02),
    Push(DIFFERENCE, 0, YEAR, 0.0, 1.0, 0.04),
    Push(DIFFERENCE, 0, HALF, 0.0, 1.0, 0.06),
    Push(RATIO, 0, 0.0, HALF, 1.0, 2.0),
    Push(RATIO, 0, HALF, YEAR, 1.0, 2.0),
)
LABELS = {
    "rmst_12_difference": "Difference of restricted means to 12 months",
    "rmst_6_difference": "Difference of restricted means to 6 months",
    "hr_0_6": "Hazard ratio, 0 to 6 months",
    "hr_6_12": "Hazard ratio, 6 to 12 months",
    "ph_p": "Test of proportional hazards",
}


@dataclass(frozen=True)
class Curves:
    """Heights of a twin's curves by arm and month, its free quantities (none: left out), and the
    heights by factor and level."""

    heights: Heights
    values: dict[str, float]
    levels: dict[str, dict[str, Heights]] = field(default_factory=dict)


Found = tuple[Member, Curves]


def pushes() -> list[Push]:
    """All driven quantities in both directions."""
    rates = [
        Push(SURVIVAL, a, m * DAYS_PER_MONTH, 0.0, 1.0, 5.0) for a in (0, 1) for m in PUSHED_MONTHS
    ]
    up = [*rates, *DRIVEN]
    return up + [push._replace(sign=-1.0) for push in up]


def _one(made: Setting, seed: int) -> Found | None:
    found = member(made, [SEED, 0, seed])
    if found is None:
        return None
    rng = np.random.default_rng([SEED, 2, seed])
    table, factors = dealt(made.whole, made.problem, found.table, rng)
    levels = level_heights(made.whole, table, factors, MONTHS)
    return found, replace(_curves(made, found.table), levels=levels)


def _pushed(made: Setting, start: Member, push: Push, seed: int) -> Curves | None:
    table = drive(made, start, push, [SEED, 1, seed])
    return None if table is None else _curves(made, table, push.kind != SURVIVAL)


def _curves(made: Setting, table: PatientTable, valued: bool = True) -> Curves:
    arms, patients = made.problem.arms, patients_of(made.problem, table)
    values = {k: q.value for k, q in quantities(patients, *arms).items()} if valued else {}
    return Curves(heights(patients, arms, MONTHS), values)


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
    made, words = setting(record, scale, SEED), f"{record.trial}, {scale}"
    with Parallel(workers, return_as="generator") as pool:
        found = drawn(made, members, pool, words)
        work = [(start, p) for start in _starts(made, found, driven_from) for p in pushes()]
        jobs = (delayed(_pushed)(made, start, p, k) for k, (start, p) in enumerate(work))
        done = track(pool(jobs), f"{words}: driven", total=len(work))
        pushed = [curves for curves in done if curves is not None]
    own = [curves for _, curves in found]
    arms = dict(enumerate(made.problem.arms))
    orders = {arm: {x.orders[a] for x, _ in found} - {None} for a, arm in arms.items()}
    return {
        "evidence": "synthetic",
        "members": len(found),
        "driven": len(pushed),
        "orderings": {arm: len(different) for arm, different in orders.items()},
        "months": MONTHS,
        "arms": {
            arm: _ends([x.heights[arm] for x in own], [x.heights[arm] for x in pushed])
            for arm in arms.values()
        },
        "levels": _levels(made, own),
        "quantities": _ranges(record, made, own, pushed),
    }


def _ranges(
    record: Record, made: Setting, own: list[Curves], pushed: list[Curves]
) -> dict[str, dict[str, Any]]:
    """Label, unit and range of each free quantity."""
    labels = {
        f"rmst_12_{arm}": f"Restricted mean to 12 months, {record.sheet.arms[arm].label}"
        for arm in made.problem.arms
    } | LABELS
    ranges = {}
    for name in own[0].values:
        unit = "P" if name == "ph_p" else "ratio" if name.startswith("hr") else "months"
        values = ([x.values[name] for x in some if x.values] for some in (own, pushed))
        ranges[name] = {"label": labels[name], "unit": unit, **_ends(*values)}
    ranges["ph_p"] |= {"pushed_low": None, "pushed_high": None}
    return ranges


def _levels(made: Setting, own: list[Curves]) -> dict[str, Any]:
    """Least and greatest heights by factor, level and arm, and how many members they are of."""
    found: dict[str, Any] = {}
    for factor, categories in zip(made.whole.factors, made.whole.levels, strict=True):
        mine = [curves.levels[factor] for curves in own if factor in curves.levels]
        if mine:
            bands = {
                c: {arm: _least_and_greatest([x[c][arm] for x in mine]) for arm in made.whole.arms}
                for c in categories
            }
            found[factor] = {"members": len(mine), "bands": bands}
    return found


def _ends(own: list[Any], pushed: list[Any]) -> dict[str, Any]:
    """Least and greatest values of the members, and of these and the driven ones together."""
    both = _least_and_greatest(own + pushed)
    return _least_and_greatest(own) | {f"pushed_{end}": value for end, value in both.items()}


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
