"""Levels of all factors dealt to a member of the ensemble, and the curves of the levels.

Days, events and the hazard ratio of all patients stay as they are. Levels have the printed numbers
of patients and of events, and medians near the printed ones; no more is asked of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from palmira.statistics.schedule import DAYS_PER_MONTH
from palmira.statistics.survival_curves import of_arm
from palmira.twin.search.annealing import Cooling
from palmira.twin.search.arithmetic import Curve, curve_at
from palmira.twin.search.patient_table import PatientTable, Stage, deal, improve
from palmira.twin.search.pfs import medians_of_factor
from palmira.twin.search.problem import Problem

# Tries for one factor; steps and temperatures of each.
TRIES, COOLING = 3, Cooling(20_000, 1.0, 0.03)
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
    full, met, frozen = replace(table, level=level), [], np.ones(2, dtype=bool)
    for f, factor in enumerate(whole.factors):
        goal = medians_of_factor(whole.goal, f, ROOM)
        stage = Stage(goal, COOLING, frozen, dealt=(f,), days=False)
        for _ in range(TRIES):
            made, costs = improve(full, stage, int(rng.integers(1 << 31)))
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
    state, found = table.state(), {}

    def height(arm: int, row: int) -> list[float]:
        curve = Curve(days, np.ones(len(days)), np.zeros(len(days)))
        curve_at(state, arm, row, curve)
        return curve.rate.tolist()

    for factor in factors:
        f = whole.factors.index(factor)
        found[factor] = {
            category: {arm: height(a, 1 + 2 * f + k) for a, arm in enumerate(whole.arms)}
            for k, category in enumerate(whole.levels[f])
        }
    return found
