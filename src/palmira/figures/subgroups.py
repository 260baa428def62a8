"""Figures of the subgroups: forest, standard errors, interaction, and what chance does."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import pandas as pd

from palmira.estimates import Estimate
from palmira.figures.forest import ForestRow, forest
from palmira.figures.twin import cox_result
from palmira.record import Record
from palmira.show.exhibits import Picture
from palmira.show.style import INK, MUTED, READING_COLORS, RULE, canvas, spell
from palmira.subgroups import (
    FEW_EVENTS,
    READINGS,
    Chance,
    Interaction,
    Subgroup,
    by_factor,
    interactions,
    subgroups,
    two_arms,
)

READING_NAMES = {
    "printed": "printed", "neutral": "neutral (derived)",
    "conditional": "full scale (conditional)",
}  # fmt: skip


def subgroup_forest(record: Record) -> Picture:
    """Hazard ratios of all lines of the printed subgroup figure in three readings, by factor."""
    lines = subgroups(record)
    arms = [record.sheet.arms[a].label for a in two_arms(record)]
    rows = [_row(line, line.label) for line in lines if line.factor is None]
    for factor, levels in by_factor(lines).items():
        rows.append(ForestRow(factor, heading=True))
        rows += [_row(line, f"   {line.label}{' *' if line.few else ''}") for line in levels]
    data = pd.DataFrame(
        [
            {
                "factor": line.factor, "level": line.label, "reading": name,
                "hazard_ratio": e.value, "lower": e.lower, "upper": e.upper,
                "interval_percent": e.level, "se_log": line.errors[name],
                "events_experimental": line.events[0], "n_experimental": line.n[0],
                "events_control": line.events[1], "n_control": line.n[1],
                "fewer_than_ten_events_in_an_arm": line.few,
            }
            for line in lines for name, e in line.readings.items()
        ]
    )  # fmt: skip
    return forest(
        rows, headers=tuple(f"{a.replace(' + ', chr(10) + '+ ')}\nevents / n" for a in arms),
        column_x=(0.265, 0.395), ticks=(0.25, 0.5, 1, 2, 3), share=0.5, row_height=0.36,
        sides=(f"favors {_lower(arms[0])}", f"favors {_lower(arms[1])}"),
        reading_names=READING_NAMES, alt=_forest_alt(lines), data=data,
    )  # fmt: skip


def _row(line: Subgroup, label: str) -> ForestRow:
    columns = tuple(f"{d} / {n}" for d, n in zip(line.events, line.n, strict=True))
    return ForestRow(label, columns, line.readings, summary=line.factor is None)


def twin_forest(record: Record, verified: Mapping[str, pd.DataFrame]) -> Picture:
    """The same lines as Cox models of the two twins give them, beside the printed ones.

    ``verified`` holds the checked rows of each twin by scale ("neutral", "full").
    """
    lines, rows, data = subgroups(record), [], []
    factor = None
    for line in lines:
        cell = _checked(f"figure3.{line.row}.hazard_ratio", record, verified["neutral"])
        shown = {"printed": line.ways.printed} | {
            name: cox_result(verified[scale], cell)[0]
            for name, scale in (("neutral", "neutral"), ("conditional", "full"))
        }
        if line.factor not in (None, factor):
            factor = line.factor
            rows.append(ForestRow(str(factor), heading=True))
        label = f"   {line.label}{' *' if line.few else ''}" if line.factor else line.label
        texts = tuple(shown[k].text() for k in ("neutral", "conditional"))
        rows.append(ForestRow(label, texts, shown, summary=line.factor is None))
        data += [
            {"evidence": "published" if k == "printed" else "synthetic", "factor": line.factor,
             "level": line.label, "which": k, "hazard_ratio": e.value, "lower": e.lower,
             "upper": e.upper}
            for k, e in shown.items()
        ]  # fmt: skip
    frame = pd.DataFrame(data)
    out = frame[(frame["upper"] < 1) | (frame["lower"] > 1)].groupby("which", sort=False).size()
    words = [f"{k} {out.get(k, 0)}" for k in READINGS]
    alt = (
        f"{len(lines)} hazard ratios in print and from Cox models of the invented patients of both "
        f"twins. Intervals that exclude 1: {spell(words)}."
    )
    return forest(
        rows, headers=("Neutral twin", "Conditional twin"), column_x=(0.22, 0.4),
        ticks=(0.25, 0.5, 1, 2, 3), share=0.415, row_height=0.36,
        reading_names={"printed": "printed", "neutral": "neutral twin",
                       "conditional": "conditional twin"}, alt=alt, data=frame,
    )  # fmt: skip


def _checked(cell: str, record: Record, rows: pd.DataFrame) -> str:
    """The cell under which a twin is held against a hazard ratio that is printed twice."""
    same = [cell, *record[f"{cell}.estimate"].same_as]
    return next(c for c in same if (rows["id"] == f"{c}.estimate").any() and "ratio" in c)


def _lower(label: str) -> str:
    """An arm's label inside a sentence; abbreviations keep their capitals."""
    return label if label[:2].isupper() else label[0].lower() + label[1:]


def excludes_one(estimate: Estimate) -> bool:
    """Whether an interval of a ratio leaves out 1."""
    return estimate.upper < 1 or estimate.lower > 1


def _forest_alt(lines: list[Subgroup]) -> str:
    levels = [line for line in lines if line.factor is not None]
    low, high = (f(levels, key=lambda x: x.ways.printed.value) for f in (min, max))
    parts = []
    for name in READINGS:
        hits = [x for x in levels if excludes_one(x.readings[name])]
        names = spell([f"{x.name} {x.readings[name].text()}" for x in hits]) if hits else "none"
        parts.append(f"{'full scale' if name == 'conditional' else name}: {names}")
    return (
        f"The {len(levels)} printed subgroup hazard ratios run from {low.ways.printed.value:.2f} "
        f"({low.name}) to {high.ways.printed.value:.2f} ({high.name}). Intervals that exclude 1 by "
        f"reading: {'; '.join(parts)}. The neutral interval is wider than the printed one in "
        f"{sum(x.ways.se_ratio < 1 for x in lines)} of {len(lines)} rows."
    )


def standard_error_ratios(record: Record) -> Picture:
    """Printed standard error over the least possible one, with the rounding range, by line."""
    lines = subgroups(record)
    data = pd.DataFrame(
        [
            {
                "factor": line.factor, "level": line.label, "printed_se": line.errors["printed"],
                "least_se": line.errors["neutral"], "ratio": line.ways.se_ratio,
                "ratio_low": line.se_ratio_range[0], "ratio_high": line.se_ratio_range[1],
                "fewer_than_ten_events_in_an_arm": line.few,
            }
            for line in lines
        ]
    )  # fmt: skip
    height = 0.27 * len(lines) + 1.3
    with canvas(height) as (figure, ax):
        for y, line in enumerate(lines):
            low, high = line.se_ratio_range
            ax.plot([low, high], [y, y], color=INK, lw=2.2, solid_capstyle="butt")
            ax.plot(line.ways.se_ratio, y, "o", color=INK, ms=6, mfc="white" if line.few else INK)
            ax.text(high + 0.012, y, f"{line.ways.se_ratio:.2f} ({low:.2f} to {high:.2f})",
                    va="center", fontsize=9)  # fmt: skip
        ax.set_yticks(range(len(lines)), [f"{x.name}{' *' if x.few else ''}" for x in lines])
        ax.tick_params(axis="y", length=0)
        ax.axvline(1, color=READING_COLORS["neutral"], lw=1.8)
        ax.axvline(1 / sqrt(2), color=READING_COLORS["conditional"], lw=1.2, ls="--", zorder=0)
        ax.set_ylim(len(lines) - 0.4, -1.5)
        # Room for the printed values, and for a row above 1 if a record has one.
        ax.set_xlim(
            min(0.6, *(line.se_ratio_range[0] - 0.02 for line in lines)),
            max(1.04, *(line.se_ratio_range[1] + 0.22 for line in lines)),
        )
        ax.text(0.992, -1.05, "least SE that a Cox model can give", ha="right", va="center",
                fontsize=9, color=READING_COLORS["neutral"])  # fmt: skip
        ax.text(1 / sqrt(2) - 0.006, -1.05, "1/√2", ha="right", va="center", fontsize=9,
                color=READING_COLORS["conditional"])  # fmt: skip
        ax.set_xlabel("Printed SE / least SE")
    below = sum(line.se_ratio_range[1] < 1 for line in lines)
    low, high = (f(line.ways.se_ratio for line in lines) for f in (min, max))
    most = max(lines, key=lambda x: x.se_ratio_range[1])
    alt = (
        f"In {below} of {len(lines)} rows the printed standard error is smaller than the least one "
        f"that the row's events allow, whatever the rounding: the ratio runs from {low:.2f} to "
        f"{high:.2f}, and rounding lifts it to {most.se_ratio_range[1]:.2f} at most ({most.name})."
    )
    return Picture(figure, alt, data)


def interaction_ratios(record: Record) -> Picture:
    """Ratio of the hazard ratios of each factor's two levels, in three readings."""
    tests = interactions(subgroups(record))
    rows = [ForestRow(t.factor, (_versus(t),), t.ratios) for t in tests]
    data = pd.DataFrame(
        [
            {
                "factor": t.factor, "first_level": t.levels[0].label,
                "second_level": t.levels[1].label, "reading": name,
                "ratio_of_hazard_ratios": r.value, "lower": r.lower, "upper": r.upper,
                "interval_percent": r.level, "z": t.z[name], "p": t.p[name],
            }
            for t in tests for name, r in t.ratios.items()
        ]
    )  # fmt: skip
    inside = sum(not excludes_one(r) for t in tests for r in t.ratios.values())
    far = max(tests, key=lambda t: abs(t.z["printed"]))
    alt = (
        f"{inside} of {3 * len(tests)} intervals for the ratio of two subgroups' hazard ratios "
        f"include 1. The one furthest from 1 for its precision is {far.factor}, {_versus(far)}: "
        f"printed {far.ratios['printed'].text()}, neutral {far.ratios['neutral'].text()}, "
        f"full scale {far.ratios['conditional'].text()}."
    )
    return forest(
        rows, headers=("First level v second",), column_x=(0.315,), ticks=(0.25, 0.5, 1, 2, 4),
        axis="Ratio of hazard ratios (log scale)", share=0.365, row_height=0.37,
        sides=("lower in first", "lower in second"), reading_names=READING_NAMES, alt=alt,
        data=data,
    )  # fmt: skip


def _versus(test: Interaction) -> str:
    return f"{test.levels[0].label} v {test.levels[1].label}"


def chance_counts(results: dict[str, Chance], levels: int) -> Picture:
    """Number of subgroup intervals (of ``levels``) that exclude 1 when no subgroup differs.

    ``results`` are simulations by the words that name the common hazard ratio, at most four.
    """
    data = pd.DataFrame(
        [
            {"assumption": words, "common_hazard_ratio": c.hazard_ratio,
             "intervals_excluding_1": k, "share_of_trials": share, "trials": len(c.excluding)}
            for words, c in results.items() for k, share in enumerate(c.shares(levels))
        ]
    )  # fmt: skip
    top = max(c.shares(levels).max() for c in results.values())
    with canvas(3.6, nrows=2, ncols=2, sharex=True, sharey=True) as (figure, axes):
        for ax, (words, c) in zip(axes.flat, results.items(), strict=False):
            shares = 100 * c.shares(levels)
            colors = [RULE, *[READING_COLORS["neutral"]] * levels]
            ax.bar(range(levels + 1), shares, color=colors, width=0.8)
            ax.text(0.98, 0.97, f"{words}\nmean {c.excluding.mean():.1f}; at least one in "
                    f"{100 * (c.excluding > 0).mean():.0f}%", transform=ax.transAxes, ha="right",
                    va="top", fontsize=9.5, linespacing=1.35)  # fmt: skip
            ax.set_ylim(0, 108 * top)
            ax.set_xticks(range(0, levels + 1, 2))
        for ax in axes.flat[len(results) :]:
            ax.set_visible(False)
        for ax in axes[:, 0]:
            ax.set_ylabel("Trials (%)", color=MUTED)
        for ax in axes[1]:
            ax.set_xlabel(f"Intervals, of {levels}, that exclude 1")
    parts = [
        f"{words}: {c.excluding.mean():.1f} on average, at least one in "
        f"{100 * (c.excluding > 0).mean():.0f}% of trials"
        for words, c in results.items()
    ]
    alt = (
        f"Of {levels} subgroup 95% intervals, this many exclude 1 although no subgroup differs "
        f"from another. {'; '.join(parts)}."
    )
    return Picture(figure, alt, data)


def few_events_note(record: Record) -> str:
    """What the asterisk stands for, with the rows it marks."""
    few = [x.label for x in subgroups(record) if x.few]
    return f"* Fewer than {FEW_EVENTS} events in an arm: {spell(few)}." if few else ""
