"""One style for all figures: type, palette, axes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

# Okabe and Ito's palette: told apart with the common color-vision deficiencies.
BLUE, ORANGE, GRAY = "#0072B2", "#D55E00", "#595959"
ARM_COLORS = {"palbociclib": BLUE, "et": ORANGE, "total": GRAY}
ARM_COLORS |= {"experimental": BLUE, "control": ORANGE, "triplet": "#009E73"}
READING_COLORS = {"printed": "#000000", "neutral": BLUE}
READING_COLORS |= {"conditional": "#701A6B", "synthetic": "#A06000"}
READING_MARKERS = {"printed": "s", "neutral": "o", "conditional": "D", "synthetic": "^"}
# Shades of an arm's color by grade of an adverse event.
GRADE_COLORS = {"1-2": "#C9DCE9", "3": "#6BAED6", "4": "#2171B5", "5": "#08306B"}
CONTROL_GRADE_COLORS = {"1-2": "#FAD7B5", "3": "#F29A55", "4": "#BF4A04", "5": "#631E02"}
VERDICT_COLORS = {
    "reproduced": BLUE,
    "rounding": "#56B4E9",
    "conditional": "#701A6B",
    "unsettled": "#000000",
    "inconsistent": ORANGE,
    "reproduced on synthetic data": "#E8C33D",
    "stated": "#9FB0A6",
    "not recomputable": "#E4E4E4",
}
Look = dict[str, Any]  # how something is drawn, by Matplotlib's names
INK, MUTED, RULE = "#222222", GRAY, "#BFBFBF"

# Inches; a page's text is about 7.4 inches wide, so the type below is read at its own size.
WIDTH = 7.4
NARROW = 3.9  # a phone held upright
TYPE, SMALL = 9.5, 9.0  # points, of the text in a plot
RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "figure.dpi": 96,
}


@contextmanager
def canvas(
    height: float, width: float = WIDTH, tight: bool = True, **subplots: Any
) -> Iterator[tuple[Figure, Any]]:
    """A figure of ``height`` by ``width`` inches in the book's style, with what ``subplots`` makes.

    With ``tight`` it is laid out on leaving, with room for the evidence class below. It is never
    shown by itself: ``exhibits.show`` does that.
    """
    with sns.axes_style("ticks"), mpl.rc_context(RC):
        figure = Figure(figsize=(width, height))
        axes = figure.subplots(**subplots)
        yield figure, axes
        for ax in figure.axes:
            ax.spines[["top", "right"]].set_visible(False)
        if tight:
            figure.tight_layout(rect=(0, 0.28 / height, 1, 1))
            figure.set_layout_engine(None)  # with one, saving draws everything twice


def margins(figure: Figure, left: float, right: float, bottom: float, top: float) -> None:
    """Room around the axes of a figure, in inches."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    figure.subplots_adjust(
        left=left / width, right=1 - right / width, bottom=bottom / height, top=1 - top / height
    )


def named_rows(ax: Axes, middles: list[float], labels: list[str], weights: list[str]) -> None:
    """Labels of lines at the left of an axis that has no other ticks."""
    ax.set_yticks(middles, labels, fontsize=TYPE)
    for tick, weight in zip(ax.get_yticklabels(), weights, strict=True):
        tick.set_fontweight(weight)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def true_minus(value: float, place: object = None) -> str:
    """Label of a tick, with a true minus."""
    return f"{value:g}".replace("-", "−")


@lru_cache(maxsize=4096)
def text_width(text: str, size: float = TYPE, weight: str = "normal") -> float:
    """Width in inches of a text's longest line in the book's type; ``size`` in points."""
    font = FontProperties(family=RC["font.family"], weight=weight, size=size)
    widths = [
        text_to_path.get_text_width_height_descent(line, font, ismath=False)[0]
        for line in text.split("\n")
        if line.strip()
    ]
    return max(widths, default=0.0) / 72


def wrapped(text: str, room: float, size: float = TYPE, weight: str = "normal") -> str:
    """A text in as many lines as its room in inches asks for; its own line breaks stay."""
    lines = []
    space = text_width("n n", size) - text_width("nn", size)
    for part in text.split("\n"):
        words: list[str] = []
        taken = 0.0
        for word in part.split(" "):
            more = text_width(word, size, weight) if word else 0.0
            if words and taken + space + more > room:
                lines.append(" ".join(words))
                words, taken = [], 0.0
            taken += more + (space if words else 0.0)
            words.append(word)
        lines.append(" ".join(words))
    return "\n".join(lines)


def arm_color(arm: str) -> str:
    """The color of an arm by its key, its role or its label; both figures and words use it."""
    if arm in ARM_COLORS:
        return ARM_COLORS[arm]
    return ARM_COLORS["palbociclib" if "palbociclib" in arm.lower() else "et"]


def look(series: str) -> Look:
    """Color, marker and filling of a series: a reading, a twin, an arm or anything else."""
    reading = {"full": "conditional"}.get(series, series)
    if reading in READING_COLORS:
        color, marker = READING_COLORS[reading], READING_MARKERS[reading]
        hollow = reading in ("conditional", "synthetic")
        return {"color": color, "marker": marker, "mfc": "white" if hollow else color}
    color = ARM_COLORS.get(series, INK)
    return {"color": color, "marker": "s" if series == "et" else "o", "mfc": color}
