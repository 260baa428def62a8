"""Progression-free survival without a curve; the standard error of its hazard ratio."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from palmira.entries import Entry
from palmira.estimates import Estimate
from palmira.figures.forest import ForestRow, forest
from palmira.readings import NAMES, Reading, p_text, printed_estimate, printed_text, reading
from palmira.record import Record
from palmira.show.exhibits import Picture
from palmira.show.style import ARM_COLORS, INK, MUTED, READING_COLORS, RULE, canvas, spell

MARKERS = {"palbociclib": "s", "et": "o"}
ARMS = tuple(MARKERS)
SE_KINDS = {"model": "Cox model", "peto": "Peto (log-rank)", "robust": "Robust (sandwich)"}


def arms_without_curve(record: Record) -> Picture:
    """Medians and landmark rates of PFS with their intervals, each where the paper prints it."""
    rows = []
    with canvas(3.8) as (figure, ax):
        for arm, side in (("palbociclib", 1), ("et", -1)):
            for month in (6, 12):
                e = printed_estimate(record, f"results.pfs.rate_{month}.{arm}")
                _rate(ax, month + 0.25 * side, e, arm)
                rows.append(_arm_row(arm, "landmark rate, percent", month, e))
            e = printed_estimate(record, f"results.pfs.median.{arm}")
            y = 50 + 1.3 * side
            ax.plot([e.lower, e.upper], [y, y], color=ARM_COLORS[arm], lw=2)
            ax.plot(e.value, y, marker=MARKERS[arm], color=ARM_COLORS[arm], ms=8)
            rows.append(_arm_row(arm, "median, months", 50, e))
            events, n = (_arm(record, row, arm) for row in ("pfs.events", "randomized"))
            label = (
                f"{record.sheet.arms[arm].label}\n{events.text} events among {n.text} patients\n"
                f"median {printed_text(record, f'results.pfs.median.{arm}')} months"
            )
            ax.annotate(
                label, (e.value, y), (6.9, 63) if side > 0 else (0.25, 15), va="center",
                fontsize=9.5, color=ARM_COLORS[arm],
                arrowprops={"arrowstyle": "-", "color": ARM_COLORS[arm], "lw": 0.8},
            )  # fmt: skip
        ax.axhline(50, color=RULE, lw=0.8, zorder=0)
        ax.text(0.1, 51, "half of the patients", fontsize=9, color=MUTED, va="bottom")
        ax.set(xlim=(0, 14.5), ylim=(0, 75), xticks=range(0, 15, 3), yticks=range(0, 76, 25))
        ax.set_xlabel("Months from random assignment")
        ax.set_ylabel("Free of progression and alive, %")
    data = pd.DataFrame(rows)
    said = [
        f"{what} {' against '.join(f'{_value(data, arm, at):.1f}' for arm in ARMS)}{unit}"
        for what, at, unit in (
            ("median", 50, " months"), ("free of progression at 6 months", 6, "%"),
            ("at 12 months", 12, "%"),
        )
    ]  # fmt: skip
    gaps = [_value(data, ARMS[0], month) - _value(data, ARMS[1], month) for month in (6, 12)]
    first, second = ("6", "12") if abs(gaps[0]) > abs(gaps[1]) else ("12", "6")
    alt = (
        f"Palbociclib + ET against ET alone: {spell(said)}. The arms lie further apart at {first} "
        f"months than at {second} months. No curve connects the points."
    )
    return Picture(figure, alt, data)


def _rate(ax: Axes, x: float, e: Estimate, arm: str) -> None:
    ax.plot([x, x], [e.lower, e.upper], color=ARM_COLORS[arm], lw=2)
    ax.plot(x, e.value, marker=MARKERS[arm], color=ARM_COLORS[arm], ms=8)
    left = arm == "et"
    ax.text(x + (-0.2 if left else 0.2), e.value, f"{e.value:.1f}%", va="center",
            ha="right" if left else "left", color=ARM_COLORS[arm])  # fmt: skip


def _arm(record: Record, row: str, arm: str) -> Entry:
    return record[f"results.{row}.{arm}.count"]


def _arm_row(arm: str, quantity: str, at: float, e: Estimate) -> dict[str, str | float]:
    return {"arm": arm, "quantity": quantity, "at_month_or_percent": at, "estimate": e.value,
            "lower": e.lower, "upper": e.upper, "level": e.level}  # fmt: skip


def _value(data: pd.DataFrame, arm: str, at: float) -> float:
    return float(data.query("arm == @arm and at_month_or_percent == @at")["estimate"].iloc[0])


def reading_rows(r: Reading) -> list[ForestRow]:
    """A forest row for each of the three readings, with its standard error and Wald P value."""
    return [
        ForestRow(
            NAMES[str(row["reading"])],
            (r.texts[str(row["reading"])], f"{row['se_log']:.3f}",
             p_text(float(row["wald_p"]))),
            {str(row["reading"]): r.estimates[str(row["reading"])]},
        )
        for row in r.rows()
    ]  # fmt: skip


def three_ways_forest(record: Record, cell: str, outcome: str) -> Picture:
    """The hazard ratio at ``cell`` as printed, neutral and on the full scale."""
    r = reading(record, cell)
    words = [f"{NAMES[k].split(' (')[0].lower()} {text}" for k, text in r.texts.items()]
    cross = all(e.lower < 1 < e.upper for e in r.estimates.values())
    alt = (
        f"Hazard ratio for {outcome}, {r.events_text}: {spell(words)}. "
        f"{'All three intervals contain' if cross else 'Not every interval contains'} 1; the "
        f"printed standard error is {r.ways.se_ratio:.2f} times the least one."
    )
    data = pd.DataFrame(r.rows()).assign(events=r.events_text)
    return forest(
        reading_rows(r), headers=("HR (95% CI)", "SE", "Wald P"), column_x=(0.275, 0.48, 0.55),
        ticks=(0.5, 0.7, 1, 1.5, 2), share=0.37, row_height=0.36, alt=alt, data=data,
    )  # fmt: skip


def looks_forest(record: Record, looks: dict[str, str]) -> Picture:
    """Hazard ratios of several analyses, each three ways; ``looks``: label to cell."""
    rows, frames, words = [], [], []
    for label, cell in looks.items():
        r = reading(record, cell)
        rows += [ForestRow(f"{label}: {r.events_text}", heading=True), *reading_rows(r)]
        frames.append(pd.DataFrame(r.rows()).assign(analysis=label, events=r.events_text))
        words.append(
            f"{label} ({r.events_text}) {r.texts['printed']} printed, {r.texts['neutral']} "
            f"neutral, {r.texts['conditional']} on the full scale"
        )
    return forest(
        rows, headers=("HR (95% CI)", "SE", "Wald P"), column_x=(0.275, 0.48, 0.55),
        ticks=(0.4, 0.6, 1, 1.5, 2), share=0.37,
        alt=f"{'; '.join(words)}.", data=pd.concat(frames, ignore_index=True),
    )  # fmt: skip


def public_data(fits: pd.DataFrame, record: Record, cell: str) -> Picture:
    """Standard error over its bound in public data sets, and the printed one of a hazard ratio."""
    r = reading(record, cell)
    printed, most = r.ways.se_ratio, r.largest_ratio
    with canvas(0.29 * len(fits) + 1.6) as (figure, ax):
        y = range(len(fits))
        ax.plot(fits["ratio"], y, "o", color=INK, ms=7)
        for i, (ratio, a, b) in enumerate(
            fits[["ratio", "events", "reference_events"]].itertuples(index=False)
        ):
            ax.text(ratio + 0.012, i, f"{ratio:.3f}  ({a} and {b} events)", va="center", fontsize=9)
        last = len(fits)
        _printed_mark(ax, printed, most, last, f"{printed:.3f}, at most {most:.3f}")
        ax.set_yticks([*y, last], [*fits["model"], f"{record.trial}, printed"])
        ax.get_yticklabels()[-1].set_color(READING_COLORS["conditional"])
        _bound_axis(ax, last)
        ax.set_xlim(0.68, max(1.3, fits["ratio"].max() + 0.2))
    alt = (
        f"In {len(fits)} Cox models on public patient-level data the standard error is "
        f"{fits['ratio'].min():.4f} to {fits['ratio'].max():.3f} times the least one, never below "
        f"1. The printed interval of {record.trial} implies {printed:.3f} times the least, "
        f"{most:.3f} at the widest rounding."
    )
    own = pd.DataFrame([{"model": f"{record.trial}, printed", "events": r.events[0],
                         "reference_events": r.events[-1], "se": r.ways.printed_se,
                         "least_se": r.ways.smallest_se, "ratio": printed,
                         "ratio_at_widest_rounding": most}])  # fmt: skip
    return Picture(figure, alt, pd.concat([fits, own], ignore_index=True))


def _printed_mark(ax: Axes, printed: float, most: float, y: float, label: str) -> None:
    color = READING_COLORS["conditional"]
    ax.plot([printed, most], [y, y], color=color, lw=3, solid_capstyle="butt")
    ax.plot(printed, y, "s", color=color, ms=7)
    ax.text(most + 0.012, y, label, va="center", fontsize=9, color=color)


def _bound_axis(ax: Axes, last: float) -> None:
    ax.axvline(1, color=MUTED, lw=1.2, ls="--", zorder=0)
    ax.set_ylim(last + 0.6, -0.9)
    ax.text(1, -0.75, "least possible  ", ha="right", va="center", fontsize=9, color=MUTED)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("Standard error divided by the least one that the events allow")


def simulated_errors(errors: pd.DataFrame, record: Record, cell: str) -> Picture:
    """Ranges of three kinds of standard error over the bound, and the printed one of a ratio."""
    r = reading(record, cell)
    data = pd.DataFrame(
        [
            {"kind": kind, **errors[f"{kind}_ratio"].quantile([0, 0.01, 0.5, 0.99, 1]).to_dict()}
            for kind in SE_KINDS
        ]
    ).rename(columns={0.0: "minimum", 0.01: "p1", 0.5: "median", 0.99: "p99", 1.0: "maximum"})
    with canvas(2.75) as (figure, ax):
        for y, row in enumerate(data.itertuples()):
            ax.plot([row.minimum, row.maximum], [y, y], color=INK, lw=1)
            ax.plot([row.p1, row.p99], [y, y], color=ARM_COLORS["palbociclib"], lw=6,
                    solid_capstyle="butt")  # fmt: skip
            ax.plot(row.median, y, "|", color="white", ms=7, mew=2)
            ax.text(row.minimum - 0.008, y, f"{row.minimum:.3f}", ha="right", va="center",
                    fontsize=9)  # fmt: skip
        ratios = (r.ways.se_ratio, r.largest_ratio)
        _printed_mark(ax, *ratios, len(data), f"{ratios[0]:.3f}, at most {ratios[1]:.3f}")
        ax.set_yticks(range(len(data) + 1), [*SE_KINDS.values(), f"{record.trial}, printed"])
        ax.get_yticklabels()[-1].set_color(READING_COLORS["conditional"])
        _bound_axis(ax, len(data))
        ax.set_xlim(0.68, data["maximum"].max() + 0.03)
    least = [f"{SE_KINDS[x.kind]} {x.minimum:.3f}" for x in data.itertuples()]
    alt = (
        f"Least ratio of standard error to bound in {len(errors)} simulated trials: "
        f"{spell(least)}. The printed {ratios[0]:.3f} ({ratios[1]:.3f} at the widest rounding) "
        f"lies {'below' if ratios[1] < data['minimum'].min() else 'within the range of'} them all."
    )
    return Picture(figure, alt, data.assign(trials=len(errors)))
