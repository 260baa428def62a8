"""Pictures of adverse events, and of benefit beside harm."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from palmira.record import Record
from palmira.safety import (
    CLASSES,
    GRADES,
    SEVERE,
    adverse_events,
    arms,
    benefit_and_harm,
    by_span,
    comparisons,
)
from palmira.show.exhibits import Picture
from palmira.show.style import ARM_COLORS, GRADE_COLORS, INK, MUTED, RULE, canvas, spell

KINDS = {"benefit": ("#00735A", "o"), "harm": ("#8C3B00", "s")}
MARKS = {"experimental": "o", "control": "s"}
SPANS = {"any": "Any grade", SEVERE: "Grade 3 or higher"}
HEADINGS = {
    "benefit": "Benefit, all randomized: to the right is better with palbociclib",
    "harm": "Harm, all treated: to the right is worse with palbociclib",
}


def events_by_grade(record: Record) -> Picture:
    """Adverse events of both arms by worst grade, mirrored: ET alone left, palbociclib right."""
    events = adverse_events(record)
    events = events.assign(percent=100 * events["count"] / events.n)
    terms = list(dict.fromkeys(events.term))
    height = 0.34 * len(terms) + 1.5
    with canvas(height, tight=False) as (figure, ax):
        for y, term in enumerate(terms):
            rows = events[events.term == term]
            for role, sign in (("experimental", 1), ("control", -1)):
                _bar(ax, y, sign, rows[rows.role == role])
        ax.axvline(0, ymax=0.93, color=MUTED, lw=0.8, zorder=0)
        ax.set_ylim(len(terms) - 0.4, -1.5)
        ax.set_xlim(-132, 132)
        ax.set_xticks(range(-100, 101, 25), [f"{abs(x)}" for x in range(-100, 101, 25)])
        ax.set_xlabel("Percent of treated patients")
        ax.set_yticks(range(len(terms)), [_name(t) for t in terms], fontsize=9.5)
        for tick, term in zip(ax.get_yticklabels(), terms, strict=True):
            tick.set_weight("bold" if term in (*CLASSES, "Any") else "normal")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        for role, x in (("control", -59), ("experimental", 59)):
            arm = arms(record)[role]
            label = f"{record.sheet.arms[arm].label} (n = {record.size('safety', arm)})"
            ax.text(x, -1.0, label, ha="center", va="center", weight="bold")
        handles = [Patch(color=GRADE_COLORS[g], label=f"grade {g}") for g in GRADES]
        figure.legend(handles=handles, loc="upper center", ncols=len(GRADES), frameon=False)
    figure.subplots_adjust(left=0.275, right=0.985, bottom=0.82 / height, top=1 - 0.32 / height)
    return Picture(figure, _grades_alt(events), events[[
        "term", "role", "grade", "count", "n", "percent"]])  # fmt: skip


def _bar(ax: Axes, y: int, sign: int, rows: pd.DataFrame) -> None:
    """One arm's stack for one event; the number of patients stands inside where it fits."""
    start = 0.0
    for grade, count, percent in zip(rows.grade, rows["count"], rows.percent, strict=True):
        ax.barh(y, sign * percent, left=sign * start, height=0.72, color=GRADE_COLORS[grade], lw=0)
        if percent >= 6:
            ax.text(sign * (start + percent / 2), y, str(count), ha="center", va="center",
                    fontsize=9, color="white" if grade in ("4", "5") else INK)  # fmt: skip
        start += percent
    total = int(rows["count"].sum())
    ax.text(sign * (start + 1.5), y, f"{total} ({start:.1f}%)" if total else "0", va="center",
            fontsize=9, ha="left" if sign > 0 else "right", color=INK)  # fmt: skip


def _name(term: str) -> str:
    if term == "Any":
        return "Any adverse event"
    if term in CLASSES:
        return f"Any {term.lower()}"
    return term.replace(" ", "\n", 1) if len(term) > 24 else term


def _grades_alt(events: pd.DataFrame) -> str:
    totals = by_span(events).set_index(["term", "span"])

    def pair(term: str, span: str) -> str:
        row = totals.loc[(term, span)]
        one, other = (100 * row["count"] / row.n, 100 * row.control_count / row.control_n)
        return f"{one:.1f}% v {other:.1f}%"

    return (
        f"Palbociclib against ET alone: any adverse event in {pair('Any', 'any')} of patients, "
        f"grade 3 or higher in {pair('Any', SEVERE)}. The excess is hematologic: grade 3 or higher "
        f"in {pair('Hematologic', SEVERE)}, mostly neutropenia ({pair('Neutropenia', SEVERE)}); "
        f"nonhematologic events of grade 3 or higher in {pair('Nonhematologic', SEVERE)}."
    )


def benefit_beside_harm(record: Record) -> Picture:
    """Differences between the arms per 100 patients with 95% intervals, benefits above harms."""
    data = benefit_and_harm(record)
    lines: list[tuple[str, pd.Series | None]] = []
    for kind in HEADINGS:
        lines.append((kind, None))
        lines += [(kind, row) for _, row in data[data.kind == kind].iterrows()]
    height = 0.27 * len(lines) + 0.9
    low, high = float(data.lower.min()), float(data.upper.max())
    with canvas(height, tight=False) as (figure, ax):
        left, right = 0.365, 0.765
        edge = (0.01 - left) / (right - left)
        for y, (kind, row) in enumerate(lines):
            color, marker = KINDS[kind]
            if row is None:
                ax.text(edge, y, HEADINGS[kind], transform=ax.get_yaxis_transform(),
                        weight="bold", va="center", color=color, fontsize=10)  # fmt: skip
                continue
            ax.text(edge + 0.03, y, row.outcome, transform=ax.get_yaxis_transform(), va="center",
                    fontsize=9.5)  # fmt: skip
            ax.plot([row.lower, row.upper], [y, y], color=color, lw=2, solid_capstyle="butt")
            ax.plot(row.value, y, marker, color=color, ms=7.5)
            text = f"{row.value:+.1f} ({row.lower:.1f} to {row.upper:.1f})".replace("-", "−")
            ax.text(1.02, y, text, transform=ax.get_yaxis_transform(), va="center", fontsize=9.5)
            ax.plot([0, 0], [y - 0.5, y + 0.5], color=MUTED, lw=1, zorder=0)
        ax.set_ylim(len(lines) - 0.4, -0.6)
        ax.set_xlim(5 * (low // 5), 5 * (high // 5 + 1))
        ax.yaxis.set_visible(False)
        ax.spines["left"].set_visible(False)
        ax.xaxis.set_major_formatter(lambda v, _: f"{v:+g}".replace("-", "−") if v else "0")
        ax.set_xlabel("Palbociclib + ET less ET alone, per 100 patients (95% CI)")
    figure.subplots_adjust(left=left, right=right, bottom=0.82 / height, top=1 - 0.08 / height)
    return Picture(figure, _balance_alt(data), data)


def _balance_alt(data: pd.DataFrame) -> str:
    words = {
        kind: spell([f"{r.outcome[0].lower()}{r.outcome[1:]} {r.value:+.1f} ({r.lower:.1f} to "
                     f"{r.upper:.1f})" for r in rows.itertuples()])
        for kind, rows in data.groupby("kind")
    }  # fmt: skip
    return (
        "Palbociclib + ET less ET alone, per 100 patients. Benefits: "
        f"{words['benefit']}. Harms: {words['harm']}."
    ).replace("-", "−")


def risks_and_differences(record: Record) -> Picture:
    """Two panels with the same lines: each arm's risk, and the difference with its 95% interval.

    Events of any grade and of grade 3 or higher, the largest difference first; events of a single
    patient are left out.
    """
    frame = comparisons(by_span(adverse_events(record)))
    frame = frame[frame["span"].isin(list(SPANS)) & (frame["count"] + frame["control_count"] > 1)]
    lines: list[tuple[str, pd.Series | None]] = []
    for span, heading in SPANS.items():
        lines.append((heading, None))
        mine = frame[frame["span"] == span].sort_values("difference", ascending=False)
        lines += [(_name(r["term"]).replace("\n", " "), r) for _, r in mine.iterrows()]
    height = 0.29 * len(lines) + 1.35
    with canvas(height, tight=False, ncols=2, sharey=True) as (figure, (ax, beside)):
        for y, (_, row) in enumerate(lines):
            if row is not None:
                _risks(ax, beside, y, row)
        for panel in (ax, beside):
            panel.set_ylim(len(lines) - 0.4, -0.7)
            panel.tick_params(axis="y", length=0)
            panel.spines["left"].set_visible(False)
        ax.set(xlim=(-2, 100), xticks=range(0, 101, 25), xlabel="Patients with the event, %")
        ax.set_yticks(range(len(lines)), [text for text, _ in lines], fontsize=9.5)
        for tick, (_, row) in zip(ax.get_yticklabels(), lines, strict=True):
            tick.set_weight("bold" if row is None else "normal")
        beside.axvline(0, color=MUTED, lw=1, zorder=0)
        beside.xaxis.set_major_formatter(lambda v, _: f"{v:+g}".replace("-", "−") if v else "0")
        beside.set_xlabel("Difference per 100 (95% CI)")
        handles = [
            Line2D([], [], color=ARM_COLORS[role], marker=mark, ls="", label=_arm(record, role))
            for role, mark in MARKS.items()
        ]
        figure.legend(handles=handles, loc="upper center", ncols=2, frameon=False)
    figure.subplots_adjust(
        left=0.3, right=0.985, wspace=0.07, bottom=0.78 / height, top=1 - 0.3 / height
    )
    return Picture(figure, _risks_alt(frame, record), frame)


def _arm(record: Record, role: str) -> str:
    return record.sheet.arms[arms(record)[role]].label


def _risks(ax: Axes, beside: Axes, y: int, row: pd.Series) -> None:
    """One event: the arms' risks on a line between them, and their difference."""
    shares = {
        "experimental": 100 * row["count"] / row["n"],
        "control": 100 * row["control_count"] / row["control_n"],
    }
    ax.plot(list(shares.values()), [y, y], color=RULE, lw=1.2, zorder=1)
    for role, share in shares.items():
        # A little apart, so that neither hides the other.
        ax.plot(
            share,
            y + (0.11 if role == "control" else -0.11),
            MARKS[role],
            color=ARM_COLORS[role],
            ms=6.5,
            zorder=2,
            clip_on=False,
        )
    low, high = 100 * row["difference_lower"], 100 * row["difference_upper"]
    clear = low > 0 or high < 0
    beside.plot([low, high], [y, y], color=INK, lw=1.8, solid_capstyle="butt")
    beside.plot(100 * row["difference"], y, "D", color=INK, ms=5.5,
                markerfacecolor=INK if clear else "white")  # fmt: skip


def _risks_alt(frame: pd.DataFrame, record: Record) -> str:
    parts = []
    for span, heading in SPANS.items():
        mine = frame[frame["span"] == span].sort_values("difference", ascending=False)
        clear = mine[(mine["difference_lower"] > 0) | (mine["difference_upper"] < 0)]
        words = [
            f"{_name(r.term).lower()} {100 * r.count / r.n:.1f}% against "
            f"{100 * r.control_count / r.control_n:.1f}%, {100 * r.difference:+.1f} "
            f"({100 * r.difference_lower:.1f} to {100 * r.difference_upper:.1f})"
            for r in clear.itertuples(index=False)
        ]
        said = spell(words) if words else "none"
        parts.append(f"{heading}, {len(clear)} of {len(mine)} intervals exclude zero: {said}")
    return (
        (
            f"Risks with {_arm(record, 'experimental')} against {_arm(record, 'control')}, and "
            f"differences per 100 patients. {'. '.join(parts)}."
        )
        .replace("-", "−")
        .replace("\n", " ")
    )
