"""Forest plots: rows of ratios with their intervals, one or more readings a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite, log
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath
from matplotlib.ticker import FixedLocator, NullLocator

from palmira.estimates import Estimate
from palmira.show.exhibits import Picture
from palmira.show.style import INK, MUTED, READING_COLORS, READING_MARKERS, RULE, WIDTH, canvas

# Height of a heading in rows, and of the room for axis, sides and evidence class in inches.
HEADING, BELOW, TYPE = 0.78, 0.95, 9.5


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
    sides: tuple[str, str] = ("favors palbociclib + ET", "favors ET alone"),
    reading_names: dict[str, str] | None = None, share: float = 0.42, row_height: float = 0.3,
    alt: str, data: pd.DataFrame,
) -> Picture:  # fmt: skip
    """Draw ``rows`` from top to bottom on a log axis.

    ``column_x`` places the text columns (and ``headers``) in units of the figure's width, from its
    left edge, 0 to 1 - ``share``; ``share`` is the part of the width that the axis takes.
    Intervals that leave the axis end in an arrowhead; so does an estimate that lies outside it.
    Raises ``ValueError`` without rows.
    """
    if not rows:
        raise ValueError("a forest plot needs at least one row")
    reading_names = reading_names or {}
    places, bottom = _places(rows)
    above = 0.36 if reading_names else 0.1
    head = (0.16 * max((h.count("\n") + 1 for h in headers), default=0) + 0.12) / row_height
    body = row_height * (bottom + head)
    height = body + BELOW + above
    with canvas(height, tight=False) as (figure, ax):
        low, high = min(ticks), max(ticks)
        ax.set_xscale("log")
        ax.set_xlim(low / 1.04, high * 1.04)
        ax.set_ylim(bottom, -head)
        ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticklabels([f"{t:g}" for t in ticks])
        ax.set_xlabel(axis, labelpad=17)
        ax.plot([1, 1], [0, bottom], color=MUTED, lw=1, zorder=0)
        ax.yaxis.set_visible(False)
        ax.spines["left"].set_visible(False)
        left = 1 - share
        side = ax.get_yaxis_transform()
        for x, text in zip((0.0, *column_x), ("", *headers), strict=False):
            ax.text(_x(x, left, share), -0.06 / row_height, text, transform=side, weight="bold",
                    va="bottom", fontsize=TYPE, linespacing=1.15)  # fmt: skip
        stripe = True
        for row, (y, tall) in zip(rows, places, strict=True):
            stripe = not (stripe or row.heading)  # starts anew below a heading
            if stripe:
                ax.axhspan(y - tall / 2, y + tall / 2, color="#F4F4F4", zorder=-2, lw=0)
            bold = "bold" if row.heading or row.summary else "normal"
            for x, text in zip((0.0, *column_x), (row.label, *row.columns), strict=False):
                ax.text(_x(x, left, share), y, text, transform=side, va="center", fontsize=TYPE,
                        weight=bold if x == 0.0 else "normal")  # fmt: skip
            count = len(row.readings)
            for i, (name, estimate) in enumerate(row.readings.items()):
                offset = (i - (count - 1) / 2) * (0.74 / count)
                _interval(ax, y + offset, name, estimate, low, high)
        ax.axhline(0, color=RULE, lw=0.8, xmin=_x(-0.01, left, share), clip_on=False)
        left_side, right_side = f"← {sides[0]}", f"{sides[1]} →"
        start, end = ax.get_xlim()
        back = _beyond(right_side, log(end) / log(end / start), share)
        for text, shift, align in ((left_side, -5, "right"), (right_side, 5, "left")):
            ax.annotate(text, (1, 0), (shift - back, -27), xycoords=("data", "axes fraction"),
                        textcoords="offset points", ha=align, va="center", fontsize=9,
                        color=INK)  # fmt: skip
        if reading_names:
            handles = [
                Line2D([], [], color=READING_COLORS[k], marker=READING_MARKERS[k], lw=1.4,
                       ls=_dash(k), mfc=_fill(k), label=v)
                for k, v in reading_names.items()
            ]  # fmt: skip
            figure.legend(handles=handles, loc="upper left", ncols=len(handles), frameon=False,
                          borderaxespad=0.2, columnspacing=1.4)  # fmt: skip
    figure.subplots_adjust(
        left=left + 0.01, right=0.985, bottom=BELOW / height, top=1 - above / height
    )
    return Picture(figure, alt, data)


def _places(rows: list[ForestRow]) -> tuple[list[tuple[float, float]], float]:
    """Middle and height of each row, in rows from the rule below the headers; and the lower end."""
    places, top = [], 0.0
    for row in rows:
        tall = HEADING if row.heading else 1.0
        places.append((top + tall / 2, tall))
        top += tall
    return places, top + 0.1


def _x(x: float, left: float, share: float) -> float:
    """From units of the figure's width to units of the axis, which starts at ``left``."""
    return (x - left) / (share - 0.025)


def _beyond(text: str, room: float, share: float) -> float:
    """Points that a text right of 1 would stand over the figure's edge, with ``room`` of the axis
    beside it."""
    wide = TextPath((0, 0), text, size=9).get_extents().width + 8
    return max(0.0, float(wide) - 72 * WIDTH * (room * (share - 0.025) + 0.015))


def _dash(name: str) -> Any:
    return {"conditional": "--", "synthetic": (0, (1, 1))}.get(name, "-")


def _fill(name: str) -> str:
    return "white" if name in ("conditional", "synthetic") else READING_COLORS.get(name, INK)


def _interval(ax: Axes, y: float, name: str, e: Estimate, low: float, high: float) -> None:
    color, marker = READING_COLORS.get(name, INK), READING_MARKERS.get(name, "s")
    a = min(max(e.lower, low), high)
    b = max(min(e.upper if isfinite(e.upper) else high * 2, high), low)
    ax.plot([a, b], [y, y], color=color, lw=1.5, ls=_dash(name), solid_capstyle="butt")
    if e.lower < low:
        ax.plot([low], [y], marker="<", color=color, ms=5, clip_on=False)
    if e.upper > high:
        ax.plot([high], [y], marker=">", color=color, ms=5, clip_on=False)
    if low <= e.value <= high:
        ax.plot([e.value], [y], marker=marker, color=color, ms=5.2, mfc=_fill(name), zorder=3)
