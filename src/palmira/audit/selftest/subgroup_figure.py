"""The subgroup figure of a synthetic paper."""

from __future__ import annotations

from typing import Any

import numpy as np

from palmira.audit.selftest.counting_tables import ARMS, Mask, masks
from palmira.audit.selftest.printing import Cell, Draft
from palmira.audit.selftest.results import LEAST_EVENTS, Plan, median, ratio
from palmira.audit.selftest.simulated_trial import Factor, Trial
from palmira.audit.selftest.small_trials import Curve, cox


def subgroups(draft: Draft, trial: Trial, plan: Plan, rng: np.random.Generator) -> None:
    """Forest plot of PFS: events, hazard ratios by level, interaction P of the joint model."""
    columns: dict[str, dict[str, Any]] = {
        f"{a}.events": {"cell": "events / n", "arm": a, "measure": "events"} for a in ARMS
    }
    if draft.style.event_percents:
        columns = {k: {**v, "cell": "events / n (%)"} for k, v in columns.items()}
    short = {} if draft.style.trailing_zeros else {"decimals": 2}
    if plan.medians_by_subgroup:
        tenths = {} if draft.style.trailing_zeros else {"decimals": 1}
        columns |= {
            f"{a}.median": {"cell": "estimate (lower to upper)", "arm": a, "measure": "median",
                            "unit": "months", "interval_level": "95", **tenths}
            for a in ARMS
        }  # fmt: skip
    columns["hazard_ratio"] = {
        "cell": "estimate (lower to upper)", "measure": "hazard ratio",
        "interval_level": f"{plan.level:.0f}", **short,
    }  # fmt: skip
    columns["interaction"] = {"cell": "p", "measure": "P", "sided": "not stated"}
    draft.block("figure3", "Figure 3", columns, endpoint="PFS", analysis="final")
    everybody = np.ones(len(trial.arm), dtype=bool)
    same = ["results.pfs.events", "results.pfs.median", "contrasts.pfs.hazard_ratio"]
    _line(draft, trial, plan, "all", "All patients", everybody, None, None,
          population="randomized", same_as=same)  # fmt: skip
    known = [f for f in trial.factors if f.levels[-1] != "Unknown"]
    for f in known[: int(rng.integers(3, 6))]:
        p = _interaction(trial, plan, f)
        for k, level in enumerate(f.levels):
            test = draft.style.p(p) if k == 0 and p is not None else None
            _line(draft, trial, plan, f"{f.id}.level{k}", level, f.codes == k, f, test,
                  factor=f.name, category=level)  # fmt: skip


def _line(
    draft: Draft, trial: Trial, plan: Plan, id: str, label: str, who: Mask, own: Factor | None,
    interaction: Cell | None, **attributes: Any,
) -> None:  # fmt: skip
    style, groups = draft.style, masks(trial)
    patients = [groups[a] & who for a in ARMS]
    events = [int(trial.progressed[g].sum()) for g in patients]
    cells: list[Cell | None] = [
        style.events(d, g.sum()) if g.any() else None for d, g in zip(events, patients, strict=True)
    ]
    if plan.medians_by_subgroup:
        curves = [Curve.of(trial.pfs[g], trial.progressed[g]) for g in patients]
        cells += [median(draft, c, "short") if len(c.times) else None for c in curves]
    fit = None
    if min(events) >= LEAST_EVENTS:
        model = plan.model(trial, own)[who]
        model = model[:, [0, *(k for k in range(1, model.shape[1]) if np.ptp(model[:, k]) > 0)]]
        fit = cox(trial.pfs[who], trial.progressed[who], model)
    cells.append(style.interval(ratio(fit), plan.level, 2, "short") if fit else None)
    draft.row(id, label, *cells, interaction, **attributes)


def _interaction(trial: Trial, plan: Plan, factor: Factor) -> float | None:
    """P of the interaction terms in a model with the arm, the factor and the paper's covariates."""
    own = factor.dummies()
    products = own * trial.arm[:, None]
    events = [trial.progressed[(trial.arm == a) & (factor.codes == k)].sum()
              for a in (0, 1) for k in range(len(factor.levels))]  # fmt: skip
    if min(events) < LEAST_EVENTS:
        return None
    model = np.column_stack([plan.model(trial, factor), own, products])
    fit = cox(trial.pfs, trial.progressed, model)
    return fit.joint_p(products.shape[1]) if fit else None
