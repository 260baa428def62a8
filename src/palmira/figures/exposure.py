"""The time to the first severe adverse event, on the synthetic patients."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from palmira.exposure import cumulative_incidence, first_events, still_observed
from palmira.figures.twin import TWINS
from palmira.record import Record
from palmira.safety import arms
from palmira.schedule import DAYS_PER_MONTH
from palmira.show.exhibits import Picture
from palmira.show.style import ARM_COLORS, MUTED, canvas

ROLES = ("experimental", "control")
MONTHS = [0, 3, 6, 9, 12, 15]
BELOW = {"at_risk": "At risk", "events": "With event", "ended": "Ended without"}
DRAWN = {"neutral": "-", "full": (0, (4, 1.5))}


def time_to_severe(
    twins: Mapping[str, Mapping[str, pd.DataFrame]], record: Record, least: int = 3
) -> Picture:
    """Cumulative incidence of the first event of grade ``least`` or higher on both twins, with
    what stands below the curves of the neutral one."""
    patients = {s: first_events(twins[s], least) for s in DRAWN}
    curves = {s: cumulative_incidence(p) for s, p in patients.items()}
    counts = still_observed(patients["neutral"], [float(m) for m in MONTHS])
    with canvas(5.6, nrows=2, gridspec_kw={"height_ratios": [3.0, 1.9]}) as (_, (ax, under)):
        for scale, style in DRAWN.items():
            for role, mine in curves[scale].groupby("role"):
                days = [*mine["day"] / DAYS_PER_MONTH, 99.0]
                ax.plot(days, 100 * pd.concat([mine["share"], mine["share"].tail(1)]),
                        drawstyle="steps-post", color=ARM_COLORS[str(role)], ls=style,
                        lw=1.8 if scale == "neutral" else 1.3)  # fmt: skip
        ax.set(
            xlim=(0, MONTHS[-1] + 0.3),
            ylim=(0, 128 * max(c["share"].max() for c in curves.values())),
            xticks=MONTHS,
        )
        ax.set_xlabel("Months from the first dose")
        ax.set_ylabel(f"With an event of grade {least}\nor higher, %")
        handles = [
            Line2D([], [], color=ARM_COLORS[role], ls=style, label=f"{_arm(record, role)}, "
                   f"{TWINS[scale].lower()}")
            for role in ROLES for scale, style in DRAWN.items()
        ]  # fmt: skip
        ax.legend(handles=handles, frameon=False, ncols=2, loc="upper left", fontsize=9)
        ax.text(0.99, 0.42, "When events occur is free:\ninvented, not the trial's",
                transform=ax.transAxes, color=MUTED, style="italic", fontsize=9, ha="right",
                va="center")  # fmt: skip
        _below(under, counts, record)
    data = pd.concat([c.assign(twin=s) for s, c in curves.items()], ignore_index=True)
    data = pd.concat([data, counts.assign(twin="neutral")], ignore_index=True)
    return Picture(ax.figure, _severe_alt(curves, counts, record, least), data)


def _below(ax: Axes, counts: pd.DataFrame, record: Record) -> None:
    """Numbers at risk, with the event and ended without it, each below its month."""
    ax.set(xlim=(0, MONTHS[-1] + 0.3), ylim=(2 * len(BELOW) + 2.2, 0))
    ax.axis("off")
    y = 0.6
    for role in ROLES:
        ax.text(-1.6, y, f"{_arm(record, role)}, {TWINS['neutral'].lower()}", weight="bold",
                color=ARM_COLORS[role], va="center", fontsize=9.5)  # fmt: skip
        for column, label in BELOW.items():
            y += 1
            ax.text(-0.65, y, label, va="center", ha="right", fontsize=9)
            for line in counts[counts["role"] == role].itertuples():
                ax.text(line.month, y, str(getattr(line, column)), ha="center", va="center",
                        fontsize=9.5)  # fmt: skip
        y += 1.1


def _severe_alt(
    curves: Mapping[str, pd.DataFrame], counts: pd.DataFrame, record: Record, least: int
) -> str:
    parts = []
    for role in ROLES:
        ends, halves = [], []
        for scale in DRAWN:
            mine = curves[scale][curves[scale]["role"] == role]
            ends.append(f"{100 * mine['share'].max():.0f}%")
            halfway = mine[mine["share"] >= mine["share"].max() / 2]["day"].iloc[0]
            halves.append(f"{halfway / DAYS_PER_MONTH:.1f}")
        at = counts[(counts["role"] == role) & (counts["month"] == 6)].iloc[0]
        parts.append(
            f"{_arm(record, role)}: the curves end at {' and '.join(ends)}, half of that is "
            f"reached after {' and '.join(halves)} months; {at['at_risk']} at risk at 6 months on "
            "the neutral twin"
        )
    return (
        f"Invented patients. First adverse event of grade {least} or higher, neutral and "
        f"conditional twin. {'. '.join(parts)}."
    )


def _arm(record: Record, role: str) -> str:
    return record.sheet.arms[arms(record)[role]].label
