"""CONSORT flow diagrams of two arms: who was assigned, who left, who stayed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from palmira.show.exhibits import Picture, needs
from palmira.show.style import INK, MUTED, NARROW, TYPE, WIDTH, Look, arm_color, canvas, wrapped

LINE = 0.185  # inches that a line of text takes
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
    needs(frame, "a flow diagram", "step", "arm", "text", "patients", "evidence")
    arms = [arm for arm in frame["arm"].unique() if arm != "total"]
    if len(arms) != 2:
        raise ValueError(f"a flow diagram is of two arms, not of {arms}. Mend: correct arm.")
    rows = pd.DataFrame({"aside": False} | dict(frame.items()), index=frame.index)
    steps = [step.to_dict("records") for _, step in rows.groupby("step", sort=False)]
    plot = partial(_Flow, steps, arms)
    return Picture(plot(WIDTH).draw(), alt, frame if data is None else data, plot(NARROW).draw)


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


@dataclass(frozen=True)
class _Box:
    """A box of the diagram: its row, what it says, and its size in inches."""

    row: dict[str, Any]
    text: str
    wide: float

    @property
    def arm(self) -> str:
        return str(self.row["arm"])

    @property
    def tall(self) -> float:
        return LINE * (self.text.count("\n") + 1) + PAD


@dataclass(frozen=True)
class _Flow:
    """A diagram of a width; all is placed in inches from the left edge and from the top."""

    steps: list[list[dict[str, Any]]]
    arms: list[str]
    width: float

    @property
    def side(self) -> float:
        """Width of a box of an arm."""
        return (self.width - ASIDE * self.width) / 2 - EDGE - GAP

    @property
    def x(self) -> dict[str, float]:
        """Middle of the boxes of each arm, and of all."""
        left, right = EDGE + self.side / 2, self.width - EDGE - self.side / 2
        return {self.arms[0]: left, "total": self.width / 2, self.arms[1]: right}

    def draw(self) -> Figure:
        steps = [[self._made(row) for row in step] for step in self.steps]
        deep = [_depth(step) for step in steps]
        height = sum(deep) + ARROW * (len(steps) - 1) + 2 * EDGE + 0.3
        with canvas(height, width=self.width, tight=False) as (figure, ax):
            ax.set_position((0, 0, 1, 1))
            ax.set(xlim=(0, self.width), ylim=(height, 0), xticks=[], yticks=[])
            ax.axis("off")
            top = EDGE
            ends: dict[str, float] = {}  # where the stream of each arm, or of all, has come to
            for step, tall in zip(steps, deep, strict=True):
                if step[0].row["aside"]:
                    self._leave(ax, step, top, tall)
                else:
                    for box in step:
                        self._arrive(ax, box, top, ends)
                        _draw_box(ax, box, (self.x[box.arm], top), tall)
                    gone = {box.arm: top + tall for box in step}
                    if "total" not in gone:
                        gone = {arm: y for arm, y in ends.items() if arm != "total"} | gone
                    ends = gone
                top += tall + ARROW
        return figure

    def _made(self, row: dict[str, Any]) -> _Box:
        wide = min(2.7, 0.6 * self.width) if row["arm"] == "total" else self.side
        wide = ASIDE * self.width if row["aside"] else wide
        return _Box(row, _words(row, wide), wide)

    def _arrive(self, ax: Axes, box: _Box, top: float, ends: dict[str, float]) -> None:
        """The arrow into a box, from its own stream or from that of all."""
        source = box.arm if box.arm in ends else "total"
        if source in ends:
            _arrow(ax, (self.x[source], ends[source]), (self.x[box.arm], top))

    def _leave(self, ax: Axes, step: list[_Box], top: float, tall: float) -> None:
        """Those who leave: a box for both arms with a number at each arrow, or one for each."""
        middle, common = self.x["total"], next((b for b in step if b.arm == "total"), None)
        if common:
            _draw_box(ax, common, (middle, top), tall)
        for box in step:
            if box is common:
                continue
            own = tall if common else box.tall
            y, sign = top + own / 2, 1 if box.arm == self.arms[0] else -1
            begin, end = self.x[box.arm], middle - sign * ASIDE * self.width / 2
            _arrow(ax, (begin, y), (end, y))
            if common:
                number = wrapped(_number(box.row), abs(end - begin) - 0.1, TYPE)
                place: Look = {"ha": "center", "va": "bottom"}
                ax.text((begin + end) / 2, y - 0.05, number, fontsize=TYPE, **place)
            else:
                _draw_box(ax, box, (middle, top), own)
                top += own + 0.1


def _depth(step: list[_Box]) -> float:
    """Inches that a step takes: its highest box, or its boxes below each other."""
    boxes = [box.tall for box in step]
    if not step[0].row["aside"]:
        return max(boxes)
    common = [box.tall for box in step if box.arm == "total"]
    return common[0] if common else sum(boxes) + 0.1 * (len(boxes) - 1)


def _draw_box(ax: Axes, box: _Box, place: tuple[float, float], tall: float) -> None:
    """A box with the middle of its upper edge at a place."""
    solid = box.row["evidence"] == "published"
    color = arm_color(box.arm) if box.arm != "total" else INK if solid else MUTED
    x, top = place
    line: Look = {"ec": color, "lw": 1.4, "ls": "-" if solid else (0, (4, 3)), "zorder": 2}
    ax.add_patch(Rectangle((x - box.wide / 2, top), box.wide, tall, fc="white", **line))
    style: Look = {"ha": "center", "va": "center", "fontsize": TYPE, "linespacing": 1.3}
    ax.text(x, top + tall / 2, box.text, zorder=3, **style)


def _arrow(ax: Axes, begin: tuple[float, float], end: tuple[float, float]) -> None:
    if begin[0] != end[0] and begin[1] != end[1]:  # around a corner
        middle = (begin[1] + end[1]) / 2
        ax.plot([begin[0], begin[0], end[0]], [begin[1], middle, middle], color=MUTED, lw=1.2)
        begin = (end[0], middle)
    look = {"arrowstyle": "-|>", "color": MUTED, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, begin, arrowprops=look, zorder=1)
