"""The results of a synthetic paper: time to event, landmarks, responses, subgroups, abstract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, isfinite, log
from typing import Any

import numpy as np

from palmira.audit.selftest.counting_tables import ARMS, masks
from palmira.audit.selftest.printing import Cell, Draft, Triple
from palmira.audit.selftest.simulated_trial import Factor, Trial
from palmira.audit.selftest.small_trials import Array, Curve, Fit, cox, log_rank_p
from palmira.statistics.estimates import critical, two_sided_p
from palmira.statistics.schedule import DAYS_PER_MONTH

# Fewer events than this in an arm, and a hazard ratio is not printed.
LEAST_EVENTS = 3
# A landmark rate needs this many patients at risk in each arm.
LEAST_AT_RISK = 5
TESTS = ("Wald", "log-rank", "stratified log-rank")


@dataclass(frozen=True)
class Plan:
    """What a paper analyses and says: adjustment, level of its intervals, test behind a P, and
    whether it names the test."""

    adjusted: bool
    level: float
    test: str
    named: bool
    medians_by_subgroup: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Plan:
        """A plan; one paper in ten prints 90% intervals for its hazard ratios."""
        adjusted, level = rng.random() < 0.5, 90.0 if rng.random() < 0.1 else 95.0
        test = str(rng.choice(TESTS, p=[0.5, 0.25, 0.25]))
        return cls(bool(adjusted), level, test, bool(rng.random() < 0.6), bool(rng.random() < 0.3))

    def model(self, trial: Trial, without: Factor | None = None) -> Array:
        """Covariates: the arm, and the strata where the model adjusts for them; a subgroup's model
        leaves out its own factor."""
        strata = [f.dummies() for f in trial.strata if f is not without] if self.adjusted else []
        return np.column_stack([trial.arm, *strata])


def ratio(fit: Fit) -> Callable[[float], Triple]:
    """Ratio and Wald limits at a level."""
    return lambda level: (
        exp(fit.log),
        exp(fit.log - critical(level) * fit.se),
        exp(fit.log + critical(level) * fit.se),
    )


def tests(trial: Trial, time: Array, event: Array) -> dict[str, float]:
    """P values of the tests that a paper might print beside a hazard ratio."""
    both = trial.strata[0].codes * 10 + trial.strata[1].codes
    plain = cox(time, event, trial.arm[:, None])
    strata = np.column_stack([trial.arm, *(f.dummies() for f in trial.strata)])
    adjusted = cox(time, event, strata)
    return {
        "log-rank": log_rank_p(time, event, trial.arm, np.zeros(len(time), dtype=int)),
        "stratified log-rank": log_rank_p(time, event, trial.arm, both),
        "unadjusted Wald": plain.p if plain else float("nan"),
        "adjusted Wald": adjusted.p if adjusted else float("nan"),
    }


def hazard_ratio(
    draft: Draft, id: str, label: str, trial: Trial, plan: Plan, outcome: tuple[Array, Array],
    **attributes: Any,
) -> bool:  # fmt: skip
    """Add a hazard ratio with its P; False where the model does not converge."""
    fit = cox(*outcome, plan.model(trial))
    if fit is None:
        return False
    all_p = tests(trial, *outcome)
    own = "adjusted Wald" if plan.adjusted else "unadjusted Wald"
    p = all_p[own if plan.test == "Wald" else plan.test]
    if not isfinite(p):
        return False
    said = {"test": plan.test, "sided": "two"} if plan.named else {"sided": "not stated"}
    cell = draft.style.interval(ratio(fit), plan.level, 2)
    draft.row(
        id, label, cell, p=draft.style.p(p), measure="hazard ratio", analysis="final",
        interval_level=f"{plan.level:.0f}", population="randomized", **said, **attributes,
    )  # fmt: skip
    stem = f"{draft.blocks[-1]['id']}.{id}"
    draft.other_p[stem] = {k: v for k, v in all_p.items() if isfinite(v) and v != p}
    return True


def time_to_event(draft: Draft, trial: Trial, totals_only: bool) -> dict[int, dict[str, Triple]]:
    """Events, medians and landmark rates by arm; the landmarks that are printed, as S, SE and the
    SE of log(-log S)."""
    style, groups = draft.style, masks(trial)
    curves: dict[str, dict[str, Curve]] = {"PFS": {}, "OS": {}}
    for endpoint, (time, event) in outcomes(trial).items():
        cells = [style.share(event[g].sum(), g.sum()) for g in groups.values()]
        hidden = totals_only and endpoint == "OS"
        draft.row(
            f"{endpoint.lower()}.events", f"{endpoint} events",
            *([None, None, cells[2]] if hidden else cells), cell="n (%)", endpoint=endpoint,
            measure="events", analysis="final", population="randomized",
        )  # fmt: skip
        curves[endpoint] = {a: Curve.of(time[groups[a]], event[groups[a]]) for a in ARMS}
        medians = [median(draft, curves[endpoint][a]) for a in ARMS]
        draft.row(
            f"{endpoint.lower()}.median", f"Median {endpoint}", *medians, None,
            cell="estimate (lower to upper)", endpoint=endpoint, measure="median", unit="months",
            interval_level="95", analysis="final", population="randomized",
        )  # fmt: skip
    landmarks = {}
    for month in (6, 12):
        marks = {a: curves["PFS"][a].at(month * DAYS_PER_MONTH) for a in ARMS}
        late = [(trial.pfs[groups[a]] > month * DAYS_PER_MONTH).sum() for a in ARMS]
        if min(late) < LEAST_AT_RISK or not all(0 < s < 1 for s, _, _ in marks.values()):
            continue
        landmarks[month] = marks
        draft.row(
            f"pfs.rate_{month}", f"{month}-month PFS", *(landmark(draft, marks[a]) for a in ARMS),
            None, cell="estimate (lower to upper)", endpoint="PFS", measure="rate", unit="percent",
            interval_level="95", time=str(month), analysis="final", population="randomized",
        )  # fmt: skip
    return landmarks


def outcomes(trial: Trial) -> dict[str, tuple[Array, Array]]:
    """Time and event of each end point."""
    return {"PFS": (trial.pfs, trial.progressed), "OS": (trial.os, trial.died)}


def median(draft: Draft, curve: Curve, kind: str = "number") -> Cell:
    """A median in months with its log-log interval."""

    def limits(level: float) -> Triple:
        middle, low, high = (x / DAYS_PER_MONTH for x in curve.median(level))
        return middle, low, high

    return draft.style.interval(limits, 95, 1, kind)


def landmark(draft: Draft, mark: Triple) -> Cell:
    """A rate in percent with its log-log interval."""
    s, _, se = mark

    def limits(level: float) -> Triple:
        width = exp(critical(level) * se)
        return 100 * s, 100 * s**width, 100 * s ** (1 / width)

    return draft.style.interval(limits, 95, 1, "percent")


def differences(
    draft: Draft, landmarks: dict[int, dict[str, Triple]], rng: np.random.Generator
) -> None:
    """Differences of the landmark rates, with P on the linear or the log-log scale."""
    for month, marks in landmarks.items():
        (s, se, double), (s0, se0, double0) = (marks[a] for a in ARMS)
        gap, error = s - s0, (se**2 + se0**2) ** 0.5
        z = gap / error
        if rng.random() < 0.3:
            z = log(log(s) / log(s0)) / (double**2 + double0**2) ** 0.5
            draft.log_log_tests.add(f"contrasts.pfs.difference_{month}")

        def limits(level: float, gap: float = gap, error: float = error) -> Triple:
            half = critical(level) * error
            return 100 * gap, 100 * (gap - half), 100 * (gap + half)

        draft.row(
            f"pfs.difference_{month}", f"Difference in {month}-month PFS",
            draft.style.interval(limits, 95, 1, "percent"), p=draft.style.p(two_sided_p(z)),
            endpoint="PFS", measure="difference", unit="percentage points", time=str(month),
            analysis="final", interval_level="95", sided="not stated",
        )  # fmt: skip
