"""Forest plots: ratios with their intervals, line by line, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import accumulate
from math import inf, isnan, log, nan
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.ticker import FixedLocator, NullLocator
from matplotlib.transforms import Transform, blended_transform_factory

from palmira.show import style as kit
from palmira.show.exhibits import Picture, needs
from palmira.show.style import SMALL, TYPE, WIDTH, Look, text_width

ROW, HEADING = 0.32, 0.27  # inches
BELOW, EDGE, GAP = 0.95, 0.06, 0.16  # inches: room for axis and sides, margin, between columns
LEAST_AXIS = 1.8  # inches that the axis gets at least on a page
DASHES: dict[str, Any] = {"conditional": "--", "synthetic": (0, (1, 1))}
HOLLOW = ("conditional", "synthetic")


@dataclass
class _Line:
    """A line of the plot: its heading if it begins a group, label, texts and intervals."""

    label: str
    texts: tuple[str, ...]
    heading: str | None = None
    summary: bool = False
    intervals: list[dict[str, Any]] = field(default_factory=list)

    @property
    def weight(self) -> str:
        return "bold" if self.summary else "normal"


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
    columns = columns or {}
    needs(frame, "a forest plot", "label", "estimate", "lower", "upper", *columns.values())
    lines = _lines(frame, tuple(columns.values()))
    plot = partial(_Forest, lines, tuple(columns), tuple(ticks), axis, sides, series or {})
    return Picture(plot(WIDTH).draw(), alt, frame if data is None else data, plot(kit.NARROW).draw)


def _lines(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[_Line]:
    lines: list[_Line] = []
    known: tuple[object, object] | None = None
    heading: object = None
    most = frame["weight"].max() if "weight" in frame else None
    for row in frame.to_dict("records"):
        group = None if pd.isna(row.get("group")) else row["group"] or None
        if known != (group, row["label"]):
            texts = tuple("" if pd.isna(row[c]) else str(row[c]) for c in columns)
            begins = str(group) if group is not None and group != heading else None
            lines.append(_Line(str(row["label"]), texts, begins, row.get("summary") in (True,)))
            known, heading = (group, row["label"]), group
        if not isnan(row["estimate"]):
            size = 5.2 if most is None else 3 + 6 * (row["weight"] / most) ** 0.5
            upper = inf if isnan(row["upper"]) else row["upper"]
            lines[-1].intervals.append(row | {"upper": upper, "size": size})
    if most is not None and any(len(line.intervals) > 1 for line in lines):
        for row in (row for line in lines for row in line.intervals):
            row["size"] *= 0.6  # markers that share a line stay apart
    return lines


@dataclass(frozen=True)
class _Forest:
    """A plot of a width: texts lie in inches from the left edge, lines in inches from the top."""

    lines: list[_Line]
    headers: tuple[str, ...]
    ticks: tuple[float, ...]
    axis: str
    sides: tuple[str, str]
    series: Mapping[str, str]
    width: float

    @property
    def narrow(self) -> bool:
        return self.width < WIDTH

    @cached_property
    def indent(self) -> float:
        return 0.12 if any(line.heading for line in self.lines) else 0.0

    @cached_property
    def places(self) -> list[float]:
        """Where label and text columns begin, and at last where the axis does."""
        if self.narrow:
            return [EDGE] * (len(self.headers) + 1) + [0.2]
        labels = [text_width(x.label, TYPE, x.weight) for x in self.lines]
        needed = [max(labels) + self.indent]
        for i, header in enumerate(self.headers):
            texts = [text_width(x.texts[i], TYPE) for x in self.lines]
            needed.append(max([text_width(header, TYPE, "bold"), *texts]))
        places = list(accumulate((wide + GAP for wide in needed), initial=EDGE))
        if places[-1] > self.width - LEAST_AXIS:
            taken = f"{places[-1]:.1f} of {self.width} inches"
            raise ValueError(f"the texts of a forest plot take {taken}. Mend: shorten them.")
        return places

    @cached_property
    def one(self) -> float:
        """Where a ratio of 1 lies, from the left edge."""
        low, high, left = log(min(self.ticks) / 1.04), log(max(self.ticks) * 1.04), self.places[-1]
        return left + (self.width - 0.12 - left) * -low / (high - low)

    @cached_property
    def crowded(self) -> bool:
        """Whether the names of the sides have no room on one line."""
        rooms = (self.one - EDGE, self.width - EDGE - self.one)
        wide = [text_width(f"← {side}", SMALL) + 0.07 for side in self.sides]
        return wide[0] > rooms[0] or wide[1] > rooms[1]

    def draw(self) -> Figure:
        head = 0.17 * max((h.count("\n") + 1 for h in self.headers if h), default=0) + 0.06
        tall = [self._height(line) if self.narrow else ROW for line in self.lines]
        above = 0.08
        if self.series:
            above = 0.24 * len(self.series) + 0.1 if self.narrow else 0.3
        body = head + sum(tall) + HEADING * sum(x.heading is not None for x in self.lines) + 0.06
        below = BELOW + (0.17 if self.crowded else 0)
        with kit.canvas(above + body + below, width=self.width, tight=False) as (figure, ax):
            kit.margins(figure, self.places[-1], 0.12, below, above)
            self._axis(ax, body)
            self._headers(ax, head)
            top, stripe = head, False
            across: Look = {"transform": _inches(ax), "lw": 0, "fc": "#F4F4F4", "zorder": -2}
            for line, t in zip(self.lines, tall, strict=True):
                if line.heading:
                    style = {"transform": _inches(ax), "va": "center", "fontsize": TYPE}
                    ax.text(EDGE, top + HEADING * 0.6, line.heading, weight="bold", **style)
                    top, stripe = top + HEADING, False
                if stripe:
                    size = (self.width - EDGE, t)
                    ax.add_patch(Rectangle((EDGE / 2, top), *size, clip_on=False, **across))
                stripe = not stripe
                self._line(ax, line, top, t)
                top += t
            self._sides(ax)
            if self.series:
                self._legend(figure)
        return figure

    def _height(self, line: _Line) -> float:
        """Of a line on a phone: label, texts beside it or below, interval."""
        texts = text_width(_joined(line.texts), SMALL)
        beside = text_width(line.label, TYPE) + self.indent + texts + 0.3 < self.width
        return 0.46 if beside else 0.63

    def _axis(self, ax: Axes, body: float) -> None:
        ax.set_xscale("log")
        ax.set(xlim=(min(self.ticks) / 1.04, max(self.ticks) * 1.04), ylim=(body, 0))
        ax.xaxis.set_major_locator(FixedLocator(list(self.ticks)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xticklabels([f"{t:g}" for t in self.ticks])
        ax.set_xlabel(self.axis, labelpad=29 if self.crowded else 17)
        ax.set_yticks([])  # even unseen ones would be made
        ax.yaxis.set_visible(False)
        ax.spines["left"].set_visible(False)

    def _headers(self, ax: Axes, head: float) -> None:
        style: Look = {"transform": _inches(ax), "weight": "bold", "va": "bottom"}
        right = self.width - EDGE
        if self.narrow:
            text = _joined(self.headers)
            ax.text(right, head - 0.06, text, ha="right", fontsize=SMALL, **style)
        else:
            for x, text in zip(self.places[1:-1], self.headers, strict=True):
                ax.text(x, head - 0.06, text, fontsize=TYPE, linespacing=1.15, **style)
        rule: Look = {"transform": _inches(ax), "color": kit.RULE, "lw": 0.8, "clip_on": False}
        ax.plot([EDGE, right], [head - 0.02] * 2, **rule)

    def _line(self, ax: Axes, line: _Line, top: float, tall: float) -> None:
        """Label, texts and intervals, which share the height of the line."""
        self._texts(ax, line, top + (0.14 if self.narrow else tall / 2))
        room = 0.2 if self.narrow else 0.74 * tall
        middle = top + (tall - 0.13 if self.narrow else tall / 2)
        begin = middle - room / 2 - 0.03 if self.narrow else top
        ax.plot([1, 1], [begin, top + tall], color=kit.MUTED, lw=1, zorder=0)
        number = len(line.intervals)
        for i, row in enumerate(line.intervals):
            y = middle + (i - (number - 1) / 2) * room / number
            if line.summary:
                self._diamond(ax, y, min(0.07, 0.45 * room / number), row)
            else:
                self._interval(ax, y, row)

    def _texts(self, ax: Axes, line: _Line, y: float) -> None:
        style: Look = {"transform": _inches(ax), "va": "center"}
        label: Look = {"fontsize": TYPE, "weight": line.weight}
        ax.text(EDGE + self.indent, y, line.label, **label, **style)
        if self.narrow:
            y += 0.17 if self._height(line) > 0.5 else 0.0
            right, text = self.width - EDGE, _joined(line.texts)
            ax.text(right, y, text, ha="right", fontsize=SMALL, **style)
        else:
            for x, text in zip(self.places[1:-1], line.texts, strict=True):
                ax.text(x, y, text, fontsize=TYPE, **style)

    def _within(self, value: float) -> float:
        """A ratio, or the end of the axis that it lies beyond."""
        return min(max(value, min(self.ticks)), max(self.ticks))

    def _diamond(self, ax: Axes, y: float, half: float, row: dict[str, Any]) -> None:
        name = row.get("series", "printed")
        x = [self._within(row[k]) for k in ("lower", "estimate", "upper", "estimate")]
        corners = list(zip(x, (y, y - half, y, y + half), strict=True))
        color = kit.READING_COLORS.get(name, kit.INK)
        ax.add_patch(Polygon(corners, fc=_fill(name), ec=color, lw=1))

    def _interval(self, ax: Axes, y: float, row: dict[str, Any]) -> None:
        name = row.get("series", "printed")
        color, marker = kit.READING_COLORS.get(name, kit.INK), kit.READING_MARKERS.get(name, "s")
        low, high, limits = min(self.ticks), max(self.ticks), [row["lower"], row["upper"]]
        inner = [self._within(x) for x in limits]
        least = [row.get("least_lower", nan), row.get("least_upper", nan)]
        if continued := not isnan(least[0]):
            limits += least
            least = [self._within(x) for x in least]
            ax.plot(least, [y, y], color=color, lw=0.9, solid_capstyle="butt", zorder=1)
            for x in least:
                ax.plot([x, x], [y - 0.05, y + 0.05], color=color, lw=0.9)
        style = {"lw": 2 if continued else 1.5, "ls": DASHES.get(name, "-")}
        ax.plot(inner, [y, y], color=color, solid_capstyle="butt", **style)
        if min(limits) < low:
            ax.plot([low], [y], marker="<", color=color, ms=5, clip_on=False)
        if max(limits) > high:
            ax.plot([high], [y], marker=">", color=color, ms=5, clip_on=False)
        if low <= row["estimate"] <= high:
            mark = {"marker": marker, "ms": row["size"], "mfc": _fill(name)}
            ax.plot([row["estimate"]], [y], color=color, zorder=3, **mark)

    def _sides(self, ax: Axes) -> None:
        """What lies to either side of 1, below each other where both have no room on one line, and
        pushed inward where one would leave the figure."""
        left, right = f"← {self.sides[0]}", f"{self.sides[1]} →"
        style: Look = {"xycoords": ("data", "axes fraction"), "fontsize": SMALL}
        style |= {"textcoords": "offset points", "va": "center", "color": kit.INK}
        push = 0.07 - max(0.0, text_width(left, SMALL) + 0.07 - (self.one - EDGE))
        ax.annotate(left, (1, 0), (-72 * push, -27), ha="right", **style)
        push = 0.07 - max(0.0, text_width(right, SMALL) + 0.07 - (self.width - self.one - EDGE))
        ax.annotate(right, (1, 0), (72 * push, -39 if self.crowded else -27), ha="left", **style)

    def _legend(self, figure: Figure) -> None:
        handles = []
        for key, label in self.series.items():
            color, marker = kit.READING_COLORS.get(key, kit.INK), kit.READING_MARKERS.get(key, "s")
            line = {"color": color, "ls": DASHES.get(key, "-"), "lw": 1.4, "label": label}
            handles.append(Line2D([], [], marker=marker, mfc=_fill(key), **line))
        style: Look = {
            "loc": "upper left",
            "frameon": False,
            "borderaxespad": 0.2,
            "columnspacing": 1.4,
        }
        figure.legend(handles=handles, ncols=1 if self.narrow else len(handles), **style)


def _inches(ax: Axes) -> Transform:
    """Inches from the left edge of the figure, and the axis' own height."""
    return blended_transform_factory(ax.figure.dpi_scale_trans, ax.transData)


def _joined(texts: tuple[str, ...]) -> str:
    return ",  ".join(x.strip().replace("\n", " ") for x in texts if x.strip())


def _fill(name: object) -> str:
    return "white" if name in HOLLOW else kit.READING_COLORS.get(str(name), kit.INK)
