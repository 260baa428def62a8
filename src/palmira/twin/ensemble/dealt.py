"""Levels of all factors dealt to a member of the ensemble, and the curves of the levels.

Days, events and the hazard ratio of all patients stay as they are. Levels have the printed numbers
of patients and of events, and medians near the printed ones; no more is asked of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.twin.search.arithmetic import curve_at
from palmira.twin.search.patient_table import PatientTable, deal, improve
from palmira.twin.search.pfs import medians_of_factor, weights
from palmira.twin.search.problem import Problem

# Tries for one factor; steps and temperatures of each.
TRIES, STEPS, HOT, COLD = 3, 20_000, 1.0, 0.03
# How many days a level's median may lie from the printed one: with days held, few events fall on
# the very days that round to it.
ROOM = 15
Heights = dict[str, dict[str, dict[str, list[float]]]]


def dealt(
    whole: Problem, few: Problem, table: PatientTable, rng: np.random.Generator
) -> tuple[PatientTable, list[str]]:
    """The table with the levels of all factors of the problem ``whole``, and the factors whose
    medians are met.

    ``few``: the problem that the table was made for; its factors, which adjust the hazard ratio,
    keep their levels where the medians allow it.
    """
    level = deal(whole, table.arm, table.event, rng)
    for f, factor in enumerate(few.factors):
        level[:, whole.factors.index(factor)] = table.level[:, f]
    full, w, met = replace(table, level=level), weights(whole), []
    frozen = np.ones(2, dtype=bool)
    for f, factor in enumerate(whole.factors):
        goal = medians_of_factor(whole.goal, f, ROOM)
        for _ in range(TRIES):
            made, costs = improve(whole, full, goal, frozen, w.copy(), STEPS, HOT, COLD,
                                  int(rng.integers(1 << 31)), dealt=(f,), days=False)  # fmt: skip
            if costs[:-1].sum() <= 0:
                full = made
                met.append(factor)
                break
    return full, met


def heights(
    whole: Problem, table: PatientTable, factors: Sequence[str], months: Sequence[float]
) -> Heights:
    """Shares free of the event at ``months`` by factor, level and arm."""
    days = np.array([m * DAYS_PER_MONTH for m in months])
    order = np.lexsort((~table.event, table.day)).astype(np.int64)
    found: Heights = {}
    for factor in factors:
        f = whole.factors.index(factor)
        levels = found.setdefault(factor, {})
        for k, category in enumerate(whole.levels[f]):
            for a, arm in enumerate(whole.arms):
                mine = (table.arm == a) & (table.level[:, f] == k)
                s, v = np.ones(len(days)), np.zeros(len(days))
                curve_at(order, table.day, table.event, mine, int(mine.sum()), days, s, v)
                levels.setdefault(category, {})[arm] = s.tolist()
    return found
