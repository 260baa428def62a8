"""Figures of the twins: the curve with what is below it and around it; hazard ratios by scale."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, log

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from palmira.estimates import Estimate, log_se, two_sided_p
from palmira.figures.forest import ForestRow, forest
from palmira.readings import p_text, reading
from palmira.record import Record
from palmira.schedule import DAYS_PER_MONTH
from palmira.show.exhibits import Picture
from palmira.show.style import ARM_COLORS, INK, MUTED, RULE, canvas, spell
from palmira.twin.curves import arms_of, below, of_arm, survival_at
from palmira.twin.spread import Spread
from palmira.twin.verify_survival import Curve

MONTHS = list(range(0, 25, 3))
# At these months the words compare the two kinds of uncertainty.
LANDMARKS, LATE_LANDMARKS = (6, 9, 12), (12, 24)
ROWS = {"at_risk": "At risk", "events": "Events", "censored": "Censored"}
TWINS = {"full": "Conditional twin", "neutral": "Neutral twin"}
STYLES = ("-", (0, (5, 1.2)))
# Evidence class of a reading; what a twin gives is synthetic.
EVIDENCE = {
    "printed": "published", "neutral": "derived", "conditional": "conditional",
    "synthetic": "synthetic",
}  # fmt: skip


def progression_free(
    patients: pd.DataFrame, record: Record, spread: Spread, scale: str
) -> Picture:  # fmt: skip
    """Kaplan-Meier curves of a twin with both bands, and numbers at risk, events and censored.

    ``patients`` has columns arm, time (days), event. The inner band is the range over the
    ensemble's members, the outer the 95% sampling interval; neither is drawn without the other.
    """
    words = ("Free of progression and alive, %", "Months from random assignment")
    return _survival(patients, record, scale, spread, MONTHS, LANDMARKS, words)


def overall_survival(patients: pd.DataFrame, record: Record, scale: str) -> Picture:
    """Kaplan-Meier curves of overall survival of a twin with their sampling intervals, and what
    stands below. No ensemble was made of deaths, so there is no range over twins."""
    last = patients["time"].max() / DAYS_PER_MONTH
    months = list(range(0, int(last) + 6, 6))
    words = ("Alive, %", "Months from the first dose (or random assignment)")
    landmarks = tuple(m for m in LATE_LANDMARKS if m in months) or (months[-1],)
    return _survival(patients, record, scale, None, months, landmarks, words)


def _survival(
    patients: pd.DataFrame, record: Record, scale: str, spread: Spread | None, months: list[int],
    landmarks: tuple[int, ...], words: tuple[str, str],
) -> Picture:  # fmt: skip
    arms = list(arms_of(record).values())
    curves = {arm: of_arm(patients, arm) for arm in arms}
    counts = below(patients, [float(m) for m in months])
    end = 1.025 * months[-1]
    rows = []
    with canvas(6.0, nrows=2, gridspec_kw={"height_ratios": [2.8, 1.7]}) as (figure, (ax, under)):
        for arm, style in zip(arms, STYLES, strict=True):
            rows += _curve(ax, arm, curves[arm], spread, style)
            mine = patients[(patients["arm"] == arm) & ~patients["event"]]
            days = sorted(set(mine["time"]))
            ax.plot([d / DAYS_PER_MONTH for d in days], [100 * curves[arm].at(d) for d in days],
                    "|", color=ARM_COLORS[arm], ms=6, mew=0.9, zorder=4)  # fmt: skip
        _legend(ax, record, arms, spread)
        ax.set(xlim=(0, end), ylim=(0, 101), xticks=months, yticks=range(0, 101, 25))
        ax.set_ylabel(words[0])
        ax.set_xlabel(words[1])
        # In the corner that a phone shows before the picture is moved.
        ax.text(0.015, 0.025, f"{TWINS[scale]}:\ninvented patients,\nnot those of the trial",
                transform=ax.transAxes, color=MUTED, style="italic", fontsize=9)  # fmt: skip
        _beneath(under, counts, record, arms, end)
    data = pd.concat([pd.DataFrame(rows), _long(counts)], ignore_index=True)
    alt = _said(curves, counts, record, spread, scale, landmarks)
    return Picture(figure, alt, data.assign(scale=scale))


def _curve(
    ax: Axes, arm: str, curve: Curve, spread: Spread | None, style: object
) -> list[dict[str, float | str]]:
    color = ARM_COLORS[arm]
    months = curve.days / DAYS_PER_MONTH
    ax.fill_between(months, 100 * curve.lower, 100 * curve.upper, step="post", color=color,
                    alpha=0.11, lw=0)  # fmt: skip
    for limit in (curve.lower, curve.upper):
        ax.plot(months, 100 * limit, drawstyle="steps-post", color=color, lw=0.6, alpha=0.6)
    ax.plot(months, 100 * curve.survival, drawstyle="steps-post", color=color, lw=1.8, ls=style,
            zorder=3)  # fmt: skip
    steps: list[dict[str, float | str]] = [
        {"arm": arm, "what": "curve", "month": m, "percent": 100 * s, "lower": 100 * low,
         "upper": 100 * up}
        for m, s, low, up in zip(months, curve.survival, curve.lower, curve.upper, strict=True)
    ]  # fmt: skip
    return steps + (_ranges(ax, arm, spread) if spread else [])


def _ranges(ax: Axes, arm: str, spread: Spread) -> list[dict[str, float | str]]:
    """What publication leaves open of an arm's curve."""
    color, band = ARM_COLORS[arm], spread.bands[arm]
    ax.fill_between(band.months, 100 * band.low, 100 * band.high, color=color, alpha=0.4, lw=0)
    ends = [("range over twins", band.low, band.high)]
    if _searched(spread):
        ends.append(("range by directed search", band.pushed_low, band.pushed_high))
        for pushed in ends[1][1:]:
            ax.plot(band.months, 100 * pushed, ":", color=color, lw=1)
    return [
        {"arm": arm, "what": what, "month": m, "lower": 100 * low, "upper": 100 * up}
        for what, lows, ups in ends
        for m, low, up in zip(band.months, lows, ups, strict=True)
    ]


def _searched(spread: Spread) -> bool:
    """Whether curves were also driven as far as they go."""
    return any(np.isfinite(band.pushed_high).any() for band in spread.bands.values())


def _legend(ax: Axes, record: Record, arms: list[str], spread: Spread | None) -> None:
    """Names beside a line each; what the shades and dots mean, once, in words. Where the curves
    stay high the lower corner is free."""
    x, y = (0.47, 0.95) if spread else (0.03, 0.37)
    for arm, style in zip(arms, STYLES, strict=True):
        ax.plot([x, x + 0.06], [y, y], transform=ax.transAxes, color=ARM_COLORS[arm], lw=1.8,
                ls=style)  # fmt: skip
        ax.text(x + 0.075, y, record.sheet.arms[arm].label, transform=ax.transAxes, va="center",
                color=ARM_COLORS[arm], weight="bold")  # fmt: skip
        y -= 0.075
    shades = [(0.4, "range over twins, an inner bound"), (0.11, "95% sampling interval")]
    for alpha, words in shades if spread else shades[1:]:
        ax.fill_between([x, x + 0.06], y - 0.025, y + 0.025, transform=ax.transAxes, color=INK,
                        alpha=alpha, lw=0)  # fmt: skip
        ax.text(x + 0.075, y, words, transform=ax.transAxes, va="center", fontsize=9.5)
        y -= 0.07
    if spread and _searched(spread):
        ax.plot([x, x + 0.06], [y, y], ":", transform=ax.transAxes, color=INK, lw=1)
        ax.text(x + 0.075, y, "the range with directed search", transform=ax.transAxes, va="center",
                fontsize=9.5)  # fmt: skip


def _beneath(
    ax: Axes, counts: pd.DataFrame, record: Record, arms: list[str], end: float
) -> None:  # fmt: skip
    """Numbers at risk, events and censored, each below its month."""
    ax.set(xlim=(0, end), ylim=(2 * len(ROWS) + 2.1, 0))
    ax.axis("off")
    y = 0.6
    for arm in arms:
        ax.text(-0.106 * end, y, record.sheet.arms[arm].label, color=ARM_COLORS[arm], weight="bold",
                va="center", fontsize=9.5)  # fmt: skip
        for name, label in ROWS.items():
            y += 1
            ax.text(-0.039 * end, y, label, va="center", ha="right", fontsize=9)
            for line in counts[counts["arm"] == arm].itertuples():
                ax.text(line.month, y, str(getattr(line, name)), ha="center", va="center",
                        fontsize=9.5)  # fmt: skip
        y += 1.1
        ax.plot([-0.106 * end, end], [y - 0.55] * 2, color=RULE, lw=0.6, clip_on=False)


def _long(counts: pd.DataFrame) -> pd.DataFrame:
    melted = counts.melt(["arm", "month"], list(ROWS), var_name="what", value_name="count")
    return melted[["arm", "what", "month", "count"]]


def _said(
    curves: Mapping[str, Curve], counts: pd.DataFrame, record: Record, spread: Spread | None,
    scale: str, landmarks: tuple[int, ...],
) -> str:  # fmt: skip
    parts = []
    for arm, curve in curves.items():
        at = counts[(counts["arm"] == arm) & (counts["month"] == landmarks[-1])].iloc[0]
        words = []
        for month in landmarks:
            point, over = survival_at(curve, month), ""
            if spread:
                band = spread.bands[arm].at(month)
                over = f"over twins {100 * band['low']:.1f} to {100 * band['high']:.1f}, "
            sampling = f"sampling {100 * point.lower:.1f} to {100 * point.upper:.1f}"
            if not isfinite(point.lower):
                sampling = "without a sampling interval"
            words.append(f"{100 * point.value:.1f}% at {month} months ({over}{sampling})")
        median = curve.median("") / DAYS_PER_MONTH
        parts.append(
            f"{record.sheet.arms[arm].label}: median "
            f"{f'{median:.1f} months' if isfinite(median) else 'not reached'}, {spell(words)}, "
            f"{at['at_risk']} at risk at {landmarks[-1]} months"
        )
    return f"{TWINS[scale]}, invented patients. {'; '.join(parts)}."


def ratio_forest(verified: Mapping[str, pd.DataFrame], record: Record, cell: str) -> Picture:
    """A hazard ratio as printed and in its readings, each beside what a Cox model gives on the twin
    made for it, in marks of its own; on the conditional twin in both codings of the arm."""
    r = reading(record, cell)
    blocks = {
        "In print": [
            ("As printed (published)", "printed", r.estimates["printed"],
             r.p.text if r.p else "not given"),
        ],
        "Neutral": [
            ("Reading of the print (derived)", "neutral", r.estimates["neutral"],
             p_text(float(r.rows()[1]["wald_p"]))),
            ("Twin, ordinary Cox model", "synthetic", *cox_result(verified["neutral"], cell)),
        ],
        "Conditional (full scale)": [
            ("Reading of the print", "conditional", r.estimates["conditional"],
             p_text(float(r.rows()[2]["wald_p"]))),
            ("Twin, ordinary Cox model", "synthetic", *cox_result(verified["full"], cell)),
            ("Twin, orthonormal contrast", "synthetic",
             *cox_result(verified["full"], cell, "recomputed")),
        ],
    }  # fmt: skip
    rows, data = [], []
    for heading, entries in blocks.items():
        rows.append(ForestRow(heading, heading=True))
        for label, kind, e, p in entries:
            rows.append(ForestRow(label, (e.text(), p), {kind: e}))
            data.append({"evidence": EVIDENCE[kind], "group": heading, "what": label,
                         "hazard_ratio": e.value, "lower": e.lower, "upper": e.upper,
                         "p": p})  # fmt: skip
    ordinary = {s: cox_result(verified[s], cell)[0] for s in TWINS}
    wide = max(e.upper for entries in blocks.values() for _, _, e, _ in entries)
    crossing = all(e.lower < 1 < e.upper for e in ordinary.values())
    alt = (
        f"Hazard ratio, printed {r.texts['printed']}. An ordinary Cox model gives "
        f"{ordinary['neutral'].text()} on the neutral twin and {ordinary['full'].text()} on the "
        f"conditional one, whose orthonormal contrast prints "
        f"{cox_result(verified['full'], cell, 'recomputed')[0].text()}. "
        f"{'Both ordinary intervals contain' if crossing else 'Not both ordinary intervals hold'} "
        "1."
    )
    return forest(
        rows, headers=("HR (95% CI)", "P"), column_x=(0.325, 0.535),
        ticks=(0.5, 0.7, 1, 1.5) if wide <= 1.5 else (0.5, 1, 2), share=0.38, row_height=0.32,
        alt=alt, data=pd.DataFrame(data),
    )  # fmt: skip


def cox_result(
    rows: pd.DataFrame, cell: str, column: str = "ordinary"
) -> tuple[Estimate, str]:  # fmt: skip
    """Hazard ratio and P value (Wald) that a Cox model gives at a cell, from the verified ``rows``
    of a twin; ``column`` "ordinary" or "recomputed" (the coding that prints it)."""
    by_id = rows.set_index("id")
    value, lower, upper = (
        float(by_id.loc[f"{cell}.{part}", column]) for part in ("estimate", "lower", "upper")
    )
    p, wald = f"{cell}.p", two_sided_p(log(value) / log_se(lower, upper))
    return Estimate(value, lower, upper), p_text(
        float(by_id.loc[p, "recomputed"]) if p in by_id.index else wald
    )
