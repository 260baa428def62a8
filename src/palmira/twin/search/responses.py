"""Best response and clinical benefit of each patient: the stage after survival."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.record import Record
from palmira.record.schema import RecordError
from palmira.statistics.schedule import assessment_weeks
from palmira.twin.facts import (
    Ints,
    arm_names,
    draw,
    ids,
    levels,
    number,
    responders,
    response_rate,
    where,
)  # fmt: skip
from palmira.twin.search.benefit import ENDPOINT, Frame, best_benefit, frame

MEASURABLE = ("Measurable disease", "Yes")
STABLE = "methods.outcomes.stable_disease"
# Disease that cannot be measured is mostly in bone: likelier without visceral involvement.
BONE_ONLY = 4.0


def visits(record: Record, horizon: int) -> Ints:
    """Days of the planned tumor assessments up to ``horizon`` (random assignment is day 1); none
    where the record lacks their interval."""
    stem = "methods.assessment"
    first, until, later = (
        number(record, f"{stem}.{k}") for k in ("first_interval", "first_until", "later_interval")
    )
    if first is None:
        return np.zeros(0, dtype=np.int64)
    weeks = assessment_weeks(first, until or 1e6, later or first, horizon / 28)
    return np.array([round(7 * w) + 1 for w in weeks], dtype=np.int64)


def responses(
    record: Record, patients: pd.DataFrame, rng: np.random.Generator, scale: str = "full"
) -> pd.DataFrame:
    """Adds ``response``, ``response_day``, ``benefit`` and ``measurable`` (see the record's rates).

    Benefit goes to patients whose PFS exceeds the required duration of stable disease, so that the
    adjusted odds ratio prints as in the record where ``scale`` is "full" (on "neutral" it is left
    to chance); a responder may have had less only where too few others are at hand. Of the patients
    of a group those with the longest PFS benefit. Responders have measurable disease, respond at a
    planned assessment, are confirmed at the next, and progress later. A patient with longer PFS but
    without benefit has progression (PD) as best response, or is not evaluable (NE) if none was
    seen, and lacks the earlier assessments: neither response nor stable disease of that length may
    stand in the data. Where no rate of benefit is printed, all of these have benefit. Patients
    are returned as they are where the record lacks the interval of the assessments. Raises
    ``RecordError`` naming the entries where no choice has the printed numbers.
    """
    duration = number(record, STABLE)
    day = patients["pfs"].to_numpy()
    grid = visits(record, int(day.max()) + 1)
    if not len(grid):
        return patients.copy()
    needed = 7 * int(duration) if duration is not None else None
    out = patients.assign(response="NE", response_day=np.nan, benefit=False, measurable=False)
    # The last assessment without progression: where PFS is censored, maybe on its last day.
    last = np.searchsorted(grid, day + ~patients["pfs_event"].to_numpy(dtype=bool)) - 1
    confirmed = (last >= 1) & patients["treated"].to_numpy()
    benefit = np.zeros(len(out), dtype=bool)
    if needed is not None:
        benefit = _benefit(record, patients, needed, confirmed, scale)
    response = np.zeros(len(out), dtype=bool)
    for arm in arm_names(record):
        mine = where(patients["arm"] == arm)
        chosen = _responders(record, arm, mine, benefit, day, needed, confirmed, rng)
        response[chosen] = True
        out.loc[_measurable(record, arm, patients, mine, chosen, rng), "measurable"] = True
    benefit |= response
    stable = (last >= 0) & patients["treated"].to_numpy()
    progressed = patients["pfs_event"].to_numpy() & ~died_first(patients)
    beyond = day > needed if needed is not None else np.zeros(len(out), dtype=bool)
    text = np.where(stable, "SD", np.where(progressed, "PD", "NE"))
    text = np.where(beyond & ~benefit, np.where(progressed, "PD", "NE"), text)
    out["response"] = np.where(response, "PR", text)
    out["benefit"] = benefit
    for i in where(response):
        # Before the last assessment, so that one is left to confirm it; mostly early.
        latest = min(int(last[i]) - 1, 3)
        out.loc[i, "response_day"] = float(grid[rng.integers(0, latest + 1)])
    return out


def died_first(patients: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether the event of PFS is a death."""
    if "died" not in patients:
        return np.zeros(len(patients), dtype=bool)
    return (patients["died"] & (patients["os"] == patients["pfs"])).to_numpy(dtype=bool)


def _benefit(
    record: Record, patients: pd.DataFrame, needed: int, confirmed: NDArray[np.bool_], scale: str
) -> NDArray[np.bool_]:
    """Who has clinical benefit."""
    day, arms = patients["pfs"].to_numpy(), arm_names(record)
    long = (day > needed) & patients["treated"].to_numpy()
    found = np.zeros(len(day), dtype=bool)
    about = frame(record) if scale == "full" else None
    groups = [where(patients["arm"] == arm) for arm in arms]
    want = [responders(record, ENDPOINT, "randomized", arm) for arm in arms]
    if None in want:
        return long
    early, can = [], []
    for arm, mine, k in zip(arms, groups, want, strict=True):
        spare = mine[confirmed[mine] & ~long[mine]]
        spare = spare[np.argsort(-day[spare], kind="stable")]
        lack = (k or 0) - int(long[mine].sum())
        can.append(responders(record, "ORR", "randomized", arm) or 0)
        if lack > min(can[-1], len(spare)):
            rate = response_rate(record, ENDPOINT, "randomized", arm)
            raise RecordError(
                f"{ids(rate, record.entries.get(STABLE))}: {k} patients of arm {arm} have benefit, "
                f"but {int(long[mine].sum())} are free of progression beyond {needed} days and "
                f"{min(can[-1], len(spare))} more can respond. Mend: correct the rate, or let "
                "more patients be free of progression then."
            )
        early.append(spare if about else spare[: max(lack, 0)])
    able = long.copy()
    able[np.concatenate(early)] = True
    if about is not None:
        groups, numbers = _by_cell(about, patients, able, long, np.array(can), scale)
    else:
        numbers = [k or 0 for k in want]
    for mine, k in zip(groups, numbers, strict=True):
        mine = mine[able[mine]]
        found[mine[np.argsort(-day[mine], kind="stable")[:k]]] = True
    return found


def _by_cell(
    about: Frame, patients: pd.DataFrame, able: NDArray[np.bool_], long: NDArray[np.bool_],
    responding: Ints, scale: str,
) -> tuple[list[Ints], list[int]]:  # fmt: skip
    """The patients of the eight groups of arm and strata, and how many of each have benefit: no
    more beyond those free of progression for ``long`` than can respond by arm."""
    one, other = (patients[s].to_numpy() for s in about.strata)
    groups = [
        where((patients["arm"] == arm).to_numpy() & (one == a) & (other == b))
        for arm in about.arms
        for a in about.levels[0]
        for b in about.levels[1]
    ]
    n = np.array([len(g) for g in groups])
    ceiling, free = (np.array([int(which[g].sum()) for g in groups]) for which in (able, long))
    share = about.benefit / np.maximum(free.reshape(2, 4).sum(axis=1), 1)

    def allowed(table: Ints) -> bool:
        early = np.maximum(table - free, 0).reshape(2, 4).sum(axis=1)
        return bool((early <= responding).all())

    expected = free * np.repeat(share, 4)
    table = best_benefit(about, n, ceiling, expected, scale, allowed)
    if table is None:
        raise RecordError(
            f"the patients by {' and '.join(about.strata)} that could have clinical benefit "
            f"({ceiling.tolist()}) allow no table of benefit. Mend: let more patients be free of "
            "progression for that long."
        )
    return groups, table.tolist()


def _responders(
    record: Record, arm: str, mine: Ints, benefit: NDArray[np.bool_], day: NDArray[np.int64],
    needed: int | None, confirmed: NDArray[np.bool_], rng: np.random.Generator,
) -> Ints:  # fmt: skip
    """The patients of an arm who respond: those whose benefit needs it, then others at random."""
    k = responders(record, "ORR", "randomized", arm) or 0
    entry = response_rate(record, "ORR", "randomized", arm)
    pool = mine[confirmed[mine]]
    if needed is not None and response_rate(record, ENDPOINT, "randomized", arm) is not None:
        pool = pool[benefit[pool]]
    forced = pool[benefit[pool] & (day[pool] <= needed)] if needed is not None else pool[:0]
    if k > len(pool):
        rate = response_rate(record, ENDPOINT, "randomized", arm)
        raise RecordError(
            f"{ids(entry, rate)}: {k} patients of arm {arm} respond, but only {len(pool)} could. "
            "Mend: correct one of the rates."
        )
    rest = np.setdiff1d(pool, forced)
    more = draw(rng, rest, k - len(forced), day[rest].astype(float))
    return np.concatenate([forced, more])


def _measurable(
    record: Record, arm: str, patients: pd.DataFrame, mine: Ints, responding: Ints,
    rng: np.random.Generator,
) -> Ints:  # fmt: skip
    """The patients of an arm with measurable disease, all that respond among them."""
    factor, category = MEASURABLE
    entry = levels(record, factor, arm).get(category)
    if entry is None:
        return responding
    k = int(entry.value)
    inside = response_rate(record, "ORR", "measurable", arm)
    if inside is not None and responders(record, "ORR", "measurable", arm) != len(responding):
        every = response_rate(record, "ORR", "randomized", arm)
        raise RecordError(
            f"{ids(every, inside)}: not the same number of responders, as it must be where "
            "response needs measurable disease. Mend: correct one of the rates."
        )
    if not len(responding) <= k <= len(mine):
        raise RecordError(
            f"{ids(entry)}: {k} of {len(mine)} patients with measurable disease, "
            f"{len(responding)} of whom respond. Mend: correct it."
        )
    rest = np.setdiff1d(mine, responding)
    visceral = patients.get("Visceral involvement")
    weight = np.ones(len(rest))
    if visceral is not None:
        weight = np.where(visceral.to_numpy()[rest] == "Yes", BONE_ONLY, 1.0)
    return np.concatenate([responding, draw(rng, rest, k - len(responding), weight)])
