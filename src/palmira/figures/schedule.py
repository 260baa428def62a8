"""Treatment and tumor assessments of the trial as a calendar."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator

from palmira.record import Record
from palmira.schedule import WEEKS_PER_MONTH, assessment_weeks, last_assessment
from palmira.show.exhibits import Picture
from palmira.show.style import ARM_COLORS, INK, MUTED, RULE, canvas, spell

HORIZON = 24  # months drawn; the printed curves' ends were not seen
BOTH = "#009E73"


def scan_weeks(record: Record) -> list[float]:
    """Weeks of the planned tumor assessments after baseline, up to the drawn horizon."""
    first, until, later = (
        record[f"methods.assessment.{k}"].value
        for k in ("first_interval", "first_until", "later_interval")
    )
    return assessment_weeks(first, until, later, HORIZON)


def landmarks(record: Record) -> pd.DataFrame:
    """Landmarks and median PFS against the grid: what, months, week, last scan week before."""
    scans = scan_weeks(record)
    rates = [record[f"results.pfs.{k}.et.estimate"].time or "" for k in ("rate_6", "rate_12")]
    marks = [(f"{time}-month rate", float(time)) for time in rates]
    for arm in ("palbociclib", "et"):
        median = record[f"results.pfs.median.{arm}.estimate"].value
        marks.append((f"Median PFS, {record.sheet.arms[arm].label}", median))
    return pd.DataFrame(
        [(what, months, months * WEEKS_PER_MONTH, last_assessment(scans, months))
         for what, months in marks],
        columns=["what", "months", "week", "last_scan_week"],
    )  # fmt: skip


def schedule(record: Record) -> Picture:
    """Two cycles of treatment above, the grid of scans with the landmarks below."""
    scans, marks = scan_weeks(record), landmarks(record)
    bone = _multiples(record["methods.assessment.bone_interval"].value)
    with canvas(5.2, tight=False, nrows=2) as (figure, (top, bottom)):
        figure.subplots_adjust(left=0.02, right=0.98, top=0.99, bottom=0.145, hspace=0.4)
        doses = _treatment(top, record)
        _grid(bottom, scans, bone, marks)
    rate, other = marks.iloc[0], marks.iloc[1]
    grid = "methods.assessment"
    first, later = (record[f"{grid}.{k}"].text for k in ("first_interval", "later_interval"))
    alt = (
        f"Palbociclib is given in {record['methods.treatment.palbociclib.weeks_on'].text} of "
        f"{record['methods.treatment.palbociclib.cycle'].text} weeks, with fulvestrant or daily "
        f"letrozole. Scans come every {first} weeks, then every {later}; the {rate.what} falls "
        f"{rate.week - rate.last_scan_week:.1f} weeks after the scan of week "
        f"{rate.last_scan_week:.0f}, the {other.what} {other.week - other.last_scan_week:.1f} "
        f"weeks after that of week {other.last_scan_week:.0f}. "
        + " ".join(f"{m.what}: week {m.week:.1f}." for m in marks.iloc[2:].itertuples())
    )
    tidy = [pd.DataFrame(doses, columns=["what", "from_day", "to_day"])]
    for what, weeks in (("tumor assessment", scans), ("bone scan", bone)):
        tidy.append(pd.DataFrame({"what": what, "week": weeks}))
    return Picture(figure, alt, pd.concat([*tidy, marks], ignore_index=True).round(2))


def _multiples(interval: float) -> list[float]:
    return [interval * i for i in range(1, int(HORIZON * WEEKS_PER_MONTH / interval) + 1)]


def _treatment(ax: Axes, record: Record) -> list[tuple[str, float, float]]:
    """Two cycles, day by day; returns what was drawn."""
    t = "methods.treatment"
    on, cycle = (7 * record[f"{t}.palbociclib.{k}"].value for k in ("weeks_on", "cycle"))
    days = [record[f"{t}.fulvestrant.{k}"].value for k in ("first_day", "second_day")]
    days.append(days[0] + record[f"{t}.fulvestrant.cycle"].value)
    doses = spell([record[f"{t}.palbociclib.{k}"].text for k in ("full", "reduced", "lowest")])
    rows = [
        (f"Palbociclib {doses.replace(' and ', ' or ')} mg daily (palbociclib arm)",
         ARM_COLORS["palbociclib"], [(1.0, on), (cycle + 1, cycle + on)]),
        (f"Fulvestrant {record[f'{t}.fulvestrant.dose'].text} mg, monthly from cycle 2 (both arms)",
         BOTH, [(d, d) for d in days]),
        (f"or letrozole {record[f'{t}.letrozole.dose'].text} mg daily (both arms)",
         BOTH, [(1.0, 2 * cycle)]),
    ]  # fmt: skip
    drawn = []
    for y, (label, color, spans) in enumerate(rows):
        ax.text(1, y - 0.27, label, fontsize=9.5, va="bottom",
                bbox={"fc": "white", "ec": "none", "pad": 0.5})  # fmt: skip
        for start, end in spans:
            drawn.append((label, start, end))
            if start == end:
                ax.plot([start], [y], marker="v", ms=9, color=color)
                ax.text(start + 1, y, f"day {start:.0f}", fontsize=9.5, va="center")
            else:
                ax.barh(y, end - start + 1, left=start, height=0.36, color=color)
    ax.axvline(cycle + 1, color=RULE, lw=1, zorder=0)
    for i in range(2):
        ax.text(1 + (i + 0.5) * cycle, -0.85, f"cycle {i + 1}", ha="center", color=MUTED,
                fontsize=9.5)  # fmt: skip
    ax.set(xlim=(0, 2 * cycle + 1.5), ylim=(2.4, -1.1), xlabel="Day of treatment")
    ax.xaxis.set_major_locator(FixedLocator([*range(1, int(2 * cycle) + 2, 7)]))
    ax.yaxis.set_visible(False)
    ax.spines["left"].set_visible(False)
    return drawn


def _grid(ax: Axes, scans: list[float], bone: list[float], marks: pd.DataFrame) -> None:
    """Scans and bone scans on an axis of months, landmarks and medians as lines."""
    months = [w / WEEKS_PER_MONTH for w in scans]
    ax.plot([0, *months], [0] * (len(scans) + 1), ls="none", marker="|", ms=16, mew=2, color=INK)
    for x, w in zip(months, scans, strict=True):
        ax.text(x, 0.22, f"{w:.0f}", ha="center", fontsize=9, color=MUTED)
    ax.text(HORIZON + 0.4, 0, "scan, and\nits week", va="center", fontsize=9.5)
    ax.plot([w / WEEKS_PER_MONTH for w in [0, *bone]], [-0.62] * (len(bone) + 1), ls="none",
            marker="o", ms=6, mfc="white", color=INK)  # fmt: skip
    ax.text(HORIZON + 0.4, -0.62, "bone scan", va="center", fontsize=9.5)
    colors = [INK, INK, ARM_COLORS["palbociclib"], ARM_COLORS["et"]]
    for mark, color, y in zip(marks.itertuples(), colors, (0.8, 0.8, -1.15, -1.55), strict=True):
        ax.plot([mark.months] * 2, [0, y], color=color, lw=1.4, zorder=0,
                ls="-" if y > 0 else "--")  # fmt: skip
        ax.text(mark.months + 0.15, y, mark.what, color=color, fontsize=9.5, va="center")
    ax.set(xlim=(-0.4, HORIZON + 4.6), ylim=(-1.85, 1.0), xlabel="Months from start of treatment")
    ax.set_xticks(range(0, HORIZON + 1, 3))
    ax.yaxis.set_visible(False)
    ax.spines["left"].set_visible(False)
