"""Best response and clinical benefit of each patient: the stage after survival."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.record import Record
from palmira.record.schema import RecordError
from palmira.statistics.schedule import assessment_weeks
from palmira.twin.facts import Ints, draw, ids, levels, number, responders, response_rate, where
from palmira.twin.search.benefit import ENDPOINT, Frame, best_benefit, frame

MEASURABLE = ("Measurable disease", "Yes")
STABLE = "methods.outcomes.stable_disease"
# Disease that cannot be measured is mostly in bone: likelier without visceral involvement.
BONE_ONLY = 4.0
Flags = NDArray[np.bool_]


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


@dataclass(frozen=True)
class _Assessed:
    """Patients by their assessments: days of PFS, who was treated, the number of the last planned
    assessment without progression (-1: none), and the days that stable disease must last (None:
    not printed)."""

    record: Record
    patients: pd.DataFrame
    day: Ints
    treated: Flags
    last: Ints
    needed: int | None

    @property
    def confirmed(self) -> Flags:
        """Who can have a response that is confirmed."""
        return (self.last >= 1) & self.treated

    @property
    def beyond(self) -> Flags:
        """Whose PFS exceeds the required duration of stable disease."""
        return self.day > (self.needed if self.needed is not None else np.inf)

    @property
    def long(self) -> Flags:
        """Who of these was treated."""
        return self.beyond & self.treated

    def of_arm(self, arm: str) -> Ints:
        """Positions of an arm's patients."""
        return where(self.patients["arm"] == arm)

    def longest_first(self, who: Ints) -> Ints:
        """Patients by days of PFS."""
        return who[np.argsort(-self.day[who], kind="stable")]


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
    day, treated = patients["pfs"].to_numpy(), patients["treated"].to_numpy(dtype=bool)
    event = patients["pfs_event"].to_numpy(dtype=bool)
    grid = visits(record, int(day.max()) + 1)
    if not len(grid):
        return patients.copy()
    needed = 7 * int(duration) if duration is not None else None
    # The last assessment without progression: where PFS is censored, maybe on its last day.
    last = np.searchsorted(grid, day + ~event) - 1
    about = _Assessed(record, patients, day, treated, last, needed)
    benefit = _benefit(about, scale)
    response, measurable = np.zeros(len(day), dtype=bool), np.zeros(len(day), dtype=bool)
    for arm in record.two_arms():
        chosen = _responders(about, arm, benefit, rng)
        response[chosen] = True
        measurable[_measurable(about, arm, chosen, rng)] = True
    benefit |= response
    unseen = np.where(event & ~died_first(patients), "PD", "NE")
    stable = (last >= 0) & treated & (benefit | ~about.beyond)
    text = np.where(response, "PR", np.where(stable, "SD", unseen))
    response_day = np.full(len(day), np.nan)
    for i in where(response):
        # Before the last assessment, so that one is left to confirm it; mostly early.
        response_day[i] = grid[rng.integers(0, min(int(last[i]) - 1, 3) + 1)]
    return patients.assign(
        response=text, response_day=response_day, benefit=benefit, measurable=measurable
    )


def died_first(patients: pd.DataFrame) -> Flags:
    """Whether the event of PFS is a death."""
    if "died" not in patients:
        return np.zeros(len(patients), dtype=bool)
    return (patients["died"] & (patients["os"] == patients["pfs"])).to_numpy(dtype=bool)


def _benefit(about: _Assessed, scale: str) -> Flags:
    """Who has clinical benefit."""
    record, arms, long = about.record, about.record.two_arms(), about.long
    want = [responders(record, ENDPOINT, "randomized", arm) for arm in arms]
    if about.needed is None or None in want:
        return long
    table = frame(record) if scale == "full" else None
    groups, numbers = [about.of_arm(arm) for arm in arms], [k or 0 for k in want]
    can = [responders(record, "ORR", "randomized", arm) or 0 for arm in arms]
    able = long.copy()
    for arm, k, most in zip(arms, numbers, can, strict=True):
        early = _early(about, arm, k, most)
        lack = max(0, k - int(long[about.of_arm(arm)].sum()))
        able[early if table else early[:lack]] = True
    if table is not None:
        groups, numbers = _by_cell(table, about, able, np.array(can))
    found = np.zeros(len(long), dtype=bool)
    for mine, k in zip(groups, numbers, strict=True):
        found[about.longest_first(mine[able[mine]])[:k]] = True
    return found


def _early(about: _Assessed, arm: str, k: int, most: int) -> Ints:
    """The patients of an arm who can have benefit by early response alone, those with the longest
    PFS first. Raises ``RecordError`` where these are too few, or more than the ``most`` who respond
    are needed, for ``k`` patients with benefit."""
    mine, record = about.of_arm(arm), about.record
    free = int(about.long[mine].sum())
    spare = about.longest_first(mine[about.confirmed[mine] & ~about.long[mine]])
    if k - free > min(most, len(spare)):
        rate = response_rate(record, ENDPOINT, "randomized", arm)
        raise RecordError(
            f"{ids(rate, record.entries.get(STABLE))}: {k} patients of arm {arm} have benefit, but "
            f"{free} are free of progression beyond {about.needed} days and "
            f"{min(most, len(spare))} more can respond. Mend: correct the rate, or let more "
            "patients be free of progression then."
        )
    return spare


def _by_cell(
    table: Frame, about: _Assessed, able: Flags, responding: Ints
) -> tuple[list[Ints], list[int]]:
    """The patients of the eight groups of arm and strata, and how many of each have benefit: no
    more beyond those free of progression for long enough than can respond by arm."""
    arm, one, other = (about.patients[c].to_numpy() for c in ("arm", *table.strata))
    cells = product(table.arms, *table.levels)
    groups = [where((arm == x) & (one == a) & (other == b)) for x, a, b in cells]
    n, ceiling, free = (
        np.array([int(which[g].sum()) for g in groups])
        for which in (np.ones_like(able), able, about.long)
    )
    share = table.benefit / np.maximum(free.reshape(2, 4).sum(axis=1), 1)

    def allowed(benefit: Ints) -> bool:
        early = np.maximum(benefit - free, 0).reshape(2, 4).sum(axis=1)
        return bool((early <= responding).all())

    best = best_benefit(table, n, ceiling, free * np.repeat(share, 4), allowed)
    if best is None:
        raise RecordError(
            f"the patients by {' and '.join(table.strata)} that could have clinical benefit "
            f"({ceiling.tolist()}) allow no table of benefit. Mend: let more patients be free of "
            "progression for that long."
        )
    return groups, best.tolist()


def _responders(about: _Assessed, arm: str, benefit: Flags, rng: np.random.Generator) -> Ints:
    """The patients of an arm who respond: those whose benefit needs it, then others at random."""
    record, day, mine = about.record, about.day, about.of_arm(arm)
    k = responders(record, "ORR", "randomized", arm) or 0
    rate = response_rate(record, ENDPOINT, "randomized", arm)
    pool = mine[about.confirmed[mine]]
    if about.needed is not None and rate is not None:
        pool = pool[benefit[pool]]
    if k > len(pool):
        entry = response_rate(record, "ORR", "randomized", arm)
        raise RecordError(
            f"{ids(entry, rate)}: {k} patients of arm {arm} respond, but only {len(pool)} could. "
            "Mend: correct one of the rates."
        )
    forced = pool[(benefit & ~about.beyond)[pool]]
    rest = np.setdiff1d(pool, forced)
    more = draw(rng, rest, k - len(forced), day[rest].astype(float))
    return np.concatenate([forced, more])


def _measurable(about: _Assessed, arm: str, responding: Ints, rng: np.random.Generator) -> Ints:
    """The patients of an arm with measurable disease, all that respond among them."""
    record, mine, (factor, category) = about.record, about.of_arm(arm), MEASURABLE
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
    visceral = about.patients.get("Visceral involvement")
    weight = np.ones(len(rest))
    if visceral is not None:
        weight = np.where(visceral.to_numpy()[rest] == "Yes", BONE_ONLY, 1.0)
    return np.concatenate([responding, draw(rng, rest, k - len(responding), weight)])
