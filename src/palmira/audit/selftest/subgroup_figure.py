"""The subgroup figure of a synthetic paper."""

from __future__ import annotations

import numpy as np

from palmira.audit.selftest.counting_tables import ARMS, masks
from palmira.audit.selftest.printing import INTERVAL, About, Cell, Draft, Style
from palmira.audit.selftest.results import LEAST_EVENTS, Plan, median, ratio
from palmira.audit.selftest.simulated_trial import Factor, Trial
from palmira.audit.selftest.small_trials import Mask, cox


def subgroups(draft: Draft, trial: Trial, plan: Plan, rng: np.random.Generator) -> None:
    """Forest plot of PFS: events, hazard ratios by level, interaction P of the joint model."""
    columns = _columns(draft.style, plan)
    draft.block("figure3", "Figure 3", columns, endpoint="PFS", analysis="final")
    everybody = np.ones(len(trial.arm), dtype=bool)
    same = ["results.pfs.events", "results.pfs.median", "contrasts.pfs.hazard_ratio"]
    cells = _cells(draft.style, trial, plan, everybody, None)
    draft.row("all", "All patients", *cells, None, population="randomized", same_as=same)
    known = [f for f in trial.factors if f.levels[-1] != "Unknown"]
    for f in known[: int(rng.integers(3, 6))]:
        p = _interaction(trial, plan, f)
        for k, level in enumerate(f.levels):
            test = draft.style.p(p) if k == 0 and p is not None else None
            cells = _cells(draft.style, trial, plan, f.codes == k, f)
            about: About = {"factor": f.name, "category": level}
            draft.row(f"{f.id}.level{k}", level, *cells, test, **about)


def _columns(style: Style, plan: Plan) -> dict[str, About]:
    """Of events, of medians where the paper has them, of the hazard ratio and the interaction."""
    layout = "events / n (%)" if style.event_percents else "events / n"
    events: About = {"cell": layout, "measure": "events"}
    columns = {f"{a}.events": {"arm": a, **events} for a in ARMS}
    zeros = style.trailing_zeros
    tenths, hundredths = ({}, {}) if zeros else ({"decimals": 1}, {"decimals": 2})
    if plan.medians_by_subgroup:
        of = {**INTERVAL, "measure": "median", "unit": "months", **tenths}
        columns |= {f"{a}.median": {"arm": a, **of} for a in ARMS}
    level = {"interval_level": f"{plan.level:.0f}"}
    columns["hazard_ratio"] = {**INTERVAL, "measure": "hazard ratio", **level, **hundredths}
    columns["interaction"] = {"cell": "p", "measure": "P", "sided": "not stated"}
    return columns


def _cells(
    style: Style, trial: Trial, plan: Plan, who: Mask, own: Factor | None
) -> list[Cell | None]:
    """Events, medians and hazard ratio of some patients, who share a level of their ``own``."""
    arms = [trial.pfs.among(masks(trial)[a] & who) for a in ARMS]
    cells = [style.events(x.events, len(x.event)) if len(x.event) else None for x in arms]
    if plan.medians_by_subgroup:
        cells += [median(style, x, "short") if x.events else None for x in arms]
    fit = None
    if min(x.events for x in arms) >= LEAST_EVENTS:
        model = plan.model(trial, own)[who]
        model = model[:, [0, *(k for k in range(1, model.shape[1]) if np.ptp(model[:, k]) > 0)]]
        fit = cox(*trial.pfs.among(who), model)
    return [*cells, style.interval(ratio(fit), plan.level, 2, "short") if fit else None]


def _interaction(trial: Trial, plan: Plan, factor: Factor) -> float | None:
    """P of the interaction terms in a model with the arm, the factor and the paper's covariates."""
    own = factor.dummies()
    products = own * trial.arm[:, None]
    levels = range(len(factor.levels))
    groups = [(trial.arm == a) & (factor.codes == k) for a in (0, 1) for k in levels]
    if min(trial.pfs.among(g).events for g in groups) < LEAST_EVENTS:
        return None
    model = np.column_stack([plan.model(trial, factor), own, products])
    fit = cox(*trial.pfs, model)
    return fit.joint_p(products.shape[1]) if fit else None
