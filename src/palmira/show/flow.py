"""CONSORT flow diagrams of two arms: who was assigned, who left, who stayed."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from palmira.show.exhibits import Picture
from palmira.show.style import INK, MUTED, NARROW, WIDTH, arm_color, canvas, wrapped

TYPE, LINE = 9.5, 0.185  # points; inches that a line of text takes
PAD, ARROW, EDGE, GAP = 0.2, 0.32, 0.06, 0.14  # inches: in a box, between steps, sides, columns
ASIDE = 0.29  # share of the width for those who leave


def flow(frame: pd.DataFrame, *, alt: str, data: pd.DataFrame | None = None) -> Picture:
    """Flow of patients from top to bottom: the first arm at the left, the second at the right.

    Columns of ``frame``, a row for each box: ``step`` (boxes of one step stand side by side),
    ``arm`` ("total" for all patients), ``text`` (words of the box), ``patients`` (the number below
    them; NaN where it is not known), ``evidence`` (a box is dashed, and its number says so, unless
    it is "published"); if there, ``percent``, ``note`` (words below the number) and ``aside`` (true
    for patients who leave: their boxes stand between the arms). Those who leave are a box for each
    arm; or, where a row of the step is about all patients, one box for both, with the arms' numbers
    at its arrows. ``data``, by default ``frame``, is for download.

    Drawn wide and narrow. Raises ``ValueError`` for an empty frame, one that lacks a column, and
    one that has not two arms. Source of the form: Hopewell et al, BMJ 2025;389:e081123 (CONSORT).
    """
    if lost := [c for c in ("step", "arm", "text", "patients", "evidence") if c not in frame]:
        raise ValueError(f"the frame of a flow diagram lacks {lost}")
    arms = [arm for arm in frame["arm"].unique() if arm != "total"]
    if len(arms) != 2:
        raise ValueError(f"a flow diagram is of two arms, not of {arms}. Mend: correct arm.")
    rows = pd.DataFrame({"aside": False} | dict(frame.items()), index=frame.index)
    steps = [step.to_dict("records") for _, step in rows.groupby("step", sort=False)]
    draw = partial(_draw, steps, arms)
    return Picture(draw(WIDTH), alt, frame if data is None else data, partial(draw, NARROW))


def _number(row: dict[str, Any]) -> str:
    if pd.isna(row["patients"]):
        return ""
    derived = "" if row["evidence"] == "published" else " (derived)"
    percent = row.get("percent", float("nan"))
    share = "" if pd.isna(percent) else f" ({percent}%)"
    return f"{row['patients']:.0f}{share}{derived}"


def _words(row: dict[str, Any], room: float) -> str:
    """What a box says, in lines that fit."""
    note = row.get("note")
    parts = [row["text"], _number(row), "" if note is None or pd.isna(note) else str(note)]
    return wrapped("\n".join(part for part in parts if part), room - 0.14, TYPE)


def _draw(steps: list[list[dict[str, Any]]], arms: list[str], width: float) -> Figure:
    """All is placed in inches from the left edge and from the top."""
    aside = ASIDE * width
    side = (width - aside) / 2 - EDGE - GAP
    x = {arms[0]: EDGE + side / 2, "total": width / 2, arms[1]: width - EDGE - side / 2}
    rooms = [[aside if row["aside"] else _room(row, side, width) for row in step] for step in steps]
    words = [
        [_words(row, room) for row, room in zip(step, rs, strict=True)]
        for step, rs in zip(steps, rooms, strict=True)
    ]
    deep = [_depth(step, texts) for step, texts in zip(steps, words, strict=True)]
    height = sum(deep) + ARROW * (len(steps) - 1) + 2 * EDGE + 0.3
    with canvas(height, width=width, tight=False) as (figure, ax):
        ax.set_position((0, 0, 1, 1))
        ax.set(xlim=(0, width), ylim=(height, 0))
        ax.axis("off")
        top = EDGE
        ends: dict[str, float] = {}  # where the stream of each arm, or of all, has come to
        for step, texts, room, tall in zip(steps, words, rooms, deep, strict=True):
            if step[0]["aside"]:
                _leave(ax, step, texts, arms, (top, tall), (x, side, aside))
            else:
                for row, text, wide in zip(step, texts, room, strict=True):
                    at = x[row["arm"]]
                    for begin, y in _above(ends, row["arm"], x):
                        _arrow(ax, (begin, y), (at, top))
                    _box(ax, at, top, wide, tall, text, row)
                gone = {row["arm"]: top + tall for row in step}
                ends = gone if "total" in gone else {**ends, **gone}
                ends = {arm: y for arm, y in ends.items() if "total" in gone or arm != "total"}
            top += tall + ARROW
    return figure


def _room(row: dict[str, Any], side: float, width: float) -> float:
    return min(2.7, 0.6 * width) if row["arm"] == "total" else side


def _depth(step: list[dict[str, Any]], texts: list[str]) -> float:
    """Inches that a step takes: its highest box, or its boxes below each other."""
    boxes = [LINE * (text.count("\n") + 1) + PAD for text in texts]
    if not step[0]["aside"]:
        return max(boxes)
    common = [b for b, row in zip(boxes, step, strict=True) if row["arm"] == "total"]
    return common[0] if common else sum(boxes) + 0.1 * (len(boxes) - 1)


def _above(ends: dict[str, float], arm: str, x: dict[str, float]) -> list[tuple[float, float]]:
    """Where the arrows into a box begin."""
    if arm in ends:
        return [(x[arm], ends[arm])]
    return [(x["total"], ends["total"])] if "total" in ends else []


def _leave(
    ax: Axes,
    step: list[dict[str, Any]],
    texts: list[str],
    arms: list[str],
    place: tuple[float, float],
    columns: tuple[dict[str, float], float, float],
) -> None:
    """Those who leave: a box for both arms with a number at each arrow, or a box for each arm."""
    (top, tall), (x, _, aside) = place, columns
    common = next((i for i, row in enumerate(step) if row["arm"] == "total"), None)
    if common is not None:
        _box(ax, x["total"], top, aside, tall, texts[common], step[common])
    for row, text in zip(step, texts, strict=True):
        if row["arm"] == "total":
            continue
        own = tall if common is not None else LINE * (text.count("\n") + 1) + PAD
        y, sign = top + own / 2, 1 if row["arm"] == arms[0] else -1
        begin, end = x[row["arm"]], x["total"] - sign * aside / 2
        _arrow(ax, (begin, y), (end, y))
        if common is None:
            _box(ax, x["total"], top, aside, own, text, row)
            top += own + 0.1
        else:
            number = wrapped(_number(row), abs(end - begin) - 0.1, TYPE)
            ax.text((begin + end) / 2, y - 0.05, number, ha="center", va="bottom", fontsize=TYPE)


def _box(
    ax: Axes, x: float, top: float, wide: float, tall: float, text: str, row: dict[str, Any]
) -> None:
    color = INK if row["arm"] == "total" else arm_color(row["arm"])
    solid = row["evidence"] == "published"
    line = "-" if solid else (0, (4, 3))
    edge = color if solid or row["arm"] != "total" else MUTED
    ax.add_patch(
        Rectangle((x - wide / 2, top), wide, tall, fc="white", ec=edge, lw=1.4, ls=line, zorder=2)
    )
    ax.text(
        x, top + tall / 2, text, ha="center", va="center", fontsize=TYPE, linespacing=1.3, zorder=3
    )


def _arrow(ax: Axes, begin: tuple[float, float], end: tuple[float, float]) -> None:
    if begin[0] != end[0] and begin[1] != end[1]:  # around a corner
        middle = (begin[1] + end[1]) / 2
        ax.plot([begin[0], begin[0], end[0]], [begin[1], middle, middle], color=MUTED, lw=1.2)
        begin = (end[0], middle)
    look = {"arrowstyle": "-|>", "color": MUTED, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, begin, arrowprops=look, zorder=1)
