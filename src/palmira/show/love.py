"""Love plots: how far the arms differ at baseline, and how far chance alone takes them."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from palmira.show import style as kit
from palmira.show.exhibits import Picture, needs
from palmira.show.formats import signed
from palmira.show.style import SMALL, TYPE, WIDTH, Look, text_width

WITHIN, STRATUM = "#D5E1E9", "#EDF2F5"
LABEL, LABEL_NARROW = 3.0, 1.55  # inches that labels may take; longer ones are broken
VALUE = 0.62  # inches for the numbers at the right


def love(
    frame: pd.DataFrame,
    *,
    alt: str,
    sides: tuple[str, str] = ("more with ET alone", "more with palbociclib + ET"),
    mark: float | None = 0.1,
    data: pd.DataFrame | None = None,
) -> Picture:
    """Standardized mean differences over the ranges in which chance alone keeps them.

    Columns of ``frame``, a row for each line from top to bottom: ``label``; ``smd``, ``low`` and
    ``high`` (standard deviations; a bar runs from ``low`` to ``high``); if there, ``stratum`` (true
    for a factor of stratification, whose bar is paler) and ``outside`` (true for a diamond in
    place of a dot, by default where ``smd`` is beyond its bar). ``sides`` say what lies to the
    left and right of 0, ``mark`` draws a dashed line on both. ``data``, by default ``frame``, is
    for download.

    Drawn wide and narrow. Raises ``ValueError`` for an empty frame or one that lacks a column.
    Source of the plot: Austin, Stat Med 2009;28:3083; the bars are an addition of this book.
    """
    needs(frame, "a love plot", "label", "smd", "low", "high")
    rows = pd.DataFrame({"stratum": False} | dict(frame.items()), index=frame.index)
    if "outside" not in rows:
        rows["outside"] = (rows["smd"] < rows["low"]) | (rows["smd"] > rows["high"])
    draw = partial(_draw, rows, sides, mark)
    return Picture(draw(WIDTH), alt, frame if data is None else data, partial(draw, kit.NARROW))


def _draw(rows: pd.DataFrame, sides: tuple[str, str], mark: float | None, width: float) -> Figure:
    room = LABEL_NARROW if width < WIDTH else LABEL
    labels = [_label(label, room) for label in rows["label"]]
    left = max(text_width(label, TYPE) for label in labels) + 0.2
    tall = [0.3 + 0.15 * label.count("\n") for label in labels]
    ends = [sum(tall[: i + 1]) for i in range(len(tall))]
    edge = 1.15 * rows[["smd", "low", "high"]].abs().max(axis=None)
    head, below, body = 0.3, 1.05, ends[-1] + 0.1
    height = head + body + below
    with kit.canvas(height, width=width, tight=False) as (figure, ax):
        kit.margins(figure, left, VALUE, below, head)
        ax.set(xlim=(-edge, edge), ylim=(body, 0))
        value = {"transform": ax.get_yaxis_transform(), "ha": "right", "fontsize": TYPE}
        right = 1 + (VALUE - 0.06) / (width - left - VALUE)
        middles = [end - t / 2 + 0.05 for end, t in zip(ends, tall, strict=True)]
        for y, row in zip(middles, rows.itertuples(), strict=True):
            color = STRATUM if row.stratum else WITHIN
            ax.barh(y, row.high - row.low, left=row.low, height=0.2, color=color, lw=0, zorder=1)
            ax.plot(row.smd, y, "D" if row.outside else "o", color=kit.INK, ms=6.5, zorder=3)
            weight = "bold" if row.outside else "normal"
            ax.text(right, y, signed(row.smd), va="center", weight=weight, **value)
        ax.text(right, -0.06, "SMD", va="bottom", weight="bold", **value)
        ax.axvline(0, color=kit.MUTED, lw=1, zorder=2)
        for x in (-mark, mark) if mark else ():
            ax.axvline(x, color=kit.MUTED, lw=1, ls=(0, (3, 3)), zorder=2)
            words: Look = {"ha": "center", "va": "bottom", "fontsize": SMALL, "color": kit.MUTED}
            ax.text(x, -0.06, signed(x, 1), **words)
        kit.named_rows(ax, middles, labels, ["normal"] * len(labels))
        ax.locator_params(axis="x", nbins=9 if width == WIDTH else 5)
        ax.xaxis.set_major_formatter(kit.true_minus)
        _sides(ax, sides, left, width)
    return figure


def _label(label: str, room: float) -> str:
    """A label that is too long for one line is broken between factor and level first."""
    if text_width(label, TYPE) <= room:
        return label
    return kit.wrapped(label.replace(": ", ":\n", 1), room, TYPE)


def _sides(ax: Axes, sides: tuple[str, str], left: float, width: float) -> None:
    """What lies on either side of 0: side by side, or without room one below the other."""
    texts = (f"← {sides[0]}", f"{sides[1]} →")
    middle = left + (width - left - VALUE) / 2
    crowded = any(
        text_width(text, TYPE) > room
        for text, room in zip(texts, (middle - 0.1, width - middle), strict=True)
    )
    offsets = ((0, -31), (0, -45)) if crowded else ((-5, -31), (5, -31))
    aligned = ("center", "center") if crowded else ("right", "left")
    style: Look = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    for text, offset, align in zip(texts, offsets, aligned, strict=True):
        ax.annotate(text, (0, 0), offset, ha=align, va="center", fontsize=TYPE, **style)
