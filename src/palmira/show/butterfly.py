"""Butterfly plots: two arms' adverse events as bars that grow to both sides, stacked by grade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.patches import Patch

from palmira.show import style as kit
from palmira.show.exhibits import Picture, needs
from palmira.show.style import SMALL, TYPE, WIDTH, Look, text_width

SHADES = (kit.CONTROL_GRADE_COLORS, kit.GRADE_COLORS)  # of the left side, of the right one
HEADS = (kit.ARM_COLORS["control"], kit.ARM_COLORS["experimental"])
LABEL = 1.9  # inches that the terms may take on a page; longer ones are broken


def butterfly(
    frame: pd.DataFrame,
    *,
    sides: tuple[str, str],
    alt: str,
    x: str = "Percent of treated patients",
    grades: Mapping[str, str] | None = None,
    bold: tuple[str, ...] = (),
    data: pd.DataFrame | None = None,
) -> Picture:
    """Stacked bars by term, from top to bottom, one side to the left and one to the right.

    Columns of ``frame``, a row each term, side and grade: ``term``; ``side``, one of ``sides``
    (left, right: the control arm and the experimental arm, each in shades of its color), which also
    head them; ``grade``, a key of ``GRADE_COLORS``, stacked from the middle in the order of the
    rows; ``count`` of patients, written inside a bar that has room, and ``percent`` (0 to 100), its
    length. The sum of the grades stands beside each bar. ``grades``
    maps grades to names for the legend, ``bold`` are terms to set in bold, ``data``, by default
    ``frame``, is what the reader can download.

    Drawn wide and narrow. Raises ``ValueError`` for an empty frame, one that lacks a column, and a
    side or grade that is not known.
    """
    needs(frame, "a butterfly plot", "term", "side", "grade", "count", "percent")
    if unknown := set(frame["side"]) - set(sides) or set(frame["grade"]) - set(kit.GRADE_COLORS):
        raise ValueError(f"a butterfly plot knows no side or grade {sorted(map(str, unknown))}")
    names = dict(grades or {g: f"grade {g}" for g in frame["grade"].unique()})
    weights = {term: "bold" if term in bold else "normal" for term in frame["term"].unique()}
    draw = partial(_draw, frame, weights, _Words(x, sides, names))
    return Picture(draw(WIDTH), alt, frame if data is None else data, partial(draw, kit.NARROW))


@dataclass(frozen=True)
class _Words:
    """What stands around the bars: name of the axis, heads of the sides, names of the grades."""

    x: str
    sides: tuple[str, str]
    grades: dict[str, str]


def _draw(frame: pd.DataFrame, weights: dict[str, str], words: _Words, width: float) -> Figure:
    """``weights`` are the terms, from top to bottom, with the weight of their type."""
    narrow = width < WIDTH
    labels = list(weights) if narrow else [_broken(t, w) for t, w in weights.items()]
    left = 0.08
    if not narrow:
        pairs = zip(labels, weights.values(), strict=True)
        left += 0.1 + max(text_width(t, TYPE, w) for t, w in pairs)
    totals = _totals(frame)
    room = 0.12 + max(text_width(t, SMALL) for t in totals["text"])  # inches beside a bar
    half = (width - left - 0.06) / 2
    reach = 100 * half / (half - room)
    tall, above = (0.45, 0.82) if narrow else (0.34, 0.62)
    below, within = 0.78, 0.31 if narrow else 0.5 * tall
    with kit.canvas(above + tall * len(labels) + below, width=width, tight=False) as (figure, ax):
        kit.margins(figure, left, 0.06, below, above)
        ax.set(xlim=(-reach, reach), ylim=(len(labels) * tall, 0))
        middles = {term: number * tall + within for number, term in enumerate(weights)}
        clear = {"fc": "white", "ec": "none", "pad": 1}  # of the line in the middle
        style: Look = {"va": "center", "fontsize": SMALL}
        for term, y in middles.items():
            if narrow:
                ax.text(-reach, y - 0.19, term, weight=weights[term], bbox=clear, **style)
            for sign, side, shades in zip((-1, 1), words.sides, SHADES, strict=True):
                mine = frame[(frame["term"] == term) & (frame["side"] == side)]
                _bar(ax, y, sign, mine.assign(color=mine["grade"].map(shades)), reach / half)
                if len(mine):
                    total = totals.loc[(term, side)]
                    x = sign * (total["percent"] + 0.06 * reach / half)
                    ax.text(x, y, total["text"], ha="right" if sign < 0 else "left", **style)
        ax.axvline(0, color=kit.MUTED, lw=0.8, zorder=0)
        ticks = range(-100, 101, 50 if narrow else 25)
        ax.set_xticks(ticks, [f"{abs(t)}" for t in ticks])
        beside = [""] * len(labels) if narrow else labels
        kit.named_rows(ax, list(middles.values()), beside, list(weights.values()))
        ax.set_xlabel(words.x)
        head: Look = {"xycoords": "axes fraction", "textcoords": "offset points"}
        head |= {"ha": "center", "weight": "bold", "fontsize": TYPE}
        for x, side, color in zip((0.25, 0.75), words.sides, HEADS, strict=True):
            ax.annotate(side, (x, 1), (0, 9), color=color, **head)
        keys: list[Any] = [tuple(Patch(color=shades[g]) for shades in SHADES) for g in words.grades]
        across: Look = {"loc": "upper center", "ncols": 2 if narrow else len(keys)}
        across |= {"handler_map": {tuple: HandlerTuple(ndivide=None, pad=0)}, "handlelength": 2.6}
        figure.legend(keys, words.grades.values(), frameon=False, borderaxespad=0.2, **across)
    return figure


def _totals(frame: pd.DataFrame) -> pd.DataFrame:
    """Of each term and side: percent of all grades, and the text beside the bar."""
    totals = frame.groupby(["term", "side"])[["count", "percent"]].sum()
    texts = [
        f"{count:.0f} ({percent:.1f}%)" if count else "0"
        for count, percent in totals.itertuples(index=False)
    ]
    return totals.assign(text=texts)


def _bar(ax: Axes, y: float, sign: int, rows: pd.DataFrame, per_inch: float) -> None:
    """One stack; ``per_inch`` is percent to an inch, and so tells which counts have room."""
    start = 0.0
    for row in rows.to_dict("records"):
        color, percent, count = row["color"], row["percent"], f"{row['count']:.0f}"
        ax.barh(y, sign * percent, left=sign * start, height=0.23, color=color, lw=0)
        if (text_width(count, SMALL) + 0.04) * per_inch <= percent:
            on = "white" if row["grade"] in ("4", "5") else kit.INK
            place: Look = {"ha": "center", "va": "center"}
            ax.text(sign * (start + percent / 2), y, count, fontsize=SMALL, color=on, **place)
        start += percent


def _broken(term: str, weight: str) -> str:
    """A term in two lines where one is too long."""
    if text_width(term, TYPE, weight) <= LABEL or " " not in term:
        return term
    words = term.split(" ")
    first = 1
    while first < len(words) - 1 and text_width(" ".join(words[: first + 1]), TYPE) <= LABEL:
        first += 1
    return " ".join(words[:first]) + "\n" + " ".join(words[first:])
