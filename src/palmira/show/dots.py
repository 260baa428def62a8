"""Dot plots: one or several marked values on each line, with their intervals, on a linear axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import isnan
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from palmira.show.exhibits import Picture
from palmira.show.style import MUTED, NARROW, WIDTH, canvas, look, text_width, wrapped

TYPE = 9.5
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
    if frame.empty:
        raise ValueError("a dot plot needs at least one row")
    if lost := [c for c in ("label", "estimate", *([text] if text else [])) if c not in frame]:
        raise ValueError(f"the frame of a dot plot lacks {lost}")
    draw = partial(_draw, frame, x, dict(lines or {}), dict(series or {}), text, xlim, ticks)
    return Picture(draw(WIDTH), alt, frame if data is None else data, partial(draw, NARROW))


def _rows(frame: pd.DataFrame) -> list[tuple[str, bool, list[dict[str, Any]]]]:
    """Label, whether it is a heading, and the values of each line."""
    rows: list[tuple[str, bool, list[dict[str, Any]]]] = []
    heading = known = None
    for row in frame.to_dict("records"):
        group = row.get("group")
        if group is not None and not pd.isna(group) and group != heading:
            rows.append((str(group), True, []))
            heading = group
        if known != (group, row["label"]):
            rows.append((str(row["label"]), False, []))
            known = (group, row["label"])
        rows[-1][2].append(row)
    return rows


def _draw(
    frame: pd.DataFrame,
    x: str,
    lines: dict[float, str],
    series: dict[str, str],
    text: str | None,
    xlim: tuple[float, float] | None,
    ticks: Sequence[float] | None,
    width: float,
) -> Figure:
    rows, narrow = _rows(frame), width < WIDTH
    room = 1.5 if narrow else LABEL
    weights = ["bold" if heading else "normal" for _, heading, _ in rows]
    labels = [wrapped(row[0], room, TYPE, w) for row, w in zip(rows, weights, strict=True)]
    left = 0.16 + max(text_width(t, TYPE, w) for t, w in zip(labels, weights, strict=True))
    texts = [str(values[0][text]) if text and values else "" for *_, values in rows]
    if narrow:
        texts = [t.replace(" (", "\n(", 1) for t in texts]
    right = max(text_width(t, 9) for t in texts) + 0.2 if text else 0.14
    deep = [
        0.3 + 0.14 * max(label.count("\n"), t.count("\n"))
        for label, t in zip(labels, texts, strict=True)
    ]
    names = [n for n in lines.values() if n]
    head = (0.24 if names else 0.06) + (0.26 if series else 0)
    height = sum(deep) + head + 0.95
    with canvas(height, width=width, tight=False) as (figure, ax):
        figure.subplots_adjust(
            left=left / width, right=1 - right / width, bottom=0.85 / height, top=1 - head / height
        )
        side, top = ax.get_yaxis_transform(), 0.0
        middles = []
        for (_, heading, values), words, tall in zip(rows, texts, deep, strict=True):
            y = top + tall / 2
            middles.append(y)
            if not heading:
                ax.axhline(y, color="#EEEEEE", lw=0.8, zorder=-1)
            for i, row in enumerate(values):
                at = y + (i - (len(values) - 1) / 2) * 0.62 * tall / max(len(values), 1)
                _mark(ax, at, row)
            if words:
                ax.text(1.015, y, words, transform=side, va="center", fontsize=9)
            top += tall
        for value, name in lines.items():
            ax.axvline(value, color=MUTED, lw=1, ls="--" if name else "-", zorder=0)
            ax.text(value, -0.04, name, ha="center", va="bottom", color=MUTED, fontsize=9)
        ax.set_yticks(middles, labels, fontsize=TYPE)
        for tick, weight in zip(ax.get_yticklabels(), weights, strict=True):
            tick.set_weight(weight)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_ylim(top + 0.05, 0)
        if xlim:
            ax.set_xlim(*xlim)
        if ticks is not None:
            ax.set_xticks(list(ticks))
        ax.xaxis.set_major_formatter(lambda v, _: f"{v:g}".replace("-", "−"))
        ax.set_xlabel(wrapped(x, width - left - 0.1))
        if series:
            handles = [
                Line2D([], [], ls="", label=name, ms=6, **look(key)) for key, name in series.items()
            ]
            figure.legend(
                handles=handles,
                loc="upper left",
                ncols=len(handles),
                frameon=False,
                borderaxespad=0.1,
                columnspacing=1.2,
                handletextpad=0.3,
            )
    return figure


def _mark(ax: Any, y: float, row: dict[str, Any]) -> None:
    style = look(str(row.get("series", "")))
    if row.get("hollow", False) is True:
        style["mfc"] = "white"
    low, high = row.get("lower", float("nan")), row.get("upper", float("nan"))
    if not (isnan(low) or isnan(high)):
        ax.plot([low, high], [y, y], color=style["color"], lw=1.8, solid_capstyle="butt")
    ax.plot(row["estimate"], y, ms=6, **style)
