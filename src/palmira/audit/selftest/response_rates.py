"""Response rates and the odds ratio of a synthetic paper."""

from __future__ import annotations

from palmira.audit.selftest.counting_tables import ARMS, masks
from palmira.audit.selftest.printing import Cell, Draft, Triple
from palmira.audit.selftest.results import Plan, ratio
from palmira.audit.selftest.simulated_trial import Trial
from palmira.audit.selftest.small_trials import logistic
from palmira.statistics.proportions import clopper_pearson


def response_rates(draft: Draft, trial: Trial, counts: bool) -> None:
    """Response and clinical benefit rates with Clopper-Pearson intervals, by arm."""
    for endpoint, who in (("ORR", trial.responded), ("CBR", trial.benefited)):
        groups = [masks(trial)[a] for a in ARMS]
        pairs = [(int(who[g].sum()), int(g.sum())) for g in groups]

        def rate(k: int, n: int) -> Cell:
            def limits(level: float) -> Triple:
                e = clopper_pearson(k, n, level)
                return 100 * e.value, 100 * e.lower, 100 * e.upper

            return draft.style.interval(limits, 95, 1, "percent")

        draft.row(
            endpoint.lower(), f"{endpoint}", *(rate(*pair) for pair in pairs), None,
            cell="estimate (lower to upper)", endpoint=endpoint, measure="response rate",
            unit="percent", interval_level="95", population="randomized",
        )  # fmt: skip
        if counts:
            draft.row(
                f"{endpoint.lower()}.patients", f"Patients with {endpoint}",
                *(draft.style.share(*pair) for pair in pairs), None, cell="n (%)",
                endpoint=endpoint, population="randomized",
            )  # fmt: skip


def odds_ratio(draft: Draft, trial: Trial, plan: Plan) -> None:
    """Odds ratio of clinical benefit, raw or adjusted like the hazard ratio, with Wald's P."""
    crossed = [(trial.benefited[g] == x).sum() for g in (trial.arm == 1, trial.arm == 0)
               for x in (0, 1)]  # fmt: skip
    fit = logistic(trial.benefited, plan.model(trial)) if min(crossed) > 0 else None
    if fit is None:
        return
    said = {"sided": "not stated"}
    if plan.named:
        said = {"test": "Wald", "sided": "two", "reference": "control"}
    draft.row(
        "cbr.odds_ratio", "Odds ratio for clinical benefit",
        draft.style.interval(ratio(fit), 95, 2), p=draft.style.p(fit.p), endpoint="CBR",
        measure="odds ratio", population="randomized", interval_level="95", **said,
    )  # fmt: skip
