"""Bands: lines with what lies around them, along an axis of time or size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from palmira.show.exhibits import Picture, needs
from palmira.show.style import MUTED, NARROW, SMALL, WIDTH, Look, canvas, look


def band(
    frame: pd.DataFrame,
    *,
    x: str,
    y: str,
    alt: str,
    series: Mapping[str, str] | None = None,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    xticks: Sequence[float] | None = None,
    yticks: Sequence[float] | None = None,
    log: bool = False,
    across: Mapping[float, str] | None = None,
    data: pd.DataFrame | None = None,
) -> Picture:
    """Shaded bands with their middle lines, by series.

    Columns of ``frame``: ``x``, ``lower``, ``upper``; if there, ``estimate`` (a line, NaN leaves it
    out) and ``series``. ``x`` and ``y`` name the axes, ``series`` maps series to names for the
    legend, ``across`` are level lines with their names; ``log`` makes the upright axis logarithmic.
    ``data``, by default ``frame``, is for download.

    Drawn wide and narrow. Raises ``ValueError`` for an empty frame or one that lacks a column.
    """
    needs(frame, "a band", "x", "lower", "upper")
    axis: dict[str, Any] = {"yscale": "log"} if log else {}
    if yticks is not None:
        axis |= {"yticks": list(yticks), "yticklabels": [f"{t:g}" for t in yticks]}
    axis |= {"xticks": xticks, "xlabel": x, "ylabel": y, "xlim": xlim, "ylim": ylim}
    axis = {key: value for key, value in axis.items() if value is not None}
    draw = partial(_draw, frame, series or {}, across or {}, axis)
    return Picture(draw(WIDTH), alt, frame if data is None else data, partial(draw, NARROW))


def _draw(
    frame: pd.DataFrame,
    series: Mapping[str, str],
    across: Mapping[float, str],
    axis: dict[str, Any],
    width: float,
) -> Figure:
    """``axis`` holds properties of the axes by their names in Matplotlib."""
    names = frame["series"] if "series" in frame else pd.Series("", index=frame.index)
    with canvas(3.8 if width == WIDTH else 3.2, width=width) as (figure, ax):
        for key, mine in frame.groupby(names, sort=False):
            style, name = look(str(key)), series.get(str(key))
            shade = {"color": style["color"], "alpha": 0.15, "lw": 0}
            ax.fill_between(mine["x"], mine["lower"], mine["upper"], **shade)
            if "estimate" in mine:
                ax.plot(mine["x"], mine["estimate"], lw=1.8, ms=5, label=name, **style)
        beside: Look = {"transform": ax.get_yaxis_transform(), "ha": "right"}
        for value, name in across.items():
            ax.axhline(value, color=MUTED, lw=1, zorder=0)
            ax.text(0.99, value, name, va="bottom", color=MUTED, fontsize=SMALL, **beside)
        ax.set(**axis)
        if "yscale" in axis:
            ax.minorticks_off()
        if series:
            ax.legend(frameon=False)
    return figure
