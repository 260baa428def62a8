"""Dot plots: one or several marked values on each line, with their intervals, on a linear axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isnan
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from palmira.show import style as kit
from palmira.show.exhibits import Picture, needs
from palmira.show.style import SMALL, TYPE, WIDTH, Look, text_width

LABEL = 2.9  # inches that labels may take on a page; longer ones are broken


def dots(
    frame: pd.DataFrame,
    *,
    x: str,
    alt: str,
    lines: Mapping[float, str] | None = None,
    series: Mapping[str, str] | None = None,
    text: str | None = None,
    xlim: tuple[float, float] | None = None,
    ticks: Sequence[float] | None = None,
    data: pd.DataFrame | None = None,
) -> Picture:
    """Values by line, from top to bottom, with intervals where they are known.

    Columns of ``frame``: ``label``, ``estimate``; if there, ``lower`` and ``upper`` (NaN draws no
    interval), ``group`` (a heading where it changes), ``series`` (rows of one label in several
    series share a line), ``hollow`` (an open mark). ``x`` names the axis, ``lines`` are upright
    lines with their names (an empty one has none), ``series`` maps series to names for the legend,
    ``text`` a column to be written at the right. ``data``, by default ``frame``, is for download.

    Drawn wide and narrow. Raises ``ValueError`` for an empty frame or one that lacks a column.
    """
    needs(frame, "a dot plot", "label", "estimate", *([text] if text else []))
    axis = {"xlabel": x, "xlim": xlim, "xticks": ticks}
    axis = {key: value for key, value in axis.items() if value is not None}
    draw = partial(_draw, _rows(frame, text), lines or {}, series or {}, axis)
    return Picture(draw(WIDTH), alt, frame if data is None else data, partial(draw, kit.NARROW))


@dataclass
class _Row:
    """A line of the plot: a heading, or a label with its values and the text at its right."""

    label: str
    heading: bool = False
    text: str = ""
    values: list[dict[str, Any]] = field(default_factory=list)

    @property
    def weight(self) -> str:
        return "bold" if self.heading else "normal"


def _rows(frame: pd.DataFrame, text: str | None) -> list[_Row]:
    rows: list[_Row] = []
    heading = known = None
    for row in frame.to_dict("records"):
        group = row.get("group")
        if group is not None and not pd.isna(group) and group != heading:
            rows.append(_Row(str(group), heading=True))
            heading = group
        if known != (group, row["label"]):
            rows.append(_Row(str(row["label"]), text=str(row[text]) if text else ""))
            known = (group, row["label"])
        rows[-1].values.append(row)
    return rows


def _draw(
    rows: list[_Row],
    lines: Mapping[float, str],
    series: Mapping[str, str],
    axis: dict[str, Any],
    width: float,
) -> Figure:
    """``axis`` holds properties of the axes by their names in Matplotlib."""
    narrow = width < WIDTH
    labels = [kit.wrapped(row.label, 1.5 if narrow else LABEL, TYPE, row.weight) for row in rows]
    weights = [row.weight for row in rows]
    left = 0.16 + max(text_width(t, TYPE, w) for t, w in zip(labels, weights, strict=True))
    texts = [row.text.replace(" (", "\n(", 1) if narrow else row.text for row in rows]
    right = max(text_width(t, SMALL) for t in texts) + 0.2 if any(texts) else 0.14
    breaks = [max(a.count("\n"), b.count("\n")) for a, b in zip(labels, texts, strict=True)]
    deep = [0.3 + 0.14 * n for n in breaks]
    head = (0.24 if any(lines.values()) else 0.06) + (0.26 if series else 0)
    height = sum(deep) + head + 0.95
    with kit.canvas(height, width=width, tight=False) as (figure, ax):
        kit.margins(figure, left, right, 0.85, head)
        top, middles = 0.0, []
        for row, text, tall in zip(rows, texts, deep, strict=True):
            middles.append(top + tall / 2)
            _line(ax, middles[-1], row, tall)
            beside: Look = {
                "transform": ax.get_yaxis_transform(),
                "va": "center",
                "fontsize": SMALL,
            }
            if text:
                ax.text(1.015, middles[-1], text, **beside)
            top += tall
        for value, name in lines.items():
            ax.axvline(value, color=kit.MUTED, lw=1, ls="--" if name else "-", zorder=0)
            ax.text(value, -0.04, name, ha="center", va="bottom", color=kit.MUTED, fontsize=SMALL)
        kit.named_rows(ax, middles, labels, weights)
        ax.set(ylim=(top + 0.05, 0), **axis)
        ax.xaxis.set_major_formatter(kit.true_minus)
        ax.set_xlabel(kit.wrapped(axis["xlabel"], width - left - 0.1))
        if series:
            handles = [
                Line2D([], [], ls="", label=n, ms=6, **kit.look(k)) for k, n in series.items()
            ]
            style: Look = {"frameon": False, "borderaxespad": 0.1, "handletextpad": 0.3}
            style |= {"loc": "upper left", "ncols": len(handles), "columnspacing": 1.2}
            figure.legend(handles=handles, **style)
    return figure


def _line(ax: Axes, y: float, row: _Row, tall: float) -> None:
    """The values of one line, spread over its height."""
    if not row.heading:
        ax.axhline(y, color="#EEEEEE", lw=0.8, zorder=-1)
    for i, value in enumerate(row.values):
        at = y + (i - (len(row.values) - 1) / 2) * 0.62 * tall / len(row.values)
        style = kit.look(str(value.get("series", "")))
        if value.get("hollow", False) is True:
            style["mfc"] = "white"
        low, high = value.get("lower", float("nan")), value.get("upper", float("nan"))
        if not (isnan(low) or isnan(high)):
            ax.plot([low, high], [at, at], color=style["color"], lw=1.8, solid_capstyle="butt")
        ax.plot(value["estimate"], at, ms=6, **style)
