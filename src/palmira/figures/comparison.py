"""Figures that set the trials side by side: absolute numbers, hazard ratios and their pools."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

import pandas as pd
from matplotlib.axes import Axes

from palmira.estimates import Estimate
from palmira.evidence_synthesis import (
    CONTINUED,
    READINGS,
    SWITCHED,
    choose,
    leave_one_out,
    pooled,
    with_limits,
)
from palmira.exhibits import Picture
from palmira.figures.forest import ForestRow, forest
from palmira.figures.style import ARM_COLORS, MUTED, canvas, spell
from palmira.pooling import Pool
from palmira.record import Record

READING_NAMES = {
    "printed": "as printed",
    "neutral": "PALMIRA neutral (derived)",
    "conditional": "PALMIRA, full scale (conditional)",
}
SIDES = ("favors CDK4/6 inhibitor", "favors control")
ARM_NAMES = {"experimental": "with CDK4/6 inhibitor", "control": "control"}
QUANTITIES = {"median": "Median PFS (months)", "rate": "6-month PFS (%)"}


def by_arm(records: Mapping[str, Record]) -> pd.DataFrame:
    """Printed medians and 6-month rates of PFS by arm, with limits where they were found (NaN)."""
    lines = []
    for record in records.values():
        roles = {k: a.role for k, a in record.sheet.arms.items()}
        for e in record.entries.values():
            wanted = e.measure == "median" or (e.measure == "rate" and e.time == "6")
            if not wanted or e.endpoint != "PFS" or e.factor or e.version:
                continue
            if e.part not in ("estimate", "percent", "value") or e.population != "randomized":
                continue
            if e.block not in ("results", "efficacy") or roles.get(str(e.arm)) not in ARM_NAMES:
                continue
            cell = record.cell(e)
            limits = [cell[p].number if p in cell else float("nan") for p in ("lower", "upper")]
            lines.append(
                {"trial": record.trial, "quantity": QUANTITIES[str(e.measure)],
                 "arm": roles[str(e.arm)], "printed": e.text, "value": e.value, "lower": limits[0],
                 "upper": limits[1], "interval_level": e.interval_level,
                 "confidence": e.confidence}
            )  # fmt: skip
    return pd.DataFrame(lines)


def absolute_numbers(records: Mapping[str, Record]) -> Picture:
    """Median PFS and 6-month PFS of both arms of each trial, as printed."""
    data = by_arm(records)
    names = [r.trial for r in records.values()]
    with canvas(3.5, ncols=2) as (figure, axes):
        for ax, quantity in zip(axes, QUANTITIES.values(), strict=True):
            _panel(ax, data[data["quantity"] == quantity], names)
            ax.set_xlabel(quantity)
        axes[1].set_yticklabels([])
        for arm, name in ARM_NAMES.items():
            axes[0].plot([], [], color=ARM_COLORS[arm], marker=MARKERS[arm], label=name)
        figure.legend(loc="upper center", ncols=2, frameon=False, bbox_to_anchor=(0.5, 1.0))
        for ax in axes:
            ax.set_title(" ", fontsize=12)
    return Picture(figure, _absolute_alt(data), data)


MARKERS = {"experimental": "s", "control": "o"}  # as in the chapters on PALMIRA


def _panel(ax: Axes, data: pd.DataFrame, names: list[str]) -> None:
    top = max(data["upper"].max(), data["value"].max())
    for y, name in enumerate(names):
        lines = data[data["trial"] == name]
        if lines.empty:
            ax.text(0, y, " not found", va="center", color=MUTED, style="italic")
        for line in lines.itertuples():
            at = y + (-0.16 if line.arm == "experimental" else 0.16)
            color = ARM_COLORS[str(line.arm)]
            if not isnan(line.lower):
                ax.plot([line.lower, line.upper], [at, at], color=color, lw=1.6)
            ax.plot([line.value], [at], color=color, marker=MARKERS[str(line.arm)], ms=6)
            end = line.value if isnan(line.upper) else line.upper
            ax.annotate(str(line.printed), (end, at), (7, 0), textcoords="offset points",
                        va="center", fontsize=9.5, color=color)  # fmt: skip
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(0, top * 1.15)


def _absolute_alt(data: pd.DataFrame) -> str:
    words = []
    for quantity, lines in data.groupby("quantity", sort=False):
        pairs = [
            f"{trial} {' v '.join(arms.set_index('arm').loc[list(ARM_NAMES), 'printed'])}"
            for trial, arms in lines.groupby("trial", sort=False)
        ]
        words.append(f"{quantity} with a CDK4/6 inhibitor against control: {spell(pairs)}.")
    control = data[(data["arm"] == "control") & (data["quantity"] == QUANTITIES["median"])]
    low, high = control.loc[control["value"].idxmin()], control.loc[control["value"].idxmax()]
    return (
        " ".join(words)
        + f" The control medians run from {low.printed} ({low.trial}) to {high.printed} "
        + f"({high.trial})."
    )


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
