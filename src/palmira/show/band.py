"""Bands: lines with what lies around them, along an axis of time or size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from palmira.show.exhibits import Picture
from palmira.show.style import MUTED, NARROW, WIDTH, canvas, look


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
    if frame.empty:
        raise ValueError("a band needs at least one row")
    if lost := [c for c in ("x", "lower", "upper") if c not in frame]:
        raise ValueError(f"the frame of a band lacks {lost}")
    draw = partial(
        _draw,
        frame,
        (x, y),
        dict(series or {}),
        (xlim, ylim, xticks, yticks, log),
        dict(across or {}),
    )
    return Picture(draw(WIDTH), alt, frame if data is None else data, partial(draw, NARROW))


def _draw(
    frame: pd.DataFrame,
    words: tuple[str, str],
    series: dict[str, str],
    limits: tuple,
    across: dict[float, str],
    width: float,
) -> Figure:
    xlim, ylim, xticks, yticks, log = limits
    names = frame["series"] if "series" in frame else pd.Series("", index=frame.index)
    with canvas(3.8 if width == WIDTH else 3.2, width=width) as (figure, ax):
        for name, mine in frame.groupby(names, sort=False):
            style = look(str(name))
            ax.fill_between(
                mine["x"], mine["lower"], mine["upper"], color=style["color"], alpha=0.15, lw=0
            )
            if "estimate" in mine:
                ax.plot(
                    mine["x"], mine["estimate"], lw=1.8, ms=5, label=series.get(str(name)), **style
                )
        for value, name in across.items():
            ax.axhline(value, color=MUTED, lw=1, zorder=0)
            ax.text(
                0.99,
                value,
                name,
                transform=ax.get_yaxis_transform(),
                ha="right",
                va="bottom",
                color=MUTED,
                fontsize=9,
            )
        if log:
            ax.set_yscale("log")
            ax.minorticks_off()
        if yticks is not None:
            ax.set_yticks(list(yticks), [f"{y:g}" for y in yticks])
        if xticks is not None:
            ax.set_xticks(list(xticks))
        ax.set(xlabel=words[0], ylabel=words[1])
        if xlim:
            ax.set_xlim(*xlim)
        if ylim:
            ax.set_ylim(*ylim)
        if series:
            ax.legend(frameon=False)
    return figure
