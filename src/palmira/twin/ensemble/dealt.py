"""Levels of all factors dealt to a member of the ensemble, and the curves of the levels.

Days, events and the hazard ratio of all patients stay as they are. Levels have the printed numbers
of patients and of events, and medians near the printed ones; no more is asked of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival_curves import of_arm
from palmira.twin.search.arithmetic import curve_at
from palmira.twin.search.patient_table import PatientTable, deal, improve
from palmira.twin.search.pfs import medians_of_factor, weights
from palmira.twin.search.problem import Problem

# Tries for one factor; steps and temperatures of each.
TRIES = 3
EFFORT = (20_000, 1.0, 0.03)
# How many days a level's median may lie from the printed one: with days held, few events fall on
# the very days that round to it.
ROOM = 15
Heights = dict[str, list[float]]


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
            seed = int(rng.integers(1 << 31))
            made, costs = improve(
                whole, full, goal, frozen, w.copy(), *EFFORT, seed, dealt=(f,), days=False
            )
            if costs[:-1].sum() <= 0:
                full = made
                met.append(factor)
                break
    return full, met


def patients_of(problem: Problem, table: PatientTable) -> pd.DataFrame:
    """Arm, time in days and event, one line a patient."""
    arm = np.array(problem.arms)[table.arm]
    return pd.DataFrame({"arm": arm, "time": table.day.astype(float), "event": table.event})


def heights(patients: pd.DataFrame, arms: Sequence[str], months: Sequence[float]) -> Heights:
    """Shares free of the event at ``months`` by arm."""
    curves = {arm: of_arm(patients, arm) for arm in arms}
    return {arm: [c.at(m * DAYS_PER_MONTH) for m in months] for arm, c in curves.items()}


def level_heights(
    whole: Problem, table: PatientTable, factors: Sequence[str], months: Sequence[float]
) -> dict[str, dict[str, Heights]]:
    """The same by factor and level, as the search computes them."""
    days = np.array([m * DAYS_PER_MONTH for m in months])
    order = np.lexsort((~table.event, table.day)).astype(np.int64)

    def height(mine: NDArray[np.bool_]) -> list[float]:
        s, v = np.ones(len(days)), np.zeros(len(days))
        curve_at(order, table.day, table.event, mine, int(mine.sum()), days, s, v)
        return s.tolist()

    found = {}
    for factor in factors:
        f = whole.factors.index(factor)
        found[factor] = {
            category: {
                arm: height((table.arm == a) & (table.level[:, f] == k))
                for a, arm in enumerate(whole.arms)
            }
            for k, category in enumerate(whole.levels[f])
        }
    return found
