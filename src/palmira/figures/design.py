"""Pictures of a trial's design: flow of patients, dates, power."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, YearLocator, date2num
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from palmira.design import detectable_hazard_ratio, schoenfeld_power
from palmira.hazard_ratios import full_scale
from palmira.printed import parse_date
from palmira.record import Record
from palmira.schedule import DAYS_PER_MONTH
from palmira.show.exhibits import Picture
from palmira.show.style import ARM_COLORS, INK, MUTED, READING_COLORS, RULE, canvas, spell

ARMS = ("palbociclib", "et")
REASONS = {
    "investigator": "investigator's decision",
    "patient": "patient's decision",
    "violation": "protocol violation",
}


def flow_counts(record: Record) -> pd.DataFrame:
    """Patients of each arm at each step: arm, step, patients, evidence class of the number.

    Those who never started and those whose treatment had ended are differences of printed counts.
    """
    rows = []
    for arm in ARMS:
        assigned, treated, on = (
            int(record[f"results.{step}.{arm}.count"].value)
            for step in ("randomized", "treated", "on_treatment")
        )
        rows += [
            (arm, "randomly assigned", assigned, "published"),
            (arm, "did not start", assigned - treated, "derived"),
            (arm, "started", treated, "published"),
            (arm, "ended", treated - on, "derived"),
            (arm, "on treatment", on, "published"),
        ]
    return pd.DataFrame(rows, columns=["arm", "step", "patients", "evidence"])


def _box(
    ax: Axes, x: float, y: float, w: float, h: float, text: str, color: str, dashed: bool = False
) -> None:
    style = (0, (4, 3)) if dashed else "-"
    ax.add_patch(Rectangle((x - w / 2, y - h / 2), w, h, fc="white", ec=color, lw=1.4, ls=style))
    ax.text(x, y, text, ha="center", va="center", fontsize=9.5, linespacing=1.4)


def _arrow(ax: Axes, x: float, y: float, to_x: float, to_y: float) -> None:
    look = {"arrowstyle": "-|>", "color": MUTED, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (to_x, to_y), (x, y), arrowprops=look)


def consort_flow(record: Record) -> Picture:
    """Flow of patients from random assignment to the cutoff; dashed boxes hold derived numbers."""
    data = flow_counts(record)
    n = {(r.arm, r.step): r.patients for r in data.itertuples()}
    total, missing = (
        record[f"results.{k}.total.count"].text for k in ("randomized", "not_treated")
    )
    why = [
        f"{words} {record[f'results.not_treated.{k}.total.count'].text}"
        for k, words in REASONS.items()
    ]
    with canvas(6.2, tight=False) as (figure, ax):
        figure.subplots_adjust(left=0.01, right=0.99, top=0.995, bottom=0.3 / 6.2)
        ax.set(xlim=(0, 1), ylim=(0, 1))
        ax.axis("off")
        screened = "Screened, and not eligible:\nnumbers not seen"
        _box(ax, 0.5, 0.945, 0.36, 0.09, screened, MUTED, True)
        _arrow(ax, 0.5, 0.9, 0.5, 0.86)
        allocation = record["methods.allocation"].text
        _box(ax, 0.5, 0.815, 0.36, 0.09, f"Randomly assigned {allocation}\n{total}", INK)
        _box(ax, 0.5, 0.505, 0.29, 0.17,
             "\n".join([f"Did not start treatment: {missing}", *why, "(by arm not stated)"]),
             INK)  # fmt: skip
        for arm, x, side in zip(ARMS, (0.18, 0.82), (1, -1), strict=True):
            color, label = ARM_COLORS[arm], record.sheet.arms[arm].label
            started, on = (
                record[f"results.{k}.{arm}.percent"].text for k in ("treated", "on_treatment")
            )
            _arrow(ax, 0.5 - side * 0.18, 0.815, x, 0.7)
            _box(ax, x, 0.655, 0.34, 0.09, f"{label}\n{n[arm, 'randomly assigned']}", color)
            _arrow(ax, x, 0.61, x, 0.395)
            _arrow(ax, x, 0.505, 0.5 - side * 0.145, 0.505)
            ax.text((x + 0.5 - side * 0.145) / 2, 0.525, f"{n[arm, 'did not start']} (derived)",
                    ha="center", fontsize=9.5)  # fmt: skip
            _box(ax, x, 0.35, 0.34, 0.09,
                 f"Started treatment\n{n[arm, 'started']} ({started}%)", color)  # fmt: skip
            _arrow(ax, x, 0.305, x, 0.255)
            _box(ax, x, 0.21, 0.34, 0.09,
                 f"Treatment ended by the cutoff\n{n[arm, 'ended']} (derived)", color,
                 True)  # fmt: skip
            _arrow(ax, x, 0.165, x, 0.115)
            staying = f"On treatment at the cutoff\n{n[arm, 'on treatment']} ({on}%)"
            _box(ax, x, 0.07, 0.34, 0.09, staying, color)
        ax.text(0.5, 0.21, "Solid boxes: printed.\nDashed boxes: by\nsubtraction, or not\nseen.",
                ha="center", va="center", fontsize=9, color=MUTED, linespacing=1.4)  # fmt: skip
    words = "; ".join(
        f"{record.sheet.arms[a].label}: {n[a, 'randomly assigned']} assigned, "
        f"{n[a, 'did not start']} not treated, {n[a, 'started']} treated, "
        f"{n[a, 'on treatment']} still on treatment at the cutoff"
        for a in ARMS
    )
    alt = f"{total} patients were randomly assigned. {words}. The number screened was not seen."
    return Picture(figure, alt, data)


def days_between(record: Record, start: str, end: str) -> int:
    """Days from one entry of the block ``timeline`` to another; negative if it came before."""
    dates = [parse_date(record[f"timeline.{k}"].text) for k in (start, end)]
    return (dates[1] - dates[0]).days


def timeline(record: Record) -> Picture:
    """Enrollment and the two analyses on a calendar, with the follow-up that it allows."""
    texts = {k: record[f"timeline.{k}"].text
             for k in ("first_randomized", "last_randomized", "preplanned", "cutoff")}  # fmt: skip
    day = {k: date2num(parse_date(t)) for k, t in texts.items()}
    first, last, planned, cutoff = (day[k] for k in texts)
    label = {k: record[f"timeline.{k}"].label for k in texts}
    data = pd.DataFrame(
        [{"event": label[k], "date": parse_date(texts[k]).isoformat(), "days": day[k] - first}
         for k in texts]
    )  # fmt: skip
    gap = days_between(record, "preplanned", "last_randomized")
    order = f"{abs(gap)} days {'before' if gap > 0 else 'after'} the last random assignment"
    longest, shortest = ((cutoff - d) / DAYS_PER_MONTH for d in (first, last))
    with canvas(2.9) as (figure, ax):
        ax.barh(1, min(planned, last) - first, left=first, height=0.34, color="#9DC3DD")
        ax.barh(1, max(last - planned, 0), left=planned, height=0.34, color="white",
                edgecolor=ARM_COLORS["palbociclib"], hatch="////", lw=1)  # fmt: skip
        ax.text(first, 1.27, "Enrollment", weight="bold", fontsize=9.5)
        ax.text(first, 0.42, "Longest possible follow-up", weight="bold", fontsize=9.5)
        ax.plot([first, cutoff], [0.2, 0.2], color=INK, lw=1.6)
        ax.text((first + planned) / 2, 0.02, f"{longest:.1f} months for the first patient",
                ha="center", va="top", fontsize=9.5)  # fmt: skip
        ax.plot([last, cutoff], [-0.35, -0.35], color=INK, lw=1.6)
        ax.text(last - 20, -0.35, f"{shortest:.1f} months for the last", ha="right", va="center",
                fontsize=9.5, bbox={"fc": "white", "ec": "none", "pad": 2}, zorder=4)  # fmt: skip
        if gap > 0:
            ax.text(cutoff + 14, 1, f"Hatched: {gap} days of\nenrollment after\n"
                    f"{texts['preplanned']}", va="center", fontsize=9.5)  # fmt: skip
        for x, words, ha, y in (
            (
                planned,
                f"Analysis at the preplanned\nnumber of events\n{texts['preplanned']}",
                "right",
                2.0,
            ),
            (cutoff, f"Cutoff of the\nprimary analysis\n{texts['cutoff']}", "left", 2.0),
        ):
            ax.axvline(x, color=INK, lw=1.1, ls="--", ymax=0.97)
            step = -14 if ha == "right" else 14
            ax.text(x + step, y, words, ha=ha, va="center", fontsize=9.5)
        ax.set(xlim=(first - 40, cutoff + 350), ylim=(-0.65, 2.4))
        ax.yaxis.set_visible(False)
        ax.spines["left"].set_visible(False)
        ax.xaxis.set_major_locator(YearLocator())
        ax.xaxis.set_major_formatter(DateFormatter("%Y"))
        ax.set_xlabel("Calendar time (ticks: January 1)")
    alt = (
        f"Enrollment ran from {texts['first_randomized']} to {texts['last_randomized']}. The "
        f"analysis at the preplanned number of events is dated {texts['preplanned']}, {order}; the "
        f"cutoff of the primary analysis is {texts['cutoff']}, {longest:.1f} months after the "
        f"first and {shortest:.1f} months after the last random assignment."
    )
    return Picture(figure, alt, data)


def allocation_ratio(record: Record) -> float:
    """Patients of the experimental arm for each one of the control arm, as assigned."""
    arms = [record[f"results.randomized.{a}.count"].value for a in ARMS]
    return float(arms[0] / arms[1])


def planned_ratio(record: Record) -> float:
    """The same as it was planned."""
    experimental, control = record["methods.allocation"].text.split(":")
    return float(experimental) / float(control)


def design_power(record: Record) -> tuple[float, float, float]:
    """Hazard ratio to detect, two-sided alpha and power, as stated; proportions."""
    block = "sample_size"
    power = record[f"{block}.power.percent"].value / 100
    return record[f"{block}.hazard_ratio"].value, record[f"{block}.alpha"].value, power


def power_marks(record: Record) -> pd.DataFrame:
    """Power of the events that occurred at the hazard ratios that matter: reading, ratio, power."""
    design, alpha, power = design_power(record)
    ratio, events = allocation_ratio(record), record["results.pfs.events.total.count"].value
    printed = [record[f"contrasts.pfs.hazard_ratio.{p}"].value
               for p in ("estimate", "lower", "upper")]  # fmt: skip
    marks = {
        "assumed in the design": design,
        "detectable": detectable_hazard_ratio(events, power, alpha, ratio),
        "full scale (conditional)": full_scale(*printed).value,
        "printed and neutral": printed[0],
    }
    return pd.DataFrame(
        [(k, v, schoenfeld_power(events, v, alpha, ratio)) for k, v in marks.items()],
        columns=["mark", "hazard_ratio", "power"],
    )


def power_curve(record: Record) -> Picture:
    """Power of the log-rank test with the events that occurred, over a range of true ratios."""
    _, alpha, power = design_power(record)
    ratio, events = allocation_ratio(record), record["results.pfs.events.total.count"].value
    marks = power_marks(record)
    grid = np.round(np.geomspace(0.4, 1.0, 121), 4)
    curve = [schoenfeld_power(events, h, alpha, ratio) for h in grid]
    with canvas(3.8) as (figure, ax):
        ax.plot(grid, curve, color=INK, lw=2)
        ax.axhline(power, color=RULE, lw=1)
        ax.text(0.402, power + 0.015, f"{power:.0%} power", fontsize=9.5, color=MUTED)
        ax.axhline(alpha, color=RULE, lw=1)
        ax.text(0.402, alpha + 0.015, f"{alpha:.0%}: no true effect", fontsize=9.5, color=MUTED)
        looks = ((INK, "o", (8, 6)), (MUTED, "^", (-9, -14)),
                 (READING_COLORS["conditional"], "D", (-9, -4)),
                 (READING_COLORS["printed"], "s", (-9, -4)))  # fmt: skip
        for mark, (color, marker, offset) in zip(marks.itertuples(), looks, strict=True):
            ax.plot(mark.hazard_ratio, mark.power, marker=marker, color=color, ms=7,
                    mfc="white" if marker == "D" else color)  # fmt: skip
            ha = "left" if offset[0] > 0 else "right"
            ax.annotate(f"{mark.hazard_ratio:.2f} {mark.mark}: {mark.power:.0%}",
                        (mark.hazard_ratio, mark.power), offset, textcoords="offset points",
                        fontsize=9.5, color=color, ha=ha)  # fmt: skip
        ax.set_xscale("log")
        ax.set(xlim=(0.4, 1.01), ylim=(0, 1.03), ylabel="Power")
        ax.xaxis.set_major_locator(FixedLocator([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter("{x:.1f}")
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.set_xlabel("True hazard ratio for progression or death (log scale)")
    words = spell([f"{m.power:.0%} at {m.hazard_ratio:.2f} ({m.mark})" for m in marks.itertuples()])
    alt = f"With {events:.0f} events power falls as the true hazard ratio nears 1: {words}."
    lines = pd.DataFrame({"mark": "curve", "hazard_ratio": grid, "power": curve})
    return Picture(figure, alt, pd.concat([lines, marks], ignore_index=True).round(4))
