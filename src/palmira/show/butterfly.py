"""Butterfly plots: two arms' adverse events as bars that grow to both sides, stacked by grade."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from palmira.show.exhibits import Picture
from palmira.show.style import GRADE_COLORS, INK, MUTED, NARROW, WIDTH, canvas, text_width

TYPE, SMALL = 9.5, 9  # points
LABEL = 1.9  # inches that the terms may take on a page; longer ones are broken
COLUMNS = ("term", "side", "grade", "count", "percent")


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
    (left, right), which also head them; ``grade``, a key of ``GRADE_COLORS``, stacked from the
    middle in the order of the rows; ``count`` of patients, written inside a bar that has room, and
    ``percent`` (0 to 100), its length. The sum of the grades stands beside each bar. ``grades``
    maps grades to names for the legend, ``bold`` are terms to set in bold, ``data``, by default
    ``frame``, is what the reader can download.

    Drawn wide and narrow. Raises ``ValueError`` for an empty frame, one that lacks a column, and a
    side or grade that is not known.
    """
    if frame.empty:
        raise ValueError("a butterfly plot needs at least one row")
    if lost := [c for c in COLUMNS if c not in frame]:
        raise ValueError(f"the frame of a butterfly plot lacks {lost}")
    if unknown := set(frame["side"]) - set(sides) or set(frame["grade"]) - set(GRADE_COLORS):
        raise ValueError(f"a butterfly plot knows no side or grade {sorted(map(str, unknown))}")
    names = dict(grades or {g: f"grade {g}" for g in frame["grade"].unique()})
    draw = partial(_draw, frame, sides, x, names, bold)
    return Picture(draw(WIDTH), alt, frame if data is None else data, partial(draw, NARROW))


def _draw(
    frame: pd.DataFrame,
    sides: tuple[str, str],
    x: str,
    names: dict[str, str],
    bold: tuple[str, ...],
    width: float,
) -> Figure:
    narrow = width < WIDTH
    terms = list(frame["term"].unique())
    labels = terms if narrow else [_broken(t, t in bold) for t in terms]
    weights = ["bold" if t in bold else "normal" for t in terms]
    left = 0.08
    if not narrow:
        left += 0.1 + max(text_width(t, TYPE, w) for t, w in zip(labels, weights, strict=True))
    totals = _totals(frame)
    room = 0.12 + max(text_width(t, SMALL) for t in totals["text"])  # inches beside a bar
    half = (width - left - 0.06) / 2
    reach = 100 * half / (half - room)
    tall, above = (0.45, 0.82) if narrow else (0.34, 0.62)
    height = above + tall * len(terms) + 0.78
    with canvas(height, width=width, tight=False) as (figure, ax):
        figure.subplots_adjust(
            left=left / width,
            right=1 - 0.06 / width,
            top=1 - above / height,
            bottom=0.78 / height,
        )
        ax.set(xlim=(-reach, reach), ylim=(len(terms) * tall, 0))
        middles = []
        for number, term in enumerate(terms):
            y = number * tall + (0.31 if narrow else 0.5 * tall)
            middles.append(y)
            if narrow:
                clear = {"fc": "white", "ec": "none", "pad": 1}  # of the line in the middle
                weight = weights[number]
                ax.text(-reach, y - 0.19, term, va="center", fontsize=9, weight=weight, bbox=clear)
            for sign, side in zip((-1, 1), sides, strict=True):
                mine = frame[(frame["term"] == term) & (frame["side"] == side)]
                _bar(ax, y, sign, mine, reach / half)
                total = totals.loc[(term, side)] if (term, side) in totals.index else None
                if total is not None:
                    ax.text(
                        sign * (total["percent"] + 0.06 * reach / half),
                        y,
                        total["text"],
                        va="center",
                        ha="left" if sign > 0 else "right",
                        fontsize=SMALL,
                    )
        ax.axvline(0, color=MUTED, lw=0.8, zorder=0)
        step = 50 if narrow else 25
        ticks = range(-100, 101, step)
        ax.set_xticks(ticks, [f"{abs(t)}" for t in ticks])
        ax.set_yticks(middles, [""] * len(terms) if narrow else labels, fontsize=TYPE)
        for tick, weight in zip(ax.get_yticklabels(), weights, strict=True):
            tick.set_weight(weight)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_xlabel(x)
        for place, side in zip((0.25, 0.75), sides, strict=True):
            ax.annotate(
                side,
                (place, 1),
                (0, 9),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="center",
                weight="bold",
                fontsize=TYPE,
            )
        figure.legend(
            handles=[Patch(color=GRADE_COLORS[g], label=name) for g, name in names.items()],
            loc="upper center",
            ncols=2 if narrow else len(names),
            frameon=False,
            borderaxespad=0.2,
        )
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
        color, percent, count = GRADE_COLORS[row["grade"]], row["percent"], f"{row['count']:.0f}"
        ax.barh(y, sign * percent, left=sign * start, height=0.23, color=color, lw=0)
        if (text_width(count, SMALL) + 0.04) * per_inch <= percent:
            ax.text(
                sign * (start + percent / 2),
                y,
                count,
                ha="center",
                va="center",
                fontsize=SMALL,
                color="white" if row["grade"] in ("4", "5") else INK,
            )
        start += percent


def _broken(term: str, bold: bool) -> str:
    """A term in two lines where one is too long."""
    if text_width(term, TYPE, "bold" if bold else "normal") <= LABEL or " " not in term:
        return term
    words = term.split(" ")
    first = 1
    while first < len(words) - 1 and text_width(" ".join(words[: first + 1]), TYPE) <= LABEL:
        first += 1
    return " ".join(words[:first]) + "\n" + " ".join(words[first:])
