"""Kaplan-Meier curves with their intervals and what is below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from palmira.show import style as kit
from palmira.show.exhibits import Picture
from palmira.show.formats import span, spell
from palmira.show.style import SMALL, TYPE, WIDTH, Look

DASHES = ("-", (0, (5, 1.2)), (0, (1, 1)))
ROWS = {"at_risk": "At risk", "events": "Events", "censored": "Censored"}
Curves = Mapping[str, KaplanMeierFitter]


def steps(curves: Curves) -> pd.DataFrame:
    """Fitted curves as a tidy frame, a row for each step: arm, time (the fit's unit), survival,
    lower and upper limit (shares), and from the event table at_risk, observed and censored."""
    parts = []
    for arm, curve in curves.items():
        limits = curve.confidence_interval_.set_axis(["lower", "upper"], axis=1)
        survival = curve.survival_function_.set_axis(["survival"], axis=1)
        table = curve.event_table[["at_risk", "observed", "censored"]]
        whole = survival.join(limits).join(table).rename_axis("time").reset_index()
        parts.append(whole.assign(arm=arm))
    columns = ["arm", "time", "survival", "lower", "upper", "at_risk", "observed", "censored"]
    return pd.concat(parts, ignore_index=True)[columns]


def at_risk(curves: Curves, times: Sequence[float]) -> pd.DataFrame:
    """By arm and time those still at risk, and those with an event and those censored before; the
    three add up to the arm.

    Source of the layout: Morris et al, BMJ Open 2019;9:e030215.
    """
    rows = []
    for arm, curve in curves.items():
        table = curve.event_table
        n = int(table["at_risk"].iloc[0])
        for time in times:
            before = table[table.index < time - 1e-9]
            events, censored = int(before["observed"].sum()), int(before["censored"].sum())
            rows.append((arm, time, n - events - censored, events, censored))
    return pd.DataFrame(rows, columns=["arm", "month", *ROWS])


def km(
    curves: Curves,
    *,
    months: Sequence[float],
    y: str = "Free of progression and alive, %",
    x: str = "Months from random assignment",
    band: pd.DataFrame | None = None,
    landmarks: Sequence[float] = (6, 12),
    note: str = "",
    said: str = "",
    counts: bool = True,
) -> Picture:
    """Kaplan-Meier curves with shaded intervals, ticks where patients are censored, and below them
    the numbers at risk, with an event and censored at ``months``.

    ``curves``: fitted ``lifelines.KaplanMeierFitter`` by arm, in months, in the order of drawing.
    ``band``, if given, is a frame with columns arm, month, low, high (shares), and pushed_low and
    pushed_high where they are known: what is shaded darker beside the sampling interval. ``note``
    stands in the lower left corner, ``said`` opens the alt text. The data hold the curves (what:
    curve), the band, and the counts.

    Drawn wide and narrow. Raises ``ValueError`` without curves.
    """
    if not curves:
        raise ValueError("a Kaplan-Meier plot needs at least one curve")
    below = at_risk(curves, months)
    drawn = steps(curves).rename(columns={"time": "month"}).assign(what="curve")
    drawn["percent"] = 100 * drawn["survival"]
    drawn[["lower", "upper"]] *= 100
    parts = [drawn[["arm", "what", "month", "percent", "lower", "upper"]]]
    axis = {"xlabel": x, "ylabel": y}
    plot = partial(_Plot, curves, drawn, below, list(months), axis, band)
    if band is not None:
        for what, low, high in _ranges(band):
            part = band[["arm", "month"]].assign(what=what)
            parts.append(part.assign(lower=100 * band[low], upper=100 * band[high]))
    parts.append(below.melt(["arm", "month"], list(ROWS), var_name="what", value_name="count"))
    data, words = pd.concat(parts, ignore_index=True), _alt(curves, drawn, below, landmarks, band)
    alt = f"{said}{' ' if said else ''}{words}."
    wide = plot(note, list(ROWS) if counts else ["at_risk"], WIDTH)
    return Picture(wide.draw(), alt, data, plot(note, ["at_risk"], kit.NARROW).draw)


def _ranges(band: pd.DataFrame | None) -> list[tuple[str, str, str]]:
    """What a band holds: its name and the columns of its limits."""
    if band is None:
        return []
    found = [("range over twins", "low", "high")]
    if "pushed_high" in band and np.isfinite(band["pushed_high"]).any():
        found.append(("range by directed search", "pushed_low", "pushed_high"))
    return found


@dataclass(frozen=True)
class _Plot:
    """A plot of a width; ``drawn`` are the steps in percent, ``axis`` the names of the axes,
    ``rows`` the counts below them."""

    curves: Curves
    drawn: pd.DataFrame
    below: pd.DataFrame
    months: list[float]
    axis: dict[str, str]
    band: pd.DataFrame | None
    note: str
    rows: list[str]
    width: float

    def draw(self) -> Figure:
        narrow, end = self.width < WIDTH, 1.025 * self.months[-1]
        beneath = (len(self.rows) + 1.1) * 0.185 * len(self.curves) + 0.1
        height = (2.9 if narrow else 3.5) + beneath + 0.9
        months = self.months[:: 2 if narrow and len(self.months) > 6 else 1]
        left = 0.72 if narrow else 0.95
        with kit.canvas(height, width=self.width, tight=False) as (figure, ax):
            kit.margins(figure, left, 0.1, beneath + 0.8, 0.1)
            for arm, dash in zip(self.curves, DASHES, strict=False):
                self._curve(ax, arm, dash)
            self._legend(ax)
            ax.set(xlim=(0, end), ylim=(0, 101), xticks=months, yticks=range(0, 101, 25))
            ax.set(**self.axis)
            style: Look = {"color": kit.MUTED, "style": "italic", "fontsize": SMALL}
            ax.text(0.015, 0.025, self.note, transform=ax.transAxes, **style)
            self._beneath(figure, ax, months, left)
        return figure

    def _curve(self, ax: Axes, arm: str, dash: Any) -> None:
        mine = self.drawn[self.drawn["arm"] == arm]
        style: Look = {"color": kit.arm_color(arm)}
        if self.band is not None:
            of = self.band[self.band["arm"] == arm]
            ax.fill_between(
                of["month"], 100 * of["low"], 100 * of["high"], alpha=0.4, lw=0, **style
            )
            for _, *ends in _ranges(self.band)[1:]:
                for name in ends:
                    ax.plot(of["month"], 100 * of[name], ":", lw=1, **style)
        shade: Look = style | {"step": "post", "alpha": 0.11, "lw": 0}
        ax.fill_between(mine["month"], mine["lower"], mine["upper"], **shade)
        stairs: Look = style | {"drawstyle": "steps-post"}
        for limit in ("lower", "upper"):
            ax.plot(mine["month"], mine[limit], lw=0.6, alpha=0.6, **stairs)
        ax.plot(mine["month"], mine["percent"], lw=1.8, ls=dash, zorder=3, **stairs)
        cut = mine[mine["censored"] > 0]
        mark: Look = style | {"ms": 6, "mew": 0.9, "zorder": 4}
        ax.plot(cut["month"], cut["percent"], "|", **mark)

    def _legend(self, ax: Axes) -> None:
        """Names beside a line each, and what the shades mean, in the corner that curves leave."""
        curves = [line for line in ax.lines if line.get_zorder() == 3]
        low = min(float(np.asarray(line.get_ydata())[-1]) for line in curves) < 50
        x, y = (0.47, 0.95) if low else (0.03, 0.37)
        if self.width < WIDTH and low:
            x = 0.42 if self.band is None else 0.22
        place: Look = {"transform": ax.transAxes}
        words = place | {"va": "center", "fontsize": TYPE if self.width == WIDTH else SMALL}
        for arm, dash in zip(self.curves, DASHES, strict=False):
            ax.plot([x, x + 0.06], [y, y], color=kit.arm_color(arm), lw=1.8, ls=dash, **place)
            ax.text(x + 0.075, y, arm, color=kit.arm_color(arm), weight="bold", **words)
            y -= 0.075
        level = 100 * (1 - next(iter(self.curves.values())).alpha)
        shades = {f"{level:g}% sampling interval": 0.11}
        if self.band is not None:
            shades = {"range over twins, an inner bound": 0.4, **shades}
        for text, alpha in shades.items():
            area = ([x, x + 0.06], y - 0.025, y + 0.025)
            ax.fill_between(*area, color=kit.INK, alpha=alpha, lw=0, **place)
            ax.text(x + 0.075, y, text, **words)
            y -= 0.07
        if len(_ranges(self.band)) > 1:
            ax.plot([x, x + 0.06], [y, y], ":", color=kit.INK, lw=1, **place)
            ax.text(x + 0.075, y, "the range with directed search", **words)

    def _beneath(self, figure: Figure, ax: Axes, months: list[float], left: float) -> None:
        """Counts below their months, arm by arm."""
        box = ax.get_position()
        unit = 1 / (box.height * figure.get_figheight())  # of an inch, in the axis' height
        at: Look = {"va": "center", "fontsize": TYPE}
        end: Look = {"va": "center", "ha": "right", "fontsize": SMALL}
        number: Look = at | {"ha": "center", "transform": ax.get_xaxis_transform()}
        rule: Look = {"transform": ax.transAxes, "color": kit.RULE, "lw": 0.6, "clip_on": False}
        shown = self.below[self.below["month"].isin(months)].set_index("arm")
        y = -0.62 * unit
        for arm in self.curves:
            place = (0.06 / self.width, box.y0 + y * box.height)
            figure.text(*place, arm, color=kit.arm_color(arm), weight="bold", **at)
            for name in self.rows:
                y -= 0.185 * unit
                place = (left / self.width - 0.2 / self.width, box.y0 + y * box.height)
                figure.text(*place, ROWS[name], **end)
                for month, count in zip(shown.loc[arm, "month"], shown.loc[arm, name], strict=True):
                    ax.text(month, y, str(count), **number)
            y -= 0.2 * unit
            ax.plot([0, 1], [y + 0.09 * unit] * 2, **rule)


def _alt(
    curves: Curves,
    drawn: pd.DataFrame,
    below: pd.DataFrame,
    landmarks: Sequence[float],
    band: pd.DataFrame | None,
) -> str:
    parts = []
    for arm, curve in curves.items():
        words, mine = [], drawn[drawn["arm"] == arm]
        for month in landmarks:
            row, over = mine[mine["month"] <= month + 1e-9].iloc[-1], ""
            if band is not None:
                at = band[(band["arm"] == arm) & np.isclose(band["month"], month)].iloc[0]
                over = f"over twins {span(100 * at['low'], 100 * at['high'], 1)}, "
            sampling = "without a sampling interval"
            if isfinite(row["lower"]):
                sampling = f"sampling {span(row['lower'], row['upper'], 1)}"
            words.append(f"{row['percent']:.1f}% at {month:g} months ({over}{sampling})")
        median, last = curve.median_survival_time_, landmarks[-1]
        at_last = below[(below["arm"] == arm) & (below["month"] == last)]
        left = f", {at_last['at_risk'].iloc[0]} at risk at {last:g} months" if len(at_last) else ""
        middle = f"{median:.1f} months" if isfinite(median) else "not reached"
        parts.append(f"{arm}: median {middle}, {spell(words)}{left}")
    return "; ".join(parts)
