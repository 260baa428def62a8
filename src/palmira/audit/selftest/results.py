"""The results of a synthetic paper: time to event, landmarks, responses, subgroups, abstract."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, isfinite, log, nan

import numpy as np

from palmira.audit.selftest.counting_tables import ARMS, masks
from palmira.audit.selftest.printing import FINAL, INTERVAL, About, Cell, Draft, Limits, Style
from palmira.audit.selftest.simulated_trial import Factor, Trial
from palmira.audit.selftest.small_trials import Array, Curve, Fit, Mark, Outcome, cox, log_rank_p
from palmira.statistics.estimates import Estimate, critical, two_sided_p
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
        """The arm, and the strata where the model adjusts for them but a subgroup's own."""
        strata = [f.dummies() for f in trial.strata if f is not without] if self.adjusted else []
        return np.column_stack([trial.arm, *strata])


def ratio(fit: Fit) -> Limits:
    """Ratio with Wald's interval, by its level."""

    def limits(level: float) -> Estimate:
        half = critical(level) * fit.se
        return Estimate(exp(fit.log), exp(fit.log - half), exp(fit.log + half), level)

    return limits


def tests(trial: Trial, outcome: Outcome) -> dict[str, float]:
    """P values of the tests that a paper might print beside a hazard ratio."""
    one, other = trial.strata
    covariates = np.column_stack([trial.arm, one.dummies(), other.dummies()])
    plain, adjusted = cox(*outcome, trial.arm[:, None]), cox(*outcome, covariates)
    return {
        "log-rank": log_rank_p(*outcome, trial.arm, np.zeros_like(one.codes)),
        "stratified log-rank": log_rank_p(*outcome, trial.arm, one.codes * 10 + other.codes),
        "unadjusted Wald": plain.p if plain else nan,
        "adjusted Wald": adjusted.p if adjusted else nan,
    }


def hazard_ratio(draft: Draft, trial: Trial, plan: Plan, endpoint: str) -> None:
    """Add a hazard ratio with its P, unless the model does not converge."""
    outcome = outcomes(trial)[endpoint]
    fit = cox(*outcome, plan.model(trial))
    if fit is None:
        return
    all_p = tests(trial, outcome)
    own = "adjusted Wald" if plan.adjusted else "unadjusted Wald"
    p = all_p[own if plan.test == "Wald" else plan.test]
    if not isfinite(p):
        return
    about: About = {"measure": "hazard ratio", "endpoint": endpoint, **FINAL}
    about |= {"interval_level": f"{plan.level:.0f}", "sided": "not stated"}
    if plan.named:
        about |= {"test": plan.test, "sided": "two"}
    cell, id = draft.style.interval(ratio(fit), plan.level, 2), f"{endpoint.lower()}.hazard_ratio"
    draft.row(id, f"Hazard ratio for {endpoint}", cell, p=draft.style.p(p), **about)
    others = {k: v for k, v in all_p.items() if isfinite(v) and v != p}
    draft.other_p[f"{draft.blocks[-1]['id']}.{id}"] = others


def time_to_event(draft: Draft, trial: Trial, totals_only: bool) -> dict[int, dict[str, Mark]]:
    """Events, medians and landmark rates by arm; the landmarks that are printed."""
    style, groups = draft.style, masks(trial)
    for endpoint, outcome in outcomes(trial).items():
        name = endpoint.lower()
        cells: list[Cell | None] = []
        cells += [style.share(outcome.among(g).events, g.sum()) for g in groups.values()]
        if totals_only and endpoint == "OS":
            cells[:2] = None, None
        about: About = {"endpoint": endpoint, **FINAL}
        events = {**about, "measure": "events", "cell": "n (%)"}
        draft.row(f"{name}.events", f"{endpoint} events", *cells, **events)
        about |= {"measure": "median", "unit": "months", **INTERVAL}
        cells = [median(style, outcome.among(groups[a])) for a in ARMS]
        draft.row(f"{name}.median", f"Median {endpoint}", *cells, None, **about)
    landmarks = {}
    curves = {a: Curve.of(*trial.pfs.among(groups[a])) for a in ARMS}
    about = {"endpoint": "PFS", "measure": "rate", "unit": "percent", **FINAL, **INTERVAL}
    for month in (6, 12):
        day = month * DAYS_PER_MONTH
        marks = {a: curve.at(day) for a, curve in curves.items()}
        late = [(trial.pfs.time[groups[a]] > day).sum() for a in ARMS]
        if min(late) < LEAST_AT_RISK or not all(0 < m.survival < 1 for m in marks.values()):
            continue
        landmarks[month] = marks
        cells = [style.interval(landmark(m), 95, 1, "percent") for m in marks.values()]
        draft.row(f"pfs.rate_{month}", f"{month}-month PFS", *cells, None, time=str(month), **about)
    return landmarks


def outcomes(trial: Trial) -> dict[str, Outcome]:
    """Time and event of each end point."""
    return {"PFS": trial.pfs, "OS": trial.os}


def median(style: Style, outcome: Outcome, kind: str = "number") -> Cell:
    """A median in months with its log-log interval."""
    curve = Curve.of(*outcome)

    def limits(level: float) -> Estimate:
        days = curve.median(level)
        middle, low, high = (x / DAYS_PER_MONTH for x in (days.value, days.lower, days.upper))
        return Estimate(middle, low, high, level)

    return style.interval(limits, 95, 1, kind)


def landmark(mark: Mark) -> Limits:
    """A rate in percent with its log-log interval, by its level."""

    def limits(level: float) -> Estimate:
        s, width = mark.survival, exp(critical(level) * mark.log_log_se)
        return Estimate(100 * s, 100 * s**width, 100 * s ** (1 / width), level)

    return limits


def difference(one: Mark, other: Mark) -> Limits:
    """One rate less another, in percentage points, with its interval by level."""
    gap, error = one.survival - other.survival, (one.se**2 + other.se**2) ** 0.5

    def limits(level: float) -> Estimate:
        half = critical(level) * error
        return Estimate(100 * gap, 100 * (gap - half), 100 * (gap + half), level)

    return limits


def differences(
    draft: Draft, landmarks: dict[int, dict[str, Mark]], rng: np.random.Generator
) -> None:
    """Differences of the landmark rates, with P on the linear or the log-log scale."""
    about: About = {"endpoint": "PFS", "measure": "difference", "unit": "percentage points"}
    about |= {"analysis": "final", "interval_level": "95", "sided": "not stated"}
    for month, marks in landmarks.items():
        one, other = (marks[a] for a in ARMS)
        z = (one.survival - other.survival) / (one.se**2 + other.se**2) ** 0.5
        if rng.random() < 0.3:
            gap = log(log(one.survival) / log(other.survival))
            z = gap / (one.log_log_se**2 + other.log_log_se**2) ** 0.5
            draft.log_log_tests.add(f"contrasts.pfs.difference_{month}")
        cell = draft.style.interval(difference(one, other), 95, 1, "percent")
        id, label = f"pfs.difference_{month}", f"Difference in {month}-month PFS"
        p = draft.style.p(two_sided_p(z))
        draft.row(id, label, cell, p=p, time=str(month), **about)
