"""A simulated two-arm trial: patients with factors, times to event, responses, adverse events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palmira.audit.selftest.small_trials import Array, Outcome
from palmira.statistics.schedule import DAYS_PER_MONTH

SCAN = 56  # days between scans
FACTORS = (
    ("Disease stage", "stage", ("II", "III")),
    ("Visceral involvement", "visceral", ("No", "Yes")),
    ("ECOG performance status", "ecog", ("0", "≥1")),
    ("Age group", "age_group", ("<65 years", "≥65 years")),
    ("Metastatic sites", "sites", ("1", "2", "≥3")),
    ("Receptor status", "receptor", ("Positive", "Negative")),
    ("Previous lines", "lines", ("0", "1", "≥2")),
    ("Region", "region", ("Europe", "America", "Asia")),
    ("Sex", "sex", ("Female", "Male")),
    ("Previous surgery", "surgery", ("No", "Yes", "Unknown")),
)
# Classes of adverse events, and the terms of each that a paper lists.
CLASSES = {
    "hematologic": ("neutropenia", "anemia", "leukopenia", "thrombocytopenia"),
    "nonhematologic": ("fatigue", "nausea", "diarrhea", "infection"),
}


@dataclass(frozen=True)
class Factor:
    """A baseline factor: its name, a short id, its levels, and each patient's level by number."""

    name: str
    id: str
    levels: tuple[str, ...]
    codes: NDArray[np.int64]

    def dummies(self) -> Array:
        """A 0/1 column for every level but the first."""
        return (self.codes[:, None] == np.arange(1, len(self.levels))).astype(float)


@dataclass(frozen=True)
class Trial:
    """Patients of a trial, one array position each. Times are in days; ``arm`` is 1 for the
    experimental arm; ``grades`` holds the maximum grade by adverse event row (0 for none)."""

    ratio: int
    arm: Array
    factors: tuple[Factor, ...]
    age: Array
    entry: Array
    cutoff: int
    pfs: Outcome
    os: Outcome
    responded: Array
    benefited: Array
    treated: NDArray[np.bool_]
    grades: dict[str, NDArray[np.int64]]

    @property
    def strata(self) -> tuple[Factor, Factor]:
        """The two factors that random assignment was stratified by."""
        return self.factors[0], self.factors[1]


def draw_trial(rng: np.random.Generator) -> Trial:
    """A trial of 80 to 600 patients, 1:1 or 2:1, followed until a common cutoff."""
    n, ratio = int(np.exp(rng.uniform(np.log(80), np.log(600)))), int(rng.integers(1, 3))
    treated_n = round(n * ratio / (ratio + 1)) + int(rng.integers(-2, 3))
    arm = rng.permutation(np.repeat([1.0, 0.0], [treated_n, n - treated_n]))
    factors = _factors(rng, n)
    risk = sum(
        np.where(f.codes > 0, f.codes, 0) * rng.normal(0, 0.4 if i < 2 else 0.2)
        for i, f in enumerate(factors)
    )
    accrual, least = rng.uniform(12, 36) * DAYS_PER_MONTH, rng.uniform(4, 18) * DAYS_PER_MONTH
    entry = np.sort(np.floor(rng.uniform(0, accrual, n)))
    cutoff = int(entry.max() + least)
    progression = _times(rng, arm, np.asarray(risk, dtype=float))
    fatal = rng.random(n) < 0.1
    after = rng.exponential(rng.uniform(8, 24) * DAYS_PER_MONTH, n)
    survival = progression + np.where(fatal, 0, after)
    if rng.random() < 0.3:  # progression is seen at a scan, give or take a week
        scan = np.ceil(progression / SCAN) * SCAN + rng.integers(-7, 8, n)
        progression = np.where(fatal, progression, np.minimum(scan, survival))
    progression, survival = (np.maximum(np.ceil(x), 1) for x in (progression, survival))
    lost = np.ceil(rng.exponential(rng.uniform(40, 400) * DAYS_PER_MONTH, n))
    end = np.maximum(np.minimum(cutoff - entry, lost), 1)
    treated = rng.random(n) >= rng.choice([0, 0.01, 0.03])
    responded, benefited = _responses(rng, arm, factors)
    age, grades = np.clip(np.round(rng.normal(60, 11, n)), 19, 92), _adverse_events(rng, arm)
    pfs, os = (
        Outcome(np.minimum(time, end), (time <= end).astype(float))
        for time in (progression, survival)
    )
    return Trial(
        ratio, arm, factors, age, entry, cutoff, pfs, os, responded, benefited, treated, grades
    )


def _factors(rng: np.random.Generator, n: int) -> tuple[Factor, ...]:
    chosen = [0, 1, *sorted(rng.permutation(np.arange(2, len(FACTORS)))[: rng.integers(3, 7)])]
    factors = []
    for k in chosen:
        name, id, levels = FACTORS[k]
        share = rng.dirichlet(np.full(len(levels), 6.0))
        if levels[-1] == "Unknown":
            share = np.array([*(0.97 * share[:-1] / share[:-1].sum()), 0.03])
        factors.append(Factor(name, id, levels, rng.choice(len(levels), n, p=share)))
    return tuple(factors)


def _times(rng: np.random.Generator, arm: Array, risk: Array) -> Array:
    """Days to progression: exponential, or with another hazard (and effect) after a while."""
    hazard = np.log(2) / (rng.uniform(3, 12) * DAYS_PER_MONTH)
    effect = rng.uniform(np.log(0.5), np.log(1.2))
    change = rng.uniform(2, 6) * DAYS_PER_MONTH
    later = 1.0 if rng.random() < 0.5 else rng.uniform(0.5, 1.6)
    late_effect = effect if rng.random() < 0.75 else rng.choice([0.0, 1.5]) * effect
    early, late = (hazard * np.exp(risk + arm * e) for e in (effect, late_effect))
    target = rng.exponential(1, len(arm))
    before = target / early
    return np.where(before <= change, before, change + (target - early * change) / (late * later))


def _responses(
    rng: np.random.Generator, arm: Array, factors: tuple[Factor, ...]
) -> tuple[Array, Array]:
    base = rng.normal(-1.5, 0.7) + rng.normal(0.3, 0.5) * arm
    base = base + sum(rng.normal(0, 0.4) * (f.codes > 0) for f in factors[:2])
    responded = rng.random(len(arm)) < 1 / (1 + np.exp(-base))
    stable = rng.random(len(arm)) < 1 / (1 + np.exp(-base - rng.uniform(0, 1)))
    return responded.astype(float), (responded | stable).astype(float)


def _adverse_events(rng: np.random.Generator, arm: Array) -> dict[str, NDArray[np.int64]]:
    """Maximum grades by term, by class (which holds unlisted terms too) and over all."""
    grades: dict[str, NDArray[np.int64]] = {}
    listed = [id for terms in CLASSES.values() for id in terms]
    for id in (*listed, *(f"other {name}" for name in CLASSES)):
        often = np.where(arm == 1, rng.uniform(0.02, 0.6), rng.uniform(0.01, 0.4))
        severity = rng.choice([1, 2, 3, 4, 5], len(arm), p=[0.5, 0.26, 0.18, 0.055, 0.005])
        grades[id] = np.where(rng.random(len(arm)) < often, severity, 0)
    for name, terms in CLASSES.items():
        grades[name] = np.max([grades[id] for id in (*terms, f"other {name}")], axis=0)
    grades["any"] = np.max([grades[name] for name in CLASSES], axis=0)
    return grades
