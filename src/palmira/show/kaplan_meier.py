"""Kaplan-Meier curves with their intervals and what is below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import isfinite

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from palmira.show.exhibits import Picture
from palmira.show.formats import spell
from palmira.show.style import INK, MUTED, NARROW, RULE, WIDTH, arm_color, canvas

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
            rows.append(
                {
                    "arm": arm,
                    "month": time,
                    "at_risk": n - events - censored,
                    "events": events,
                    "censored": censored,
                }
            )
    return pd.DataFrame(rows)


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
    draw = partial(_draw, curves, below, list(months), (x, y), band, note, counts)
    frame = steps(curves)
    drawn = frame.assign(
        what="curve",
        percent=100 * frame["survival"],
        lower=100 * frame["lower"],
        upper=100 * frame["upper"],
    )
    parts = [
        drawn.rename(columns={"time": "month"})[
            ["arm", "what", "month", "percent", "lower", "upper"]
        ]
    ]
    if band is not None:
        for what, low, high in _ranges(band):
            part = band[["arm", "month"]].assign(
                what=what, lower=100 * band[low], upper=100 * band[high]
            )
            parts.append(part)
    long = below.melt(["arm", "month"], list(ROWS), var_name="what", value_name="count")
    data = pd.concat([*parts, long], ignore_index=True)
    return Picture(
        draw(WIDTH), _alt(curves, below, landmarks, band, said), data, partial(draw, NARROW)
    )


def _ranges(band: pd.DataFrame) -> list[tuple[str, str, str]]:
    found = [("range over twins", "low", "high")]
    if "pushed_high" in band and np.isfinite(band["pushed_high"]).any():
        found.append(("range by directed search", "pushed_low", "pushed_high"))
    return found


def _draw(
    curves: Curves,
    below: pd.DataFrame,
    months: list[float],
    words: tuple[str, str],
    band: pd.DataFrame | None,
    note: str,
    counts: bool,
    width: float,
) -> Figure:
    narrow = width < WIDTH
    rows = list(ROWS) if counts and not narrow else ["at_risk"]
    end, beneath = 1.025 * months[-1], (len(rows) + 1.1) * 0.185 * len(curves) + 0.1
    upper = 2.9 if narrow else 3.5
    height = upper + beneath + 0.9
    if narrow and len(months) > 6:
        months = months[::2]
    left = 0.72 if narrow else 0.95
    with canvas(height, width=width, tight=False) as (figure, ax):
        figure.subplots_adjust(
            left=left / width,
            right=1 - 0.1 / width,
            top=1 - 0.1 / height,
            bottom=(beneath + 0.8) / height,
        )
        for (arm, curve), dash in zip(curves.items(), DASHES, strict=False):
            _curve(ax, arm, curve, dash, band)
        _legend(ax, curves, band, width)
        ax.set(xlim=(0, end), ylim=(0, 101), xticks=months, yticks=range(0, 101, 25))
        ax.set_ylabel(words[1])
        ax.set_xlabel(words[0])
        ax.text(0.015, 0.025, note, transform=ax.transAxes, color=MUTED, style="italic", fontsize=9)
        _beneath(figure, ax, below[below["month"].isin(months)], rows, list(curves), left / width)
    return figure


def _curve(
    ax: Axes, arm: str, curve: KaplanMeierFitter, dash: object, band: pd.DataFrame | None
) -> None:
    color, mine = arm_color(arm), steps({arm: curve})
    if band is not None:
        open_ = band[band["arm"] == arm]
        ax.fill_between(
            open_["month"], 100 * open_["low"], 100 * open_["high"], color=color, alpha=0.4, lw=0
        )
        for _, *ends in _ranges(band)[1:]:
            for name in ends:
                ax.plot(open_["month"], 100 * open_[name], ":", color=color, lw=1)
    ax.fill_between(
        mine["time"],
        100 * mine["lower"],
        100 * mine["upper"],
        step="post",
        color=color,
        alpha=0.11,
        lw=0,
    )
    for limit in ("lower", "upper"):
        ax.plot(
            mine["time"], 100 * mine[limit], drawstyle="steps-post", color=color, lw=0.6, alpha=0.6
        )
    ax.plot(
        mine["time"],
        100 * mine["survival"],
        drawstyle="steps-post",
        color=color,
        lw=1.8,
        ls=dash,
        zorder=3,
    )
    cut = mine[mine["censored"] > 0]
    ax.plot(cut["time"], 100 * cut["survival"], "|", color=color, ms=6, mew=0.9, zorder=4)


def _legend(ax: Axes, curves: Curves, band: pd.DataFrame | None, width: float) -> None:
    """Names beside a line each, and what the shades mean, in the corner that curves leave free."""
    low = min(
        float(np.asarray(line.get_ydata())[-1]) for line in ax.lines if line.get_zorder() == 3
    )
    x, y, size = (0.47, 0.95, 9.5) if low < 50 else (0.03, 0.37, 9.5)
    if width < WIDTH:
        x, size = (0.42 if band is None else 0.22, 9.0) if low < 50 else (0.03, 9.0)
    for arm, dash in zip(curves, DASHES, strict=False):
        ax.plot(
            [x, x + 0.06], [y, y], transform=ax.transAxes, color=arm_color(arm), lw=1.8, ls=dash
        )
        ax.text(
            x + 0.075,
            y,
            arm,
            transform=ax.transAxes,
            va="center",
            color=arm_color(arm),
            weight="bold",
            fontsize=size,
        )
        y -= 0.075
    level = 100 * (1 - next(iter(curves.values())).alpha)
    shades = [(0.11, f"{level:g}% sampling interval")]
    if band is not None:
        shades.insert(0, (0.4, "range over twins, an inner bound"))
    for alpha, words in shades:
        ax.fill_between(
            [x, x + 0.06],
            y - 0.025,
            y + 0.025,
            transform=ax.transAxes,
            color=INK,
            alpha=alpha,
            lw=0,
        )
        ax.text(x + 0.075, y, words, transform=ax.transAxes, va="center", fontsize=size)
        y -= 0.07
    if band is not None and len(_ranges(band)) > 1:
        ax.plot([x, x + 0.06], [y, y], ":", transform=ax.transAxes, color=INK, lw=1)
        ax.text(
            x + 0.075,
            y,
            "the range with directed search",
            transform=ax.transAxes,
            va="center",
            fontsize=size,
        )


def _beneath(
    figure: Figure, ax: Axes, counts: pd.DataFrame, rows: list[str], arms: list[str], left: float
) -> None:
    """Counts below their months, arm by arm."""
    height, place = figure.get_figheight(), ax.get_xaxis_transform()
    box = ax.get_position()
    unit = 1 / (box.height * height)  # of an inch, in the axis' height
    y = -0.62 * unit
    for arm in arms:
        figure.text(
            0.06 / figure.get_figwidth(),
            box.y0 + y * box.height,
            arm,
            va="center",
            color=arm_color(arm),
            weight="bold",
            fontsize=9.5,
        )
        for name in rows:
            y -= 0.185 * unit
            figure.text(
                left - 0.2 / figure.get_figwidth(),
                box.y0 + y * box.height,
                ROWS[name],
                va="center",
                ha="right",
                fontsize=9,
            )
            for line in counts[counts["arm"] == arm].to_dict("records"):
                ax.text(
                    line["month"],
                    y,
                    str(line[name]),
                    transform=place,
                    ha="center",
                    va="center",
                    fontsize=9.5,
                )
        y -= 0.2 * unit
        ax.plot(
            [0, 1], [y + 0.09 * unit] * 2, transform=ax.transAxes, color=RULE, lw=0.6, clip_on=False
        )


def _alt(
    curves: Curves,
    below: pd.DataFrame,
    landmarks: Sequence[float],
    band: pd.DataFrame | None,
    said: str,
) -> str:
    parts = []
    for arm, curve in curves.items():
        words, frame = [], steps({arm: curve})
        for month in landmarks:
            row, over = frame[frame["time"] <= month + 1e-9].iloc[-1], ""
            if band is not None:
                at = band[(band["arm"] == arm) & np.isclose(band["month"], month)].iloc[0]
                over = f"over twins {100 * at['low']:.1f} to {100 * at['high']:.1f}, "
            sampling = f"sampling {100 * row['lower']:.1f} to {100 * row['upper']:.1f}"
            if not isfinite(row["lower"]):
                sampling = "without a sampling interval"
            words.append(f"{100 * row['survival']:.1f}% at {month:g} months ({over}{sampling})")
        median, last = curve.median_survival_time_, landmarks[-1]
        at_last = below[(below["arm"] == arm) & (below["month"] == last)]
        left = f", {at_last['at_risk'].iloc[0]} at risk at {last:g} months" if len(at_last) else ""
        parts.append(
            f"{arm}: median {f'{median:.1f} months' if isfinite(median) else 'not reached'}, "
            f"{spell(words)}{left}"
        )
    return f"{said}{' ' if said else ''}{'; '.join(parts)}."
