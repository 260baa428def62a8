"""Forest plots: ratios with their intervals, line by line, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite, isnan, log
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.ticker import FixedLocator, NullLocator
from matplotlib.transforms import blended_transform_factory

from palmira.show.exhibits import Picture
from palmira.show.style import (
    INK,
    MUTED,
    NARROW,
    READING_COLORS,
    READING_MARKERS,
    RULE,
    WIDTH,
    canvas,
    text_width,
)

TYPE, SMALL = 9.5, 9  # points
ROW, HEADING = 0.32, 0.27  # inches
BELOW, EDGE, GAP = 0.95, 0.06, 0.16  # inches: room for axis and sides, margin, between columns
LEAST_AXIS = 1.8  # inches that the axis gets at least on a page
DASHES: dict[str, Any] = {"conditional": "--", "synthetic": (0, (1, 1))}
HOLLOW = ("conditional", "synthetic")
COLUMNS = ("label", "estimate", "lower", "upper")


@dataclass
class _Line:
    """A line of the plot: its heading if it begins a group, label, texts and intervals."""

    label: str
    texts: tuple[str, ...]
    heading: str | None = None
    summary: bool = False
    intervals: list[dict[str, Any]] = field(default_factory=list)


def forest(
    frame: pd.DataFrame,
    *,
    alt: str,
    columns: Mapping[str, str] | None = None,
    ticks: Sequence[float] = (0.25, 0.5, 1, 2),
    axis: str = "Hazard ratio (log scale)",
    sides: tuple[str, str] = ("favors palbociclib + ET", "favors ET alone"),
    series: Mapping[str, str] | None = None,
    data: pd.DataFrame | None = None,
) -> Picture:
    """A forest plot of a tidy frame: a row for each interval, from top to bottom.

    Columns of ``frame``: ``label``, ``estimate``, ``lower``, ``upper`` (ratios; NaN draws nothing);
    if there, ``group`` (a heading where it changes), ``series`` (rows of one label in several
    series share a line; its colors are those of ``READING_COLORS``), ``summary`` (bold, a diamond),
    ``weight`` (any unit; the area of the square), ``least_lower`` and ``least_upper`` (a thin
    continuation of the interval). ``columns`` maps headers to columns of ``frame`` with texts,
    ``series`` the names of series to those of a legend. An interval that leaves the axis ends in an
    arrowhead. ``data``, by default ``frame``, is what the reader can download.

    Drawn wide and narrow. Raises ``ValueError`` for an empty frame, one that lacks a column, and
    for texts that leave the axis no room.
    """
    if frame.empty:
        raise ValueError("a forest plot needs at least one row")
    if lost := [c for c in (*COLUMNS, *(columns or {}).values()) if c not in frame]:
        raise ValueError(f"the frame of a forest plot lacks {lost}")
    lines = _lines(frame, tuple((columns or {}).values()))
    headers = tuple(columns or {})
    draw = partial(_draw, lines, headers, tuple(ticks), axis, sides, dict(series or {}))
    return Picture(draw(WIDTH), alt, frame if data is None else data, partial(draw, NARROW))


def _lines(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[_Line]:
    lines: list[_Line] = []
    known: tuple[object, object] | None = None
    heading: object = None
    most = frame["weight"].max() if "weight" in frame else None
    for row in frame.to_dict("records"):
        group = row.get("group")
        if pd.isna(group) or group == "":
            group = None
        if known != (group, row["label"]):
            texts = tuple("" if pd.isna(row[c]) else str(row[c]) for c in columns)
            begins = str(group) if group is not None and group != heading else None
            lines.append(_Line(str(row["label"]), texts, begins, row.get("summary") in (True,)))
            known, heading = (group, row["label"]), group
        if not isnan(row["estimate"]):
            size = 5.2 if most is None else 3 + 6 * (row["weight"] / most) ** 0.5
            lines[-1].intervals.append(row | {"size": size})
    return lines


def _draw(
    lines: list[_Line],
    headers: tuple[str, ...],
    ticks: tuple[float, ...],
    axis: str,
    sides: tuple[str, str],
    series: dict[str, str],
    width: float,
) -> Figure:
    """All texts are placed in inches from the left edge, all lines in inches from the top."""
    narrow = width < WIDTH
    indent = 0.12 if any(line.heading for line in lines) else 0.0
    places, left = _columns(lines, headers, indent, width, narrow)
    head = 0.17 * max((h.count("\n") + 1 for h in headers if h), default=0) + 0.06
    tall = [_height(line, indent, width) if narrow else ROW for line in lines]
    above = (0.24 * len(series) + 0.1 if narrow else 0.3) if series else 0.08
    body = head + sum(tall) + HEADING * sum(x.heading is not None for x in lines) + 0.06
    low, high = log(min(ticks) / 1.04), log(max(ticks) * 1.04)
    one = left + (width - 0.12 - left) * -low / (high - low)  # inches from the left edge
    crowded = any(
        text_width(f"← {side}", SMALL) + 0.07 > room
        for side, room in zip(sides, (one - EDGE, width - EDGE - one), strict=True)
    )
    below = BELOW + (0.17 if crowded else 0)
    height = above + body + below
    with canvas(height, width=width, tight=False) as (figure, ax):
        figure.subplots_adjust(
            left=left / width,
            right=1 - 0.12 / width,
            bottom=below / height,
            top=1 - above / height,
        )
        _axis(ax, ticks, axis, body, 29 if crowded else 17)
        place = blended_transform_factory(figure.dpi_scale_trans, ax.transData)
        _headers(ax, place, places, headers, head, width)
        top, stripe = head, False
        for line, t in zip(lines, tall, strict=True):
            if line.heading:
                ax.text(
                    EDGE,
                    top + HEADING * 0.6,
                    line.heading,
                    transform=place,
                    weight="bold",
                    va="center",
                    fontsize=TYPE,
                )
                top, stripe = top + HEADING, False
            if stripe:
                ax.add_patch(
                    Rectangle(
                        (EDGE / 2, top),
                        width - EDGE,
                        t,
                        transform=place,
                        lw=0,
                        fc="#F4F4F4",
                        zorder=-2,
                        clip_on=False,
                    )
                )
            stripe = not stripe
            room = 0.2 if narrow else 0.74 * t
            middle = top + (t - 0.13 if narrow else t / 2)
            _texts(ax, place, line, places, top + (0.14 if narrow else t / 2), indent, width)
            ax.plot(
                [1, 1],
                [middle - room / 2 - 0.03 if narrow else top, top + t],
                color=MUTED,
                lw=1,
                zorder=0,
            )
            for i, row in enumerate(line.intervals):
                apart = (i - (len(line.intervals) - 1) / 2) * room / len(line.intervals)
                half = min(0.07, 0.45 * room / len(line.intervals)) if line.summary else 0.0
                _interval(ax, middle + apart, row, half, min(ticks), max(ticks))
            top += t
        _sides(ax, sides, one, width, crowded)
        if series:
            handles = [
                Line2D(
                    [],
                    [],
                    color=READING_COLORS.get(k, INK),
                    marker=READING_MARKERS.get(k, "s"),
                    lw=1.4,
                    ls=DASHES.get(k, "-"),
                    mfc=_fill(k),
                    label=v,
                )
                for k, v in series.items()
            ]
            figure.legend(
                handles=handles,
                loc="upper left",
                ncols=1 if narrow else len(handles),
                frameon=False,
                borderaxespad=0.2,
                columnspacing=1.4,
            )
    return figure


def _height(line: _Line, indent: float, width: float) -> float:
    """Of a line on a phone: label, texts beside it or below, interval."""
    texts = text_width(_joined(line.texts), SMALL)
    return 0.46 if text_width(line.label, TYPE) + indent + texts + 0.3 < width else 0.63


def _joined(texts: tuple[str, ...]) -> str:
    return ",  ".join(x.strip().replace("\n", " ") for x in texts if x.strip())


def _headers(
    ax: Axes, place: Any, places: list[float], headers: tuple[str, ...], head: float, width: float
) -> None:
    style: dict[str, Any] = {"transform": place, "weight": "bold", "va": "bottom"}
    if width < WIDTH:
        ax.text(width - EDGE, head - 0.06, _joined(headers), ha="right", fontsize=SMALL, **style)
    else:
        for x, text in zip(places[1:], headers, strict=True):
            ax.text(x, head - 0.06, text, fontsize=TYPE, linespacing=1.15, **style)
    ax.plot(
        [EDGE, width - EDGE], [head - 0.02] * 2, transform=place, color=RULE, lw=0.8, clip_on=False
    )


def _texts(
    ax: Axes, place: Any, line: _Line, places: list[float], y: float, indent: float, width: float
) -> None:
    style: dict[str, Any] = {"transform": place, "va": "center"}
    ax.text(
        EDGE + indent,
        y,
        line.label,
        fontsize=TYPE,
        weight="bold" if line.summary else "normal",
        **style,
    )
    if width == WIDTH:
        for x, text in zip(places[1:], line.texts, strict=True):
            ax.text(x, y, text, fontsize=TYPE, **style)
        return
    below = 0.17 if _height(line, indent, width) > 0.5 else 0.0
    ax.text(width - EDGE, y + below, _joined(line.texts), ha="right", fontsize=SMALL, **style)


def _columns(
    lines: list[_Line], headers: tuple[str, ...], indent: float, width: float, narrow: bool
) -> tuple[list[float], float]:
    """Where label and text columns begin, and where the axis does, in inches."""
    if narrow:
        return [EDGE] * (len(headers) + 1), 0.2
    needed = [max(text_width(x.label, TYPE, "bold" if x.summary else "normal") for x in lines)]
    needed[0] += indent
    for i, header in enumerate(headers):
        texts = [text_width(x.texts[i], TYPE) for x in lines]
        needed.append(max([text_width(header, TYPE, "bold"), *texts]))
    places, x = [], EDGE
    for wide in needed:
        places.append(x)
        x += wide + GAP
    if x > width - LEAST_AXIS:
        raise ValueError(
            f"the texts of a forest plot take {x:.1f} of {width} inches. Mend: shorten them."
        )
    return places, x


def _axis(ax: Axes, ticks: tuple[float, ...], axis: str, body: float, below: float) -> None:
    low, high = min(ticks), max(ticks)
    ax.set_xscale("log")
    ax.set_xlim(low / 1.04, high * 1.04)
    ax.set_ylim(body, 0)
    ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{t:g}" for t in ticks])
    ax.set_xlabel(axis, labelpad=below)
    ax.yaxis.set_visible(False)
    ax.spines["left"].set_visible(False)


def _sides(ax: Axes, sides: tuple[str, str], one: float, width: float, crowded: bool) -> None:
    """What lies to either side of 1, below each other where both have no room on one line, and
    pushed inward where one would leave the figure."""
    lines = (-27, -39) if crowded else (-27, -27)
    places = ((f"← {sides[0]}", -1, "right"), (f"{sides[1]} →", 1, "left"))
    for (text, sign, align), y in zip(places, lines, strict=True):
        room = width - one - EDGE if sign > 0 else one - EDGE
        push = sign * (0.07 - max(0.0, text_width(text, SMALL) + 0.07 - room))
        ax.annotate(
            text,
            (1, 0),
            (72 * push, y),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha=align,
            va="center",
            fontsize=SMALL,
            color=INK,
        )


def _fill(name: object) -> str:
    return "white" if name in HOLLOW else READING_COLORS.get(str(name), INK)


def _interval(
    ax: Axes, y: float, row: dict[str, Any], diamond: float, low: float, high: float
) -> None:
    name = row.get("series", "printed")
    color, marker = READING_COLORS.get(name, INK), READING_MARKERS.get(name, "s")
    value, lower = row["estimate"], row["lower"]
    upper = row["upper"] if isfinite(row["upper"]) else high * 2
    if diamond:
        ends = [min(max(x, low), high) for x in (lower, value, upper, value)]
        heights = [y, y - diamond, y, y + diamond]
        ax.add_patch(Polygon(list(zip(ends, heights, strict=True)), fc=_fill(name), ec=color, lw=1))
        return
    least = row.get("least_lower", float("nan")), row.get("least_upper", float("nan"))
    if not isnan(least[0]):
        ends = [min(max(x, low), high) for x in least]
        ax.plot(ends, [y, y], color=color, lw=0.9, solid_capstyle="butt", zorder=1)
        for x in ends:
            ax.plot([x, x], [y - 0.05, y + 0.05], color=color, lw=0.9)
    a, b = min(max(lower, low), high), max(min(upper, high), low)
    ax.plot(
        [a, b],
        [y, y],
        color=color,
        lw=2 if not isnan(least[0]) else 1.5,
        ls=DASHES.get(name, "-"),
        solid_capstyle="butt",
    )
    if min(lower, least[0] if not isnan(least[0]) else lower) < low:
        ax.plot([low], [y], marker="<", color=color, ms=5, clip_on=False)
    if max(upper, least[1] if not isnan(least[1]) else upper) > high:
        ax.plot([high], [y], marker=">", color=color, ms=5, clip_on=False)
    if low <= value <= high:
        ax.plot([value], [y], marker=marker, color=color, ms=row["size"], mfc=_fill(name), zorder=3)
