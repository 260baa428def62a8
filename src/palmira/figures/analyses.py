"""Figures of the twins' analyses: ten comparisons of the arms, and hazards over time."""

from __future__ import annotations

from collections.abc import Mapping
from math import log

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from palmira.estimates import Estimate, critical, two_sided_p
from palmira.figures.forest import ForestRow, forest
from palmira.figures.twin import STYLES, TWINS
from palmira.readings import reading
from palmira.record import Record
from palmira.schedule import DAYS_PER_MONTH
from palmira.show.exhibits import Picture
from palmira.show.style import (
    ARM_COLORS,
    INK,
    MUTED,
    READING_COLORS,
    READING_MARKERS,
    RULE,
    canvas,
    spell,
)
from palmira.twin.arm_comparisons import ArmComparison
from palmira.twin.curves import arms_of, of_arm
from palmira.twin.proportionality import (
    PERIODS,
    by_follow_up,
    hazard_ratio_over_time,
    periods,
)
from palmira.twin.spread import Spread

Patients = Mapping[str, pd.DataFrame]
# The neutral twin first; a twin's color is that of its reading.
ORDER = ("neutral", "full")
COLORS = {"neutral": READING_COLORS["neutral"], "full": READING_COLORS["conditional"]}
READ = {"neutral": "neutral", "full": "conditional"}
Z = critical(95)


def z_scores(found: Mapping[str, list[ArmComparison]], record: Record) -> Picture:
    """z of each comparison on both twins, and in print where the record holds the same."""
    rows = list(zip(found["neutral"], found["full"], strict=True))
    printed = [printed_z(record, pair[0].printed) for pair in rows]
    data = []
    with canvas(0.36 * len(rows) + 1.5) as (figure, ax):
        for bound in (-Z, Z):
            ax.axvline(bound, ymax=0.88, color=MUTED, lw=1, ls="--", zorder=0)
        ax.axvline(0, ymax=0.88, color=RULE, lw=1, zorder=0)
        for y, (pair, print_z) in enumerate(zip(rows, printed, strict=True)):
            ax.axhline(y, color="#F0F0F0", lw=0.8, zorder=-1)
            for scale, c, shift in zip(ORDER, pair, (-0.14, 0.14), strict=True):
                ax.plot(c.z, y + shift, "^", color=COLORS[scale], ms=7,
                        mfc="white" if scale == "full" else COLORS[scale])  # fmt: skip
                data.append({"evidence": "synthetic", "analysis": c.label, "twin": scale, "z": c.z,
                             "p": c.p})  # fmt: skip
            if print_z is not None:
                ax.plot(print_z, y, "s", color=INK, ms=5)
                data.append({"evidence": "published", "analysis": pair[0].label, "twin": "printed",
                             "z": print_z, "p": two_sided_p(print_z)})  # fmt: skip
        ax.set_yticks(range(len(rows)), [pair[0].label for pair in rows])
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(rows) - 0.4, -1.75)
        reach = max(2.3, *(abs(c.z) + 0.3 for pair in rows for c in pair))
        ax.set_xlim(-reach, reach)
        for x, scale in ((0.02, "neutral"), (0.36, "full")):
            mark = "△" if scale == "full" else "▲"
            ax.text(x, 0.985, f"{mark} {TWINS[scale].lower()}", transform=ax.transAxes,
                    color=COLORS[scale], va="top", fontsize=9.5)  # fmt: skip
        ax.text(0.78, 0.985, "■ printed", transform=ax.transAxes, va="top", fontsize=9.5)
        ax.text(Z, -0.78, "5% level", ha="center", va="center", color=MUTED, fontsize=9)
        ax.set_xlabel("← favors ET alone        z        favors palbociclib + ET →")
    values = {scale: [pair[i].z for pair in rows] for i, scale in enumerate(ORDER)}
    beyond = {s: sum(abs(z) > Z for z in v) for s, v in values.items()}
    spans = [
        f"{TWINS[s].lower()} {_signed(min(v))} to {_signed(max(v))} ({beyond[s]} beyond the 5% "
        "level)"
        for s, v in values.items()
    ]
    prints = [f"{pair[0].label} {_signed(z)}" for pair, z in zip(rows, printed, strict=True) if z]
    alt = (
        f"z of {len(rows)} comparisons of the same two arms, positive where palbociclib does "
        f"better: {spell(spans)}. In print: {spell(prints)}."
    )
    return Picture(figure, alt, pd.DataFrame(data))


def printed_z(record: Record, cell: str | None) -> float | None:
    """z of a printed comparison from its estimate and interval, positive where the experimental arm
    does better; None where the record does not hold it."""
    if cell is None or f"{cell}.estimate" not in record.entries:
        return None
    parts = record.cell(record[f"{cell}.estimate"])
    value, low, high = (parts[p].value for p in ("estimate", "lower", "upper"))
    if parts["estimate"].measure == "hazard ratio":
        return -log(value) / ((log(high) - log(low)) / (2 * Z))
    return value / ((high - low) / (2 * Z))


def _signed(z: float) -> str:
    return f"{z:z.2f}"


def _panels(axes: list[Axes]) -> list[tuple[str, Axes]]:
    pairs = list(zip(ORDER, axes, strict=True))
    for scale, ax in pairs:
        ax.set_title(TWINS[scale], color=COLORS[scale], fontsize=10, weight="bold", loc="left")
    return pairs


def log_log_curves(patients: Patients, record: Record) -> Picture:
    """log(-log S) of both arms against the logarithm of time, a panel a twin: under proportional
    hazards the two lines keep their distance."""
    arms = list(arms_of(record).values())
    data, words = [], []
    with canvas(3.6, ncols=2, sharex=True, sharey=True) as (figure, axes):
        for scale, ax in _panels(axes):
            heights = {}
            for arm, style in zip(arms, STYLES, strict=True):
                curve = of_arm(patients[scale], arm)
                inside = (curve.survival < 1) & (curve.survival > 0) & (curve.days > 0)
                months = curve.days[inside] / DAYS_PER_MONTH
                height = np.log(-np.log(curve.survival[inside]))
                ax.plot(months, height, drawstyle="steps-post", color=ARM_COLORS[arm], lw=1.6,
                        ls=style, label=record.sheet.arms[arm].label)  # fmt: skip
                heights[arm] = {m: np.log(-np.log(curve.at(m * DAYS_PER_MONTH)))
                                for m in (3, 6, 12)}  # fmt: skip
                data += [{"twin": scale, "arm": arm, "month": m, "log_log": h}
                         for m, h in zip(months, height, strict=True)]  # fmt: skip
            gaps = [f"{heights[arms[0]][m] - heights[arms[1]][m]:z.2f} at {m}" for m in (3, 6, 12)]
            words.append(f"{TWINS[scale].lower()} {spell(gaps)} months")
            ax.set_xscale("log")
            ax.set_xticks([1, 3, 6, 12, 24], ["1", "3", "6", "12", "24"])
            ax.minorticks_off()
            ax.set(xlim=(0.8, 30), xlabel="Months (log scale)")
        axes[0].set_ylabel("log(−log S)")
        axes[0].legend(frameon=False, loc="upper left")
    alt = (
        "log(-log S) of both arms against log time. Distance of palbociclib + ET from ET alone: "
        f"{'; '.join(words)}. Under proportional hazards it would be the same at all times."
    )
    return Picture(figure, alt, pd.DataFrame(data))


def residuals(patients: Patients, record: Record) -> Picture:
    """Scaled Schoenfeld residuals of the arm and their smooth, as a log hazard ratio over time."""
    experimental = arms_of(record)["experimental"]
    data, words = [], []
    with canvas(3.8, ncols=2, sharex=True, sharey=True) as (figure, axes):
        for scale, ax in _panels(axes):
            found = hazard_ratio_over_time(patients[scale], experimental)
            ax.plot(found["month"], found["log_ratio"], "o", ms=3, color=MUTED, mfc="none", mew=0.7)
            ax.plot(found["month"], found["smooth"], color=COLORS[scale], lw=2.2)
            ax.axhline(0, color=RULE, lw=1, zorder=0)
            ax.axhline(found["log_ratio"].mean(), color=INK, lw=1, ls="--")
            ax.set(xlim=(0, 18.5), xticks=range(0, 19, 6), xlabel="Months")
            early, late = (np.interp(m, found["month"], found["smooth"]) for m in (3, 12))
            words.append(f"{TWINS[scale].lower()} from {early:.2f} at 3 to {late:.2f} at 12 months")
            data.append(found.assign(twin=scale))
        axes[0].set_ylabel("Log hazard ratio by event")
    whole = pd.concat(data, ignore_index=True)
    alt = (
        "Scaled Schoenfeld residuals of the arm by event, in two bands, above for one arm's events "
        f"and below for the other's; their smooth runs, {spell(words)}."
    )
    return Picture(figure, alt, whole)


def period_forest(patients: Patients, spread: Mapping[str, Spread], record: Record) -> Picture:
    """The hazard ratio of both twins before and after 6 months, with the ensemble's range."""
    arms = list(arms_of(record).values())
    rows, data, words = [], [], []
    found = {scale: periods(patients[scale], arms[0])[0] for scale in ORDER}
    for name, (start, end) in PERIODS.items():
        rows.append(ForestRow(f"{start:g} to {end:g} months", heading=True))
        for scale in ORDER:
            q, over = found[scale][name], spread[scale].ranges[name]
            e = Estimate(q.value, q.lower, q.upper)
            d = events_between(patients[scale], arms, start, end)
            span = f"{over.low:.2f} to {over.high:.2f}"
            rows.append(
                ForestRow(f"   {TWINS[scale]}", (f"{d[0]} and {d[1]}", e.text(), span),
                          {READ[scale]: e})
            )  # fmt: skip
            words.append(f"{start:g} to {end:g} months, {TWINS[scale].lower()} {e.text()}")
            data.append(
                {"period": f"{start:g} to {end:g} months", "twin": scale, "events_experimental":
                 d[0], "events_control": d[1], "hazard_ratio": e.value, "lower": e.lower,
                 "upper": e.upper, "twins_low": over.low, "twins_high": over.high,
                 "pushed_low": over.pushed_low, "pushed_high": over.pushed_high}
            )  # fmt: skip
    return forest(
        rows, headers=("Events", "HR (95% CI)", "Over twins"), column_x=(0.225, 0.335, 0.53),
        ticks=(0.5, 1, 2, 4), share=0.34, row_height=0.36,
        alt=f"Hazard ratio by period: {'; '.join(words)}.", data=pd.DataFrame(data),
    )  # fmt: skip


def events_between(
    patients: pd.DataFrame, arms: list[str], start: float, end: float
) -> list[int]:  # fmt: skip
    """Events of each arm after ``start`` and up to ``end``, in months."""
    time = patients["time"] / DAYS_PER_MONTH
    inside = patients["event"] & (time > start) & (time <= end)
    return [int((inside & (patients["arm"] == arm)).sum()) for arm in arms]


def follow_up(patients: Patients, record: Record, cell: str) -> Picture:
    """The hazard ratio of the arm alone as follow-up grows, on both twins, beside the readings of
    the printed one."""
    months = [3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 18.0, 24.0]
    experimental = arms_of(record)["experimental"]
    r, data, words = reading(record, cell), [], []
    with canvas(3.9) as (figure, ax):
        for scale in ORDER:
            found = by_follow_up(patients[scale], experimental, months)
            color = COLORS[scale]
            ax.fill_between(found["month"], found["lower"], found["upper"], color=color, alpha=0.1,
                            lw=0)  # fmt: skip
            ax.plot(found["month"], found["ratio"], "^-", color=color, lw=1.6, ms=5,
                    mfc="white" if scale == "full" else color, label=TWINS[scale])  # fmt: skip
            short, full = found["ratio"].iloc[2], found["ratio"].iloc[-1]
            words.append(f"{TWINS[scale].lower()} {short:.2f} at 6 and {full:.2f} at 24 months")
            data.append(found.assign(twin=scale, evidence="synthetic"))
        ax.axhline(1, color=MUTED, lw=1, zorder=0)
        for y, name in enumerate(r.estimates):
            x, e = 26.5 + 1.3 * y, r.estimates[name]
            if_only = name == "conditional"
            ax.plot([x, x], [e.lower, e.upper], color=READING_COLORS[name], lw=1.5,
                    ls="--" if if_only else "-")  # fmt: skip
            ax.plot(x, e.value, READING_MARKERS[name], color=READING_COLORS[name], ms=5,
                    mfc="white" if if_only else READING_COLORS[name])  # fmt: skip
            data.append(
                pd.DataFrame([{"twin": f"{name} reading", "ratio": e.value, "lower": e.lower,
                               "upper": e.upper, "evidence": "published" if name == "printed" else
                               {"neutral": "derived"}.get(name, name)}])
            )  # fmt: skip
        ax.text(27.8, ax.get_ylim()[1], "in print:\nthree readings", ha="center", va="top",
                fontsize=9, color=MUTED)  # fmt: skip
        ax.set_yscale("log")
        ax.set_yticks([0.5, 0.7, 1, 1.5], ["0.5", "0.7", "1", "1.5"])
        ax.minorticks_off()
        ax.set(xlim=(2, 30.5), xticks=[3, 6, 9, 12, 18, 24])
        ax.set_xlabel("Follow-up ends at, months")
        ax.set_ylabel("Hazard ratio (log scale)")
        ax.legend(frameon=False, loc="upper center")
    alt = (
        f"Hazard ratio of the arm alone when follow-up ends earlier or later: {spell(words)}. In "
        f"print {r.texts['printed']}, neutral {r.texts['neutral']}, full scale "
        f"{r.texts['conditional']}, adjusted."
    )
    return Picture(figure, alt, pd.concat(data, ignore_index=True))
