"""Tables of pooled trials: methods, priors and strategies; and what the chapter says of them."""

from __future__ import annotations

from math import exp

import pandas as pd

from palmira.estimates import Estimate, critical
from palmira.evidence_synthesis import (
    READINGS,
    SCALES,
    all_pools,
    believed,
    by_strategy,
    leave_one_out,
    pooled,
    sets_needed,
    strategy_contrast,
    strategy_power,
    strategy_ratio,
)
from palmira.pooling import Pool
from palmira.readings import p_text
from palmira.show.exhibits import Table

READING_LABELS = {
    "neutral": "PALMIRA neutral (the book's default)",
    "printed": "PALMIRA as printed",
    "conditional": "PALMIRA on the full scale (conditional)",
}
NBSP = "\u00a0"  # keeps an estimate and its interval on one line
METHOD_LABELS = {
    "FE": "Fixed effect",
    "DL": "DerSimonian-Laird",
    "PM": "Paule-Mandel",
    "REML": "REML",
    "REML + Knapp-Hartung": "REML + Knapp-Hartung",
}


def pool_frame(effects: pd.DataFrame) -> pd.DataFrame:
    """Every method under every reading, one line each, as ratios with 95% limits."""
    lines = []
    for reading, pools in all_pools(effects).items():
        for p in pools:
            ahead = p.prediction_ratio
            lines.append(
                {"reading": reading, "method": p.method, "hazard_ratio": p.ratio.value,
                 "lower": p.ratio.lower, "upper": p.ratio.upper,
                 "prediction_lower": ahead.lower if ahead else None,
                 "prediction_upper": ahead.upper if ahead else None, "tau2": p.tau2,
                 "tau2_lower": p.tau2_interval[0], "tau2_upper": p.tau2_interval[1],
                 "i2": p.i2, "q": p.q, "q_p": p.q_p, "trials": p.trials}
            )  # fmt: skip
    return pd.DataFrame(lines)


def pools(effects: pd.DataFrame) -> Table:
    """Pooled hazard ratios by method, under each reading of a trial that has more than one."""
    shown = [
        _pool_line(p) | {"Reading": READING_LABELS[reading]}
        for reading, found in all_pools(effects).items()
        for p in found
    ]
    notes = (
        "Prediction intervals: Higgins, Thompson and Spiegelhalter's with k − 2 degrees of "
        "freedom; with Knapp-Hartung, k − 1. Intervals of τ² by the Q-profile method, the same for "
        "every method. I² of the fixed-effect model from Q, of the others from τ².",
    )
    return Table(pd.DataFrame(shown), pool_frame(effects), group="Reading", notes=notes)


def _pool_line(p: Pool) -> dict[str, str]:
    ahead = p.prediction_ratio
    tau2 = "0 by definition" if p.method == "FE" else f"{p.tau2:.3f}"
    low, high = p.tau2_interval
    return {
        "Method": METHOD_LABELS[p.method],
        "HR (95% CI)": p.ratio.text(3).replace(" ", NBSP),
        "95% prediction interval": f"{ahead.lower:.2f} to {ahead.upper:.2f}" if ahead else "–",
        "τ² (95% CI)": tau2 if p.method == "FE" else f"{tau2} ({low:.2f} to {high:.2f})",
        "I²": f"{p.i2:.0f}%",
        "Q (P)": f"{p.q:.2f} ({p_text(p.q_p)})",
    }


def priors(effects: pd.DataFrame) -> Table:
    """The Bayesian pool by prior on tau and reading, beside the REML pool with Knapp-Hartung."""
    data = pd.DataFrame([_belief(effects, r, s) for r in READINGS for s in SCALES])
    shown = pd.DataFrame(
        {
            "Prior on τ": [f"half-normal, scale {x:g}" for x in data["scale"]],
            "HR (95% credible interval)": [
                Estimate(x.hazard_ratio, x.lower, x.upper).text() for x in data.itertuples()
            ],
            "New trial, 95% prediction interval": [
                f"{x.prediction_lower:.2f} to {x.prediction_upper:.2f}" for x in data.itertuples()
            ],
            "τ, median (95%)": [
                Estimate(x.tau, x.tau_lower, x.tau_upper).text() for x in data.itertuples()
            ],
            "P(mean HR below 1)": [f"{100 * x:.0f}%" for x in data["mean_below_1"]],
            "P(HR of a new trial below 1)": [f"{100 * x:.0f}%" for x in data["new_below_1"]],
            "Reading": [READING_LABELS[r] for r in data["reading"]],
        }
    )
    notes = (
        "Flat prior on the mean log hazard ratio. Posterior medians and central intervals, by "
        "numerical integration. Probabilities are what the model and its priors hold after these "
        "trials; they are no error rates.",
    )
    return Table(shown, data, group="Reading", notes=notes)


def _belief(effects: pd.DataFrame, reading: str, scale: float) -> dict[str, object]:
    p = believed(effects, reading, scale)
    mean, ahead, tau = p.ratio, p.prediction_ratio, p.tau
    return {
        "reading": reading, "scale": scale, "hazard_ratio": mean.value, "lower": mean.lower,
        "upper": mean.upper, "prediction_lower": ahead.lower, "prediction_upper": ahead.upper,
        "tau": tau.value, "tau_lower": tau.lower, "tau_upper": tau.upper,
        "mean_below_1": p.mean_below, "new_below_1": p.prediction_below,
    }  # fmt: skip


def strategies(effects: pd.DataFrame) -> Table:
    """REML pools of the two strategies and their ratio by two tests, under each reading."""
    shown, data = [], []
    for reading in READINGS:
        found = by_strategy(effects, reading)
        wald, p, _ = strategy_ratio(effects, reading)
        test = strategy_contrast(effects, reading)
        modified = test.interval.exponential
        shown.append(
            {"Reading": READING_LABELS[reading]}
            | {f"{name}, HR (95% CI)": x.ratio.text() for name, x in found.items()}
            | {"Ratio, Wald (P)": f"{wald.text()}, {p_text(p)}"}
            | {f"Ratio, t with {test.df} df (P)": f"{modified.text()}, {p_text(test.p)}"}
        )
        for name, x, own in (
            *((k, v.ratio, None) for k, v in found.items()),
            ("ratio, Wald", wald, p), ("ratio, Knapp-Hartung", modified, test.p),
        ):  # fmt: skip
            data.append(
                {"reading": reading, "quantity": name, "value": x.value, "lower": x.lower,
                 "upper": x.upper, "p": own}
            )  # fmt: skip
    notes = (
        "Ratio: hazard ratio of switched trials over that of continued ones; below 1 favors "
        "switching. Wald: each strategy with a between-trial variance of its own, taken for "
        "known. t: one variance for both, estimated (Knapp and Hartung), with few degrees of "
        "freedom (df) left.",
    )
    return Table(pd.DataFrame(shown), pd.DataFrame(data), notes=notes)


def prose_numbers(effects: pd.DataFrame) -> dict[str, str]:
    """What the chapter says of the pools, as text by key."""
    text: dict[str, str] = {}
    for key in READINGS:
        text[f"reml_{key}"] = pooled(effects, key).ratio.text()
        text[f"kh_{key}"] = pooled(effects, key, knapp_hartung=True).ratio.text()
        text[f"bayes_{key}"] = believed(effects, key).ratio.text()
    main = pooled(effects, "neutral", knapp_hartung=True)
    ahead, (low, high) = main.prediction_ratio, main.tau2_interval
    assert ahead is not None
    text |= {"prediction": f"{ahead.lower:.2f} to {ahead.upper:.2f}", "tau2": f"{main.tau2:.3f}",
             "tau2_interval": f"{low:.2f} to {high:.2f}"}  # fmt: skip
    beliefs = [believed(effects, "neutral", s) for s in SCALES]
    own = beliefs[1]
    wide = critical(95) * critical(50) * SCALES[1]  # of 95% of trials, at the prior's median of tau
    text |= {
        "scales": " and ".join((f"{SCALES[0]:g}", f"{SCALES[2]:g}")), "scale": f"{SCALES[1]:g}",
        "spread": f"{exp(-wide):.1f} to {exp(wide):.1f}",
        "mean_below": f"{100 * own.mean_below:.0f}%",
        "new_below": f"{100 * own.prediction_below:.0f}%",
        "bayes_prediction": own.prediction_ratio.text().split("(")[1].rstrip(")"),
        "tau_posterior": own.tau.text(),
        "bayes_narrow": beliefs[0].ratio.text(), "bayes_wide": beliefs[2].ratio.text(),
        "below_narrow": f"{100 * beliefs[0].mean_below:.0f}%",
        "below_wide": f"{100 * beliefs[2].mean_below:.0f}%",
    }  # fmt: skip
    wald, p, detectable = strategy_ratio(effects)
    test = strategy_contrast(effects)
    seen, tau = exp(test.effect), main.tau2**0.5
    text |= {
        "ratio": wald.text(), "ratio_p": p_text(p), "detectable": f"{detectable:.2f}",
        "ratio_t": test.interval.exponential.text(), "ratio_t_p": p_text(test.p),
        "df": str(test.df), "seen": f"{seen:.2f}", "tau": f"{tau:.2f}",
        "power_none": _percent(strategy_power(effects, seen, 0.0)),
        "power_tau": _percent(strategy_power(effects, seen, tau)),
        "power_wald": _percent(strategy_power(effects, seen, 0.0, estimated=False)),
        "needed": str(4 * sets_needed(effects, seen, tau)),
        "needed_none": str(4 * sets_needed(effects, seen, 0.0)),
    }  # fmt: skip
    for name, left in leave_one_out(effects).items():
        text[f"without_{name.lower()}"] = left.ratio.text()
    return {f"pooled_{k}": v for k, v in text.items()}


def _percent(x: float) -> str:
    return f"{100 * x:.0f}%"
