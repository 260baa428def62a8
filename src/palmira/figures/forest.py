"""Forest plots: rows of ratios with their intervals, one or more readings a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from palmira.estimates import Estimate
from palmira.exhibits import Picture
from palmira.figures.style import INK, MUTED, READING_COLORS, READING_MARKERS, RULE, canvas


@dataclass(frozen=True)
class ForestRow:
    """A line of a forest plot: its label, text columns and readings by name; or only a heading."""

    label: str
    columns: tuple[str, ...] = ()
    readings: dict[str, Estimate] = field(default_factory=dict)
    heading: bool = False
    summary: bool = False


def forest(
    rows: list[ForestRow], *, headers: tuple[str, ...] = (), column_x: tuple[float, ...] = (),
    ticks: tuple[float, ...] = (0.25, 0.5, 1, 2), axis: str = "Hazard ratio (log scale)",
    sides: tuple[str, str] = ("favors palbociclib + ET", "favors ET"),
    reading_names: dict[str, str] | None = None, share: float = 0.42, row_height: float = 0.3,
    alt: str, data: pd.DataFrame,
) -> Picture:  # fmt: skip
    """Draw ``rows`` from top to bottom on a log axis.

    ``column_x`` places the text columns (and ``headers``) in units of the figure's width, from its
    left edge, 0 to 1 - ``share``; ``share`` is the part of the width that the axis takes.
    Intervals that leave the axis end in an arrowhead.
    """
    reading_names = reading_names or {}
    height = row_height * (len(rows) + 1) + 1.15
    with canvas(height, tight=False) as (figure, ax):
        low, high = min(ticks), max(ticks)
        ax.set_xscale("log")
        ax.set_xlim(low / 1.04, high * 1.04)
        ax.set_ylim(len(rows) - 0.4, -1.0)
        ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticklabels([f"{t:g}" for t in ticks])
        ax.set_xlabel(axis)
        ax.axvline(1, color=MUTED, lw=1, zorder=0)
        ax.yaxis.set_visible(False)
        ax.spines["left"].set_visible(False)
        left = 1 - share
        for x, text in zip((0.0, *column_x), ("", *headers), strict=False):
            ax.text(_x(x, left, share), -0.85, text, transform=ax.get_yaxis_transform(),
                    weight="bold", va="center", fontsize=9.5)  # fmt: skip
        for y, row in enumerate(rows):
            if y % 2 and not row.heading:
                ax.axhspan(y - 0.5, y + 0.5, color="#F4F4F4", zorder=-2, lw=0)
            bold = "bold" if row.heading or row.summary else "normal"
            ax.text(_x(0.0, left, share), y, row.label, transform=ax.get_yaxis_transform(),
                    weight=bold, va="center", fontsize=9.5)  # fmt: skip
            for x, text in zip(column_x, row.columns, strict=False):
                ax.text(_x(x, left, share), y, text, transform=ax.get_yaxis_transform(),
                        va="center", fontsize=9.5)  # fmt: skip
            count = len(row.readings)
            for i, (name, estimate) in enumerate(row.readings.items()):
                offset = (i - (count - 1) / 2) * (0.66 / max(count, 1)) if count > 1 else 0.0
                _interval(ax, y + offset, name, estimate, low, high)
        ax.axhline(-0.5, color=RULE, lw=0.8)
        ax.annotate(f"← {sides[0]}", (1, 0), (-6, -40), xycoords=("data", "axes fraction"),
                    textcoords="offset points", ha="right", fontsize=9, color=INK)  # fmt: skip
        ax.annotate(f"{sides[1]} →", (1, 0), (6, -40), xycoords=("data", "axes fraction"),
                    textcoords="offset points", ha="left", fontsize=9, color=INK)  # fmt: skip
        if reading_names:
            handles = [
                Line2D([], [], color=READING_COLORS[k], marker=READING_MARKERS[k], lw=1.4,
                       ls="--" if k == "conditional" else "-", label=v)
                for k, v in reading_names.items()
            ]  # fmt: skip
            figure.legend(handles=handles, loc="upper left", ncols=len(handles), frameon=False)
    figure.subplots_adjust(
        left=left + 0.01, right=0.985, bottom=0.86 / height,
        top=1 - (0.36 if reading_names else 0.08) / height,
    )  # fmt: skip
    return Picture(figure, alt, data)


def _x(x: float, left: float, share: float) -> float:
    """From units of the figure's width to units of the axis, which starts at ``left``."""
    return (x + 0.01 - left - 0.01) / (share - 0.025)


def _interval(ax: Axes, y: float, name: str, e: Estimate, low: float, high: float) -> None:
    color, marker = READING_COLORS.get(name, INK), READING_MARKERS.get(name, "s")
    style = "--" if name == "conditional" else "-"
    a, b = max(e.lower, low), min(e.upper if isfinite(e.upper) else high * 2, high)
    ax.plot([a, b], [y, y], color=color, lw=1.5, ls=style, solid_capstyle="butt")
    if e.lower < low:
        ax.plot([low], [y], marker="<", color=color, ms=5, clip_on=False)
    if e.upper > high:
        ax.plot([high], [y], marker=">", color=color, ms=5, clip_on=False)
    if low <= e.value <= high:
        ax.plot([e.value], [y], marker=marker, color=color, ms=5.5,
                mfc="white" if name == "conditional" else color)  # fmt: skip
