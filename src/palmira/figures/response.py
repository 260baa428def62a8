"""Response rates, the odds ratio for clinical benefit, and survival medians."""

from __future__ import annotations

import pandas as pd

from palmira.exhibits import Picture
from palmira.figures.efficacy import MARKERS
from palmira.figures.forest import ForestRow, forest
from palmira.figures.style import ARM_COLORS, MUTED, canvas, spell
from palmira.readings import p_text, printed_estimate, printed_text
from palmira.record import Record
from palmira.response import ARMS, odds_ratio_readings, response_rates


def response_picture(record: Record) -> Picture:
    """Objective response and clinical benefit by arm with exact intervals."""
    rates = response_rates(record)
    with canvas(4.2) as (figure, ax):
        places = [1.5 * (i // 2) + 0.42 * (i % 2) for i in range(len(rates))]
        for y, rate in zip(places, rates, strict=True):
            e, color = rate.exact, ARM_COLORS[rate.arm]
            ax.plot([e.lower, e.upper], [y, y], color=color, lw=2)
            ax.plot(e.value, y, marker=MARKERS[rate.arm], color=color, ms=8)
            text = f"{rate.count} of {rate.n}, {e.value:.1f}% ({e.text(1).split(' (')[1]}"
            ax.text(e.upper + 1.2, y, text, va="center", color=color, fontsize=9.5)
        for y, rate in zip(places[::2], rates[::2], strict=True):
            ax.text(0, y - 0.42, rate.outcome, va="center", weight="bold", fontsize=10)
        ax.set_yticks(places, [record.sheet.arms[r.arm].label for r in rates])
        ax.set(ylim=(places[-1] + 0.4, -0.7), xlim=(-1, 90), xticks=range(0, 81, 20))
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("Patients, % (95% Clopper-Pearson interval)")
    words = [
        f"{a.outcome.lower()} {a.count} of {a.n} ({a.exact.value:.1f}%) against {b.count} of "
        f"{b.n} ({b.exact.value:.1f}%)"
        for a, b in zip(rates[::2], rates[1::2], strict=True)
    ]
    overlap = all(
        a.exact.lower < b.exact.upper and b.exact.lower < a.exact.upper
        for a, b in zip(rates[::2], rates[1::2], strict=True)
    )
    alt = f"Palbociclib + ET against ET alone: {spell(words)}." + (
        " The arms' exact intervals overlap in each." if overlap else ""
    )
    data = pd.DataFrame(
        [
            {"outcome": r.outcome, "arm": r.arm, "count": r.count, "n": r.n,
             "percent": r.exact.value, "lower": r.exact.lower, "upper": r.exact.upper}
            for r in rates
        ]
    )  # fmt: skip
    return Picture(figure, alt, data)


def odds_ratio_forest(record: Record) -> Picture:
    """The odds ratio for clinical benefit, ET alone to palbociclib + ET, read in four ways."""
    readings = odds_ratio_readings(record)
    rows = [
        ForestRow(r.label, (r.text, f"{r.se:.3f}", p_text(r.p)), {name: r.estimate})
        for name, r in readings.items()
    ]
    words = [
        f"{r.label.split(' (')[0].lower()} {r.text}, standard error {r.se:.2f}"
        for r in readings.values()
    ]
    alt = f"Odds ratio for clinical benefit, control to experimental arm: {'; '.join(words)}."
    data = pd.DataFrame(
        [
            {"reading": name, "odds_ratio": r.estimate.value, "lower": r.estimate.lower,
             "upper": r.estimate.upper, "se_log": r.se, "wald_p": r.p}
            for name, r in readings.items()
        ]
    )  # fmt: skip
    return forest(
        rows, headers=("OR (95% CI)", "SE", "Wald P"), column_x=(0.275, 0.48, 0.55),
        ticks=(0.25, 0.5, 1, 2, 4), axis="Odds ratio (log scale)",
        sides=("more with palbociclib", "more with ET"), share=0.37,
        row_height=0.36, alt=alt, data=data,
    )  # fmt: skip


def survival_medians(record: Record) -> Picture:
    """Median overall survival by arm with its interval, beside the median follow-up."""
    medians, rows, words = [], [], []
    follow_up = record["results.follow_up.total.median"].value
    with canvas(2.1) as (figure, ax):
        for y, arm in enumerate(ARMS):
            cell = f"results.os.median.{arm}"
            e, color = printed_estimate(record, cell), ARM_COLORS[arm]
            ax.plot([e.lower, e.upper], [y, y], color=color, lw=2)
            ax.plot(e.value, y, marker=MARKERS[arm], color=color, ms=8)
            ax.text(e.value, y - 0.16, f"{printed_text(record, cell)}", ha="center", va="bottom",
                    color=color, fontsize=9.5)  # fmt: skip
            label = record.sheet.arms[arm].label
            words.append(f"{label} {printed_text(record, cell)}")
            medians.append(e.value)
            rows.append({"quantity": "median OS, months", "arm": arm, "estimate": e.value,
                         "lower": e.lower, "upper": e.upper})  # fmt: skip
        ax.axvline(follow_up, color=MUTED, ls="--", lw=1)
        ax.text(follow_up - 0.4, 0.5, f"median follow-up\n{follow_up:g} months", color=MUTED,
                fontsize=9, va="center", ha="right")  # fmt: skip
        ax.set_yticks([0, 1], [record.sheet.arms[a].label for a in ARMS])
        ax.set(ylim=(1.4, -0.6), xlim=(0, 42))
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("Months")
    beyond = min(medians) > follow_up
    alt = (
        f"Median overall survival in months: {spell(words)}."
        f"{' Both medians lie beyond' if beyond else ' Not both medians lie beyond'} the median "
        f"follow-up of {follow_up:g} months."
    )
    rows.append({"quantity": "median follow-up, months", "arm": "total", "estimate": follow_up})
    return Picture(figure, alt, pd.DataFrame(rows))
