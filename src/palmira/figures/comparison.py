"""Figures that set the trials side by side: absolute numbers by arm."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

import pandas as pd
from matplotlib.axes import Axes

from palmira.record import Record
from palmira.show.exhibits import Picture
from palmira.show.style import ARM_COLORS, MUTED, canvas, spell

ARM_NAMES = {"experimental": "with CDK4/6 inhibitor", "control": "control"}
QUANTITIES = {
    ("median", None): "Median PFS (months)",
    ("rate", "6"): "6-month PFS (%)",
    ("rate", "12"): "12-month PFS (%)",
}


def by_arm(records: Mapping[str, Record]) -> pd.DataFrame:
    """Printed medians and rates of PFS by arm, with limits where they were found (else NaN)."""
    lines = []
    for record in records.values():
        roles = {k: a.role for k, a in record.sheet.arms.items()}
        for e in record.entries.values():
            quantity = QUANTITIES.get((str(e.measure), e.time))
            if quantity is None or e.endpoint != "PFS" or e.factor or e.version:
                continue
            if e.part not in ("estimate", "percent", "value") or e.population != "randomized":
                continue
            if e.block not in ("results", "efficacy") or roles.get(str(e.arm)) not in ARM_NAMES:
                continue
            cell = record.cell(e)
            limits = [cell[p].number if p in cell else float("nan") for p in ("lower", "upper")]
            lines.append(
                {"trial": record.trial, "quantity": quantity,
                 "arm": roles[str(e.arm)], "printed": e.text, "value": e.value, "lower": limits[0],
                 "upper": limits[1], "interval_level": e.interval_level,
                 "confidence": e.confidence}
            )  # fmt: skip
    return pd.DataFrame(lines)


def absolute_numbers(records: Mapping[str, Record]) -> Picture:
    """Median PFS, 6-month and 12-month PFS of both arms of each trial, as printed."""
    data = by_arm(records)
    names = [r.trial for r in records.values()]
    with canvas(3.5, ncols=len(QUANTITIES)) as (figure, axes):
        for ax, quantity in zip(axes, QUANTITIES.values(), strict=True):
            _panel(ax, data[data["quantity"] == quantity], names)
            ax.set_xlabel(quantity)
        for ax in axes[1:]:
            ax.set_yticklabels([])
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
    ax.set_xlim(0, top * 1.28)


def _absolute_alt(data: pd.DataFrame) -> str:
    words = []
    for quantity, lines in data.groupby("quantity", sort=False):
        pairs = [
            f"{trial} {' v '.join(arms.set_index('arm').loc[list(ARM_NAMES), 'printed'])}"
            for trial, arms in lines.groupby("trial", sort=False)
        ]
        words.append(f"{quantity} with a CDK4/6 inhibitor against control: {spell(pairs)}.")
    control = data[(data["arm"] == "control") & (data["quantity"] == "Median PFS (months)")]
    low, high = control.loc[control["value"].idxmin()], control.loc[control["value"].idxmax()]
    return (
        " ".join(words)
        + f" The control medians run from {low.printed} ({low.trial}) to {high.printed} "
        + f"({high.trial})."
    )
