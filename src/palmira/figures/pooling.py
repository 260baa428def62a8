"""Figures of pooled trials: forest, sensitivity to trials and priors, power of the contrast."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log

import numpy as np
import pandas as pd

from palmira.bayesian import Posterior
from palmira.estimates import Estimate
from palmira.evidence_synthesis import (
    CONTINUED,
    READINGS,
    SCALES,
    SWITCHED,
    believed,
    choose,
    leave_one_out,
    pooled,
    strategy_contrast,
    strategy_power,
    with_limits,
)
from palmira.figures.forest import ForestRow, forest
from palmira.pooling import Pool
from palmira.show.exhibits import Picture
from palmira.show.style import MUTED, READING_COLORS, canvas, spell

READING_NAMES = {
    "printed": "as printed",
    "neutral": "PALMIRA neutral (derived)",
    "conditional": "PALMIRA, full scale (conditional)",
}
SIDES = ("favors CDK4/6 inhibitor", "favors control")


def _text(e: Estimate) -> str:
    return e.text(2)


def forest_of_trials(effects: pd.DataFrame) -> Picture:
    """Each trial's hazard ratio on the 95% scale, and three REML summaries under each reading."""
    rows: list[ForestRow] = []
    data = effects.assign(row="trial").rename(columns={"trial": "label"})
    neutral = choose(effects, "neutral").set_index("trial")
    for strategy in (CONTINUED, SWITCHED):
        rows.append(ForestRow(strategy, heading=True))
        for name in effects.loc[effects["strategy"] == strategy, "trial"].unique():
            lines = effects[effects["trial"] == name].set_index("reading")
            shown = {
                r: Estimate(*lines.loc[r, ["hazard_ratio", "lower", "upper"]])
                for r in ("printed", "neutral", "conditional")
                if r in lines.index
            }
            text = _text(Estimate(*neutral.loc[name, ["hazard_ratio", "lower", "upper"]]))
            rows.append(ForestRow(f"  {name}", (text,), shown))
    rows.append(ForestRow("All trials, random effects (REML)", heading=True))
    plain = {r: pooled(effects, r) for r in READINGS}
    modified = {r: pooled(effects, r, knapp_hartung=True) for r in READINGS}
    for label, shown in (
        ("  Wald interval", {r: p.ratio for r, p in plain.items()}),
        ("  Knapp-Hartung interval", {r: p.ratio for r, p in modified.items()}),
        ("  Prediction interval", {r: _prediction(p) for r, p in modified.items()}),
    ):
        shown = {r: shown[r] for r in ("printed", "neutral", "conditional")}
        rows.append(ForestRow(label, (_text(shown["neutral"]),), shown, summary=True))
        extra = [
            {"label": label.strip(), "row": "pool", "reading": r, "hazard_ratio": e.value,
             "lower": e.lower, "upper": e.upper}
            for r, e in shown.items()
        ]  # fmt: skip
        data = pd.concat([data, pd.DataFrame(extra)], ignore_index=True)
    return forest(
        rows, headers=("HR (95% CI), neutral",), column_x=(0.315,), ticks=(0.25, 0.5, 1, 2),
        sides=SIDES, reading_names=READING_NAMES, share=0.46, row_height=0.4,
        alt=_forest_alt(effects, plain["neutral"], modified["neutral"]), data=data,
    )  # fmt: skip


def _prediction(p: Pool) -> Estimate:
    found = p.prediction_ratio
    if found is None:
        raise ValueError("a prediction interval needs more trials")
    return found


def _forest_alt(effects: pd.DataFrame, plain: Pool, modified: Pool) -> str:
    lines = choose(effects, "neutral")
    trials = spell(
        [
            f"{e.trial} {_text(Estimate(e.hazard_ratio, e.lower, e.upper))}"
            for e in lines.itertuples()
        ]
    )
    above = [e.trial for e in lines.itertuples() if e.hazard_ratio > 1]
    return (
        f"Hazard ratios with 95% intervals, PALMIRA neutral: {trials}; above 1: "
        f"{spell(above) if above else 'none'}. Pooled {_text(plain.ratio)} with the Wald interval "
        f"and {_text(modified.ratio)} with Knapp and Hartung's; the prediction interval runs from "
        f"{_prediction(modified).lower:.2f} to {_prediction(modified).upper:.2f}."
    )


def sensitivity(effects: pd.DataFrame, versions: Mapping[str, list[Estimate]]) -> Picture:
    """The neutral REML pool without each trial, and with other printed limits of a trial.

    ``versions`` holds the other versions by trial; only their limits are used.
    """
    pools: list[tuple[str, Pool, Pool]] = [("All trials", *_both(effects))]
    left = leave_one_out(effects), leave_one_out(effects, knapp_hartung=True)
    pools += [(f"Without {name}", p, left[1][name]) for name, p in left[0].items()]
    for name, others in versions.items():
        for e in others:
            changed = with_limits(effects, name, e.lower, e.upper, e.level)
            pools.append((f"{name}, {e.lower:.2f} to {e.upper:.2f}", *_both(changed)))
    rows = [
        ForestRow(
            label if name == "Wald" else "",
            (name, _text(x.ratio)),
            {"neutral": x.ratio},
        )
        for label, p, kh in pools
        for name, x in (("Wald", p), ("Knapp-Hartung", kh))
    ]
    data = pd.DataFrame(
        [
            {"trials": label, "interval": name, "hazard_ratio": x.ratio.value,
             "lower": x.ratio.lower, "upper": x.ratio.upper, "tau2": x.tau2, "i2": x.i2}
            for label, p, kh in pools
            for name, x in (("Wald", p), ("Knapp-Hartung", kh))
        ]
    )  # fmt: skip
    values = [p.ratio for _, p, _ in pools]
    low, high = min(values, key=lambda e: e.value), max(values, key=lambda e: e.value)
    names = {p.ratio.value: label for label, p, _ in pools}
    below = [label for label, p, _ in pools if p.ratio.upper < 1]
    never = all(kh.ratio.lower < 1 < kh.ratio.upper for _, _, kh in pools)
    alt = (
        f"The pooled hazard ratio runs from {low.value:.2f} ({names[low.value]}) to "
        f"{high.value:.2f} ({names[high.value]}); all trials give {_text(values[0])}. The Wald "
        f"interval lies below 1 in {len(below)} of {len(pools)} rows; the Knapp-Hartung interval "
        f"{'contains 1 in every row' if never else 'does not contain 1 in every row'}."
    )
    return forest(
        rows, headers=("Interval", "HR (95% CI)"), column_x=(0.255, 0.405),
        ticks=(0.25, 0.5, 1, 2), sides=(SIDES[0], "control"), share=0.4,
        row_height=0.27, alt=alt, data=data,
    )  # fmt: skip


def _both(effects: pd.DataFrame) -> tuple[Pool, Pool]:
    return pooled(effects, "neutral"), pooled(effects, "neutral", knapp_hartung=True)


def priors(effects: pd.DataFrame) -> Picture:
    """Mean and new trial by REML with Knapp-Hartung and by each prior on tau, in three readings."""
    rows: list[ForestRow] = []
    lines: list[dict[str, object]] = []
    frequentist = {r: pooled(effects, r, knapp_hartung=True) for r in READINGS}
    beliefs = {s: {r: believed(effects, r, s) for r in READINGS} for s in SCALES}
    for heading in ("Mean hazard ratio", "Hazard ratio of a new trial"):
        ahead = heading != "Mean hazard ratio"
        rows.append(ForestRow(heading, heading=True))
        shown = {"REML, Knapp-Hartung": {r: _of_pool(p, ahead) for r, p in frequentist.items()}}
        for s, found in beliefs.items():
            shown[f"Prior scale {s:g}"] = {r: _of_belief(p, ahead) for r, p in found.items()}
        for label, estimates in shown.items():
            order = {r: estimates[r] for r in ("printed", "neutral", "conditional")}
            rows.append(ForestRow(f"  {label}", (_text(estimates["neutral"]),), order))
            lines += [
                {"quantity": heading, "method": label, "reading": r, "hazard_ratio": e.value,
                 "lower": e.lower, "upper": e.upper}
                for r, e in order.items()
            ]  # fmt: skip
    means = [
        f"{_text(_of_belief(f['neutral'], False))} with scale {s:g}" for s, f in beliefs.items()
    ]
    new = _of_belief(beliefs[SCALES[-1]]["neutral"], True)
    alt = (
        f"The mean hazard ratio, PALMIRA neutral, is {spell(means)}, against "
        f"{_text(frequentist['neutral'].ratio)} by REML with Knapp-Hartung. A new trial's hazard "
        f"ratio may lie anywhere from {new.lower:.2f} to {new.upper:.2f} under the widest prior."
    )
    return forest(
        rows, headers=("HR (95%), neutral",), column_x=(0.29,), ticks=(0.25, 0.5, 1, 2),
        sides=SIDES, reading_names=READING_NAMES, share=0.46, row_height=0.36, alt=alt,
        data=pd.DataFrame(lines),
    )  # fmt: skip


def _of_pool(p: Pool, ahead: bool) -> Estimate:
    return _prediction(p) if ahead else p.ratio


def _of_belief(p: Posterior, ahead: bool) -> Estimate:
    return p.prediction_ratio if ahead else p.ratio


def contrast_power(effects: pd.DataFrame) -> Picture:
    """Power of the test between the strategies by their true ratio, for three sets of means."""
    tau = pooled(effects, "neutral").tau2 ** 0.5
    seen = exp(strategy_contrast(effects).effect)
    ratios = np.exp(np.linspace(log(0.2), 0, 81))
    curves = {
        "Wald, no heterogeneity": (0.0, False, 1, "#595959", ":"),
        "t test, no heterogeneity": (0.0, True, 1, READING_COLORS["neutral"], "-"),
        f"t test, τ = {tau:.2f}": (tau, True, 1, READING_COLORS["conditional"], "--"),
        f"t test, τ = {tau:.2f}, twice the trials": (tau, True, 2, "#A06000", "-."),
    }
    lines, at_seen = [], {}
    with canvas(3.6) as (figure, ax):
        for label, (t, estimated, sets, color, dash) in curves.items():
            power = [strategy_power(effects, float(r), t, estimated, sets) for r in ratios]
            ax.plot(ratios, power, color=color, ls=dash, lw=2, label=label)
            lines += [
                {"test": label, "tau": t, "trials": 4 * sets, "true_ratio": r, "power": x}
                for r, x in zip(ratios, power, strict=True)
            ]
            at_seen[label] = strategy_power(effects, seen, t, estimated, sets)
        ax.axhline(0.8, color=MUTED, lw=0.8)
        ax.axvline(seen, color=MUTED, lw=0.8, ls=(0, (4, 3)))
        ax.annotate(f"ratio seen, {seen:.2f}", (seen, 0.97), (5, 0), va="top", fontsize=9,
                    textcoords="offset points", color=MUTED)  # fmt: skip
        ax.annotate("80% power", (1, 0.8), (-3, 3), textcoords="offset points", ha="right",
                    fontsize=9, color=MUTED)  # fmt: skip
        ax.set_xscale("log")
        ticks = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1)
        ax.set_xticks(ticks, [f"{x:g}" for x in ticks], minor=False)
        ax.minorticks_off()
        ax.set(xlim=(0.2, 1), ylim=(0, 1), ylabel="Power")
        ax.set_xlabel("True ratio of hazard ratios, switched to continued (log scale)")
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    words = [f"{100 * x:.0f}% ({name})" for name, x in at_seen.items()]
    alt = (
        f"At a true ratio as large as the one seen, {seen:.2f}, the power is {spell(words)}. All "
        f"curves fall to the level of 5% where there is no difference."
    )
    return Picture(figure, alt, pd.DataFrame(lines))
