"""Response rates, the odds ratio for clinical benefit, and survival medians."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from palmira.figures.analyses import ORDER
from palmira.figures.forest import ForestRow, forest
from palmira.figures.twin import TWINS
from palmira.readings import p_text, printed_estimate, printed_text
from palmira.record import Record
from palmira.response import ARMS, odds_ratio_readings, response_rates
from palmira.schedule import DAYS_PER_MONTH
from palmira.show.exhibits import Picture
from palmira.show.style import ARM_COLORS, INK, MUTED, canvas, spell
from palmira.twin.analysis_set import ROLES

MARKERS = {"palbociclib": "s", "et": "o"}


def response_picture(record: Record) -> Picture:
    """Objective response and clinical benefit by arm with exact intervals."""
    rates = response_rates(record)
    with canvas(3.8) as (figure, ax):
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
        sides=("more with palbociclib + ET", "more with ET alone"), share=0.37,
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


def swimmers(frames: Mapping[str, Mapping[str, pd.DataFrame]], record: Record) -> Picture:
    """Time on treatment, response and end of some invented patients of both twins: of each arm
    every responder and those who were longest on treatment. How long is our invention."""
    lanes = {scale: swimmer_lanes(frames[scale], record) for scale in ORDER}
    tall = max(len(x) for x in lanes.values())
    words = []
    with canvas(0.19 * tall + 1.7, tight=False, ncols=2, sharex=True) as (figure, axes):
        for scale, ax in zip(ORDER, axes, strict=True):
            for y, lane in enumerate(lanes[scale].itertuples()):
                _lane(ax, y, lane)
            ax.set(ylim=(tall - 0.4, -0.8), yticks=[], xlabel="Months from the first dose")
            ax.spines["left"].set_visible(False)
            ax.set_title(f"{TWINS[scale]}: invented", fontsize=10, loc="left", weight="bold")
            going, found = lanes[scale]["ongoing"].sum(), lanes[scale]["response"].notna().sum()
            words.append(
                f"{TWINS[scale].lower()} {len(lanes[scale])} patients, {found} with a response, "
                f"{going} still on treatment"
            )
        axes[0].set_xlim(0, 1.04 * max(x["treated"].max() for x in lanes.values()))
        handles = [
            Line2D([], [], color=ARM_COLORS[arm], lw=5, alpha=0.45,
                   label=record.sheet.arms[arm].label) for arm in ARMS
        ]  # fmt: skip
        handles += [Line2D([], [], color=INK, ls=ls, marker=m, ms=5, lw=2.4, label=words)
                    for ls, m, words in (("-", "", "in response"), ("", "x", "progression, death"),
                                         ("", ">", "treatment goes on"))]  # fmt: skip
        figure.legend(handles=handles, loc="upper center", ncols=5, frameon=False, fontsize=9,
                      columnspacing=1.0, handletextpad=0.5, borderaxespad=0.2)  # fmt: skip
        figure.tight_layout(rect=(0, 0.05, 1, 0.94))
    alt = f"Swimmer plot, durations made up: {'; '.join(words)}."
    data = pd.concat([x.assign(twin=scale) for scale, x in lanes.items()], ignore_index=True)
    return Picture(figure, alt, data)


def _lane(ax: Axes, y: int, lane: Any) -> None:
    ax.barh(y, lane.treated, height=0.62, color=ARM_COLORS[lane.arm], alpha=0.45, lw=0)
    if lane.response == lane.response:
        ax.plot([lane.response, lane.response_end], [y, y], color=INK, lw=2.4,
                solid_capstyle="butt")  # fmt: skip
    if lane.progressed:
        ax.plot(lane.pfs, y, "x", color=INK, ms=5, mew=1.4)
    if lane.ongoing:
        ax.plot(lane.treated, y, ">", color=INK, ms=5)


def swimmer_lanes(
    frames: Mapping[str, pd.DataFrame], record: Record, longest: int = 8
) -> pd.DataFrame:
    """One line a patient, arm by arm and the longest first, times in months: USUBJID, arm,
    treated, ongoing, response, response_end (NaN without a response), pfs, progressed."""
    lines = frames["adtte"]
    by_code = {code: mine.set_index("USUBJID") for code, mine in lines.groupby("PARAMCD")}
    treated, pfs = by_code["TRTDUR"], by_code["PFS"]
    months = {code: mine["AVAL"] / DAYS_PER_MONTH for code, mine in by_code.items()}
    keys = {ROLES[str(a.role)]: k for k, a in record.sheet.arms.items() if a.role in ROLES}
    nobody = pd.Series(dtype=float)
    start = months.get("TTR", nobody).reindex(treated.index)
    length = months.get("DOR", nobody).reindex(treated.index)
    table = pd.DataFrame(
        {
            "arm": treated["TRT01PN"].map(keys), "treated": months["TRTDUR"],
            "ongoing": treated["CNSR"] == 1, "response": start, "response_end": start + length,
            "pfs": months["PFS"].reindex(treated.index),
            "progressed": (pfs["CNSR"] == 0).reindex(treated.index),
        }
    )  # fmt: skip
    table = table.sort_values("treated", ascending=False, kind="stable")
    others = table[table["response"].isna()].groupby("arm", sort=False).head(longest)
    shown = table[table["response"].notna() | table.index.isin(others.index)]
    order = {key: i for i, key in enumerate(keys.values())}
    return shown.sort_values("arm", key=lambda a: a.map(order), kind="stable").reset_index()
