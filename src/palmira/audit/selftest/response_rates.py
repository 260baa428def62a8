"""Response rates and the odds ratio of a synthetic paper."""

from __future__ import annotations

from palmira.audit.selftest.counting_tables import ARMS, masks
from palmira.audit.selftest.printing import INTERVAL, PATIENTS, About, Draft, Limits
from palmira.audit.selftest.results import Plan, ratio
from palmira.audit.selftest.simulated_trial import Trial
from palmira.audit.selftest.small_trials import logistic
from palmira.statistics.estimates import Estimate
from palmira.statistics.proportions import clopper_pearson


def rate(count: int, n: int) -> Limits:
    """A share in percent with Clopper and Pearson's interval, by its level."""

    def limits(level: float) -> Estimate:
        e = clopper_pearson(count, n, level)
        return Estimate(100 * e.value, 100 * e.lower, 100 * e.upper, level)

    return limits


def response_rates(draft: Draft, trial: Trial, counts: bool) -> None:
    """Response and clinical benefit rates with Clopper-Pearson intervals, by arm."""
    for endpoint, who in (("ORR", trial.responded), ("CBR", trial.benefited)):
        groups = [masks(trial)[a] for a in ARMS]
        pairs = [(int(who[g].sum()), int(g.sum())) for g in groups]
        cells = [draft.style.interval(rate(*pair), 95, 1, "percent") for pair in pairs]
        about: About = {"endpoint": endpoint, "measure": "response rate", "unit": "percent"}
        about |= {**INTERVAL, "population": "randomized"}
        draft.row(endpoint.lower(), endpoint, *cells, None, **about)
        if counts:
            cells = [draft.style.share(*pair) for pair in pairs]
            id, label = f"{endpoint.lower()}.patients", f"Patients with {endpoint}"
            draft.row(id, label, *cells, None, **PATIENTS, endpoint=endpoint)


def odds_ratio(draft: Draft, trial: Trial, plan: Plan) -> None:
    """Odds ratio of clinical benefit, raw or adjusted like the hazard ratio, with Wald's P."""
    crossed = [(trial.benefited[trial.arm == a] == x).sum() for a in (1, 0) for x in (0, 1)]
    fit = logistic(trial.benefited, plan.model(trial)) if min(crossed) > 0 else None
    if fit is None:
        return
    about: About = {"measure": "odds ratio", "endpoint": "CBR", "population": "randomized"}
    about |= {"interval_level": "95", "sided": "not stated"}
    if plan.named:
        about |= {"test": "Wald", "sided": "two", "reference": "control"}
    cell, p = draft.style.interval(ratio(fit), 95, 2), draft.style.p(fit.p)
    draft.row("cbr.odds_ratio", "Odds ratio for clinical benefit", cell, p=p, **about)
